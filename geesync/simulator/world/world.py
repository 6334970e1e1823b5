"""The simulated account: a scenario, and everything that has happened to it since."""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from geesync.simulator.assets.permissions import Permissions
from geesync.simulator.clock import SimClock, parse_rfc3339, rfc3339
from geesync.simulator.refusals import BadRequest, CallRefused
from geesync.simulator.scenarios import Scenario
from geesync.simulator.world import names
from geesync.simulator.world.pixels import Json, SimAsset

CONTAINERS = ("FOLDER", "IMAGE_COLLECTION")
TICK = timedelta(microseconds=1)
USAGE_COUNTED = 10_000  #: assets; a root with more is said to hold only these
LISTINGS_KEPT = 16  #: containers whose children are not asked for anew at each page


@dataclass(frozen=True)
class Usage:
    """What lies in a root."""

    assets: int
    size_bytes: int


class World:
    """A thread-safe tree of assets; changes are laid over a scenario, which stays as it is.

    Assets are values: they are replaced, never changed in place.
    members: who may do everything in it; none = everybody.
    """

    def __init__(self, scenario: Scenario, clock: SimClock, members: tuple[str, ...] = ()) -> None:
        self.scenario = scenario
        self.permissions = Permissions(members, self._policy_if_any)
        self._clock = clock
        self._lock = threading.RLock()
        self._changed: dict[str, SimAsset] = {}
        self._gone: set[str] = set()
        self._added: dict[str, dict[str, None]] = {}
        self._policies: dict[str, Json] = {}
        self._usage: dict[str, Usage] = {}  #: of the roots that were asked for
        self._original = functools.lru_cache(maxsize=LISTINGS_KEPT)(scenario.children)
        own_root = f"projects/{scenario.project}/assets"
        if scenario.find(own_root) is None:
            self._changed[own_root] = SimAsset(name=own_root, type="FOLDER")

    # --- Reading.

    def find(self, name: str) -> SimAsset | None:
        """Return the asset of this canonical name, if there is one."""
        with self._lock:
            if name in self._gone:
                return None
            return self._changed.get(name) or self.scenario.find(name)

    def get(self, name: str) -> SimAsset:
        """Return the asset of this canonical name.

        Raises CallRefused(404) in the words that the service uses for forbidden ones, too.
        """
        asset = self.find(name)
        if asset is None:
            raise not_found(name)
        return asset

    def lookup(self, asset_id: str) -> SimAsset:
        """Return the asset that an id in an expression means; raises KeyError if none."""
        asset = self.find(names.canonical(asset_id))
        if asset is None:
            raise KeyError(asset_id)
        return asset

    def images(self, name: str) -> Iterator[SimAsset]:
        """Yield the images of a collection."""
        return iter(self.children(name)[0])

    def children(
        self, parent: str, after: int = 0, limit: int | None = None
    ) -> tuple[list[SimAsset], int | None]:
        """Return children of a container from a position on, and where the next page begins.

        The position of a child never changes, whatever comes and goes around it.
        """
        found: list[SimAsset] = []
        with self._lock:
            entries = self._entries(parent)
            for position in range(after, len(entries)):
                if limit is not None and len(found) >= limit:
                    return found, position
                asset = self.find(entries[position])
                if asset is not None:
                    found.append(asset)
        return found, None

    def legacy_roots(self) -> list[SimAsset]:
        """Return the topmost legacy folders of the account."""
        roots = (self.find(root) for root in self.scenario.roots)
        return [root for root in roots if root and root.name.startswith(f"{names.LEGACY}/")]

    def walk(self, name: str) -> Iterator[SimAsset]:
        """Yield an asset and all below it, parents first."""
        asset = self.find(name)
        if asset is None:
            return
        yield asset
        if asset.type in CONTAINERS:
            for child in self.children(name)[0]:
                yield from self.walk(child.name)

    def usage(self, root: str) -> Usage:
        """Return how much lies in a root, the root itself not counted."""
        with self._lock:
            if root not in self._usage:  # it is counted once, and then kept up to date
                some = itertools.islice(self.walk(root), 1, USAGE_COUNTED + 1)
                sizes = [asset.size_bytes for asset in some]
                self._usage[root] = Usage(len(sizes), sum(sizes))
            return self._usage[root]

    # --- Changing.

    def put(
        self, asset: SimAsset, *, overwrite: bool | None = None, moves_time: bool = True
    ) -> SimAsset:
        """Create or replace an asset and return it with its new ``update_time``.

        overwrite: whether another one may be replaced; None = it is the same, changed. The new time
        is later than that of the asset before, even if the clock stands still; with
        ``moves_time=False`` it stays as it is.
        Raises CallRefused if its parent is no container for it, or if it is there and may not be
        overwritten.
        """
        with self._lock:
            before = self.check_place(asset.name, asset.type, overwrite=overwrite)
            if moves_time or before is None:
                asset = replace(asset, update_time=self._next_update_time(before))
            self._count(asset, +1)
            if before is not None:
                self._count(before, -1)
            self._changed[asset.name] = asset
            self._gone.discard(asset.name)
            parent = names.parent_of(asset.name)
            if self.scenario.find(asset.name) is None:
                self._added.setdefault(parent, {}).setdefault(asset.name)
            return asset

    def check_place(
        self, name: str, kind: str, *, overwrite: bool | None = None
    ) -> SimAsset | None:
        """Return the asset of this name that one of this kind would replace, if there is one.

        Raises CallRefused if it may not, as no container ever is, or if there is none and no
        container for one of this kind.
        """
        with self._lock:
            before = self.find(name)
            if before is None:
                if not names.is_root(name):
                    self.check_parent(name, kind)
            elif overwrite is not None and (
                not overwrite or before.type in CONTAINERS or kind in CONTAINERS
            ):
                raise BadRequest(f"Cannot overwrite asset '{name}'.")
            return before

    def check_parent(self, name: str, kind: str) -> None:
        """Raise CallRefused if there is no container where an asset of this kind is to be."""
        parent = self.find(names.parent_of(name))
        if parent is None:
            raise not_found(names.parent_of(name))
        if parent.type not in CONTAINERS:
            raise BadRequest(f"Asset '{parent.name}' is not a folder or collection.")
        if parent.type == "IMAGE_COLLECTION" and kind != "IMAGE":
            raise BadRequest(f"Image collection '{parent.name}' can hold images only.")

    def touch(self, name: str) -> SimAsset:
        """Give an asset a later ``update_time``, as any change of pixels or metadata does."""
        return self.put(self.get(name))

    def delete(self, name: str, *, recursive: bool = False) -> None:
        """Remove an asset.

        Raises CallRefused if there is none, or if it is a container with children and
        ``recursive`` is not given.
        """
        with self._lock:
            asset = self.get(name)
            children, _ = self.children(name, limit=None if recursive else 1)
            if names.is_root(name):
                raise BadRequest(f"Asset '{name}' is a root and cannot be deleted.")
            if children and not recursive:
                raise BadRequest(f"Asset '{name}' has children and cannot be deleted.")
            for child in children:
                self.delete(child.name, recursive=True)
            self._count(asset, -1)
            self._changed.pop(name, None)
            self._policies.pop(name, None)
            self._gone.add(name)

    def copy(self, source: str, target: str, *, overwrite: bool = False) -> SimAsset:
        """Put a copy of one asset, without what lies below it, and return it."""
        with self._lock:
            return self.put(replace(self.get(source), name=target), overwrite=overwrite)

    def move(self, source: str, target: str) -> SimAsset:
        """Rename an asset with all below it, and return it."""
        with self._lock:
            if names.owned(target, source):
                raise BadRequest(f"Cannot move asset '{source}' into itself.")
            if names.is_root(source):
                raise BadRequest(f"Asset '{source}' is a root and cannot be moved.")
            moved = self.copy(source, target)
            if source in self._policies:
                self._policies[target] = self._policies[source]
            for child in self.children(source)[0]:
                self.move(child.name, target + child.name.removeprefix(source))
            self.delete(source)
            return moved

    # --- Policies.

    def policy(self, name: str) -> Json:
        """Return the IAM policy of an asset; ``{}`` if it has none of its own."""
        with self._lock:
            return self._policies.get(name, self.get(name).policy)

    def set_policy(self, name: str, policy: Json) -> None:
        """Replace the IAM policy of an asset; its ``update_time`` stays."""
        with self._lock:
            self.get(name)
            self._policies[name] = policy

    # --- Within.

    def _policy_if_any(self, name: str) -> Json:
        return self.policy(name) if self.find(name) else {}

    def _count(self, asset: SimAsset, sign: int) -> None:
        """Note that an asset has come to a root or has left it, if the root's is counted."""
        used = self._usage.get(root := names.root_of(asset.name))
        if used is not None and root != asset.name:
            size = used.size_bytes + sign * asset.size_bytes
            self._usage[root] = Usage(used.assets + sign, size)

    def _entries(self, parent: str) -> Sequence[str]:
        """Return all names that ever stood below a container; not all of them still do."""
        added = self._added.get(parent)
        original = self._original(parent)
        return [*original, *added] if added else original

    def _next_update_time(self, before: SimAsset | None) -> str:
        now = self._clock.now()
        if before is not None and before.update_time:
            now = max(now, parse_rfc3339(before.update_time) + TICK)
        return rfc3339(now)


def not_found(name: str) -> CallRefused:
    """Return the answer about an asset that is not there, or that one may not see."""
    asset_id = names.display_id(name)
    return CallRefused(404, f"Asset '{asset_id}' does not exist or doesn't allow this operation.")
