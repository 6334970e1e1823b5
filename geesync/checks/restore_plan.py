"""What a restore would make: read from a mirror's sidecars alone, before anything is asked.

A mirror without its ledger is enough. Nothing is written, and nothing goes over the network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from geesync.adapters.mirror_files.folders import folder
from geesync.adapters.mirrored.policies import policy_at
from geesync.checks.recovery import asset_folders
from geesync.domain.assets.asset import CONTAINERS, FOLDER, IMAGE, IMAGE_COLLECTION, SourceAsset
from geesync.domain.assets.names import (
    candidates,
    display_id,
    is_root,
    is_within,
    parent_of,
    refused_name,
    target_of,
)
from geesync.domain.json import Json
from geesync.domain.mirror.layout import ASSET_JSON, GEESYNC_JSON, asset_path
from geesync.domain.restore.files import KEPT, STAGING, Form, files_of, stays
from geesync.domain.restore.losses import (
    HARMLESS,
    LossKind,
    losses,
    policy_losses,
    why_not_restorable,
)
from geesync.domain.restore.manifests import key_of
from geesync.domain.restore.tables import goes_as_features
from geesync.errors import RemoteError, UserError
from geesync.store.making.restores import Wanted


@dataclass(frozen=True)
class RestorePlan:
    """Assets that are to be made again, and what is left where it is."""

    wanted: tuple[Wanted, ...]
    left: tuple[tuple[str, LossKind, str], ...]  #: (name, kind, why) of what cannot be made
    form: Form = Form.INGESTED  #: of images
    folders: tuple[str, ...] = ()  #: of the bucket, into which files are uploaded
    uploads: int = 0  #: files, about: masks may be written apart
    upload_bytes: int = 0  #: as they lie in the mirror

    @property
    def counts(self) -> dict[str, int]:
        """Assets by type."""
        return dict(Counter(one.type for one in self.wanted))

    @property
    def tasks(self) -> int:
        """How many ingestions it takes."""
        at_once = (one.type in CONTAINERS or stays(self.form, one.type) for one in self.wanted)
        return len(self.wanted) - sum(at_once)

    @property
    def room_bytes(self) -> int:
        """Bytes of the root's quota that it takes: external images have none."""
        return sum(one.size_bytes for one in self.wanted if not stays(self.form, one.type))

    def losses(self) -> Iterator[tuple[str, LossKind, str]]:
        """Yield (name, kind, what) of each thing that does not come back."""
        for one in self.wanted:
            for loss in one.losses:
                yield one.source, LossKind(loss["kind"]), str(loss["what"])
        yield from self.left

    def unaccepted(self, accepted: frozenset[LossKind]) -> list[LossKind]:
        """Return the kinds of losses that somebody must accept first."""
        kinds = {kind for _, kind, _ in self.losses()}
        return sorted(kinds - HARMLESS - accepted)


def plan_restore(
    mirror: Path,
    given: Sequence[str],
    target_root: str,
    form: Form = Form.INGESTED,
    *,
    policies: bool = False,
) -> RestorePlan:
    """Return what is to be made of the mirror's assets below some names.

    given: ids of assets, folders or collections, or paths of their folders on disk. Each is made
    below ``target_root`` under its own last name, or, where only one is given, in its place.
    policies: whether they are to be given, too. Raises UserError for what is not in the mirror.
    """
    wanted: dict[str, Wanted] = {}
    left: list[tuple[str, LossKind, str]] = []
    folders: set[str] = set()
    uploads: list[Json] = []
    for text in given:
        path, name = _find(mirror, text)
        source_root = name if len(given) == 1 else name.rpartition("/")[0]
        for source, sidecar, place in _assets(mirror, path, name):
            target = target_of(source.name, source_root, target_root)
            if why := why_not_restorable(source, sidecar):
                left.append((source.name, LossKind.NOT_MIRRORED, why))
            elif why := refused_name(target):
                left.append((source.name, LossKind.NAMES, why))
            elif not is_root(target):  # it is there, and is nobody's to make
                _require_one(wanted.get(target), source)
                lost = losses(source, sidecar, form)
                if policies:
                    lost += policy_losses(policy_at(mirror, place))
                files = files_of(source, sidecar)
                wanted[target] = Wanted(
                    mirror=str(mirror),
                    path=place,
                    source=source.name,
                    target=target,
                    type=source.type,
                    revision=source.revision,
                    mark=key_of(target, source.revision, (int(f["crc32c"], 16) for f in files)),
                    depth=target.count("/"),
                    size_bytes=sum(int(file["size_bytes"]) for file in files),
                    losses=tuple(loss.to_json() for loss in lost),
                )
                if files and not source.is_container and not goes_as_features(source, sidecar):
                    folders.add(KEPT if stays(form, source.type) else STAGING)
                    uploads += files
    ordered = sorted(wanted.values(), key=lambda one: (one.depth, one.target))
    size_bytes = sum(int(file["size_bytes"]) for file in uploads)
    below = tuple(sorted(folders))
    return RestorePlan(tuple(ordered), tuple(left), form, below, len(uploads), size_bytes)


