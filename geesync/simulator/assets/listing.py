"""listAssets: pages of children, BASIC below folders and FULL below collections."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from geesync.simulator.api.service import Call, Service, require_visible
from geesync.simulator.assets import asset_json
from geesync.simulator.assets.listing_filters import read_filter
from geesync.simulator.clock import parse_rfc3339, rfc3339
from geesync.simulator.refusals import BadRequest
from geesync.simulator.world import names
from geesync.simulator.world.pixels import Json, SimAsset
from geesync.simulator.world.world import CONTAINERS

MOST_BASIC = 10_000
MOST_FULL = 1_000
VIEWS = ("", "EARTH_ENGINE_ASSET_VIEW_UNSPECIFIED", "FULL", "BASIC", "BASIC_SYNC")


def list_assets(service: Service, call: Call) -> Json:
    """Answer listAssets of a project, a folder or a collection."""
    view = call.query.get("view", "")
    if view not in VIEWS:
        raise BadRequest(f"Invalid value at 'view' (TYPE_ENUM), \"{view}\"")
    if call.name == names.LEGACY.removesuffix("/assets"):
        return _answer([asset_json.basic(root) for root in service.world.legacy_roots()], None)
    parent = _parent(service, call)
    detailed = parent.type == "IMAGE_COLLECTION" or service.profile.folder_children == "FULL"
    is_full = detailed and not view.startswith("BASIC")
    size = page_size(service, call.integer("pageSize"), MOST_FULL if is_full else MOST_BASIC)
    after = page_position(call.query.get("pageToken", ""))
    children, following = service.world.children(parent.name, after, size)
    if parent.type == "IMAGE_COLLECTION":
        children = list(filter(read_filter(call.query.get("filter", "")), children))
    show = partial(_full, service) if is_full else asset_json.basic
    return _answer([show(child) for child in children], following)


def _full(service: Service, asset: SimAsset) -> Json:
    told = asset_json.full(asset)
    if service.profile.listed_update_time == "earlier" and asset.update_time:
        told["updateTime"] = rfc3339(parse_rfc3339(asset.update_time) - timedelta(seconds=1))
    if service.profile.feature_count == "absent":
        told.pop("featureCount", None)
    return told


def _parent(service: Service, call: Call) -> SimAsset:
    name = call.name if call.name.count("/") > 1 else f"{call.name}/assets"
    require_visible(service, call, name, "earthengine.assets.get", "earthengine.assets.list")
    parent = service.world.get(name)
    if parent.type not in CONTAINERS:
        raise BadRequest(f"Asset '{names.display_id(name)}' is not a folder or collection.")
    return parent


def page_size(service: Service, asked: int, most: int) -> int:
    """Return how many entries to look at; the service may always give fewer than asked."""
    size = min(asked or most, most, service.profile.page_limit or most)
    if service.dice.happens("short_page", service.profile.short_pages):
        return service.dice.roll("page_size").randint(0, size)
    return size


def _answer(assets: Sequence[Json], following: int | None) -> Json:
    answer: Json = {}
    if assets:
        answer["assets"] = assets
    if following is not None:
        answer["nextPageToken"] = page_token(following)
    return answer


def page_token(position: int) -> str:
    """Return the token of the page that begins at a position."""
    return base64.urlsafe_b64encode(b"at %d" % position).decode()


def page_position(token: str) -> int:
    """Return where the page of a token begins; raises BadRequest if it is no token of ours."""
    if not token:
        return 0
    try:
        position = int(base64.urlsafe_b64decode(token).removeprefix(b"at "))
    except ValueError:
        position = -1
    if position < 0:
        raise BadRequest("Invalid page token.")
    return position
