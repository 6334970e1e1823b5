"""How many assets a root may hold, and how large they may be together."""

from __future__ import annotations

from geesync.simulator.profiles import Profile
from geesync.simulator.refusals import CallRefused
from geesync.simulator.world.names import root_of
from geesync.simulator.world.pixels import SimAsset
from geesync.simulator.world.world import World


def check_quota(profile: Profile, world: World, asset: SimAsset) -> None:
    """Raise CallRefused if there is no room for an asset that is to come, or to be replaced."""
    used, before = world.usage(root_of(asset.name)), world.find(asset.name)
    assets = used.assets + (before is None)
    size = used.size_bytes + asset.size_bytes - (before.size_bytes if before else 0)
    if assets > profile.max_assets or size > profile.max_bytes:
        raise CallRefused(profile.asset_quota_status, profile.asset_quota_message)
