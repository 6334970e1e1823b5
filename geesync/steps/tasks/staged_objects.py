"""What a bucket or Drive shows of exports that have ended: their files, all of them or not yet."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from geesync.adapters.executors.executor import plain
from geesync.adapters.storage.stores import Stores
from geesync.domain.mirror.coverage import StoredObject, complete
from geesync.domain.tasks.task import DestinationKind
from geesync.errors import RemoteError
from geesync.logger import get_logger
from geesync.steps.step import Workshop
from geesync.store.tasks.task_rows import Task

log = get_logger()

#: From this many ended parts on, one listing of everything staged is cheaper than one each.
_LIST_ALL_FROM = 8


@dataclass
class StagedObjects:
    """Looks for the objects of exports."""

    workshop: Workshop
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
        listed = self._listed(tasks)
        return {
            task.id: complete(task.destination.prefix, task.part, listed[task.id])
            for task in tasks
            if task.id in listed
        }

    def _listed(self, tasks: list[Task]) -> dict[int, list[StoredObject]]:
        self.refused = {}
        # Drive has no folders that would tell whose a file is.
        single = [task for task in tasks if task.destination.kind == DestinationKind.DRIVE]
        rest = [task for task in tasks if task.destination.kind != DestinationKind.DRIVE]
        if len(rest) < _LIST_ALL_FROM:
            single, rest = tasks, []
        answers = self.workshop.each(single, self._list, apart=lambda task: task.destination.store)
        listed = [
            (task.id, self._believed(task.destination.store, found)) for task, found in answers
        ]
        whole = self.workshop.each(
            {task.destination.place for task in rest},
            lambda bucket: self.stores.at(bucket).list_objects(bucket, f"{self.staging}/"),
            apart=str,
        )
        folders = {bucket: self._by_folder(bucket, answer) for bucket, answer in whole}
        return {task_id: found for task_id, found in listed if found is not None} | {
            task.id: folder[task.destination.prefix.rpartition("/")[0]]
            for task in rest
            if (folder := folders[task.destination.place]) is not None
        }

    def _list(self, task: Task) -> list[StoredObject]:
        to = task.destination
        return self.stores.at(to.place).list_objects(to.place, to.prefix)

    def _believed(
        self, store: str, answer: list[StoredObject] | Exception
    ) -> list[StoredObject] | None:
        """Return a listing; None where it broke, which says nothing about what is there."""
        if isinstance(answer, Exception):
            log.warning("bucket_not_listed", error=str(answer))
            self.refused[store] = plain(answer)
            return None
        return answer

    def _by_folder(
        self, bucket: str, answer: list[StoredObject] | Exception
    ) -> defaultdict[str, list[StoredObject]] | None:
        listed = self._believed(bucket, answer)
        if listed is None:
            return None
        folders: defaultdict[str, list[StoredObject]] = defaultdict(list)
        for obj in listed:
            folders[obj.name.rpartition("/")[0]].append(obj)
        return folders
