"""Puts right what a check found, as far as that can be done; deletes nothing.

A bad file is replaced from another sound copy of the same bytes, such as that of an older revision;
else it is fetched again, if Earth Engine still has it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from geesync.adapters.mirror_files.folders import folder
from geesync.adapters.mirror_files.salvage import move_aside
from geesync.checks.checker import CheckedCopy
from geesync.domain.mirror.checking import Flaw, KeptFile, Verdict
from geesync.domain.mirror.lifecycle import ABSENT
from geesync.steps.step import Clock
from geesync.store.copies.checks import Checks
from geesync.store.ledger.ledger import LedgerAsset

_MENDABLE = (Verdict.DIFFERS, Verdict.MISSING)


@dataclass(frozen=True)
class Repair:
    """Puts copies right."""

    checks: Checks
    clock: Clock

    def repair(self, finding: CheckedCopy) -> str:
        """Put a copy right, or have its bad files fetched again; return what was done.

        Files that could not be read stay where they are: the disk may be at fault, not they.
        """
        asset = finding.asset
        bad = [flaw for flaw in finding.flaws if flaw.verdict in _MENDABLE and flaw.file]
        kept = {file.name: file for file in self.checks.kept([asset.id]).get(asset.id, ())}
        left = [flaw for flaw in bad if not self._replace(asset, flaw, kept)]
        if not left:
            return "put right from another copy of the same bytes" if bad else "not mended"
        if asset.standing.state in ABSENT:
            return f"not mended: it is {asset.standing.state} upstream, this is the only copy"
        present = [flaw for flaw in left if "/" not in flaw.file]
        if not present:
            return "not mended: no other copy has these bytes"
        return self._fetch_again(asset, present)

    def _fetch_again(self, asset: LedgerAsset, bad: Collection[Flaw]) -> str:
        reason = "; ".join(str(flaw) for flaw in bad)
        altered = [flaw.file for flaw in bad if flaw.verdict == Verdict.DIFFERS]
        aside = move_aside(Path(asset.dest), asset.path, altered, self.clock())
        if not self.checks.send_back(asset, {flaw.file for flaw in bad}, reason, self.clock()):
            return "not mended: it is on its way again"
        return (
            f"to be fetched again; the old file is in {aside}" if aside else "to be fetched again"
        )

    def _replace(self, asset: LedgerAsset, bad: Flaw, kept: dict[str, KeptFile]) -> bool:
        """Write a bad file anew from one with the same bytes; whether there is one.

        Never by a link: what happens to one of them must not happen to the other.
        """
        wanted = kept.get(bad.file)
        twins = [
            file
            for file in kept.values()
            if wanted
            and file.name != wanted.name
            and (file.size_bytes, file.crc32c) == (wanted.size_bytes, wanted.crc32c)
            and _base(file.name) == _base(wanted.name)
        ]
        return any(self._copy(asset, file, bad) for file in twins)

    def _copy(self, asset: LedgerAsset, twin: KeptFile, bad: Flaw) -> bool:
        mirror, name = Path(asset.dest), _base(twin.name)
        target = _folder(asset, bad.file)
        try:
            with folder(mirror, _folder(asset, twin.name), create=False) as there:
                is_sound = there.size_of(name) == twin.size_bytes
                if not is_sound or there.checksum(name) != twin.crc32c:
                    return False
                if bad.verdict == Verdict.DIFFERS:
                    move_aside(mirror, target, [name], self.clock())
                with folder(mirror, target) as here:
                    there.copy(name, here)
                    here.sync()
        except FileNotFoundError:
            return False
        return True


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def _folder(asset: LedgerAsset, name: str) -> str:
    return f"{asset.path}/{name.rpartition('/')[0]}".rstrip("/")
