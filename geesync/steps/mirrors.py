"""Whether the folders of a ledger's roots are its mirrors now: nothing else is written to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from geesync.adapters.mirror_files import ownership
from geesync.adapters.mirror_files.mirror import is_mirror
from geesync.adapters.mirror_files.ownership import TAKE
from geesync.errors import MirrorError
from geesync.store.views.mirrors import known_mirrors


@dataclass(frozen=True)
class Mirrors:
    """The mirrors of one ledger."""

    ledger: Path

    def trouble(self, dest: str) -> str:
        """Return why a folder is not this ledger's mirror, and what to do; "" if it is."""
        known = known_mirrors(self.ledger)
        return ownership.trouble(Path(dest), known.ledger, known.ids.get(dest, ""))

    def require(self, dest: str) -> None:
        """Raise MirrorError if a folder is not this ledger's mirror."""
        if trouble := self.trouble(dest):
            raise MirrorError(trouble)

    def refuse(self, dest: str, *, take: bool) -> None:
        """Raise MirrorError if a root must not be mirrored there; nothing is written.

        take: a person says that the folder is to be this ledger's mirror, whatever it is now.
        """
        known, place = known_mirrors(self.ledger), Path(dest)
        others = {Path(other).resolve() for other in known.dests.values()} - {place.resolve()}
        inside = ownership.around(place)
        for other in (*others, *([inside] if inside else ())):
            if place.resolve().is_relative_to(other) or other.is_relative_to(place.resolve()):
                hint = "no mirror lies in another: choose a folder outside of it"
                raise MirrorError(f"{dest} and the mirror {other} lie in one another", hint=hint)
        is_new = dest not in known.dests.values() and not is_mirror(place)
        trouble = ownership.trouble(place, known.ledger, known.ids.get(dest, ""))
        if trouble and not take and not is_new:
            raise MirrorError(
                trouble if TAKE in trouble else f"{trouble} If it is a new one, {TAKE}"
            )
