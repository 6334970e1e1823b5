"""Keeps the STAC catalogue in step with the ledger, rewriting no more than has changed.

Every document can be made again from the ledger and the mirror. An asset counts as told only once
its document, and its container's link to it, are on disk; until then it is told again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar, TypeVar

import structlog

from geesync.adapters import rasters
from geesync.adapters.disk import Folder
from geesync.adapters.folders import folder
from geesync.adapters.mirror import is_mirror
from geesync.domain import stac, stac_links
from geesync.domain.assets import IMAGE_COLLECTION, Json, SourceAsset
from geesync.domain.coverage import tiles
from geesync.domain.extent import Extent
from geesync.domain.layout import GEESYNC_JSON, SIDECARS
from geesync.domain.lifecycle import State
from geesync.errors import Cause, GeesyncError, RemoteError
from geesync.steps.drafting import Drafting, Drafts
from geesync.steps.step import Tally, Workshop
from geesync.store.catalogue import Catalogue
from geesync.store.checks import Sidecars
from geesync.store.ledger import LedgerAsset
from geesync.store.staging import Staged, Staging

log = structlog.get_logger()

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class _Batch:
    """Assets of one mirror that are to be told, with all that is known of them by id."""

    due: list[LedgerAsset]
    parents: dict[int, LedgerAsset]  #: containers of the due assets, where the mirror has them
    sources: dict[int, SourceAsset]
    histories: dict[int, tuple[stac.History, bool]]
    staged: dict[int, list[Staged]]
    fresh: set[int] = field(default_factory=set)  #: assets whose document is on disk now
    sha256: dict[int, str] = field(default_factory=dict)  #: of their files, by object

    @property
    def proved(self) -> list[LedgerAsset]:
        """Those of which there is a copy; of the others there is nothing to tell."""
        return [asset for asset in self.due if self.histories[asset.id][1]]

    @property
    def containers(self) -> list[LedgerAsset]:
        """Those whose document changes, their own turn or a child's; the innermost first."""
        own = [asset for asset in self.proved if asset.is_container]
        above = [self.parents[asset.id] for asset in self.proved if asset.id in self.parents]
        distinct = {asset.id: asset for asset in (*own, *above)}
        return sorted(distinct.values(), key=lambda asset: -len(asset.name))

    def fresh_children(self, container: LedgerAsset) -> list[LedgerAsset]:
        """Return the container's children whose documents were just written."""
        return [
            asset
            for asset in self.proved
            if asset.id in self.fresh and self.parents.get(asset.id) == container
        ]


