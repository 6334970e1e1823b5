"""Where something stands, as a row of the ledger has it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from geesync.domain.state_machine import AnyState, Standing
from geesync.errors import Cause
from geesync.store.tables.columns import told_as


def standing_columns(after: Standing[Any], version: int) -> dict[str, object]:
    """Return the columns of where something stands, as the next version of its row has them."""
    return {
        "state": after.state,
        "failures": after.failures,
        "not_before": after.not_before,
        "cause": after.cause,
        "reason": after.reason or None,
        "version": version + 1,
        "delays": after.delays,
    }


def read_standing(kept: sa.RowMapping, states: type[AnyState]) -> Standing[AnyState]:
    """Return where the thing of a row stands."""
    return Standing(
        state=told_as(states, kept["state"]),
        failures=kept["failures"],
        not_before=kept["not_before"],
        cause=told_as(Cause, kept["cause"]) if kept["cause"] else None,
        reason=kept["reason"] or "",
        delays=kept["delays"],
    )
