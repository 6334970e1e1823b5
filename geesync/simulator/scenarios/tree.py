"""What a scenario is, and the plain one: a tree of assets in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from geesync.simulator.world.pixels import SimAsset


class Scenario(Protocol):
    """An account before anybody touched it; always the same, and never held whole if huge.

    All names are canonical (``projects/…/assets/…``). What happens to the account later is
    not the scenario's business: the world lays changes over it.
    """

    @property
    def name(self) -> str:
        """The name it was chosen by."""

    @property
    def project(self) -> str:
        """The Cloud project that is billed: ``demo-project``."""

    @property
    def roots(self) -> Sequence[str]:
        """The topmost folders, legacy and Cloud; each can be found and has children."""

    def find(self, name: str) -> SimAsset | None:
        """Return the asset of this name, made anew at each call if the scenario is huge."""

    def children(self, parent: str) -> Sequence[str]:
        """Return the names of the assets directly below a container, in a fixed order."""


class Tree:
    """A scenario whose assets are all in memory (their pixels are not)."""

    def __init__(self, name: str, project: str, assets: Iterable[SimAsset]) -> None:
        self.name = name
        self.project = project
        self._assets = {asset.name: asset for asset in assets}
        self._children: dict[str, list[str]] = {}
        roots = []
        for asset_name in self._assets:
            parent = asset_name.rpartition("/")[0]
            if parent in self._assets:
                self._children.setdefault(parent, []).append(asset_name)
            else:
                roots.append(asset_name)
        self.roots: Sequence[str] = roots

    def find(self, name: str) -> SimAsset | None:
        """Return the asset of this name."""
        return self._assets.get(name)

    def children(self, parent: str) -> Sequence[str]:
        """Return the names directly below a container, in the order they were given."""
        return self._children.get(parent, ())


def walk(scenario: Scenario) -> Iterator[SimAsset]:
    """Yield all assets of a scenario, parents first, one at a time."""
    waiting = list(reversed(scenario.roots))
    while waiting:
        asset = scenario.find(waiting.pop())
        if asset is not None:
            yield asset
            waiting += reversed(scenario.children(asset.name))
