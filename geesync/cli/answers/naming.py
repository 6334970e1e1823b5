"""What a person means by a name, and what to say where the ledger does not know it."""

from __future__ import annotations

from pathlib import Path

from geesync.cli.context import now
from geesync.domain.assets.names import candidates, display_id, is_within
from geesync.errors import UserError


def root_named(ledger: Path, given: str) -> str | None:
    """Return the canonical name of the root that is meant; None if it is none."""
    from geesync.store.views import status as views

    roots = {root.name for root in views.status(ledger, now=now()).roots}
    return next((name for name in candidates(given) if name in roots), None)


def scope_named(ledger: Path, given: str) -> str:
    """Return the canonical name of the root or asset that is meant. Raises UserError."""
    return root_named(ledger, given) or asset_named(ledger, given)


def asset_named(ledger: Path, given: str) -> str:
    """Return the canonical name of the asset that is meant. Raises UserError if it is unknown."""
    from geesync.store.views import status as views

    names = candidates(given)
    for name in names:
        if views.is_known(ledger, name):
            return name
    for root in views.status(ledger, now=now()).roots:
        if root.watched and any(is_within(name, root.name) for name in names):
            if root.scanned_at is None:
                raise UserError(
                    f"{given} is not known yet: {display_id(root.name)} is not yet scanned",
                    hint="geesync daemon, or geesync sync --once, does it",
                )
            raise UserError(
                f"{given} is not in the ledger: the last scan did not find it",
                hint=f"geesync ls {display_id(root.name)} lists what there is",
            )
    raise UserError(f"{given} lies below no root", hint="geesync roots lists them")
