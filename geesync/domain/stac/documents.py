"""The mirror as a static STAC 1.1 catalogue: what each document says.

An image, a table or whatever else has no children is an Item; a collection of images a Collection;
a folder a Catalog. All links are relative, so that the mirror can be moved and served as it is.
https://github.com/radiantearth/stac-spec/tree/v1.1.0
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from geesync.domain.assets.asset import IMAGE_COLLECTION, SourceAsset
from geesync.domain.assets.extent import Extent, time_span
from geesync.domain.assets.grid import Grid
from geesync.domain.assets.names import display_id
from geesync.domain.json import Json, write_time
from geesync.domain.stac.geometry import item_geometry
from geesync.domain.stac.links import GEOJSON_TYPE, JSON_TYPE, TOP, Node, link, upwards
from geesync.domain.tasks.exports import Part

STAC_VERSION = "1.1.0"

_PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
_FILE = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
_VERSION = "https://stac-extensions.github.io/version/v1.2.0/schema.json"

_MEDIA_TYPES = {
    "csv": "text/csv",
    "geojson": GEOJSON_TYPE,
    "json": JSON_TYPE,
    "parquet": "application/vnd.apache.parquet",
    "tif": "image/tiff; application=geotiff",
    "vrt": "application/xml",
}

#: Multihash: the code of SHA2-256, and its length in bytes.
_SHA256 = "1220"


@dataclass(frozen=True)
class CopyDates:
    """What happened to an asset's copy."""

    created_at: datetime  #: first verified, or first seen
    updated_at: datetime  #: last verified, or proved absent upstream
    left_out: str = ""  #: what of it cannot be taken as files, and why


@dataclass(frozen=True)
class DataFile:
    """One proved file of an asset."""

    file: str  #: its name in the asset's folder
    size_bytes: int
    sha256: str  #: hexadecimal
    part: Part
    grid: Grid | None  #: of this file: a tile's own
    tile: str = ""  #: which of its part's tiles it is: "0-256"
    origin: Json = field(default_factory=dict)  #: its part, as in ``geesync.json``: how it came


@dataclass(frozen=True)
class Made:
    """A file that geesync made of the others: a VRT, a mosaic."""

    file: str
    size_bytes: int
    sha256: str


def item(
    node: Node,
    parent: Node,
    source: SourceAsset,
    history: CopyDates,
    *,
    files: Iterable[DataFile],
    made: Iterable[Made] = (),
    sidecars: Iterable[str],
    wkt2: Callable[[str], str],
) -> Json:
    """Return the Item of an asset that has no children.

    sidecars: names of files in its folder that only describe it. wkt2: turns any text of a CRS
    that is no authority's code into WKT2.
    """
    geometry, box = item_geometry(source.outline), source.box
    assets = {
        **{_key(file): _asset(file, wkt2) for file in files},
        **{file.file.partition(".")[2]: _made(file) for file in made},
        **{name.partition(".")[0]: _sidecar(name) for name in sidecars},
    }
    document = {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [_PROJECTION, _FILE],
        "id": node.id,
        "geometry": geometry,
        **({"bbox": list(box.bbox)} if box else {}),
        "properties": {
            "title": node.title,
            **_times(source, history),
            **_common_crs(assets.values()),
            **_own_fields(source, history),
        },
        "assets": assets,
    }
    return placed(document, node, parent)


def placed(document: Json, node: Node, parent: Node) -> Json:
    """Return an Item that lies in this container, whatever it said of that before."""
    others = {key: value for key, value in document.items() if key not in ("links", "collection")}
    links = upwards(node, parent)
    if parent.type != IMAGE_COLLECTION:
        return others | {"links": links}
    links.append(link(node, parent, "collection"))
    return others | {"links": links, "collection": parent.id}


def container(
    node: Node,
    parent: Node,
    source: SourceAsset,
    history: CopyDates,
    *,
    links: Sequence[Json],
    extent: Extent,
) -> Json:
    """Return the Catalog of a folder, or the Collection of an image collection."""
    title = source.properties.get("title") or source.properties.get("system:title")
    description = source.properties.get("description") or source.properties.get(
        "system:description"
    )
    is_collection = node.type == IMAGE_COLLECTION
    return {
        "type": "Collection" if is_collection else "Catalog",
        "stac_version": STAC_VERSION,
        "id": node.id,
        "title": str(title or node.title),
        "description": str(description or f"Earth Engine {node.type} {display_id(node.name)}"),
        **({"license": "other", "extent": _extent(extent)} if is_collection else {}),
        "created": write_time(history.created_at),
        "updated": write_time(history.updated_at),
        **_own_fields(source, history),
        "links": [*upwards(node, parent), *links],
    }


