"""Work on bytes done by an executor: some loads at a time, whose answers are taken as they come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Generic

from geesync.adapters.executors.executor import TICK_S, Answer, ByteExecutor, Item, Work
from geesync.domain.failures.shared_failures import Calls, NotTriedError, stopped
from geesync.errors import RemoteError

ItemResults = list[tuple[Item, Answer | Exception]]


@dataclass(frozen=True)
class Dispatch(Generic[Item, Answer]):
    """Some items that work is to be done on."""

    executor: ByteExecutor
    work: Work[Item, Answer]
    items: Sequence[Item]
    keep_on: Callable[[], bool]  #: asked while somebody works, and with each answer
    at_once: int  #: loads under way at a time, if the executor may have as many
    _calls: Calls = field(default_factory=Calls, init=False)
    _over: threading.Event = field(default_factory=threading.Event, init=False)
    _results: SimpleQueue[ItemResults[Item, Answer] | None] = field(
        default_factory=SimpleQueue, init=False
    )

    def answers(self, sizes_bytes: Sequence[int]) -> Generator[ItemResults[Item, Answer]]:
        """Yield what becomes of items, as it comes, and nothing now and then.

        An exception is an answer too. After a refusal that concerns all, or in an outage, the rest
        are answered NotTriedError.
        """
        loads = self.executor.loads(sizes_bytes)
        at_work = len(loads)
        # Threads of its own: in the pool they would keep all other steps waiting, for hours.
        at_once = min(self.executor.at_once, self.at_once)
        with ThreadPoolExecutor(at_once, thread_name_prefix="geesync-bytes") as lanes:
            try:
                for load in loads:
                    lanes.submit(self._lane, [self.items[number] for number in load])
                while at_work:
                    results: ItemResults[Item, Answer] | None = []
                    with suppress(Empty):
                        results = self._results.get(timeout=TICK_S)
                        at_work -= results is None
                    yield results or []
            finally:
                self._over.set()

    def _lane(self, load: list[Item]) -> None:
        left = dict(enumerate(load))
        try:
            self._do(load, left)
        except Exception as error:  # noqa: BLE001 # it is the answer of those that had none
            self._results.put([(item, error) for item in left.values()])
        finally:
            self._results.put(None)

    def _do(self, load: list[Item], left: dict[int, Item]) -> None:
        if refusal := self._calls.refusal():
            raise refusal
        self._go_on()
        last = stopped()
        with closing(self.executor.do(self.work, load, self._go_on)) as doing:
            for results in doing:
                for _, answer in results:
                    self._calls.note(answer)
                    last = answer if isinstance(answer, RemoteError) else last
                self._results.put([(left.pop(number), answer) for number, answer in results])
                self._go_on()
        if left:  # after a refusal, or in an outage
            raise NotTriedError(last.cause, str(last))

    def _go_on(self) -> None:
        if self._over.is_set() or not self.keep_on():
            raise stopped()
