"""Where an asset goes that is made again: below another root, under the name it had there."""

from __future__ import annotations

from geesync.domain.assets.names import candidates, display_id, is_asset_root, is_within
from geesync.errors import UserError


def target_of(name: str, source_root: str, target_root: str) -> str:
    """Return the canonical name of an asset below another root.

    ``users/x/a/b`` from ``users/x`` to ``projects/p/assets/old`` is ``projects/p/assets/old/a/b``.
    Raises UserError if the asset is not below the root.
    """
    if not is_within(name, source_root):
        raise UserError(f"{display_id(name)} is not below {display_id(source_root)}")
    return target_root + name.removeprefix(source_root)


def is_root(name: str) -> bool:
    """Whether a name is the top of an account, which only Earth Engine makes and removes."""
    return is_asset_root(name) or display_id(name).count("/") == 1


def root_named(given: str) -> str:
    """Return the canonical name of a root that assets are to be made below.

    Raises UserError for what is none.
    """
    return candidates(given)[0]