def gone(document: Json, at: datetime, *, freed: bool = False) -> Json:
    """Return a document, marked: its asset is absent upstream, the copy is kept.

    freed: a person had it deleted there, and so it is not out of date.
    """
    if freed:
        place = document.get("properties", document)
        place["ee:freed"] = write_time(at)
        return document
    mark = {"ee:gone": write_time(at), "deprecated": True}
    extensions = {"stac_extensions": [*document.get("stac_extensions", ()), _VERSION]}
    if _VERSION in document.get("stac_extensions", ()):
        return document
    if document["type"] == "Feature":
        return document | extensions | {"properties": document["properties"] | mark}
    return document | extensions | mark


def top(links: Sequence[Json]) -> Json:
    """Return the Catalog of the whole mirror."""
    return {
        "type": "Catalog",
        "stac_version": STAC_VERSION,
        "id": TOP.id,
        "title": "Mirror of Earth Engine",
        "description": "Assets of Earth Engine, mirrored by geesync",
        "links": [link(TOP, TOP, "root"), *links],
    }


def page(node: Node, number: int, links: Sequence[Json]) -> Json:
    """Return one page of a container that has too many children for one document."""
    return {
        "type": "Catalog",
        "stac_version": STAC_VERSION,
        "id": f"{node.id}.page-{number:05d}",
        "title": f"{node.title}, page {number:,}",
        "description": f"Part of {display_id(node.name)}",
        "links": [link(node, TOP, "root"), link(node, node, "parent"), *links],
    }


def _times(source: SourceAsset, history: CopyDates) -> Json:
    """Return STAC's times; it wants one of every Item, also of one that is of no time."""
    begin, end = time_span(source)
    if begin and end and end < begin:  # as somebody uploaded it; STAC knows no such span
        begin, end = end, begin
    only = begin or end
    times: Json = {"datetime": write_time(only or history.created_at)}
    if begin and end:
        times |= {"start_datetime": write_time(begin), "end_datetime": write_time(end)}
    if not only:
        times["ee:undated"] = True
    return times | {
        "created": write_time(history.created_at),
        "updated": write_time(history.updated_at),
    }


def _own_fields(source: SourceAsset, history: CopyDates) -> Json:
    """Return what Earth Engine says and STAC has no word for."""
    properties = {
        "ee:name": source.name,
        "ee:type": source.type,
        "ee:update_time": source.json.get("updateTime"),
        "ee:size_bytes": source.size_bytes or None,
        "ee:feature_count": source.feature_count,
        "ee:external_files": list(source.external_files) or None,
        "ee:quota": source.json.get("quota"),
        "ee:left_out": history.left_out or None,
        "ee:properties": {
            key: value for key, value in source.properties.items() if key != "system:footprint"
        }
        or None,
    }
    return {key: value for key, value in properties.items() if value is not None}


def _extent(extent: Extent) -> Json:
    interval = [time and write_time(time) for time in (extent.begin, extent.end)]
    return {
        "spatial": {"bbox": [list(extent.box or (-180.0, -90.0, 180.0, 90.0))]},
        "temporal": {"interval": [interval]},
    }


def _key(file: DataFile) -> str:
    kind = file.part.extension if file.grid is None else "data"
    return "-".join(filter(None, (file.part.key or kind, file.tile)))


def _asset(file: DataFile, wkt2: Callable[[str], str]) -> Json:
    document = _stored(file, file.part.extension) | {
        "roles": ["data-mask" if file.part.of_masks else "data"],
        **{f"ee:{key}": file.origin[key] for key in ("way", "vouched_by") if key in file.origin},
    }
    if file.grid is None:
        return document
    return document | {
        **_projection(file.grid, wkt2),
        "data_type": file.part.pixel_type,
        **({"nodata": file.part.sentinel} if file.part.sentinel is not None else {}),
        "bands": [{"name": band} for band in file.part.bands],
    }


def _made(made: Made) -> Json:
    return _stored(made, made.file.rpartition(".")[2]) | {
        "roles": ["data"],
        "title": "made of the other files by geesync",
    }


def _stored(file: DataFile | Made, extension: str) -> Json:
    return {
        "href": f"./{quote(file.file)}",
        "type": _MEDIA_TYPES[extension],
        "file:size": file.size_bytes,
        "file:checksum": _SHA256 + file.sha256,
    }


def _projection(grid: Grid, wkt2: Callable[[str], str]) -> Json:
    crs: dict[str, Any] = (
        {"proj:code": grid.crs}
        if grid.has_code
        else {"proj:code": None, "proj:wkt2": wkt2(grid.crs)}
    )
    return crs | {"proj:shape": [grid.height, grid.width], "proj:transform": list(grid.transform)}


def _common_crs(assets: Iterable[Json]) -> Json:
    """Return the CRS that all files share, for those who look at Items only."""
    codes = {asset["proj:code"] for asset in assets if "proj:code" in asset}
    return {"proj:code": codes.pop()} if len(codes) == 1 and None not in codes else {}


def _sidecar(name: str) -> Json:
    return {"href": f"./{name}", "type": JSON_TYPE, "roles": ["metadata"]}
