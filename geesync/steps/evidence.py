"""What the bucket shows of exports that have ended: their files, all of them or not yet."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from geesync.adapters.bucket import Storage
from geesync.domain.coverage import StoredObject, own_objects, tiles
from geesync.steps.step import Workshop
from geesync.store.exports import Export

#: From this many ended parts on, one listing of everything staged is cheaper than one each.
_LIST_ALL_FROM = 8


@dataclass
class Evidence:
    """Looks for the objects of exports."""

    workshop: Workshop
    storage: Storage
    staging: str  #: the folder of the bucket below which everything is ours

    def find(self, exports: list[Export]) -> dict[int, list[StoredObject]]:
        """Return each export's own objects by export id; none where they are not complete.

        An export whose bucket could not be listed is not in the answer: nothing is known of it.
        """
        listed = self._listed(exports)
        return {
            export.id: _complete(export, listed[export.id])
            for export in exports
            if export.id in listed
        }

    def _listed(self, exports: list[Export]) -> dict[int, list[StoredObject]]:
        if len(exports) < _LIST_ALL_FROM:
            answers = self.workshop.each(
                exports, lambda export: self.storage.list_objects(export.bucket, export.prefix)
            )
            return {export.id: found for export, found in answers if isinstance(found, list)}
        by_folder: dict[tuple[str, str], list[StoredObject]] = defaultdict(list)
        for bucket in {export.bucket for export in exports}:
            for obj in self.storage.list_objects(bucket, f"{self.staging}/"):
                by_folder[bucket, obj.name.rpartition("/")[0]].append(obj)
        return {
            export.id: by_folder[export.bucket, export.prefix.rpartition("/")[0]]
            for export in exports
        }


def _complete(export: Export, listed: list[StoredObject]) -> list[StoredObject]:
    objects = own_objects(export.prefix, export.part, listed)
    if export.part.grid is None:
        return objects
    covered = tiles(export.part, (obj.file_name for obj in objects))
    return objects if covered is not None else []
