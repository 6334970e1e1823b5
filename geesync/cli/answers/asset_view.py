"""One asset, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from geesync.cli.render import state_text
from geesync.domain.messages.words import masks_text, size
from geesync.domain.tasks.exports import Way


def asset_view(asset: dict[str, Any], title: str) -> RenderableType:
    """Return an asset's standing, operations, files and history."""
    facts = Table.grid(padding=(0, 2))
    for label, value in _facts(asset):
        facts.add_row(Text(label, style="dim"), value)
    parts: list[RenderableType] = [Text(title, style="bold"), facts]
    if asset["exports"]:
        rows = map(_export, asset["exports"])
        parts += ["", _table(("part", "try", "state", "operation", "asked", "error"), rows)]
    if asset["objects"]:
        columns = ("file", "size", "crc32c", "generation", "on disk", "staged copy")
        parts += ["", _table(columns, map(_object, asset["objects"]))]
    events = (
        (_time(row["at"]), row["name"], state_text(row["to_state"]), Text(row["detail"] or ""))
        for row in asset["events"]
    )
    return Group(*parts, "", _table(("when", "what", "state", "why"), events))


def _facts(asset: dict[str, Any]) -> list[tuple[str, Text]]:
    below = asset["below"]
    own = "" if below is None else ", its own document"  # a container's state is only that
    facts = [
        ("state", Text.assemble(state_text(asset["state"]), (own, "dim"))),
        ("type", Text(asset["type"])),
        ("revision", Text(asset["revision"])),
        ("size", Text(f"{size(asset['size_bytes'])} at Earth Engine")),
        ("folder", Text(f"{asset['dest']}/{asset['path']}")),
    ]
    optional = {
        "cause": asset["cause"] and f"{asset['cause']}: {asset['reason']}",
        "failures": asset["failures"] and str(asset["failures"]),
        "not before": asset["not_before"] and _time(asset["not_before"]),
        "below it": below and ", ".join(f"{count:,} {state}" for state, count in below.items()),
        "not readable": asset["unreadable"],
        "left out": asset["left_out"],
        "masks": masks_text(**asset["flattened_masks"]),
        "verified": asset["verified_at"] and _time(asset["verified_at"]),
    }
    return facts + [(label, Text(value)) for label, value in optional.items() if value]


def _export(row: dict[str, Any]) -> Sequence[RenderableType]:
    asked, error = _time(row["intended_at"]), Text(row["error"] or "")
    part, attempt = row["part"].strip("."), str(row["attempt"])
    return part, attempt, row["state"], row["operation"] or "–", asked, error


def _object(row: dict[str, Any]) -> Sequence[RenderableType]:
    landed = _time(row["landed_at"]) if row["landed_at"] else "–"
    staged = "deleted" if row["swept_at"] else "in the bucket"
    if row["way"] == Way.DIRECT:
        staged = "none: read directly"
    crc32c, generation = f"{row['crc32c']:08x}", str(row["generation"] or "–")
    return row["file"], size(row["size_bytes"]), crc32c, generation, landed, staged


def _table(columns: Sequence[str], rows: Iterable[Sequence[RenderableType]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold dim", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}Z"
