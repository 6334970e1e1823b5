"""The steps at work: each in a thread of its own, waking those for which it has made work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from geesync.adapters.executors.executor import plain
from geesync.errors import LedgerError, MirrorError, RemoteError
from geesync.logger import get_logger
from geesync.steps.step import Step, Tally

log = get_logger()

#: What a step that moved something makes work for.
WAKES: Mapping[str, tuple[str, ...]] = {
    "discoverer": ("exporter", "fetcher", "cataloguer"),
    "exporter": ("reconciler", "verifier", "fetcher"),
    "fetcher": ("verifier", "exporter"),
    "reconciler": ("downloader", "exporter"),
    "downloader": ("verifier",),
    "verifier": ("sweeper", "cataloguer"),
    "cataloguer": (),
    "sweeper": (),
}

#: Between two looks whether all have come to rest.
_LOOK_S = 0.05


class Worker(threading.Thread):
    """Runs one step whenever it is woken, one pass at a time, until there is no more to do."""

    def __init__(self, step: Step, stop: threading.Event, moved: Callable[[Step], None]) -> None:
        super().__init__(name=f"geesync-{step.name}", daemon=True)
        self.step = step
        self.waiting = ""  #: what held the last pass back
        self.at_work = False
        self.fatal: LedgerError | None = None  #: nothing can be remembered any more
        self._stop_asked = stop
        self._moved = moved
        self._woken = threading.Event()

    def wake(self) -> None:
        """Look for work now, or again after the pass that is running."""
        self._woken.set()

    @property
    def at_rest(self) -> bool:
        """Whether it neither works nor was asked to; in this order, as it works in the other."""
        return not self._woken.is_set() and not self.at_work

    def run(self) -> None:
        """Work until asked to stop."""
        while True:
            self._woken.wait()
            self.step.context.beat()
            self.at_work = True
            self._woken.clear()
            if self._stop_asked.is_set():
                return
            try:
                tally = run_step(self.step)
            except LedgerError as error:
                self.fatal = error
                self._stop_asked.set()
                return
            if tally.waiting and not self.waiting:
                log.warning("step_waits", step=self.step.name, reason=tally.waiting)
            self.waiting = tally.waiting
            if tally.moved:
                self._moved(self.step)
            if tally.busy:
                self.wake()
            self.at_work = False

    def silent_s(self, held_until: float) -> float:
        """Return for how long it has been at work without a sign of life, or its turn, in s."""
        last = max(self.step.context.beaten_at, held_until)
        return time.monotonic() - last if self.at_work else 0.0


class Workers:
    """A worker for each step."""

    def __init__(self, steps: Iterable[Step], stop: threading.Event) -> None:
        self._stop = stop
        self._moved_at = time.monotonic()
        self._by_name = {step.name: Worker(step, stop, self._wake_next) for step in steps}

    def __iter__(self) -> Iterator[Worker]:
        return iter(self._by_name.values())

    def start(self) -> None:
        """Let them work when they are woken."""
        for worker in self:
            worker.start()

    def wake(self) -> None:
        """Let all of them look for work."""
        for worker in self:
            worker.wake()

    def are_held(self, patience_s: float) -> bool:
        """Whether something holds a step up, and nothing has moved for so long."""
        silent_s = time.monotonic() - self._moved_at
        return silent_s >= patience_s and any(worker.waiting for worker in self)

    def _wake_next(self, step: Step) -> None:
        self._moved_at = time.monotonic()
        for name in WAKES.get(step.name, ()):
            if name in self._by_name:
                self._by_name[name].wake()

    def rest(self) -> None:
        """Return when nobody works, or all are to stop."""
        while not all(worker.at_rest for worker in self):
            if self._stop.wait(_LOOK_S):
                return

    def end(self, within_s: float | None = None) -> list[str]:
        """Let the passes that run come to their end, now that all are to stop.

        within_s: what goes on for longer is left. Returns the names of the steps that do.
        """
        self.wake()  # to find that they are to stop
        deadline = None if within_s is None else time.monotonic() + within_s
        for worker in self:
            worker.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return [worker.step.name for worker in self if worker.is_alive()]

    def check(self) -> None:
        """Raise LedgerError if that is why all stopped."""
        for worker in self:
            if worker.fatal is not None:
                raise worker.fatal


def run_step(step: Step) -> Tally:
    """Run one pass of a step; what goes wrong is told and tried again at the next look."""
    try:
        return step.run_once()
    except LedgerError:
        raise
    except (RemoteError, MirrorError, OSError) as failure:
        error = plain(failure)
        log.warning("step_held", step=step.name, cause=error.cause, error=str(error))
        return Tally(waiting=str(error))
    except Exception:
        # A bug in one step must not stop the others; the traceback is in the log.
        log.exception("step_failed", step=step.name)
        return Tally(waiting="a bug; see the log")


def _holds(is_done: Callable[[], bool]) -> bool:
    """Ask the ledger; while its disk does not answer, nothing is done."""
    try:
        return is_done()
    except RemoteError as error:
        log.warning("ledger_unavailable", error=str(error))
        return False


def run_until_quiet(
    steps: Iterable[Step],
    *,
    stop: threading.Event,
    poll_s: float,
    is_done: Callable[[bool], bool],
    patience_s: float = 300.0,
) -> bool:
    """Run the steps until nothing is left to do, looking again while Earth Engine works.

    is_done: told whether steps are held, and nothing has moved for ``patience_s``. Returns False if
    they were stopped before. Raises LedgerError.
    """
    workers = Workers(steps, stop)
    workers.start()
    try:
        while not stop.is_set():
            workers.wake()
            workers.rest()
            if stop.is_set():
                break
            if _holds(partial(is_done, workers.are_held(patience_s))):
                return True
            stop.wait(poll_s)
        return False
    finally:
        stop.set()
        workers.end()
        workers.check()
