"""What a check prints and writes down as it goes: held are counts, and names of what differs."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from geesync.cli.context import print_json, say
from geesync.domain.assets.asset import CONTAINERS
from geesync.domain.assets.names import display_id
from geesync.domain.messages.words import counted
from geesync.domain.mirror.checking import Flaw, Verdict

if TYPE_CHECKING:
    from geesync.checks.comparer import Difference

_STYLES = {Verdict.DIFFERS: "red", Verdict.MISSING: "red", Verdict.ERROR: "bold red"}

_METADATA_ONLY = "metadataOnly"
_LISTS = ("validImages", "validFolders", "invalidImages", "invalidFolders", _METADATA_ONLY)


class Lists:
    """The files that a check writes: one line an asset."""

    def __init__(self, files: ExitStack, combined: Path | None, folder: Path | None) -> None:
        self._combined = (
            files.enter_context(combined.open("w", encoding="utf-8")) if combined else None
        )
        self._lists: dict[str, TextIO] = {}
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            for name in _LISTS:
                path = folder / f"{name}.txt"
                self._lists[name] = files.enter_context(path.open("w", encoding="utf-8"))

    def add(
        self, name: str, kind: str, verdict: Verdict, *, is_metadata_only: bool = False
    ) -> None:
        """Write the line of an asset, or of a path that is none's: kind is "" then."""
        if self._combined:
            self._combined.write(f"{verdict} {display_id(name)}\n")
        valid = "valid" if verdict == Verdict.SOUND else "invalid"
        file = valid + ("Folders" if kind in CONTAINERS else "Images")
        if is_metadata_only and verdict == Verdict.SOUND:  # a valid copy, but of no image
            file = _METADATA_ONLY
        if kind and file in self._lists:
            self._lists[file].write(f"{display_id(name)}\n")


@dataclass
class Report:
    """Prints findings as they come, and sums them up."""

    lists: Lists
    json: bool
    is_stopped: bool = False  #: by the deadline: not all was checked
    #: Assets that are not yet on disk, by state.
    pending: Counter[str] = field(default_factory=Counter)
    counts: Counter[Verdict] = field(default_factory=Counter)
    images_read: int = 0  #: of which pixels were compared with Earth Engine's
    #: What Earth Engine has otherwise, by name: its files may be sound, its copy is not.
    _different: set[str] = field(default_factory=set)

    @property
    def is_sound(self) -> bool:
        """Whether nothing else was found."""
        return self.counts.total() == self.counts[Verdict.SOUND]

    def add(
        self,
        verdict: Verdict,
        name: str,
        kind: str,
        flaws: list[str],
        *,
        is_metadata_only: bool = False,
        repair: str = "",
    ) -> None:
        """Take what was found of an asset, or of a path that is none's: kind is "" then.

        repair: what was done about it.
        """
        if name not in self._different:
            self.counts[verdict] += 1
            self.lists.add(name, kind, verdict, is_metadata_only=is_metadata_only)
        self._print(verdict, name, flaws, repair)

    def add_difference(self, found: Difference | None) -> None:
        """Take how an asset was compared with Earth Engine's; None, or sound: no difference."""
        if found is not None and found.verdict != Verdict.SOUND:
            self.add(found.verdict, found.name, found.type, [found.what])
            self._different.add(found.name)

    def add_top(self, path: str, flaw: Flaw, repair: str) -> None:
        """Take what is wrong with the first document of a mirror's catalogue."""
        self.counts[flaw.verdict] += 1
        self._print(flaw.verdict, path, [flaw.what], repair)

    def add_pending(self, name: str, kind: str, state: str) -> None:
        """Take an asset that is not on disk yet: no flaw, but no valid copy either."""
        self.pending[state] += 1
        self.lists.add(name, kind, Verdict.MISSING)

    def _print(self, verdict: Verdict, name: str, flaws: list[str], repair: str) -> None:
        shown = display_id(name)
        if flaws and self.json:
            found = {"verdict": verdict.value, "name": shown}
            print_json({**found, "flaws": flaws, "repair": repair or None})
        elif flaws:
            text = f"{verdict} {shown}: {'; '.join(flaws)}" + (f" → {repair}" if repair else "")
            say(text, style=_STYLES.get(verdict))

    def sum_up(self) -> None:
        """Print the counts."""
        counts = {verdict.name.lower(): self.counts[verdict] for verdict in Verdict}
        pending = self.pending.total()
        if self.json:
            how_far = {"images_read": self.images_read, "stopped": self.is_stopped}
            waiting = {"pending": pending, "pending_by_state": self.pending}
            print_json({"summary": {**counts, **waiting, **how_far}})
            return
        checked = self.counts.total() - self.counts[Verdict.UNKNOWN]
        sums = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
        say(f"{counted(checked, 'asset')} checked: {sums or 'nothing on disk yet'}")
        if self.images_read:
            images = counted(self.images_read, "image")
            say(f"pixels of {images} compared with Earth Engine's")
        if pending:
            states = ", ".join(f"{count:,} {state}" for state, count in self.pending.items())
            number = counted(pending, "asset is", "assets are")
            say(f"{number} not on disk yet ({states}): geesync status")
        if self.is_stopped:
            say("The time is over, before all was checked; what --read-data read is remembered")
