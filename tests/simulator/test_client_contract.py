"""What the unmodified Earth Engine client sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ee
import httpx
import pytest
from google.auth.credentials import AnonymousCredentials
from google.oauth2 import service_account

from geesync.simulator import Simulator
from geesync.simulator.clock import parse_rfc3339
from tests.simulator.conftest import ELEVATION

Connect = Callable[[Simulator], None]


# --- Starting up.


def test_the_function_table_makes_the_client_complete(earth_engine: Any) -> None:
    assert earth_engine.is_initialized()
    assert ee.Image(ELEVATION).select([0]).serialize()


def test_a_base_url_may_have_a_path(simulator: Simulator, connect: Connect) -> None:
    connect(simulator)

    ee.Initialize(
        AnonymousCredentials(),
        url=f"{simulator.earth_engine_url}/some/where",
        project=simulator.project,
    )

    assert ee.data.getAsset(ELEVATION)["type"] == "IMAGE"


def test_a_forbidden_project_fails_at_the_start(start: Callable[..., Simulator]) -> None:
    with pytest.raises(ee.EEException, match="Not signed up"):
        start(algorithms="forbidden")


def test_restricted_mode_is_announced(start: Callable[..., Simulator]) -> None:
    with pytest.warns(UserWarning, match="restricted mode"):
        start(restricted=True)


def test_a_service_account_gets_its_token_here(simulator: Simulator, tmp_path: Any) -> None:
    key = simulator.write_credentials(tmp_path / "key.json", email="robot@example.com")
    credentials = service_account.Credentials.from_service_account_file(
        key, scopes=["https://www.googleapis.com/auth/earthengine"]
    )
    ee.Initialize(credentials, project=simulator.project, url=simulator.earth_engine_url)
    denial = simulator.world.permissions.deny(ELEVATION, principal="robot@example.com")

    with pytest.raises(ee.EEException, match="does not exist or doesn't allow"):
        ee.data.getAsset(ELEVATION)
    simulator.world.permissions.allow(denial)
    assert ee.data.getAsset(ELEVATION)["id"] == "users/demo/elevation"
    ee.Reset()


# --- Names and listings.


def test_legacy_assets_have_a_short_id_and_a_long_name(earth_engine: Any) -> None:
    asset = earth_engine.getAsset("users/demo/elevation")

    assert (asset["id"], asset["name"]) == ("users/demo/elevation", ELEVATION)


def test_roots_of_both_kinds_can_be_listed(simulator: Simulator, earth_engine: Any) -> None:
    legacy = earth_engine.listAssets("projects/earthengine-legacy/assets")
    cloud = earth_engine.listAssets(f"projects/{simulator.project}/assets")

    assert [asset["id"] for asset in legacy["assets"]] == ["users/demo"]
    assert f"projects/{simulator.project}/assets/pixel" in {a["id"] for a in cloud["assets"]}


def test_children_of_a_folder_are_basic_whatever_is_asked(earth_engine: Any) -> None:
    listed = earth_engine.listAssets({"parent": "users/demo", "view": "FULL"})

    assert {key for asset in listed["assets"] for key in asset} == {"type", "name", "id"}


def test_children_of_a_collection_are_full(earth_engine: Any) -> None:
    listed = earth_engine.listAssets("users/demo/scenes")["assets"]

    assert listed == [earth_engine.getAsset(asset["name"]) for asset in listed]
    assert len(listed) == 3


def test_an_empty_folder_answers_with_nothing(simulator: Simulator) -> None:
    name = "projects/earthengine-legacy/assets/users/demo/empty"

    answer = httpx.get(f"{simulator.earth_engine_url}/v1/{name}:listAssets")

    assert answer.json() == {}


def test_pages_end_with_a_token_until_the_last(earth_engine: Any) -> None:
    request = {"parent": "users/demo/scenes", "pageSize": 2}
    first = earth_engine.listAssets(dict(request))
    second = earth_engine.listAssets({**request, "pageToken": first["nextPageToken"]})

    assert [len(page["assets"]) for page in (first, second)] == [2, 1]
    assert "nextPageToken" not in second


def test_a_full_page_holds_at_most_a_thousand(start: Callable[..., Simulator]) -> None:
    start("thousands:2500")
    parent = "projects/demo-project/assets/archive/c0000"

    page = ee.data.listAssets({"parent": parent, "pageSize": 5000})
    everything = ee.data.listAssets(parent)

    assert len(page["assets"]) == 1000
    assert len(everything["assets"]) == 2500


def test_short_pages_hide_nothing(start: Callable[..., Simulator]) -> None:
    start("thousands:2500", short_pages=0.9)

    everything = ee.data.listAssets("projects/demo-project/assets/archive/c0000")

    assert len({asset["name"] for asset in everything["assets"]}) == 2500


def test_a_long_filter_travels_in_the_body(earth_engine: Any) -> None:
    some = " AND ".join(['properties.tag="s0001"'] * 120)

    listed = earth_engine.listAssets({"parent": "users/demo/scenes", "filter": some})

    assert [asset["id"] for asset in listed["assets"]] == ["users/demo/scenes/s0001"]


def test_a_root_tells_its_quota(simulator: Simulator, earth_engine: Any) -> None:
    quota = earth_engine.getAssetRootQuota(f"projects/{simulator.project}/assets")

    assert quota["asset_count"] == {"usage": 4, "limit": 10_000}


def test_numbers_of_64_bits_are_texts_and_zeros_are_left_out(earth_engine: Any) -> None:
    band = earth_engine.getAsset("users/demo/deep/er/landcover")["bands"][0]

    assert earth_engine.getAsset(ELEVATION)["sizeBytes"] == "5734"
    assert band["dataType"]["range"] == {"max": 255}
    assert "shearX" not in band["grid"]["affineTransform"]


def test_what_is_not_there_is_said_like_what_is_forbidden(
    simulator: Simulator, earth_engine: Any
) -> None:
    simulator.world.permissions.deny(ELEVATION, "earthengine.assets.get")

    for name in ("users/demo/nothing", "users/demo/elevation"):
        with pytest.raises(ee.EEException) as refusal:
            earth_engine.getAsset(name)
        assert str(refusal.value) == (
            f"Asset '{name}' does not exist or doesn't allow this operation."
        )


# --- Changes.


def test_a_collection_is_created_patched_and_deleted(
    simulator: Simulator, earth_engine: Any
) -> None:
    name = f"projects/{simulator.project}/assets/made"
    earth_engine.createAsset({"type": "IMAGE_COLLECTION", "properties": {"a": 1, "b": 2}}, name)
    created = earth_engine.getAsset(name)

    earth_engine.updateAsset(
        name,
        {"properties": {"a": "new"}, "start_time": "2024-01-01T00:00:00Z"},
        ["properties.a", "properties.b", "start_time"],
    )
    patched = earth_engine.getAsset(name)
    earth_engine.deleteAsset(name)

    assert created["properties"] == {"a": 1, "b": 2}
    assert patched["properties"] == {"a": "new"}
    assert patched["startTime"] == "2024-01-01T00:00:00Z"
    assert parse_rfc3339(patched["updateTime"]) > parse_rfc3339(created["updateTime"])
    assert simulator.world.find(name) is None


def test_an_asset_is_not_overwritten_by_accident(earth_engine: Any) -> None:
    with pytest.raises(ee.EEException, match="Cannot overwrite asset"):
        earth_engine.copyAsset(ELEVATION, "users/demo/deep/er/landcover")

    earth_engine.copyAsset(ELEVATION, "users/demo/deep/er/landcover", allowOverwrite=True)


def test_a_full_folder_is_not_deleted(earth_engine: Any) -> None:
    with pytest.raises(ee.EEException):
        earth_engine.deleteAsset("users/demo/scenes")


def test_policies_are_empty_at_first_and_keep_their_owners(
    simulator: Simulator, earth_engine: Any
) -> None:
    assert earth_engine.getIamPolicy(ELEVATION) == {}
    owner = {"role": "roles/owner", "members": ["user:me@example.com"]}
    simulator.world.set_policy(ELEVATION, {"bindings": [owner]})

    reader = {"role": "roles/viewer", "members": ["allUsers"]}
    earth_engine.setIamPolicy(ELEVATION, {"bindings": [reader]})

    assert earth_engine.getIamPolicy(ELEVATION)["bindings"] == [owner, reader]


def test_a_policy_one_may_not_see_is_refused_by_name(
    simulator: Simulator, earth_engine: Any
) -> None:
    simulator.world.permissions.deny(ELEVATION, "earthengine.assets.getIamPolicy")

    with pytest.raises(ee.EEException, match=r"Permission 'earthengine\.assets\.getIamPolicy'"):
        earth_engine.getIamPolicy(ELEVATION)


def test_the_number_of_slots_is_a_setting(earth_engine: Any) -> None:
    earth_engine.updateProjectConfig({"maxConcurrentExports": 7})

    assert earth_engine.getProjectConfig()["maxConcurrentExports"] == 7