def _require_one(known: Wanted | None, source: SourceAsset) -> None:
    """Raise UserError if another asset is to have the place of this one."""
    if known is not None and known.source != source.name:
        both = " and ".join(map(display_id, (known.source, source.name)))
        message = f"{both} would both become {display_id(known.target)}"
        raise UserError(message, hint="restore them one by one, to two places")


def with_folders_above(plan: RestorePlan, type_of: Callable[[str], str | None]) -> RestorePlan:
    """Return a plan that also makes the folders which its assets are to lie in and are not there.

    type_of: what is at a place at Earth Engine, if anything. Raises UserError where that can hold
    none of them.
    """
    types: dict[str, str | None] = {one.target: one.type for one in plan.wanted}
    missing: list[Wanted] = []
    for one in plan.wanted:
        kind, place = one.type, parent_of(one.target)
        while place not in types:
            types[place] = type_of(place)
            if types[place] is None and not is_root(place):
                missing.append(_plain_folder(one.mirror, place))
                types[place] = kind = FOLDER
                place = parent_of(place)
        _require_holding(place, types[place], kind)
    return replace(plan, wanted=(*sorted(missing, key=lambda one: one.depth), *plan.wanted))


def _require_holding(place: str, there: str | None, kind: str) -> None:
    """Raise UserError if what is at a place can hold no asset of this type."""
    if there is None:
        raise UserError(f"there is no {display_id(place)} at Earth Engine, or it is not yours")
    if there != FOLDER and (there, kind) != (IMAGE_COLLECTION, IMAGE):
        raise UserError(
            f"{display_id(place)} is of the type {there}, which can hold no {kind}",
            hint="name another folder with --to",
        )


def _plain_folder(mirror: str, target: str) -> Wanted:
    """Return a folder that is made of nothing in the mirror."""
    mark, depth = key_of(target, "", ()), target.count("/")
    return Wanted(mirror, "", target, target, FOLDER, "", mark, depth, size_bytes=0, losses=())


def _find(mirror: Path, text: str) -> tuple[str, str]:
    """Return (path in the mirror, canonical name) of what a person means."""
    as_path = Path(text)
    if as_path.is_dir() and as_path.resolve().is_relative_to(mirror.resolve()):
        path = str(as_path.resolve().relative_to(mirror.resolve()))
        sidecars = _read(mirror, path)
        if sidecars is not None:
            return path, sidecars[0].name
    for name in candidates(text):
        path = asset_path(name)
        if (mirror / path).is_dir():
            return path, name
    raise UserError(f"{text} is not in the mirror {mirror}")


def _assets(mirror: Path, path: str, name: str) -> Iterator[tuple[SourceAsset, Json, str]]:
    for place in asset_folders(mirror, path):
        sidecars = _read(mirror, place)
        if sidecars is not None and is_within(sidecars[0].name, name):
            yield *sidecars, place


def _read(mirror: Path, path: str) -> tuple[SourceAsset, Json] | None:
    """Return an asset's sidecars; None if the folder is none of an asset."""
    try:
        with folder(mirror, path, create=False) as place:
            asset, sidecar = place.document(ASSET_JSON), place.document(GEESYNC_JSON)
    except (OSError, RemoteError):
        return None
    if asset is None or sidecar is None or "name" not in asset:
        return None
    return SourceAsset(asset), sidecar


def quota_of(root: SourceAsset) -> tuple[int, int] | None:
    """Return (assets, bytes) for which a root has room; None where Earth Engine does not say."""
    quota = root.json.get("quota")
    if not isinstance(quota, dict):
        return None
    return (
        int(quota.get("maxAssets", 0)) - int(quota.get("assetCount", 0)),
        int(quota.get("maxSizeBytes", 0)) - int(quota.get("sizeBytes", 0)),
    )
