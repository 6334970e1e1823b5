"""Names of assets: canonical, as displayed, and what lies above them."""

from __future__ import annotations

import re

from geesync.simulator.refusals import BadRequest

LEGACY = "projects/earthengine-legacy/assets"
PUBLIC = "projects/earthengine-public/assets"
LEGACY_DEPTH = 5  #: parts in "projects/earthengine-legacy/assets/users/x"
CLOUD_DEPTH = 3  #: parts in "projects/p/assets"
MOST_SEGMENTS = 10  #: of a name below a project's "assets"
ALLOWED = re.compile(r"projects/[^/]+/assets(/[A-Za-z0-9_-]+)*")


def root_of(name: str) -> str:
    """Return the topmost folder that an asset lies in; of a root, itself."""
    depth = LEGACY_DEPTH if name.startswith(f"{LEGACY}/") else CLOUD_DEPTH
    return "/".join(name.split("/")[:depth])


def is_root(name: str) -> bool:
    """Tell whether a name is that of a project's or a legacy user's topmost folder."""
    return root_of(name) == name


def parent_of(name: str) -> str:
    """Return the name of the container."""
    return name.rpartition("/")[0]


def display_id(name: str) -> str:
    """Return the ``id`` that goes with a name: ``users/x/a`` for legacy assets."""
    for tree in (LEGACY, PUBLIC):
        if name.startswith(f"{tree}/"):
            return name.removeprefix(f"{tree}/")
    return name


def canonical(asset_id: str) -> str:
    """Return the name that an id in an expression or a request stands for."""
    parts = asset_id.strip("/").split("/")
    if parts[0] == "projects" and parts[2:3] == ["assets"]:
        return "/".join(parts)
    tree = LEGACY if parts[0] in ("projects", "users") else PUBLIC
    return "/".join((tree, *parts))


def check(name: str) -> None:
    """Raise BadRequest unless an asset of this name may be created.

    https://github.com/r-spatial/rgee/issues/135
    """
    if ALLOWED.fullmatch(name) is None or is_root(name):
        raise BadRequest(f"Invalid asset name '{name}'.")
    fewest = 3 if name.startswith(f"{LEGACY}/") else 1
    if not fewest <= name.count("/") - 2 <= MOST_SEGMENTS:
        raise BadRequest(
            f'Name "{name}" is invalid. The portion of the Asset name following'
            f' "projects/*/assets/" must have at least {fewest} segments and at most'
            f" {MOST_SEGMENTS} segments."
        )


def owned(name: str, tree: str) -> bool:
    """Tell whether an asset is the container ``tree`` or lies in it, at any depth."""
    return name == tree or name.startswith(f"{tree}/")
