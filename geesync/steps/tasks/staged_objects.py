"""What a bucket or Drive shows of exports that have ended: their files, all of them or not yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from geesync.adapters.executors.executor import plain
from geesync.adapters.storage.stores import Stores
from geesync.domain.mirror.coverage import StoredObject, complete
from geesync.domain.tasks.lifecycle import DestinationKind, store_of
from geesync.errors import RemoteError
from geesync.logger import get_logger
from geesync.steps.step import StepContext
from geesync.store.tasks.task_rows import Task

log = get_logger()

#: From this many ended parts on, one listing of everything staged is cheaper than one each.
_LIST_ALL_FROM = 8


@dataclass
class StagedObjects:
    """Looks for the objects of exports."""

    context: StepContext
    stores: Stores
    staging: str  #: the folder of the bucket below which everything is ours
    refused: dict[str, RemoteError] = field(default_factory=dict, init=False)
    """Why stores could not be listed just now."""

    @property
    def trouble(self) -> str:
        """The same, for people."""
        return "; ".join(map(str, self.refused.values()))

    def find(self, tasks: list[Task]) -> dict[int, list[StoredObject]]:
        """Return each export's own objects by export id; none where they are not complete.

        An export whose bucket could not be listed is not in the answer: nothing is known of it.
        """
        self.refused = {}
        # Drive has no folders that would show whose a file is.
        in_buckets = [task for task in tasks if task.destination.kind != DestinationKind.DRIVE]
        many = len(in_buckets) >= _LIST_ALL_FROM
        whole = {task.destination.place for task in in_buckets if many}
        lists = {
            task.id: (to.place, f"{self.staging}/" if to.place in whole else to.prefix)
            for task in tasks
            for to in [task.destination]
        }
        own = {_folder(task.destination.prefix) for task in tasks}
        folders = self._by_folder(dict.fromkeys(lists.values()), own)
        return {
            task.id: complete(prefix, task.part, folders[lists[task.id]][_folder(prefix)])
            for task in tasks
            for prefix in [task.destination.prefix]
            if lists[task.id] in folders
        }

    def _by_folder(
        self, lists: Iterable[tuple[str, str]], wanted: Collection[str]
    ) -> dict[tuple[str, str], defaultdict[str, list[StoredObject]]]:
        """Return what each list, of a place and a prefix, shows in each of these folders.

        None of those that broke, which says nothing about what is there.
        """
        answers = self.context.each(
            lists,
            lambda ask: self.stores.at(ask[0]).list_objects(
                *ask, lambda name: _folder(name) in wanted
            ),
            apart=lambda ask: store_of(ask[0]),
        )
        found = {}
        for ask, answer in answers:
            if isinstance(answer, Exception):
                log.warning("bucket_not_listed", error=str(answer))
                self.refused[store_of(ask[0])] = plain(answer)
                continue
            folders: defaultdict[str, list[StoredObject]] = defaultdict(list)
            for obj in answer:
                folders[_folder(obj.name)].append(obj)
            found[ask] = folders
        return found


def _folder(name: str) -> str:
    return name.rpartition("/")[0]
