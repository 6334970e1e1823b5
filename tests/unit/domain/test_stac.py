"""What each document of the catalogue says, and where its links lead."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pystac
import pytest

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.assets.extent import Extent
from geesync.domain.assets.grid import Grid
from geesync.domain.json import Json
from geesync.domain.stac import documents as stac
from geesync.domain.stac import links as stac_links
from geesync.domain.tasks.exports import Part

DAY = datetime(2024, 4, 1, tzinfo=UTC)
HISTORY = stac.CopyDates(DAY, DAY)
FOLDER = stac_links.Node("projects/earthengine-legacy/assets/users/x", "FOLDER", "users/x")
SCENES = stac_links.Node(f"{FOLDER.name}/scenes", "IMAGE_COLLECTION", "users/x/scenes")
IMAGE = stac_links.Node(f"{SCENES.name}/s1", "IMAGE", "users/x/scenes/s1")


def an_item(
    *, grids: tuple[Grid, ...] = (), parent: stac_links.Node = SCENES, **told: Any
) -> dict[str, Any]:
    files = [
        stac.DataFile(
            f"s1.{number}.tif", 10, "ab" * 32, Part(str(number), "tif", ("b",), grid, "uint8"), grid
        )
        for number, grid in enumerate(grids)
    ]
    source = SourceAsset({"name": IMAGE.name, "type": "IMAGE", **told})
    return stac.item(
        IMAGE, parent, source, HISTORY, files=files, sidecars=["asset.json"], wkt2=str.upper
    )


def a_grid(crs: str) -> Grid:
    return Grid(crs, (10.0, 0.0, 5.0, 0.0, -10.0, 7.0), width=3, height=2)


def linked(document: Json) -> dict[str, str]:
    return {link["rel"]: link["href"] for link in document["links"]}


def test_an_item_leads_to_its_collection_and_to_the_top() -> None:
    item = an_item()

    assert item["collection"] == "users.x.scenes"
    assert linked(item) == {
        "root": "../../../../catalog.json",
        "parent": "../collection.json",
        "collection": "../collection.json",
    }


def test_an_item_in_a_folder_belongs_to_no_collection() -> None:
    item = an_item(parent=FOLDER)

    assert "collection" not in item
    assert linked(item)["parent"] == "../../catalog.json"


def test_an_image_without_outline_has_no_box_either() -> None:
    item = an_item()

    assert item["geometry"] is None
    assert "bbox" not in item


def test_an_undated_image_says_that_its_time_is_not_its_own() -> None:
    properties = an_item()["properties"]

    assert properties["datetime"] == "2024-04-01T00:00:00Z"
    assert properties["ee:undated"] is True


def test_an_image_with_one_time_has_only_that() -> None:
    properties = an_item(startTime="2023-01-01T00:00:00Z")["properties"]

    assert properties["datetime"] == "2023-01-01T00:00:00Z"
    assert properties.keys().isdisjoint({"start_datetime", "ee:undated"})


def test_each_file_says_its_own_grid_and_the_item_what_they_share() -> None:
    item = an_item(grids=(a_grid("EPSG:32633"), a_grid("EPSG:32633")))

    assert item["properties"]["proj:code"] == "EPSG:32633"
    assert item["assets"]["1"]["proj:shape"] == [2, 3]
    assert item["assets"]["1"]["proj:transform"] == [10, 0, 5, 0, -10, 7]


def test_a_crs_without_a_code_is_told_in_wkt2() -> None:
    item = an_item(grids=(a_grid('proj["x"]'),))

    assert item["assets"]["0"]["proj:code"] is None
    assert item["assets"]["0"]["proj:wkt2"] == 'PROJ["X"]'
    assert "proj:code" not in item["properties"]


def test_a_checksum_is_a_multihash() -> None:
    asset = an_item(grids=(a_grid("EPSG:3857"),))["assets"]["0"]

    assert asset["file:checksum"] == "1220" + "ab" * 32


def test_properties_stay_together_without_the_outline() -> None:
    item = an_item(properties={"CLOUD": 3, "system:footprint": {"type": "Point"}})

    assert item["properties"]["ee:properties"] == {"CLOUD": 3}


@pytest.mark.parametrize(
    "told",
    [
        {"tilesets": [{"sources": [{"uris": ["gs://b/o.tif#12"]}]}]},
        {"cloudStorageLocation": {"uris": ["gs://b/o.tif#12"]}},
    ],
)
def test_an_external_image_names_the_files_of_its_owner(told: Json) -> None:
    item = an_item(**told)

    assert item["properties"]["ee:external_files"] == ["gs://b/o.tif#12"]


def test_a_collection_of_nothing_covers_everything() -> None:
    source = SourceAsset({"name": SCENES.name, "type": "IMAGE_COLLECTION"})

    collection = stac.container(SCENES, FOLDER, source, HISTORY, links=[], extent=Extent())

    assert collection["extent"] == {
        "spatial": {"bbox": [[-180, -90, 180, 90]]},
        "temporal": {"interval": [[None, None]]},
    }
    pystac.Collection.from_dict(collection).validate()


def test_what_is_gone_is_marked_once() -> None:
    once = stac.gone(an_item(), DAY)

    assert once["properties"]["deprecated"] is True
    assert stac.gone(once, DAY) == once


@pytest.mark.parametrize("name", ["a b", "ü", "100%"])
def test_links_are_urls_whatever_the_name(name: str) -> None:
    odd = stac_links.Node(f"{FOLDER.name}/{name}", "IMAGE", f"users/x/{name}")

    href = stac_links.link(FOLDER, odd)["href"]

    assert href.isascii()
    assert " " not in href


def test_a_page_leads_back_to_its_container() -> None:
    page = stac.page(SCENES, 2, [stac_links.link(SCENES, IMAGE)])

    assert stac_links.page_links(2)[1]["href"] == "./page-00002.json"
    assert linked(page) == {
        "root": "../../../catalog.json",
        "parent": "./collection.json",
        "item": "./s1/item.json",
    }


def test_a_file_that_geesync_made_is_named_by_what_it_is() -> None:
    source = SourceAsset({"name": IMAGE.name, "type": "IMAGE"})
    made = [stac.Made("s1.grid1.vrt", 7, "cd" * 32), stac.Made("s1.cog.tif", 9, "ef" * 32)]

    item = stac.item(
        IMAGE, SCENES, source, HISTORY, files=[], made=made, sidecars=[], wkt2=str.upper
    )

    assert item["assets"]["grid1.vrt"]["href"] == "./s1.grid1.vrt"
    assert item["assets"]["cog.tif"]["file:size"] == 9
