"""The proof at the end of the demo: each verified asset against the simulator's own truth."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from geesync.adapters.mirrored.mirrored_pixels import ReadBand, read_image
from geesync.domain.assets.names import display_id
from geesync.domain.messages.words import counted, size
from geesync.domain.mirror.layout import ASSET_JSON, GEESYNC_JSON
from geesync.domain.mirror.lifecycle import State
from geesync.simulator.world.truth import truth
from geesync.store.browsing import assets as asset_views

if TYPE_CHECKING:
    from geesync.simulator.computing.images import Pixels
    from geesync.simulator.simulator import Simulator
    from geesync.simulator.world.pixels import SimAsset

#: Rows of the table and of the tree: the whole is in the mirror.
_SHOWN = 24
_FILES = ("IMAGE", "TABLE")
_SHOWN_IN_FOLDER = 4


@dataclass(frozen=True)
class Proof:
    """How one asset's copy compares with the truth."""

    asset: str  #: its id
    type: str
    size_bytes: int
    compared: str  #: what was compared, for people
    exact: bool
    way: str = ""  #: by which its bytes came; "" if it has none


def compare_all(simulator: Simulator, ledger: Path) -> list[Proof]:
    """Compare every asset that the account holds; one that is not verified is not exact."""
    return [_compare(simulator, row) for row in asset_views.assets(ledger)]


def _compare(simulator: Simulator, row: dict[str, Any]) -> Proof:
    asset = simulator.world.get(row["name"])
    folder = Path(row["dest"], row["path"])
    files = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    compared, exact = _against(asset, folder, files) if files else ("nothing", False)
    return Proof(
        asset=display_id(row["name"]),
        type=asset.type,
        size_bytes=sum(path.stat().st_size for path in files),
        compared=compared,
        exact=exact and row["state"] == State.VERIFIED,
        way=_way(folder / GEESYNC_JSON),
    )


def _way(sidecar: Path) -> str:
    parts = json.loads(sidecar.read_text())["parts"] if sidecar.exists() else []
    return str(parts[0]["way"]) if parts else ""


def _against(asset: SimAsset, folder: Path, files: list[Path]) -> tuple[str, bool]:
    if asset.type == "IMAGE":
        return _against_pixels(asset, folder)
    if asset.type == "TABLE":
        rows = {_rows(path) for path in files if path.suffix in {".csv", ".geojson"}}
        return counted(asset.feature_count, "row"), rows == {asset.feature_count}
    kept = [json.loads(path.read_text()) for path in files if path.name == ASSET_JSON]
    return "metadata", bool(kept) and kept[0]["name"] == asset.name


def _against_pixels(asset: SimAsset, folder: Path) -> tuple[str, bool]:
    wanted = [band for band in asset.bands if not band.array_dimensions]
    found = read_image(folder) if wanted else {}
    exact = all(_same(truth(asset, band.id), found.get(band.id)) for band in wanted)
    pixels = sum(band.grid.width * band.grid.height for band in wanted)
    return f"{pixels:,} px in {len(wanted)}", exact


def _same(there: Pixels, here: ReadBand | None) -> bool:
    """Whether a band has the values where it is valid, and is masked where it is."""
    if here is None:
        return False
    valid = there.mask > 0
    masks = there.mask if here.fractional else valid
    return bool(
        (here.mask == masks).all()
        and np.array_equal(here.values[valid], there.values[valid], equal_nan=True)
    )


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
            if not _alike(truth(one, band), truth(two, band))
        ]
    return found_differences


def _alike(one: Pixels, two: Pixels) -> bool:
    valid = one.mask > 0
    same = np.array_equal(one.values[valid], two.values[valid], equal_nan=True)
    return bool(same and ((two.mask > 0) == valid).all())


def _rows(path: Path) -> int:
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as lines:
            return max(sum(1 for _ in csv.reader(lines)) - 1, 0)
    return len(json.loads(path.read_text(encoding="utf-8"))["features"])


def proof_table(proofs: list[Proof]) -> RenderableType:
    """Return the table: whatever is not exact, one of each kind of place, then sums by type."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("type", "bytes", "compared", "", "asset"):
        justify: Literal["left", "right"] = "right" if column == "bytes" else "left"
        table.add_column(column, justify=justify, no_wrap=column != "asset", overflow="fold")
    shown = _samples(proofs)
    for proof in shown:
        table.add_row(*_cells(proof))
    rest = [proof for proof in proofs if proof not in shown]
    for kind, count in sorted(Counter(proof.type for proof in rest).items()):
        table.add_row(*_cells(_sum(kind, count, rest)), style="dim")
    return table


def _samples(proofs: list[Proof]) -> list[Proof]:
    """Return what differs, and the first of each type in each folder, as far as there is room."""
    wrong = [proof for proof in proofs if not proof.exact]
    firsts = {(proof.asset.rpartition("/")[0], proof.type): proof for proof in reversed(proofs)}
    fine = sorted(firsts.values(), key=lambda proof: proof.asset)
    return wrong + [proof for proof in fine if proof.exact and proof.type in _FILES][:_SHOWN]


def _sum(kind: str, count: int, proofs: list[Proof]) -> Proof:
    same = [proof for proof in proofs if proof.type == kind]
    return Proof(
        asset=f"… and {count:,} more",
        type=kind,
        size_bytes=sum(proof.size_bytes for proof in same),
        compared="",
        exact=all(proof.exact for proof in same),
    )


def _cells(proof: Proof) -> tuple[str | Text, ...]:
    short = "/".join(proof.asset.split("/")[-2:])  # a terminal has 80 columns
    return (
        proof.type,
        size(proof.size_bytes),
        proof.compared,
        _verdict(exact=proof.exact),
        short if proof.exact else proof.asset,
    )


def _verdict(*, exact: bool) -> Text:
    return Text("exact", "green") if exact else Text("DIFFERS", "bold red")


def tree(mirror: Path) -> Tree:
    """Return the mirror's folders, a few of each."""
    top = Tree(f"{mirror.name}/")
    _grow(top, mirror)
    return top


def _grow(branch: Tree, folder: Path) -> None:
    entries = list(_entries(folder))
    for path in entries[:_SHOWN_IN_FOLDER]:
        if path.is_dir():
            _grow(branch.add(f"{path.name}/"), path)
        else:
            branch.add(Text(f"{path.name}  {size(path.stat().st_size)}"))
    if len(entries) > _SHOWN_IN_FOLDER:
        branch.add(Text(f"… {len(entries) - _SHOWN_IN_FOLDER:,} more", style="dim"))


def _entries(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if not path.name.startswith("."))
