"""One asset, for a terminal."""

from __future__ import annotations

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
        parts += ["", _exports(asset["exports"])]
    if asset["objects"]:
        parts += ["", _objects(asset["objects"])]
    return Group(*parts, "", _events(asset["events"]))


def _facts(asset: dict[str, Any]) -> list[tuple[str, Text]]:
    facts = [
        ("state", _state(asset)),
        ("type", Text(asset["type"])),
        ("revision", Text(asset["revision"])),
        ("size", Text(f"{size(asset['size_bytes'])} at Earth Engine")),
        ("folder", Text(f"{asset['dest']}/{asset['path']}")),
    ]
    optional = {
        "cause": asset["cause"] and f"{asset['cause']}: {asset['reason']}",
        "failures": asset["failures"] and str(asset["failures"]),
        "not before": asset["not_before"] and _time(asset["not_before"]),
        "below it": asset["below"] and _counts(asset["below"]),
        "not readable": asset["unreadable"],
        "left out": asset["left_out"],
        "masks": masks_text(**asset["flattened_masks"]),
        "verified": asset["verified_at"] and _time(asset["verified_at"]),
    }
    return facts + [(label, Text(value)) for label, value in optional.items() if value]


def _state(asset: dict[str, Any]) -> Text:
    """Return the state; of a container it is that of its own document only."""
    own = ", its own document" if asset["below"] is not None else ""
    return Text.assemble(state_text(asset["state"]), (own, "dim"))


def _counts(below: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in below.items())


def _exports(exports: list[dict[str, Any]]) -> Table:
    table = _table("part", "try", "state", "operation", "asked", "error")
    for row in exports:
        table.add_row(
            row["part"].strip("."),
            str(row["attempt"]),
            row["state"],
            row["operation"] or "–",
            _time(row["intended_at"]),
            Text(row["error"] or ""),
        )
    return table


def _objects(objects: list[dict[str, Any]]) -> Table:
    table = _table("file", "size", "crc32c", "generation", "on disk", "staged copy")
    for row in objects:
        table.add_row(
            row["file"],
            size(row["size_bytes"]),
            f"{row['crc32c']:08x}",
            str(row["generation"] or "–"),
            _time(row["landed_at"]) if row["landed_at"] else "–",
            _staged(row),
        )
    return table


def _staged(row: dict[str, Any]) -> str:
    if row["way"] == Way.DIRECT:
        return "none: read directly"
    return "deleted" if row["swept_at"] else "in the bucket"


def _events(events: list[dict[str, Any]]) -> Table:
    table = _table("when", "what", "state", "why")
    for row in events:
        table.add_row(
            _time(row["at"]), row["name"], state_text(row["to_state"]), Text(row["detail"] or "")
        )
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold dim", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}Z"
