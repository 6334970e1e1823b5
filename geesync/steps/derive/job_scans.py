"""Has jobs look for new images, by a process of the command's own: it runs foreign code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from geesync.domain.assets.names import DERIVED
from geesync.logger import get_logger
from geesync.steps.step import StepContext, Tally
from geesync.store.ledger.roots import Roots
from geesync.store.making.derivations import Derivations

log = get_logger()

_TICK_S = 1.0

#: After a scan that failed.
_AGAIN = timedelta(minutes=10)


@dataclass
class JobScans:
    """Starts again, each in its time, the jobs that a person once started."""

    name: ClassVar[str] = "job_scans"

    context: StepContext
    roots: Roots
    derivations: Derivations
    every: Mapping[str, timedelta]  #: by job
    config_file: Sequence[str]  #: the arguments that name it

    def run_once(self) -> Tally:
        """Have each job that is due look at its collection."""
        waiting = []
        for job, every in self.every.items():
            if self._is_due(job, every):
                problem = self._scan(job)
                if not self.context.keep_on():
                    break  # it was ended with us, and is due when we begin again
                now = self.context.clock()
                scanned = now - every + min(every, _AGAIN) if problem else now
                self.roots.put(_key(job), scanned.isoformat(), now)
                if problem:
                    waiting.append(f"job {job}: {problem}")
        return Tally(waiting="; ".join(waiting))

    def _is_due(self, job: str, every: timedelta) -> bool:
        last = self.roots.get(_key(job))
        # A time in the future was written by a clock that was ahead.
        if last and abs(self.context.clock() - datetime.fromisoformat(last)) < every:
            return False
        return self.roots.find(f"{DERIVED}{job}") is not None or bool(self.derivations.of(job))

    def _scan(self, job: str) -> str:
        """Return why it failed; nothing if it did not."""
        command = [
            sys.executable,
            "-m",
            "geesync",
            *self.config_file,
            "derive",
            "start",
            job,
            "--only-new",
        ]
        with subprocess.Popen(  # noqa: S603 # our own command; a job's name is one of the configuration
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as scan:
            lines = self._output(scan).strip().splitlines()
        if scan.returncode:
            message = lines[-1] if lines else f"exit code {scan.returncode}"
            log.warning("job_scan_failed", job=job, error=message)
            return message
        log.info("job_scanned", job=job, found=lines[0] if lines else None)
        return ""

    def _output(self, scan: subprocess.Popen[str]) -> str:
        while True:
            try:
                return scan.communicate(timeout=_TICK_S)[0]
            except subprocess.TimeoutExpired:
                if not self.context.keep_on():
                    scan.kill()


def _key(job: str) -> str:
    return f"job_scanned:{job}"
