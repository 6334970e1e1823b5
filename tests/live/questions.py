"""What public sources do not tell, asked of an account; each answer is the setting of a knob."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
from affine import Affine

from tests.live.account import Account, Answer, Json, constant, export, function, to_asset
from tests.live.costs import Cost


@dataclass(frozen=True)
class Question:
    """One question; ``ask`` returns the setting of its knob, or None if it could not be told."""

    knob: str
    words: str
    ask: Callable[[Account], Any]
    tasks: int = 0  #: that it starts at most
    bucket: bool = False  #: whether it needs one

    @property
    def cost(self) -> Cost:
        """What it may cost."""
        return Cost.of(self.tasks)


# --- Tasks.


def duplicates(account: Account) -> str:
    first, second = _twice(account)
    same = second.ok and second.body.get("name") == first.body["name"]
    return "same_operation" if same else "refuse"


def duplicate_status(account: Account) -> int | None:
    _, second = _twice(account, other=True)
    return None if second.ok else second.status


def _twice(account: Account, *, other: bool = False) -> tuple[Answer, Answer]:
    """Start a task twice by one request id; other: the second time of another description."""
    body = to_asset(f"{account.folder}/{account.fresh()}", requestId=account.fresh())
    first = account.start("image:export", body)
    assert first.ok, first.message
    second = account.start("image:export", {**body, "description": "other"} if other else body)
    account.ended(first)
    return first, second


def cancel_of_finished(account: Account) -> str:
    operation = account.ended(_small(account))
    answer = account.call("POST", f"{operation['name']}:cancel", {})
    return "ok" if answer.ok else "refuse"


def list_lag_s(account: Account) -> tuple[float, float] | None:
    started = _small(account)
    lag = account.waited(lambda: started.body["name"] in _listed(account))
    account.ended(started)
    return None if lag is None else (0.0, lag)


def operation_order(account: Account) -> str:
    ours = []
    for _ in range(4):
        ours.append(_small(account).body["name"])
        account.ended(Answer(200, {"name": ours[-1]}))
    account.waited(lambda: set(ours) <= set(_listed(account)))
    seen = [name for name in _listed(account) if name in ours]
    orders = {tuple(ours): "oldest_first", tuple(reversed(ours)): "newest_first"}
    return orders.get(tuple(seen), "mixed")


def shifting_pages(account: Account) -> bool | None:
    for _ in range(2):
        account.ended(_small(account))
    first = account.call("GET", f"projects/{account.project}/operations?pageSize=1").body
    newer = _small(account)
    account.ended(newer)
    account.waited(lambda: newer.body["name"] in _listed(account))
    token = first.get("nextPageToken", "")
    place = f"projects/{account.project}/operations?pageSize=1&pageToken={token}"
    second = account.call("GET", place).body
    pages = [page.get("operations", ()) for page in (first, second)]
    return None if not all(pages) else pages[0][0]["name"] == pages[1][0]["name"]


def longest_description(account: Account) -> int | None:
    def taken(length: int) -> bool:
        body = to_asset(f"{account.folder}/{account.fresh()}", description="x" * length)
        answer = account.start("image:export", body)
        if answer.ok:
            account.ended(answer)
        return answer.ok

    low, high = 1, LONGEST_TRIED
    if taken(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if taken(middle) else (low, middle)
    return low


LONGEST_TRIED = 2048


def _small(account: Account) -> Answer:
    answer = account.start("image:export", to_asset(f"{account.folder}/{account.fresh()}"))
    assert answer.ok, answer.message
    return answer


def _listed(account: Account) -> list[str]:
    answer = account.call("GET", f"projects/{account.project}/operations?pageSize=500")
    return [operation["name"] for operation in answer.body.get("operations", ())]


# --- Assets.


def folder_children(account: Account) -> str:
    account.make_image()
    (child, *_) = account.call("GET", f"{account.folder}:listAssets").body["assets"]
    return "FULL" if "updateTime" in child else "BASIC"


def listed_update_time(account: Account) -> str:
    collection = account.make_container()
    account.ended(account.start("image:export", to_asset(f"{collection}/a")))
    (listed,) = account.call("GET", f"{collection}:listAssets").body["assets"]
    own = account.call("GET", listed["name"]).body["updateTime"]
    return "same" if listed["updateTime"] == own else "earlier"


def patch_moves_time(account: Account) -> bool:
    name = account.make_image()
    before = account.call("GET", name).body["updateTime"]
    patched = account.call(
        "PATCH", name, {"asset": {"properties": {"a": 1}}, "updateMask": "properties.a"}
    )
    assert patched.ok, patched.message
    return bool(account.call("GET", name).body["updateTime"] != before)


def odd_keys_patched(account: Account) -> bool:
    asked = {"asset": {"properties": {"a-b": 1}}, "updateMask": 'properties."a-b"'}
    return account.call("PATCH", account.make_image(), asked).ok


# --- Files.


def object_lag_s(account: Account) -> tuple[float, float] | None:
    name = account.fresh()
    account.ended(account.start("image:export", to_bucket(account, name)))
    lag = account.waited(lambda: bool(account.objects(name)))
    return None if lag is None else (0.0, lag)


def small_images_split(account: Account) -> bool:
    return len(_tiles(account)) > 1


def tile_joint(account: Account) -> str | None:
    name, *tiles = _tiles(account, named=True)
    if len(tiles) < 2:
        return None
    return "-" if tiles[0].startswith(f"{name}-") else ""


def _tiles(account: Account, *, named: bool = False) -> list[str]:
    name, size = account.fresh(), {"width": 256, "height": 256}
    body = to_bucket(account, name, edge=512, tileDimensions=size)
    operation = account.ended(account.start("image:export", body))
    assert "error" not in operation, operation
    account.waited(lambda: bool(account.objects(name)))
    return [name, *account.objects(name)] if named else account.objects(name)


def masked_float(account: Account) -> float | None:
    west_half = {
        "type": "Polygon",
        "coordinates": [[[10, 49.9], [10.04, 49.9], [10.04, 50], [10, 50], [10, 49.9]]],
    }
    place = function("GeometryConstructors.Polygon", coordinates=west_half["coordinates"])
    image = function(
        "Image.clip", input=function("Image.toFloat", value=constant()), geometry=place
    )
    name = account.fresh()
    operation = account.ended(account.start("image:export", to_bucket(account, name, image)))
    assert "error" not in operation, operation
    account.waited(lambda: bool(account.objects(name)))
    with rasterio.MemoryFile(account.download(f"{name}.tif")) as file, file.open() as raster:
        value = float(raster.read(1)[4, 7])
    return value if value == value else None  # noqa: PLR0124 - NaN is no knob that one can compare


def bucket_refusal_code(account: Account) -> int | None:
    return _refusal(account)[0] if account.forbidden_bucket else None


def bucket_refusal_message(account: Account) -> str | None:
    return _refusal(account)[1] if account.forbidden_bucket else None


def _refusal(account: Account) -> tuple[int, str]:
    body = to_bucket(account, account.fresh())
    target = body["fileExportOptions"]["cloudStorageDestination"]
    target["bucket"] = account.forbidden_bucket
    error = account.ended(account.start("image:export", body))["error"]
    return error["code"], error["message"]


def to_bucket(
    account: Account, name: str, image: Json | None = None, *, edge: int = 8, **options: Any
) -> Json:
    """Return the body of an export of an image to the bucket."""
    target = {"bucket": account.bucket, "filenamePrefix": account.prefix + name}
    files = {
        "fileFormat": "GEO_TIFF",
        "cloudStorageDestination": target,
        "geoTiffOptions": options,
    }
    return export(image, edge, fileExportOptions=files)


# --- Ingestion.


def import_checks(account: Account) -> str | None:
    return _noticed(account, {**manifest(account), "name": account.make_image()})


def missing_parent(account: Account) -> str | None:
    return _noticed(account, {**manifest(account), "name": f"{account.folder}/no/where"})


def mixed_types(account: Account) -> str | None:
    told, collection = manifest(account), account.make_container()
    first = {**told, "name": f"{collection}/a", "properties": {"k": 1}}
    account.ended(account.start("image:import", {"imageManifest": first}))
    second = {**told, "name": f"{collection}/b", "properties": {"k": "text"}}
    return _noticed(account, second)


def mask_entries(account: Account) -> str:
    source = {"uris": [account.upload(f"{account.fresh()}.tif", _geotiff())]}
    tilesets = [{"id": name, "sources": [source]} for name in ("x", "y", "m", "n")]
    told = {
        "name": f"{account.folder}/{account.fresh()}",
        "tilesets": tilesets,
        "bands": [{"id": name, "tilesetId": name} for name in ("x", "y")],
        "maskBands": [
            {"tilesetId": mask, "bandIds": [band]} for mask, band in (("m", "x"), ("n", "y"))
        ],
    }
    return "many" if _noticed(account, told) is None else "one"


def imported_index(account: Account) -> str:
    (row,) = _rows(account, "system:index,n\nmine,1\n")
    return "kept" if row["properties"].get("system:index") == "mine" else "new"


def imported_geo_column(account: Account) -> str:
    point = '"{""type"":""Point"",""coordinates"":[1,2]}"'
    (row,) = _rows(account, f"n,.geo\n1,{point}\n")
    return "geometry" if row.get("geometry") else "text"


def null_geometry(account: Account) -> str:
    (row,) = _rows(account, "n\n1\n")
    return "null" if "geometry" in row else "absent"


def _rows(account: Account, text: str) -> list[Json]:
    name = f"{account.folder}/{account.fresh()}"
    source = {"uris": [account.upload(f"{account.fresh()}.csv", text.encode())]}
    told = {"tableManifest": {"name": name, "sources": [source]}}
    operation = account.ended(account.start("table:import", told))
    assert "error" not in operation, operation
    account.waited(lambda: account.call("GET", name).ok)
    rows: list[Json] = account.call("GET", f"{name}:listFeatures").body["features"]
    return rows


def _noticed(account: Account, manifest: Json) -> str | None:
    """Return when a manifest is refused; None if it is taken."""
    answer = account.start("image:import", {"imageManifest": manifest})
    if not answer.ok:
        return "call"
    return "operation" if "error" in account.ended(answer) else None


def manifest(account: Account) -> Json:
    """Return the manifest of a small image, but for its name."""
    source = {"uris": [account.upload(f"{account.fresh()}.tif", _geotiff())]}
    return {"tilesets": [{"sources": [source]}]}


def _geotiff() -> bytes:
    content = io.BytesIO()
    profile = {"width": 8, "height": 8, "count": 1, "dtype": "uint8", "crs": "EPSG:4326"}
    place = Affine(0.01, 0, 10, 0, -0.01, 50)
    with rasterio.MemoryFile() as file:
        with file.open(driver="GTiff", transform=place, **profile) as raster:
            raster.write(np.full((1, 8, 8), 255, np.uint8))
        content.write(file.read())
    return content.getvalue()


# --- What is calculated.


def divided_by_zero(account: Account) -> str:
    seven, zero = (function("Image.constant", value=value) for value in (7, 0))
    return _zero_or_masked(account, function("Image.divide", image1=seven, image2=zero))


def difference_of_zeros(account: Account) -> str:
    zeros = function("Image.constant", value=[0, 0])
    return _zero_or_masked(account, function("Image.normalizedDifference", input=zeros))


def _zero_or_masked(account: Account, image: Json) -> str:
    return "masked" if _middle(account, image) is None else "zero"


def even_medians(account: Account) -> str | None:
    median = function("Reducer.median")
    return _between(_middle(account, function("Image.reduce", image=_one_two(), reducer=median)))


def percentiles(account: Account) -> str | None:
    reducer = function("Reducer.percentile", percentiles=[50])
    return _between(_middle(account, function("Image.reduce", image=_one_two(), reducer=reducer)))


def _one_two() -> Json:
    return function("Image.constant", value=[1, 2])


def _between(value: float | None) -> str | None:
    return {1.0: "lower", 1.5: "between"}.get(value or 0)


def convolutions(account: Account) -> str | None:
    where = function("Image.pixelCoordinates", projection=_projection())
    x = function("Image.floor", value=function("Image.select", input=where, bandSelectors=["x"]))
    kernel = function("Kernel.fixed", weights=[[0, 0, 1]])
    moved = _middle(account, function("Image.convolve", image=x, kernel=kernel))
    return {4.0: "as_written", 2.0: "turned"}.get(moved or 0)


def _middle(account: Account, image: Json) -> float | None:
    """Return the value in the fourth column and row of an image of one band; None if masked."""
    told = function(
        "Image.reduceRegion",
        image=function("Image.rename", input=image, names=["it"]),
        reducer=function("Reducer.first"),
        geometry=function("GeometryConstructors.Point", coordinates=[10.035, 49.965]),
        crs=_projection(),
    )
    value: float | None = account.value(told).get("it")
    return value


def _projection() -> Json:
    return function("Projection", crs="EPSG:4326", transform=[0.01, 0, 10, 0, -0.01, 50])


QUESTIONS = (
    Question("duplicates", "what a repeated request id gets", duplicates, 2),
    Question("duplicate_status", "with which status it is refused", duplicate_status, 2),
    Question("cancel_of_finished", "what cancelling what has ended does", cancel_of_finished, 1),
    Question("list_lag_s", "when a new operation is listed", list_lag_s, 1),
    Question("operation_order", "in which order operations are listed", operation_order, 4),
    Question("shifting_pages", "whether pages shift when operations come", shifting_pages, 3),
    Question("longest_description", "how long a description may be", longest_description, 12),
    Question("folder_children", "whether folders tell more than names", folder_children, 1),
    Question("listed_update_time", "what a listing says of updateTime", listed_update_time, 1),
    Question("patch_moves_time", "whether a patch moves updateTime", patch_moves_time, 1),
    Question("odd_keys_patched", "whether an odd key can be given later", odd_keys_patched, 1),
    Question("object_lag_s", "when objects can be seen", object_lag_s, 1, bucket=True),
    Question(
        "small_images_split", "whether tileDimensions split", small_images_split, 1, bucket=True
    ),
    Question("tile_joint", "how offsets are joined to the prefix", tile_joint, 1, bucket=True),
    Question("masked_float", "what masked floats become", masked_float, 1, bucket=True),
    Question(
        "bucket_refusal_code",
        "how an export ends that may not write",
        bucket_refusal_code,
        1,
        bucket=True,
    ),
    Question("bucket_refusal_message", "what it says then", bucket_refusal_message, 1, bucket=True),
    Question(
        "import_checks",
        "when an ingestion hears that its place is taken",
        import_checks,
        2,
        bucket=True,
    ),
    Question(
        "missing_parent", "when it hears that there is no folder", missing_parent, 1, bucket=True
    ),
    Question(
        "mixed_types", "when it hears of a property's other type", mixed_types, 2, bucket=True
    ),
    Question("mask_entries", "whether several mask bands are taken", mask_entries, 1, bucket=True),
    Question(
        "imported_index", "whether rows keep their system:index", imported_index, 1, bucket=True
    ),
    Question(
        "imported_geo_column", "whether .geo is the geometry", imported_geo_column, 1, bucket=True
    ),
    Question("null_geometry", "whether a missing geometry is told", null_geometry, 1, bucket=True),
    Question("divided_by_zero", "what is divided by 0", divided_by_zero),
    Question("difference_of_zeros", "the normalized difference of zeros", difference_of_zeros),
    Question("even_medians", "what the median of two values is", even_medians),
    Question("percentiles", "what a percentile between two values is", percentiles),
    Question("convolutions", "whether a convolution turns its kernel", convolutions),
)

#: Knobs that no afternoon settles, each with the reason.
NOT_ASKED = {
    "queue_full_status": "it takes 3,000 tasks",
    "burn_rejected_ids": "likewise",
    "retention_s": "it takes weeks",
    "leftovers": "it is a share of many",
    "eecu_refuses": "it takes a quota of a day that is used up",
    "eecu_status": "likewise",
    "midnight_utc_h": "likewise",
    "asset_quota_status": "it takes a full root",
    "asset_quota_message": "likewise",
    "metrics": "it takes a right of another service",
    "metrics_delay_s": "likewise",
    "drive_folders": "it takes a person's login",
    "drive_scope": "likewise",
    "drive_refusal_status": "likewise, and a thousand calls",
    "whole_doubles": "a manifest cannot say that a number is a double",
}
