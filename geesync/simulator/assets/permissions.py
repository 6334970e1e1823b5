"""Who may do what: by the project, by the policies of assets, and by a script of denials."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from geesync.simulator.world import names
from geesync.simulator.world.pixels import Json

_READ = ("earthengine.assets.get", "earthengine.assets.list")
_WRITE = (
    *_READ,
    "earthengine.assets.create",
    "earthengine.assets.delete",
    "earthengine.assets.getIamPolicy",
    "earthengine.assets.setIamPolicy",
    "earthengine.assets.update",
)
#: What the roles on an asset permit.
ROLES = {"roles/viewer": _READ, "roles/editor": _WRITE, "roles/owner": _WRITE}
EVERYBODY = ("allUsers", "allAuthenticatedUsers")
MEMBER_KINDS = ("user", "group", "serviceAccount", "domain", "deleted")


@dataclass(frozen=True)
class Denial:
    """One rule; empty = any."""

    tree: str = ""  #: canonical name; everything in it too. Or "projects/p" for the project
    permission: str = ""  #: e.g. "earthengine.assets.get"
    principal: str = ""  #: what the bearer token stands for
    status: int = 0  #: HTTP status of the answer; 0 is what the service says as a rule

    def covers(self, principal: str, permission: str, name: str) -> bool:
        """Tell whether the rule forbids this."""
        return (
            self.principal in ("", principal)
            and self.permission in ("", permission)
            and (not self.tree or names.owned(name, self.tree))
        )


class Permissions:
    """The denials in force, over what project and policies permit.

    members: who may do everything by the project; none = everybody. Others may do what an asset's
    own policy says, as ``policy`` returns it.
    """

    def __init__(
        self, members: tuple[str, ...] = (), policy: Callable[[str], Json] = lambda _: {}
    ) -> None:
        self._members = members
        self._policy = policy
        self._lock = threading.Lock()
        self._denials: set[Denial] = set()

    def deny(
        self, tree: str = "", permission: str = "", principal: str = "", status: int = 0
    ) -> Denial:
        """Forbid something from now on, and return the rule for ``allow``."""
        denial = Denial(tree, permission, principal, status)
        with self._lock:
            self._denials.add(denial)
        return denial

    def allow(self, denial: Denial) -> None:
        """Take a denial back."""
        with self._lock:
            self._denials.discard(denial)

    def clear(self) -> None:
        """Take all denials back."""
        with self._lock:
            self._denials.clear()

    def granted(self, principal: str, permission: str, name: str) -> bool:
        """Tell whether the principal may do this to an asset or a project."""
        return self.denial(principal, permission, name) is None

    def denial(self, principal: str, permission: str, name: str) -> Denial | None:
        """Return a rule that forbids this, or None."""
        with self._lock:
            for one in self._denials:
                if one.covers(principal, permission, name):
                    return one
        return None if self._permitted(principal, permission, name) else Denial()

    def _permitted(self, principal: str, permission: str, name: str) -> bool:
        if not self._members or principal in self._members:
            return True
        return any(
            permission in ROLES.get(binding.get("role", ""), ())
            and _is_one_of(principal, binding.get("members", ()))
            for binding in self._policy(name).get("bindings", ())
        )


def _is_one_of(principal: str, members: Iterable[str]) -> bool:
    names_of = {f"{kind}:{principal}" for kind in ("user", "group", "serviceAccount")}
    domain = f"domain:{principal.rpartition('@')[2]}"
    return not {*EVERYBODY, *names_of, domain}.isdisjoint(members)
