"""What a check prints and writes down as it goes: held are counts, and names of what differs."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import typer

from geesync.cli.context import json_line, output
from geesync.domain.assets.asset import CONTAINERS
from geesync.domain.assets.names import display_id
from geesync.domain.messages.words import counted
from geesync.domain.mirror.checking import Flaw, Verdict

if TYPE_CHECKING:
    from geesync.checks.checker import CheckedCopy
    from geesync.checks.comparer import Difference

_STYLES = {Verdict.DIFFERS: "red", Verdict.MISSING: "red", Verdict.ERROR: "bold red"}


_LISTS = ("validImages", "validFolders", "invalidImages", "invalidFolders")
_METADATA_ONLY = "metadataOnly"


class Lists:
    """The files that a check writes: one line an asset."""

    def __init__(self, files: ExitStack, combined: Path | None, folder: Path | None) -> None:
        self._combined = files.enter_context(combined.open("w")) if combined else None
        self._lists: dict[str, TextIO] = {}
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            for name in (*_LISTS, _METADATA_ONLY):
                path = folder / f"{name}.txt"
                self._lists[name] = files.enter_context(path.open("w", encoding="utf-8"))

    def add(
        self, name: str, kind: str, verdict: Verdict, *, is_metadata_only: bool = False
    ) -> None:
        """Write an asset's line."""
        if self._combined:
            self._combined.write(f"{verdict} {display_id(name)}\n")
        valid = "valid" if verdict == Verdict.SOUND else "invalid"
        file = valid + ("Folders" if kind in CONTAINERS else "Images")
        if is_metadata_only and verdict == Verdict.SOUND:  # a valid copy, but of no image
            file = _METADATA_ONLY
        listed = self._lists.get(file)
        if listed:
            listed.write(f"{display_id(name)}\n")

    def add_unknown(self, path: str) -> None:
        """Write the line of a path that is no asset's."""
        if self._combined:
            self._combined.write(f"{Verdict.UNKNOWN} {path}\n")


@dataclass
class Report:
    """Tells findings as they come, and sums them up."""

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
        return not any(count for verdict, count in self.counts.items() if verdict != Verdict.SOUND)

    def tell(self, finding: CheckedCopy, done: str) -> None:
        """Take a finding; done: what a repair did about it."""
        asset = finding.asset
        if asset.name not in self._different:
            self.counts[finding.verdict] += 1
            self.lists.add(
                asset.name, asset.type, finding.verdict, is_metadata_only=finding.is_metadata_only
            )
        if finding.flaws:
            what = [str(flaw) for flaw in finding.flaws]
            self._line(finding.verdict, display_id(asset.name), what, done)

    def tell_unknown(self, path: str) -> None:
        """Take a path that is no asset's."""
        self.counts[Verdict.UNKNOWN] += 1
        self.lists.add_unknown(path)
        self._line(Verdict.UNKNOWN, path, ["not in the ledger"], "")

    def tell_top(self, path: str, flaw: Flaw, done: str) -> None:
        """Take the first document of a mirror's catalogue; done: what a repair did about it."""
        self.counts[flaw.verdict] += 1
        self._line(flaw.verdict, path, [flaw.what], done)

    def tell_difference(self, found: Difference | None) -> None:
        """Take how an asset was compared with Earth Engine's; None, or sound: no difference."""
        if found is None or found.verdict == Verdict.SOUND:
            return
        if found.name not in self._different:
            self._different.add(found.name)
            self.counts[found.verdict] += 1
            self.lists.add(found.name, found.type, found.verdict)
        self._line(found.verdict, display_id(found.name), [found.what], "")

    def tell_pending(self, name: str, kind: str, state: str) -> None:
        """Take an asset that is not on disk yet: no flaw, but no valid copy either."""
        self.pending[state] += 1
        self.lists.add(name, kind, Verdict.MISSING)

    def tell_unreadable(self, name: str, kind: str, why: str) -> None:
        """Take an asset that Earth Engine did not let be read: what it is now, nobody knows."""
        self.counts[Verdict.ERROR] += 1
        self.lists.add(name, kind, Verdict.ERROR)
        self._line(Verdict.ERROR, display_id(name), [f"not readable at the last scan: {why}"], "")

    def _line(self, verdict: Verdict, name: str, what: list[str], done: str) -> None:
        if self.json:
            document = {
                "verdict": verdict.value,
                "name": name,
                "flaws": what,
                "repair": done or None,
            }
            typer.echo(json_line(document))
            return
        text = f"{verdict} {name}: {'; '.join(what)}" + (f" → {done}" if done else "")
        output().print(text, style=_STYLES.get(verdict), markup=False)

    def sum_up(self) -> None:
        """Tell the counts."""
        counts = {verdict.name.lower(): self.counts[verdict] for verdict in Verdict}
        if self.json:
            summary = counts | {
                "pending": self.pending.total(),
                "pending_by_state": self.pending,
                "images_read": self.images_read,
                "stopped": self.is_stopped,
            }
            typer.echo(json_line({"summary": summary}))
            return
        checked = sum(self.counts.values()) - self.counts[Verdict.UNKNOWN]
        sums = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
        assets = counted(checked, "asset")
        output().print(f"{assets} checked: {sums or 'nothing on disk yet'}", markup=False)
        if self.images_read:
            images = counted(self.images_read, "image")
            output().print(f"pixels of {images} compared with Earth Engine's", markup=False)
        if self.pending:
            pending = counted(self.pending.total(), "asset is", "assets are")
            states = ", ".join(f"{count:,} {state}" for state, count in self.pending.items())
            output().print(f"{pending} not on disk yet ({states}): geesync status")
        if self.is_stopped:
            output().print(
                "The time is over, before all was checked; what --read-data read is remembered"
            )
