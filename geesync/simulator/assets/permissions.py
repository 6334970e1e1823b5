"""Who may not do what: a script of denials over an account where everybody may do all."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from geesync.simulator.world import names


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
    """The denials in force."""

    def __init__(self) -> None:
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
            covering = (one for one in self._denials if one.covers(principal, permission, name))
            return next(covering, None)
