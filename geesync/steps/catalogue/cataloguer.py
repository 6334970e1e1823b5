"""Keeps the STAC catalogue in step with the ledger, rewriting no more than has changed.

Every document can be made again from the ledger and the mirror. An asset counts as
catalogued once its document, and its container's link to it, are on disk; until then it is due.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, TypeVar

from geesync.adapters.mirror_files.disk import Folder
from geesync.adapters.mirror_files.folders import folder
from geesync.domain.assets.asset import IMAGE_COLLECTION
from geesync.domain.assets.extent import Extent
from geesync.domain.failures.shared_failures import stopped
from geesync.domain.json import Json
from geesync.domain.stac import documents as stac
from geesync.domain.stac import links as stac_links
from geesync.errors import GeesyncError
from geesync.logger import get_logger
from geesync.steps.catalogue.document_writer import Documents, DocumentWriter
from geesync.steps.catalogue.items import (
    Batch,
    document_bytes,
    draft_item,
    marked,
    node_of,
    parent_of,
)
from geesync.steps.step import StepContext, Tally, is_small
from geesync.store.copies.catalogue import Catalogue
from geesync.store.copies.sidecars import Sidecars
from geesync.store.copies.staging import Staging
from geesync.store.ledger.ledger import LedgerAsset

log = get_logger()

Answer = TypeVar("Answer")


@dataclass
class Cataloguer:
    """Writes Items, and the Collections and Catalogs that lead to them."""

    name: ClassVar[str] = "cataloguer"

    context: StepContext
    catalogue: Catalogue
    staging: Staging
    sidecars: Sidecars
    _after: int = 0  #: the id behind which the next pass looks: what fails must not hold others

    def run_once(self) -> Tally:
        """Catalogue the next assets, mirror by mirror."""
        chunk = self.context.chunk
        due = self.catalogue.due(after=self._after, limit=chunk)
        self._after = due[-1].id if len(due) == chunk else 0
        by_mirror: dict[str, list[LedgerAsset]] = defaultdict(list)
        for asset in due:
            by_mirror[asset.dest].append(asset)
        tally = Tally(busy=len(due) == chunk)
        for dest, assets in by_mirror.items():
            if not (trouble := self.context.mirror_trouble(dest)):
                tally.moved += self._catalogue(dest, self._gather(assets))
            else:
                tally.waiting = trouble
        return tally

    def _gather(self, due: list[LedgerAsset]) -> Batch:
        parents = self.catalogue.parents(due)
        everyone = list({asset.id: asset for asset in (*due, *parents.values())}.values())
        return Batch(
            due=due,
            parents=parents,
            sources=self.context.ledger.sources_of(everyone),
            histories=self.catalogue.histories([asset.id for asset in everyone]),
            staged=self.staging.staged([asset.id for asset in due]),
        )

    def _catalogue(self, dest: str, batch: Batch) -> int:
        items = [asset for asset in batch.proved if not asset.is_container]
        with DocumentWriter(items) as writer:
            drafted = self.context.each(
                items,
                partial(self._draft_item, writer, batch),
                is_little=lambda asset: is_small(batch.staged[asset.id]),
            )
            written = _done(writer.publish(drafted))
        batch.fresh.update(written)
        self.sidecars.note({key: documents.written for key, documents in written.items()})
        linked: set[int] = set()
        extents: dict[int, Extent] = {}
        for container in batch.containers:
            # One at a time: a container's links depend on what is written by then.
            done = _done(self.context.each([container], partial(self._write_container, batch)))
            extents |= done
            linked |= done.keys()
            batch.fresh.update(done.keys() & {asset.id for asset in batch.proved})
        if any(asset.id not in batch.parents for asset in batch.proved):
            self._write_top(dest, batch)
        caught_up = [asset for asset in batch.due if not batch.is_proved(asset)]
        caught_up += [
            asset
            for asset in batch.proved
            if asset.id in batch.fresh
            and (asset.id not in batch.parents or batch.parents[asset.id].id in linked)
        ]
        self.catalogue.note_written(caught_up, extents)
        return len(caught_up)

    def _draft_item(self, writer: DocumentWriter, batch: Batch, asset: LedgerAsset) -> Documents:
        with writer.folder(asset, create=False) as place:
            draft_item(place, batch, asset)
            return Documents.of(asset, place)

    def _write_container(self, batch: Batch, container: LedgerAsset) -> Extent:
        """Write a container's document and those of its pages that changed; return its extent."""
        node, source = node_of(container), batch.sources[container.id]
        children = batch.fresh_children(container)
        extent, history = self._extent(batch, container, children), batch.histories[container.id][0]
        with folder(Path(container.dest), container.path) as place:
            links = self._links(batch, container, children, place)
            document = stac.container(
                node,
                parent_of(self.catalogue.parents([container]).get(container.id)),
                source,
                history,
                links=links,
                extent=extent,
            )
            place.write(node.document, document_bytes(marked(document, container, history)))
            place.sync()
        self.sidecars.note({container.id: place.written})
        return extent

    def _extent(self, batch: Batch, container: LedgerAsset, children: list[LedgerAsset]) -> Extent:
        known = self.catalogue.extent(container)
        extent = known or Extent.of(batch.sources[container.id])
        if container.type == IMAGE_COLLECTION:
            for child in children:
                extent = extent.united(Extent.of(batch.sources[child.id]))
        return extent

    def _links(
        self, batch: Batch, container: LedgerAsset, children: list[LedgerAsset], place: Folder
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
                place.write(file, document_bytes(stac.page(node_of(container), number + 1, links)))
        return stac_links.page_links(pages)

    def _page_links(self, batch: Batch, container: LedgerAsset, number: int) -> list[Json]:
        children = self.catalogue.children(
            container,
            fresh=batch.fresh,
            first=number * stac_links.PAGE_LINKS,
            limit=stac_links.PAGE_LINKS,
        )
        return [stac_links.link(node_of(container), child) for child in children]

    def _write_top(self, dest: str, batch: Batch) -> None:
        tops = self.catalogue.tops(dest, fresh=batch.fresh)
        document = stac.top([stac_links.link(stac_links.TOP, node) for node in tops])
        with folder(Path(dest), stac_links.TOP.path) as place:
            place.write(stac_links.TOP.document, document_bytes(document))
            place.sync()
        self.catalogue.note_top(dest, place.written[-1], self.context.clock())


def _done(answers: Iterable[tuple[LedgerAsset, Answer | Exception]]) -> dict[int, Answer]:
    """Return the answers of those assets for which it went well, by id; log the others."""
    done = {}
    for asset, answer in answers:
        if isinstance(answer, Exception):
            if str(answer) == str(stopped()):
                continue  # it has its turn at the next start
            bug = None if isinstance(answer, GeesyncError | OSError) else answer
            log.warning("not_catalogued", asset=asset.name, error=str(answer), exc_info=bug)
        else:
            done[asset.id] = answer
    return done
