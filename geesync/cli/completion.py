"""What a shell offers after Tab, beside the names of commands and options."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import typer

from geesync.cli.context import Context, now
from geesync.domain.assets.names import display_id
from geesync.errors import GeesyncError

Complete = Callable[[str], list[str]]


def complete_roots(context: typer.Context, incomplete: str) -> list[str]:
    """Return the ids of roots that begin as what is being typed; none if there is no ledger."""
    from geesync.store.views import status as views

    given = context.find_root().params
    try:
        ledger = given.get("ledger") or Context(given.get("config"), {}).config().ledger
        roots = views.status(ledger, now=now()).roots if ledger.exists() else []
    except GeesyncError:
        return []
    return _like(incomplete, (display_id(root.name) for root in roots))


def root_argument(metavar: str, meaning: str | None = None) -> Any:
    """Return the argument that names roots, or what lies in them."""
    return typer.Argument(
        metavar=metavar, help=meaning, show_default=False, autocompletion=complete_roots
    )


def complete_jobs(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of configured jobs that begin as what is being typed."""
    try:
        config = Context(context.find_root().params.get("config"), {}).config()
    except GeesyncError:
        return []
    return _like(incomplete, config.derive)


def completing_option(name: str) -> Complete:
    """Return what completes the values of an option of roots, also after a comma."""

    def complete(incomplete: str) -> list[str]:
        from geesync.domain.choices.options import values_of

        before, comma, last = incomplete.rpartition(",")
        return [f"{before}{comma}{value}" for value in _like(last, values_of(name))]

    return complete


def _like(incomplete: str, values: Iterable[str]) -> list[str]:
    return [value for value in values if value.lower().startswith(incomplete.lower())]
