"""Gives a restored asset its policy; who is no more is left out and named, one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from http import HTTPStatus

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.domain.json import Json
from geesync.domain.restore.comparing import Compared, Likeness
from geesync.domain.restore.policies import Grant, grants_of, policy_of
from geesync.errors import RemoteError


def give_policy(earth_engine: EarthEngine, name: str, mirrored: Json | None) -> Iterator[Compared]:
    """Set an asset's policy to a mirrored one; yield what became of each member in each role.

    Who may make an asset need not be who may share it: then its policy is lost.
    """
    if mirrored is None:
        yield Compared("policy", Likeness.LOST, "unknown", "not in the mirror")
        return
    wanted = grants_of(mirrored)
    try:
        refused = _set(earth_engine, name, [grant for grant in wanted if not grant.is_deleted])
        held = grants_of(earth_engine.get_policy(name))
    except RemoteError as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        yield Compared("policy", Likeness.LOST, "granted", str(error))
        return
    for grant in wanted:
        why = "is no more" if grant.is_deleted else refused.get(grant, "was not kept")
        likeness = Likeness.EQUAL if grant in held else Likeness.LOST
        yield Compared(f"policy: {grant}", likeness, "granted", why)


def _set(earth_engine: EarthEngine, name: str, wanted: Sequence[Grant]) -> dict[Grant, str]:
    """Set a policy; return why members are not in it that Earth Engine refuses.

    A refusal names one member at most and sets nothing: each is tried beside those that are taken.
    """
    refused: dict[Grant, str] = {}
    if not wanted or not _refusal(earth_engine, name, wanted):
        return refused
    taken: list[Grant] = []
    for grant in wanted:
        if why := _refusal(earth_engine, name, [*taken, grant]):
            refused[grant] = why
        else:
            taken.append(grant)
    return refused


def _refusal(earth_engine: EarthEngine, name: str, grants: Sequence[Grant]) -> str:
    """Set a policy; return why Earth Engine does not take it, "" if it does."""
    try:
        earth_engine.set_policy(name, policy_of(grants))
    except RemoteError as error:
        if error.status != HTTPStatus.BAD_REQUEST:
            raise
        return str(error)
    return ""
