"""The report of a restore: of each asset what is equal, equivalent, lost or different."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from geesync.adapters.mirror_files.folders import folder
from geesync.adapters.mirror_files.mirror import MARKER
from geesync.domain.assets.names import display_id
from geesync.domain.json import Json
from geesync.domain.messages.words import counted
from geesync.store.making.restores import Restored

#: Within the mirror.
PLACE = f"{MARKER}/restores"

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ border-top: 1px solid #ccc; padding: .4rem; text-align: left; vertical-align: top }}
td {{ overflow-wrap: anywhere }}
.state {{ white-space: nowrap }}
.quarantined {{ color: #b00020; font-weight: bold }}
</style></head><body>
<h1>{title}</h1>
<p>{lead}</p>
<table><thead><tr><th>asset</th><th>state</th><th>equal</th><th>otherwise</th></tr></thead><tbody>
{rows}
</tbody></table></body></html>
"""


def write_report(root: str, assets: Iterable[tuple[Restored, Json]]) -> None:
    """Write a restore's report beside its mirror, as a page and as JSON lines.

    root: to which it was restored. Raises RemoteError DISK.
    """
    rows = list(assets)
    stem = display_id(root).replace("/", "+")
    lines = [json.dumps(document(asset, report), sort_keys=True) for asset, report in rows]
    with folder(Path(rows[0][0].wanted.mirror), PLACE) as place:
        place.write(f"{stem}.jsonl", "".join(f"{line}\n" for line in lines).encode())
        place.write(f"{stem}.html", _page(root, rows).encode())
        place.sync()


def document(asset: Restored, report: Json) -> Json:
    """Return what the report has of one asset."""
    return {
        "target": display_id(asset.target),
        "source": display_id(asset.wanted.source),
        "state": asset.standing.state,
        "reason": asset.standing.reason or None,
        "proof": asset.prove,
        "compared": report.get("compared", []),
        "share": report.get("share"),
        "lost": report.get("lost", list(asset.wanted.losses)),
    }


def _page(root: str, reports: list[tuple[Restored, Json]]) -> str:
    proved = sum(asset.standing.state == "proved" for asset, _ in reports)
    return _PAGE.format(
        title=escape(f"Restored to {display_id(root)}"),
        lead=escape(f"{proved:,} of {counted(len(reports), 'asset')} proved."),
        rows="\n".join(_row(document(*report)) for report in reports),
    )


def _row(report: Json) -> str:
    equal = sum(compared["likeness"] == "equal" for compared in report["compared"])
    others = "<br>".join(escape(line) for line in _otherwise(report))
    state = escape(report["state"])
    cells = f'<td class="state {state}">{state}</td><td>{equal:,}</td><td>{others or "–"}</td>'
    return f"<tr><td>{escape(report['target'])}</td>{cells}</tr>"


def _otherwise(report: Json) -> Iterator[str]:
    if report["reason"]:
        yield report["reason"]
    if report["share"] not in {None, 1.0}:
        yield f"about {report['share']:.2%} of its pixels were compared"
    for part in report["compared"]:
        if part["likeness"] != "equal":
            yield f"{part['likeness']}: {part['what']}: {part['was']}; now {part['is']}"
    for loss in report["lost"]:
        yield f"lost: {loss['what']}"
