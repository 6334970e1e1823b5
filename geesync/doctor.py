"""Examines whether everything that geesync needs is there, in the order of setting it up.

Each look is one finding with the command that mends it; a look that needs an earlier one is left
out when that one failed.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from shutil import disk_usage
from tempfile import TemporaryFile

from geesync.adapters.executors.dask_examination import examine
from geesync.adapters.executors.executor import require_dask
from geesync.adapters.google.credentials import describe, find_credentials
from geesync.adapters.host.network import trusted
from geesync.adapters.mirror_files.mirror import MARKER, is_mirror
from geesync.bootstrap import cloud
from geesync.checks.surroundings import (
    GOOGLE,
    GUIDE,
    judge_rights,
    look_at_bucket,
    look_at_clock,
    mend_bucket,
    mend_project,
)
from geesync.config import Config
from geesync.domain.messages.findings import Finding, Severity, fail, ok, warn
from geesync.domain.messages.words import counted, gib
from geesync.domain.mirror.layout import STAGING
from geesync.errors import DOCS, ConfigError, LedgerError, NotAllowedError, RemoteError, refused
from geesync.steps.mirrors import Mirrors
from geesync.store.file.soundness import HEAD, check
from geesync.store.views import status as views
from geesync.store.views.heartbeat import heartbeat
from geesync.store.views.mirrors import known_mirrors

_SCALING = f"{DOCS}/scaling.md"

#: What a disk must have room for to be called writable: a full one takes empty files.
_PROBE_BYTES = 65_536


@dataclass
class Doctor:
    """Examines one configuration."""

    config: Config
    config_file: str | None  #: None: there is none
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _failed: set[str] = field(default_factory=set, init=False)

    def examine(self) -> Iterator[Finding]:
        """Yield a finding for each look, as it is made."""
        online = ("configuration", "certificates", "credentials")
        looks: tuple[tuple[Callable[[], Iterator[Finding]], tuple[str, ...]], ...] = (
            (self._configuration, ()),
            (self._certificates, ()),
            (self._clock, ("certificates",)),
            (self._credentials, ()),
            (self._earth_engine, online),
            (self._bucket, online),
            (self._drive, online),
            (self._bucket_settings, (*online, "bucket")),
            (self._mirror, ("configuration",)),
            (self._workers, ("configuration", "mirror")),
            (self._ledger, ()),
            (self._roots, ("ledger",)),
            (self._daemon, ("ledger",)),
            (self._rights, (*online, "ledger", "roots", "Earth Engine")),
        )
        for look, needs in looks:
            if self._failed.isdisjoint(needs):
                for finding in _findings(look):
                    if finding.verdict == Severity.FAIL:
                        self._failed.add(finding.name)
                    yield finding

    def _configuration(self) -> Iterator[Finding]:
        needed = {
            "mirror": self.config.mirror,
            "earth_engine.project": self.config.earth_engine.project,
        }
        missing = [key for key, value in needed.items() if value is None]
        place = self.config_file or "~/.config/geesync/geesync.toml"
        if missing:
            text = f"{', '.join(missing)} not set"
            them = "them" if missing[1:] else "it"
            yield fail("configuration", text, f"set {them} in {place}; {GUIDE}")
        else:
            yield ok("configuration", self.config_file or "from the environment")

    def _certificates(self) -> Iterator[Finding]:
        try:
            trusted()
        except ConfigError as error:
            yield fail("certificates", error.what, error.hint)

    def _clock(self) -> Iterator[Finding]:
        yield from look_at_clock(self.config.earth_engine.url or GOOGLE, self.now)

    def _credentials(self) -> Iterator[Finding]:
        settings = self.config.earth_engine
        try:
            found = find_credentials(
                settings.credentials, url=settings.url, project=settings.project
            )
        except NotAllowedError as error:
            yield fail("credentials", error.what, error.hint)
            return
        whose, may_end = describe(found)
        if may_end:
            mend = f"{GUIDE}: a service account's key does not end"
            yield warn("credentials", f"{whose}: it may end by itself", mend)
        else:
            yield ok("credentials", whose)

    def _earth_engine(self) -> Iterator[Finding]:
        project = self.config.earth_engine.project
        try:
            next(cloud(self.config)[0].list_operations())
        except RemoteError as error:
            yield fail("Earth Engine", f"{project}: {error}", mend_project(error, str(project)))
        else:
            yield ok("Earth Engine", f"project {project}")

    def _bucket(self) -> Iterator[Finding]:
        if self.config.bucket is None:
            adds = "it would add what is too large for answers, and Google's checksums"
            way = "comes through Drive" if self.config.way == "drive" else "is read directly"
            yield ok("bucket", f"none: everything {way}; {adds}")
            return
        storage, bucket = cloud(self.config)[1].storage, self.config.bucket
        fails = "cannot be listed"
        try:
            storage.check_access(bucket)
            fails = "no object can be written and deleted"
            storage.probe(bucket, f"{STAGING}/.doctor-{secrets.token_hex(4)}")
        except RemoteError as error:
            yield fail("bucket", f"{fails}: {error}", mend_bucket(error, bucket))
        else:
            yield ok("bucket", f"{bucket}: lists, writes, deletes")

    def _drive(self) -> Iterator[Finding]:
        if self.config.way != "drive":
            return
        try:
            cloud(self.config)[1].drive.check_access(self.config.drive.folder)
        except RemoteError as error:
            yield fail("Drive", str(error), f"{DOCS}/drive.md")
        else:
            yield ok("Drive", "can be used")

    def _bucket_settings(self) -> Iterator[Finding]:
        bucket = self.config.bucket
        if bucket is None:
            return
        storage, today = cloud(self.config)[1].storage, self.now().date()
        found = list(look_at_bucket(storage, bucket, today, [STAGING]))
        yield from found or [ok("bucket settings", "nothing is kept, or deleted too early")]

    def _mirror(self) -> Iterator[Finding]:
        mirror = Path(str(self.config.mirror))
        reserve = self.config.throttle.reserve
        if not mirror.exists():
            yield warn("mirror", f"{mirror} is not there yet", f"mkdir -p {quote(str(mirror))}")
        elif not is_mirror(mirror) and not self._is_known(mirror) and any(mirror.iterdir()):
            text = f"{mirror} is not empty and no mirror: is its disk mounted?"
            yield fail("mirror", text, f"mount it, or choose another folder: {mirror}")
        elif trouble := self._trouble(mirror):
            yield fail("mirror", trouble, f"mount it, or geesync recover; {GUIDE}")
        elif not _is_writable(mirror):
            mend = f"chown geesync: {quote(str(mirror))}"
            yield fail("mirror", f"{mirror} cannot be written", mend)
        elif (free := disk_usage(mirror).free) <= reserve:
            text = f"{gib(free)} free, {gib(reserve)} are reserved"
            yield fail("mirror", text, "make room, or lower throttle.reserve")
        else:
            yield ok("mirror", f"{mirror}: {gib(free)} free")

    def _is_known(self, mirror: Path) -> bool:
        """Whether the ledger has roots in this mirror, or the folder says whose it is."""
        try:
            known = known_mirrors(self.config.ledger)
        except (LedgerError, RemoteError, sqlite3.Error):
            return False  # the ledger has a look of its own
        return is_mirror(mirror) or str(mirror) in known.dests.values()

    def _trouble(self, mirror: Path) -> str:
        known = self._is_known(mirror)
        return Mirrors(self.config.ledger).trouble(str(mirror)) if known else ""

    def _workers(self) -> Iterator[Finding]:
        workers, mirror = self.config.workers, Path(str(self.config.mirror))
        if workers.executor != "dask" or not is_mirror(mirror):
            return
        probe = mirror / MARKER / f"doctor-{secrets.token_hex(4)}"
        try:
            require_dask()
            probe.touch()
            found = examine(self.config.need("workers.scheduler"), probe)
        except (ConfigError, RemoteError, OSError) as error:
            yield fail("workers", str(error), _SCALING)
            return
        finally:
            probe.unlink(missing_ok=True)
        at_a_time = self.config.throttle.downloads
        text = f"{found.workers:,} with {counted(found.threads, 'thread')}"
        for trouble in found.troubles:
            yield fail("workers", trouble, _SCALING)
        if found.threads > at_a_time:
            mend = f"throttle.downloads = {found.threads}"
            yield warn("workers", f"{text}, {counted(at_a_time, 'file')} at a time", mend)
        elif not found.troubles:
            yield ok("workers", text)

    def _ledger(self) -> Iterator[Finding]:
        ledger = self.config.ledger
        try:
            revision = check(ledger)
        except LedgerError as error:
            yield fail("ledger", str(error), error.hint)
            return
        if revision is None:
            yield ok("ledger", f"{ledger} begins with the first enqueue")
        elif revision != HEAD:
            mend = "geesync daemon; it backs the ledger up and takes it over"
            yield fail("ledger", f"{ledger} has schema {revision}, not {HEAD} yet", mend)
        elif not _is_writable(ledger.parent):
            yield warn("ledger", f"{ledger} can only be read by you", "sudo geesync doctor")
        else:
            yield ok("ledger", f"{ledger}, schema {revision}")

    def _watched(self) -> list[views.RootStatus]:
        ledger = self.config.ledger
        return views.status(ledger, now=self.now()).watched if ledger.exists() else []

    def _roots(self) -> Iterator[Finding]:
        watched = self._watched()
        if not watched:
            yield warn("roots", "nothing is enqueued", "geesync enqueue users/NAME")
        for root in watched:
            if root.alarm:
                yield fail("roots", f"{root.name}: {root.alarm}", f"geesync status {root.name}")
        if watched and not any(root.alarm for root in watched):
            yield ok("roots", f"{len(watched):,} watched")

    def _rights(self) -> Iterator[Finding]:
        yield from judge_rights(cloud(self.config)[0], [root.name for root in self._watched()])

    def _daemon(self) -> Iterator[Finding]:
        ledger = self.config.ledger
        beat = heartbeat(ledger, now=self.now()) if ledger.exists() else None
        if beat:
            yield ok("daemon", f"running, pid {beat['pid']}")
            return
        unit = Path("/etc/systemd/system/geesync.service")
        mend = "systemctl enable --now geesync" if unit.exists() else "geesync install-service"
        yield warn("daemon", "not running", f"{mend}; or geesync daemon")


def _findings(look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield what a look finds; a disk that cannot be looked at is a finding, too."""
    try:
        yield from look()
    except (OSError, RemoteError) as error:
        reason = str(error) if isinstance(error, RemoteError) else refused(error)
        mend = "make room, mount it, or mend its disk, and look again"
        yield fail(look.__name__.strip("_"), reason, mend)


def _is_writable(folder: Path) -> bool:
    """Whether we may make files in a folder; one that is absent, in the nearest that is there.

    Raises OSError if its disk takes none.
    """
    there = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with TemporaryFile(dir=there) as probe:
            probe.write(bytes(_PROBE_BYTES))
            os.fsync(probe.fileno())
    except PermissionError:
        return False
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(there)) from error
    return True
