"""Where an asset goes that is made again: below another root, under the name it had there."""

from __future__ import annotations

import re

from geesync.domain.assets.names import candidates, display_id, is_asset_root, is_within
from geesync.errors import UserError

_PART = re.compile("[A-Za-z0-9_-]+")


def target_of(name: str, source_root: str, target_root: str) -> str:
    """Return the canonical name of an asset below another root.

    ``users/x/a/b`` from ``users/x`` to ``projects/p/assets/old`` is ``projects/p/assets/old/a/b``.
    Raises UserError if the asset is not below the root.
    """
    if not is_within(name, source_root):
        raise UserError(f"{display_id(name)} is not below {display_id(source_root)}")
    return target_root + name.removeprefix(source_root)


def refused_name(name: str) -> str:
    """Return why no asset can be made under a name that Earth Engine lets an older one have.

    https://developers.google.com/earth-engine/guides/manage_assets: letters, digits, - and _.
    """
    parts = display_id(name).split("/")
    below = parts[3 if parts[2:3] == ["assets"] else 2 :]
    odd = [part for part in below if not _PART.fullmatch(part)]
    return f"no new asset may be called {', '.join(odd)}" if odd else ""


def is_root(name: str) -> bool:
    """Whether a name is the top of an account, which only Earth Engine makes and removes."""
    return is_asset_root(name) or display_id(name).count("/") == 1


def root_named(given: str) -> str:
    """Return the canonical name of a root that assets are to be made below.

    Raises UserError for what is none, or can be none.
    """
    name = candidates(given)[0]
    if why := refused_name(name):
        raise UserError(why, hint="letters, digits, - and _ are taken")
    return name
