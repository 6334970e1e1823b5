"""What a call to the simulated service is, and what it may use to answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from geesync.simulator.api.methods import Method
from geesync.simulator.clock import SimClock
from geesync.simulator.computing.scene import HeldPixels, Lookup
from geesync.simulator.profiles import Dice, Profile
from geesync.simulator.refusals import BadRequest, CallRefused
from geesync.simulator.storage.bucket import CloudStorage
from geesync.simulator.tasks.operations import Operations
from geesync.simulator.wire.audit import Audit
from geesync.simulator.world import names
from geesync.simulator.world.pixels import Json, SimAsset
from geesync.simulator.world.world import World, not_found


@dataclass(frozen=True)
class Service:
    """The parts of one simulation."""

    profile: Profile
    dice: Dice
    clock: SimClock
    world: World
    operations: Operations
    storage: CloudStorage
    audit: Audit
    held: HeldPixels = field(default_factory=HeldPixels)  #: for what is answered at once


@dataclass(frozen=True)
class Call:
    """One call, read and found to be well-formed."""

    method: Method
    name: str  #: the path parameter, without a trailing slash
    principal: str
    query: dict[str, str] = field(default_factory=dict)
    body: Json = field(default_factory=dict)

    @property
    def project(self) -> str:
        """The id of the project in the path."""
        return self.name.split("/")[1]

    def integer(self, name: str) -> int:
        """Return a query parameter that is a number ≥ 0; 0 if it is not given."""
        text = self.query.get(name, "") or "0"
        if re.fullmatch(r"\d{1,10}", text, re.ASCII) is None:
            raise BadRequest(f"Invalid value at '{name}' (TYPE_INT32), \"{text}\"")
        return int(text)


@dataclass(frozen=True)
class Content:
    """An answer that is not JSON."""

    body: bytes
    media_type: str


#: Answers a call, or raises CallRefused.
Handler = Callable[[Service, Call], Json | Content]


def require_visible(service: Service, call: Call, name: str, *permissions: str) -> None:
    """Refuse as the service does for reads: what one may not see is not there.

    Unless a denial says with which status it is answered.
    """
    for permission in permissions:
        denial = service.world.permissions.denial(call.principal, permission, name)
        if denial and denial.status == HTTPStatus.FORBIDDEN:
            raise _forbidden(permission, name)
        if denial and denial.status:
            raise CallRefused(denial.status, HTTPStatus(denial.status).phrase)
        if denial:
            raise not_found(name)


def lookup_for(service: Service, principal: str) -> Lookup:
    """Return the lookup of assets for expressions: what one may not read is not there."""

    def lookup(asset_id: str) -> SimAsset:
        name = names.canonical(asset_id)
        if not service.world.permissions.granted(principal, "earthengine.assets.get", name):
            raise KeyError(asset_id)
        return service.world.lookup(asset_id)

    return lookup


def require(service: Service, call: Call, permission: str, name: str) -> None:
    """Refuse as the service does for changes: naming the permission."""
    if not service.world.permissions.granted(call.principal, permission, name):
        raise _forbidden(permission, name)


def _forbidden(permission: str, name: str) -> CallRefused:
    return CallRefused(
        403, f"Permission '{permission}' denied on resource '{name}' (or it may not exist)."
    )
