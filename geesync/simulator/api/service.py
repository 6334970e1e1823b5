"""What a call to the simulated service is, and what it may use to answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

from geesync.simulator.api.links import Links
from geesync.simulator.api.methods import Method
from geesync.simulator.clock import SimClock
from geesync.simulator.computing.scene import HeldPixels, Scene
from geesync.simulator.drive.files import Drive
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
    links: Links[Call]
    drive: Drive
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

    def flag(self, name: str) -> bool:
        """Return a query parameter that is true or false; false if it is not given."""
        text = self.query.get(name) or "false"
        if text not in ("true", "false"):
            raise BadRequest(f"Invalid value at '{name}' (TYPE_BOOL), \"{text}\"")
        return text == "true"


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


class CallersLibrary:
    """The assets that somebody may load: what one may not read is not there."""

    def __init__(self, world: World, principal: str) -> None:
        self._world = world
        self._principal = principal

    def lookup(self, asset_id: str) -> SimAsset:
        """Return the asset of an id or a name; raises KeyError if there is none."""
        if not self._may_read(names.canonical(asset_id)):
            raise KeyError(asset_id)
        return self._world.lookup(asset_id)

    def images(self, name: str) -> Iterator[SimAsset]:
        """Yield the images of a collection, by its name."""
        return (image for image in self._world.images(name) if self._may_read(image.name))

    def _may_read(self, name: str) -> bool:
        permission = "earthengine.assets.get"
        return self._world.permissions.granted(self._principal, permission, name)


def scene_for(service: Service, call: Call, held: HeldPixels | None = None) -> Scene:
    """Return the assets that the caller may load in an expression; see ``Scene``."""
    return Scene(CallersLibrary(service.world, call.principal), held, service.profile)


def require(service: Service, call: Call, permission: str, name: str) -> None:
    """Refuse as the service does for changes: naming the permission."""
    if not service.world.permissions.granted(call.principal, permission, name):
        raise _forbidden(permission, name)


def _forbidden(permission: str, name: str) -> CallRefused:
    return CallRefused(
        403, f"Permission '{permission}' denied on resource '{name}' (or it may not exist)."
    )
