"""The proof at the end of the demo: each verified asset against the simulator's own truth."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from geesync.adapters.mirrored.mirrored_pixels import ReadBand, read_image
from geesync.domain.assets.names import display_id
from geesync.domain.messages.words import size
from geesync.domain.mirror.layout import ASSET_JSON, GEESYNC_JSON
from geesync.domain.mirror.lifecycle import State
from geesync.simulator.world.truth import truth
from geesync.store.browsing import assets as asset_views

if TYPE_CHECKING:
    from geesync.simulator.computing.images import Pixels
    from geesync.simulator.simulator import Simulator
    from geesync.simulator.world.pixels import SimAsset

#: In the tree: the whole is in the mirror.
_SHOWN_IN_FOLDER = 4


@dataclass(frozen=True)
class Proof:
    """How one asset's copy compares with the truth."""

    asset: str  #: its id
    type: str
    size_bytes: int
    compared: int  #: pixels of an image, rows of a table
    exact: bool
    way: str = ""  #: by which its bytes came; "" if it has none


def compare_all(simulator: Simulator, ledger: Path) -> list[Proof]:
    """Compare every asset that the account holds; one that is not verified is not exact."""
    return [_compare(simulator, row) for row in asset_views.assets(ledger)]


def _compare(simulator: Simulator, row: dict[str, Any]) -> Proof:
    asset = simulator.world.get(row["name"])
    folder = Path(row["dest"], row["path"])
    files = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    compared, exact = _against(asset, folder, files) if files else (0, False)
    sidecar = folder / GEESYNC_JSON
    parts = json.loads(sidecar.read_bytes())["parts"] if sidecar.exists() else []
    return Proof(
        asset=display_id(row["name"]),
        type=asset.type,
        size_bytes=sum(path.stat().st_size for path in files),
        compared=compared,
        exact=exact and row["state"] == State.VERIFIED,
        way=parts[0]["way"] if parts else "",
    )


def _against(asset: SimAsset, folder: Path, files: list[Path]) -> tuple[int, bool]:
    if asset.type == "IMAGE":
        wanted = [band for band in asset.bands if not band.array_dimensions]
        found = read_image(folder) if wanted else {}
        exact = all(_is_in(found.get(band.id), truth(asset, band.id)) for band in wanted)
        return sum(band.grid.width * band.grid.height for band in wanted), exact
    if asset.type == "TABLE":
        rows = {_rows(path) for path in files if path.suffix in {".csv", ".geojson"}}
        return asset.feature_count, rows == {asset.feature_count}
    kept = [json.loads(path.read_bytes()) for path in files if path.name == ASSET_JSON]
    return 0, bool(kept) and kept[0]["name"] == asset.name


def _is_in(copy: ReadBand | None, wanted: Pixels) -> bool:
    """Whether a copy has a band's values where it is valid, and is masked where it is."""
    if copy is None:
        return False
    masks = wanted.mask if copy.fractional else wanted.mask > 0
    return _is_alike(wanted, copy) and bool((copy.mask == masks).all())


def _is_alike(wanted: Pixels, found: Pixels | ReadBand) -> bool:
    valid = wanted.mask > 0
    same = np.array_equal(wanted.values[valid], found.values[valid], equal_nan=True)
    return bool(same and ((found.mask > 0) == valid).all())


def differences(were: Mapping[str, SimAsset], are: Mapping[str, SimAsset]) -> list[str]:
    """Return how assets differ from what they were, each in a few words."""
    found_differences = [f"{display_id(name)}: not there" for name in were.keys() - are.keys()]
    for name in were.keys() & are.keys():
        one, two = were[name], are[name]
        found_differences += [
            f"{display_id(name)}: {what}"
            for what in ("type", "properties", "start_time", "end_time")
            if getattr(one, what) != getattr(two, what)
        ]
        bands = [band.id for band in one.bands]
        if bands != [band.id for band in two.bands]:
            found_differences.append(f"{display_id(name)}: bands")
            continue
        found_differences += [
            f"{display_id(name)}: band {band}"
            for band in bands
            if not _is_alike(truth(one, band), truth(two, band))
        ]
    return found_differences


def _rows(path: Path) -> int:
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as lines:
            return max(sum(1 for _ in csv.reader(lines)) - 1, 0)
    return len(json.loads(path.read_bytes())["features"])


def proof_table(proofs: list[Proof]) -> RenderableType:
    """Return what was compared, summed up by type."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("type", "assets", "bytes", "pixels or rows", ""):
        table.add_column(column, justify="right" if column not in {"type", ""} else "left")
    for kind in sorted({proof.type for proof in proofs}):
        same = [proof for proof in proofs if proof.type == kind]
        size_bytes = sum(proof.size_bytes for proof in same)
        compared = sum(proof.compared for proof in same)
        exact = all(proof.exact for proof in same)
        verdict = Text("exact", "green") if exact else Text("DIFFERS", "bold red")
        table.add_row(kind, f"{len(same):,}", size(size_bytes), f"{compared:,}", verdict)
    return table


def tree(mirror: Path) -> Tree:
    """Return the mirror's folders, a few of each."""
    top = Tree(f"{mirror.name}/")
    _grow(top, mirror)
    return top


def _grow(branch: Tree, folder: Path) -> None:
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    for path in entries[:_SHOWN_IN_FOLDER]:
        if path.is_dir():
            _grow(branch.add(f"{path.name}/"), path)
        else:
            branch.add(Text(f"{path.name}  {size(path.stat().st_size)}"))
    if len(entries) > _SHOWN_IN_FOLDER:
        branch.add(Text(f"… {len(entries) - _SHOWN_IN_FOLDER:,} more", style="dim"))
