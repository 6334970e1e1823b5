"""What assets are called: one canonical name each, whatever a person pastes; and new ones.

Rules after https://developers.google.com/earth-engine/reference/rest/v1/projects.assets and the
client's own ``convert_asset_id_to_asset_name``.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

from geesync.errors import UserError

LEGACY = "projects/earthengine-legacy/assets/"

#: What Google Cloud allows as a project id, with an optional domain in front. Anything else after
#: ``projects/`` (short or numeric) is taken for a legacy folder by the client, so by us.
_PROJECT = r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]"
_CLOUD_ROOT = re.compile(rf"projects/{_PROJECT}/assets")
_CLOUD_NAME = re.compile(rf"projects/{_PROJECT}/assets(?:/.+)?")
_BARE_PROJECT = re.compile(r"projects/[^/]+")
_NEW_PART = re.compile("[A-Za-z0-9_-]+")


#: What a job makes for the mirror has a name that Earth Engine has not: ``derived/JOB/NAME``.
DERIVED = "derived/"


def is_derived(name: str) -> bool:
    """Say whether a name is of what a job makes for the mirror; Earth Engine does not know it."""
    return name.startswith(DERIVED)


def candidates(given: str) -> tuple[str, ...]:
    """Return the canonical names that a root may mean, the likeliest first.

    Takes an id (``users/x/a``), a name (``projects/p/assets/a``), a bare project (``projects/p``,
    which may be a Cloud project or a legacy folder) or a Code Editor link. Raises UserError for
    anything else.
    """
    text = _from_link(given.strip()).strip("/")
    if is_derived(text):
        return (text,)
    if not text or any(part in {"", ".", ".."} for part in text.split("/")):
        raise UserError(f"{given!r} is not an asset", hint=_EXAMPLES)
    if _CLOUD_NAME.fullmatch(text):
        return (text,)
    if text == "projects" or not text.startswith(("projects/", "users/")):
        raise UserError(f"{given!r} is not an asset that one can own", hint=_EXAMPLES)
    if text == "users":
        raise UserError("'users' names every account", hint=_EXAMPLES)
    legacy = LEGACY + text
    if _BARE_PROJECT.fullmatch(text) and _CLOUD_ROOT.fullmatch(f"{text}/assets"):
        return (f"{text}/assets", legacy)
    return (legacy,)


_EXAMPLES = "give users/NAME, projects/PROJECT, projects/PROJECT/assets/… or a Code Editor link"


def _from_link(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        return text
    url = urlsplit(text)
    if url.hostname != "code.earthengine.google.com":
        raise UserError(f"{text!r} is not a Code Editor link", hint=_EXAMPLES)
    asset = parse_qs(url.query).get("asset", [""])[0]
    return unquote(asset)


def display_id(name: str) -> str:
    """Return the asset's id as people know it: ``users/x/a`` for a legacy name."""
    return name.removeprefix(LEGACY)


def parent_of(name: str) -> str:
    """Return the name of the container that holds the asset."""
    return name.rpartition("/")[0]


def is_within(name: str, root: str) -> bool:
    """Say whether the asset is the root or lies below it."""
    return name == root or name.startswith(root + "/")


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
    odd = [part for part in below if not _NEW_PART.fullmatch(part)]
    return f"no new asset may be called {', '.join(odd)}" if odd else ""


def is_root(name: str) -> bool:
    """Whether a name is the top of an account, which only Earth Engine makes and removes."""
    return bool(_CLOUD_ROOT.fullmatch(name)) or display_id(name).count("/") == 1


def root_named(given: str) -> str:
    """Return the canonical name of a root that assets are to be made below.

    Raises UserError for what is none, or can be none.
    """
    name = candidates(given)[0]
    if why := refused_name(name):
        raise UserError(why, hint="letters, digits, - and _ are taken")
    return name