@dataclass
class Cataloguer:
    """Writes Items, and the Collections and Catalogs that lead to them."""

    name: ClassVar[str] = "cataloguer"

    workshop: Workshop
    catalogue: Catalogue
    staging: Staging
    sidecars: Sidecars
    _after: int = 0  #: the id behind which the next pass looks: what fails must not hold others

    def run_once(self) -> Tally:
        """Tell the next assets, mirror by mirror."""
        chunk = self.workshop.chunk
        due = self.catalogue.due(after=self._after, limit=chunk)
        self._after = due[-1].id if len(due) == chunk else 0
        by_mirror: dict[str, list[LedgerAsset]] = defaultdict(list)
        for asset in due:
            by_mirror[asset.dest].append(asset)
        tally = Tally(busy=len(due) == chunk)
        for dest, assets in by_mirror.items():
            if is_mirror(Path(dest)):
                tally.moved += self._tell(dest, self._gather(assets))
            else:
                tally.waiting = f"the mirror {dest} is not there"
        return tally

    def _gather(self, due: list[LedgerAsset]) -> _Batch:
        parents = self.catalogue.parents(due)
        everyone = list({asset.id: asset for asset in (*due, *parents.values())}.values())
        return _Batch(
            due=due,
            parents=parents,
            sources=self.workshop.ledger.sources_of(everyone),
            histories=self.catalogue.histories([asset.id for asset in everyone]),
            staged=self.staging.staged([asset.id for asset in due]),
        )

    def _tell(self, dest: str, batch: _Batch) -> int:
        items = [asset for asset in batch.proved if not asset.is_container]
        with Drafting(items) as drafting:
            drafted = self.workshop.each(items, partial(self._draft_item, drafting, batch))
            written = _done(drafting.publish(drafted))
        batch.fresh.update(written)
        self.sidecars.note({key: one.written for key, one in written.items()})
        linked: set[int] = set()
        extents: dict[int, Extent] = {}
        for container in batch.containers:
            # One at a time: a container's links depend on what is written by then.
            done = _done(self.workshop.each([container], partial(self._write_container, batch)))
            extents |= done
            linked |= done.keys()
            batch.fresh.update(done.keys() & {asset.id for asset in batch.proved})
        if any(asset.id not in batch.parents for asset in batch.proved):
            self._write_top(dest, batch)
        told = [asset for asset in batch.due if asset not in batch.proved]
        told += [
            asset
            for asset in batch.proved
            if asset.id in batch.fresh
            and (asset.id not in batch.parents or batch.parents[asset.id].id in linked)
        ]
        self.catalogue.told(told, extents=extents, sha256=batch.sha256)
        return len(told)

    def _draft_item(self, drafting: Drafting, batch: _Batch, asset: LedgerAsset) -> Drafts:
        with drafting.folder(asset, create=False) as place:
            batch.sha256.update(_draft_item(place, batch, asset))
            return Drafts.of(asset, place)

    def _write_container(self, batch: _Batch, container: LedgerAsset) -> Extent:
        """Write a container's document and those of its pages that changed; return its extent."""
        node, source = _node(container), batch.sources[container.id]
        children = batch.fresh_children(container)
        extent = self._extent(batch, container, children)
        with folder(Path(container.dest), container.path) as place:
            links = self._links(batch, container, children, place)
            document = stac.container(
                node,
                _parent(self.catalogue.parents([container]).get(container.id)),
                source,
                batch.histories[container.id][0],
                links=links,
                extent=extent,
            )
            if container.standing.state == State.GONE:
                document = stac.gone(document, batch.histories[container.id][0].updated_at)
            place.write(node.document, _bytes(document))
            place.sync()
        self.sidecars.note({container.id: place.written})
        return extent

    def _extent(self, batch: _Batch, container: LedgerAsset, children: list[LedgerAsset]) -> Extent:
        known = self.catalogue.extent(container)
        extent = known or Extent.of(batch.sources[container.id])
        if container.type == IMAGE_COLLECTION:
            for child in children:
                extent = extent.united(Extent.of(batch.sources[child.id]))
        return extent

    def _links(
        self,
        batch: _Batch,
        container: LedgerAsset,
        children: list[LedgerAsset],
        place: Folder,
    ) -> list[Json]:
        """Return a container's links to its children, or to pages; write the pages that changed."""
        count = self.catalogue.count_children(container)
        if count <= stac_links.PAGE_LINKS:
            return self._page_links(batch, container, 0)
        pages = -(-count // stac_links.PAGE_LINKS)
        ranks = self.catalogue.ranks(container, children)
        changed = {rank // stac_links.PAGE_LINKS for rank in ranks}
        for number in range(pages):
            file = stac_links.page_file(number + 1)
            if number in changed or place.size_of(file) is None:
                links = self._page_links(batch, container, number)
                place.write(file, _bytes(stac.page(_node(container), number + 1, links)))
        return stac_links.page_links(pages)

    def _page_links(self, batch: _Batch, container: LedgerAsset, number: int) -> list[Json]:
        children = self.catalogue.children(
            container,
            fresh=batch.fresh,
            first=number * stac_links.PAGE_LINKS,
            limit=stac_links.PAGE_LINKS,
        )
        return [stac_links.child_link(_node(container), child) for child in children]

    def _write_top(self, dest: str, batch: _Batch) -> None:
        tops = self.catalogue.tops(dest, fresh=batch.fresh)
        document = stac.top([stac_links.child_link(stac_links.TOP, node) for node in tops])
        with folder(Path(dest), stac_links.TOP.path) as place:
            place.write(stac_links.TOP.document, _bytes(document))
            place.sync()


def _done(answers: Iterable[tuple[LedgerAsset, Answer | Exception]]) -> dict[int, Answer]:
    """Return the answers of those assets for which it went well, by id; tell of the others."""
    done = {}
    for asset, answer in answers:
        if isinstance(answer, Exception):
            bug = None if isinstance(answer, GeesyncError | OSError) else answer
            log.warning("not_catalogued", asset=asset.name, error=str(answer), exc_info=bug)
        else:
            done[asset.id] = answer
    return done


def _node(asset: LedgerAsset) -> stac_links.Node:
    return stac_links.Node(asset.name, asset.type, asset.path)


def _parent(container: LedgerAsset | None) -> stac_links.Node:
    return _node(container) if container else stac_links.TOP


def _bytes(document: Json) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def _draft_item(place: Folder, batch: _Batch, asset: LedgerAsset) -> dict[int, str]:
    """Draft an asset's Item; return the SHA-256 of its files by object id."""
    node, history = _node(asset), batch.histories[asset.id][0]
    is_gone = asset.standing.state == State.GONE
    if is_gone and place.size_of(node.document) is not None:
        # The ledger may know a newer revision than the one that was ever copied.
        document, sha256 = json.loads(place.read(node.document)), {}
    else:
        staged = batch.staged[asset.id]
        sha256 = {one.id: one.sha256 or _sha256(place, one) for one in staged}
        document = stac.item(
            node,
            _parent(batch.parents.get(asset.id)),
            batch.sources[asset.id],
            history,
            files=_files(staged, sha256),
            made=_made(place),
            sidecars=[name for name in SIDECARS if place.size_of(name) is not None],
            wkt2=rasters.wkt2,
        )
    if is_gone:
        document = stac.gone(document, history.updated_at)
    place.draft(node.document, _bytes(document))
    return sha256


def _sha256(place: Folder, staged: Staged) -> str:
    crc32c, sha256 = place.digests(staged.file)
    if crc32c != staged.obj.crc32c:
        raise RemoteError(Cause.INTEGRITY, f"{staged.file} is not any more what was proved")
    return sha256


def _made(place: Folder) -> Iterator[stac.Made]:
    """Yield what the verifier made of the asset's files, as its sidecar says."""
    if place.size_of(GEESYNC_JSON) is not None:
        for told in json.loads(place.read(GEESYNC_JSON)).get("made", ()):
            name = str(told["name"])
            yield stac.Made(name, int(told["size_bytes"]), place.digests(name)[1])


def _files(staged: list[Staged], sha256: dict[int, str]) -> Iterator[stac.DataFile]:
    """Yield each file with its own grid: a tile's is a window of its part's."""
    by_export: dict[int, list[Staged]] = defaultdict(list)
    for one in staged:
        by_export[one.export.id].append(one)
    for files in by_export.values():
        part, stem = files[0].export.part, files[0].export.stem
        placed = (tiles(part, stem, (one.file for one in files)) or {}) if part.grid else {}
        for one in files:
            tile = placed.get(one.file)
            yield stac.DataFile(
                file=one.file,
                size_bytes=one.obj.size_bytes,
                sha256=sha256[one.id],
                part=part,
                grid=part.grid.window(tile.row, tile.column, tile.height, tile.width)
                if part.grid and tile
                else part.grid,
                tile=f"{tile.row}-{tile.column}" if tile and len(files) > 1 else "",
            )
