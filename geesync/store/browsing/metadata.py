"""Everything that Earth Engine said of all assets, one after the other, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from geesync.domain.assets.asset import CONTAINERS, SourceAsset
from geesync.store.tables.packing import unpack
from geesync.store.views.status import reading


@dataclass(frozen=True)
class KnownAsset:
    """An image, a table or whatever else holds no others."""

    source: SourceAsset
    dest: str  #: the root's mirror, absolute
    path: str  #: its folder, relative to the mirror
    in_catalogue: bool  #: its Item is on disk


def known_assets(ledger: Path, *, within: str | None = None) -> Iterator[KnownAsset]:
    """Yield what is known of each asset but of containers, by name.

    within: of this name and all below it only.
    """
    with reading(ledger) as connection:
        rows = connection.execute(
            "SELECT root.dest, path, json, catalogued_version IS NOT NULL AND verified_at IS NOT"
            " NULL AS in_catalogue FROM asset JOIN source ON source.asset_id = asset.id"
            " JOIN root ON root.id = asset.root_id WHERE asset.type NOT IN (?1, ?2)"
            " AND (?3 IS NULL OR asset.name = ?3 OR asset.name BETWEEN ?3 || '/' AND ?3 || '0')"
            " ORDER BY asset.name",  # 0 follows /
            (*sorted(CONTAINERS), within),
        )
        for row in rows:
            source = SourceAsset(unpack(row["json"]))
            yield KnownAsset(source, row["dest"], row["path"], bool(row["in_catalogue"]))
