"""The STAC Item of an asset, drafted beside its files, from the ledger and the folder."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from pydantic_core import to_json

from geesync.adapters.formats import rasters
from geesync.adapters.mirror_files.disk import Folder
from geesync.domain.assets.asset import SourceAsset
from geesync.domain.json import Json
from geesync.domain.mirror.coverage import tiles
from geesync.domain.mirror.layout import GEESYNC_JSON, SIDECARS, file_stem
from geesync.domain.mirror.lifecycle import ABSENT, State
from geesync.domain.stac import documents as stac
from geesync.domain.stac import links as stac_links
from geesync.errors import Cause, RemoteError
from geesync.store.copies.staging import Staged
from geesync.store.ledger.ledger import LedgerAsset


@dataclass(frozen=True)
class Batch:
    """Assets of one mirror that are to be catalogued, with all that is known of them by id."""

    due: list[LedgerAsset]
    parents: dict[int, LedgerAsset]  #: containers of the due assets, where the mirror has them
    sources: dict[int, SourceAsset]
    histories: dict[int, tuple[stac.CopyDates, bool]]
    staged: dict[int, list[Staged]]
    fresh: set[int] = field(default_factory=set)  #: assets whose document is on disk now

    @cached_property
    def proved(self) -> list[LedgerAsset]:
        """Those of which there is a copy; of the others nothing is catalogued."""
        return [asset for asset in self.due if self.is_proved(asset)]

    def is_proved(self, asset: LedgerAsset) -> bool:
        """Whether there is a copy of it."""
        return self.histories[asset.id][1]

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


def node_of(asset: LedgerAsset) -> stac_links.Node:
    """Return an asset's place in the catalogue."""
    return stac_links.Node(asset.name, asset.type, asset.path)


def parent_of(container: LedgerAsset | None) -> stac_links.Node:
    """Return the place of what an asset lies in; without any it is the mirror's."""
    return node_of(container) if container else stac_links.TOP


def document_bytes(document: Json) -> bytes:
    """Return a document as it stands in its file; numbers that JSON has not are texts there.

    As in https://protobuf.dev/programming-guides/json/: "NaN", "Infinity" and "-Infinity".
    """
    try:
        return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        return to_json(document, inf_nan_mode="strings")


def draft_item(place: Folder, batch: Batch, asset: LedgerAsset) -> None:
    """Draft an asset's Item."""
    node, history = node_of(asset), batch.histories[asset.id][0]
    sidecar = _sidecar(place)
    if asset.standing.state in ABSENT and place.size_of(node.document) is not None:
        # The ledger may know a newer revision than the one that was ever copied.
        kept = json.loads(place.read(node.document))
        document = stac.placed(kept, node, parent_of(batch.parents.get(asset.id)))
    else:
        document = stac.item(
            node,
            parent_of(batch.parents.get(asset.id)),
            batch.sources[asset.id],
            history,
            files=_files(place, sidecar, asset.path, batch.staged[asset.id]),
            made=_made(place, sidecar),
            sidecars=[name for name in SIDECARS if place.size_of(name) is not None],
            wkt2=rasters.wkt2,
        )
    place.draft(node.document, document_bytes(marked(document, asset, history)))


def marked(document: Json, asset: LedgerAsset, history: stac.CopyDates) -> Json:
    """Return a document that says whether its asset is absent upstream."""
    state = asset.standing.state
    if state not in ABSENT:
        return document
    return stac.gone(document, history.updated_at, freed=state == State.FREED)


def _sha256(place: Folder, staged: Staged) -> str:
    if staged.sha256 is None or place.size_of(staged.file) != staged.obj.size_bytes:
        raise RemoteError(Cause.INTEGRITY, f"{staged.file} is not what was proved")
    return staged.sha256


def _made(place: Folder, sidecar: Json) -> Iterator[stac.Made]:
    """Yield what the verifier made of the asset's files, as listed in its sidecar."""
    for made in sidecar.get("made", ()):
        name = str(made["name"])
        yield stac.Made(name, int(made["size_bytes"]), place.digests(name)[1])


def _sidecar(place: Folder) -> Json:
    document: Json = {}
    if place.size_of(GEESYNC_JSON) is not None:
        document = json.loads(place.read(GEESYNC_JSON))
    return document


def _files(
    place: Folder, sidecar: Json, path: str, staged: list[Staged]
) -> Iterator[stac.DataFile]:
    """Yield each file with its own grid: a tile's is a window of its part's."""
    parts: dict[str, list[Staged]] = defaultdict(list)
    for staged_file in staged:
        parts[staged_file.part_id].append(staged_file)
    origins = {
        f"{stored_part['key']}.{stored_part['extension']}": stored_part
        for stored_part in sidecar.get("parts", ())
    }
    for part_id, files in parts.items():
        part = files[0].part
        stem = file_stem(path, part.key)
        file = place.path / files[0].file
        grid = part.grid and replace(part.grid, crs=rasters.in_full(part.grid.crs, file))
        placed = (tiles(part, stem, (file.file for file in files)) or {}) if part.grid else {}
        for staged_file in files:
            tile = placed.get(staged_file.file)
            yield stac.DataFile(
                file=staged_file.file,
                size_bytes=staged_file.obj.size_bytes,
                sha256=_sha256(place, staged_file),
                part=part,
                grid=tile.grid(grid) if grid and tile else grid,
                tile=f"{tile.row}-{tile.column}" if tile and len(files) > 1 else "",
                origin=origins.get(part_id, {}),
            )
