"""``doctor``: is everything there, and what mends what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from geesync.cli.context import Context, print_json, say
from geesync.errors import ExitCode

if TYPE_CHECKING:
    from geesync.domain.messages.findings import Finding

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="One JSON line a finding.")] = False,
) -> None:
    """Say whether everything is there, and what mends what is not. Exit code 1 if it is not."""
    from geesync.doctor import Doctor
    from geesync.domain.messages.findings import Severity

    cli: Context = context.obj
    loaded = cli.load()
    worst: list[Finding] = []
    for finding in Doctor(loaded.config, loaded.file).examine():
        if json:
            print_json(vars(finding))
        else:
            _print(finding)
        if finding.verdict != Severity.OK:
            worst.append(finding)
    failed = [finding for finding in worst if finding.verdict == Severity.FAIL]
    if not json:
        worst = failed or worst
        say(f"\nNext: {worst[0].mend}" if worst else "\nAll is well.")
    if failed:
        raise typer.Exit(ExitCode.INCOMPLETE)


def _print(finding: Finding) -> None:
    from rich.text import Text

    line = Text.assemble(
        (f"{finding.verdict:<5}", _STYLES[finding.verdict]), f"{finding.name:<17}", finding.text
    )
    if finding.mend:
        line.append(f"\n{'':<22}→ {finding.mend}", "dim")
    say(line)
