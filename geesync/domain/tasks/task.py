"""What a task is: for whom it works, what Earth Engine is asked for, and where the result goes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SubjectKind(StrEnum):
    """For whom a task works."""

    ASSET = "asset"  #: an asset of the mirror: its bytes are to come home
    RESTORE = "restore"  #: an asset that is to be made again from the mirror
    DERIVED = "derived"  #: what a person's own function makes of an asset


class TaskKind(StrEnum):
    """What is asked for, by the method of Earth Engine's REST API that is called."""

    IMAGE_EXPORT = "image:export"
    TABLE_EXPORT = "table:export"
    IMAGE_IMPORT = "image:import"
    TABLE_IMPORT = "table:import"


#: What the place of a destination begins with that is a folder of Drive: no bucket is called so.
DRIVE = "drive:"

#: Where assets are made: all that Earth Engine keeps.
ASSETS = "assets:"


class DestinationKind(StrEnum):
    """Where the result goes."""

    BUCKET = "bucket"
    DRIVE = "drive"
    ASSET = "asset"
    NONE = "none"


#: What is brought home from there, and then deleted.
STAGED = (DestinationKind.BUCKET, DestinationKind.DRIVE)


@dataclass(frozen=True)
class Subject:
    """For whom a task works; of its life the task knows nothing."""

    kind: SubjectKind
    id: int  #: in the table of its kind
    name: str  #: for people, and for the token
    revision: str


@dataclass(frozen=True)
class Destination:
    """Where a result goes."""

    kind: DestinationKind
    place: str = ""  #: the bucket, ``drive:FOLDER``, or the asset's canonical name
    prefix: str = ""  #: what the names of the objects or files begin with

    @property
    def store(self) -> str:
        """What a refusal concerns as a whole: the bucket, all of Drive, or all assets."""
        return store_of(self.place) if self.kind in STAGED else ASSETS

    @property
    def stem(self) -> str:
        """What the files' names begin with, before tile numbers and extension."""
        return self.prefix.rpartition("/")[2]


def store_of(place: str) -> str:
    """Return the store of a bucket or of a folder of Drive."""
    return DRIVE if place.startswith(DRIVE) else place


def store_name(store: str) -> str:
    """Return what people call a store."""
    return {DRIVE: "Drive", ASSETS: "Earth Engine assets"}.get(store, f"bucket {store}")
