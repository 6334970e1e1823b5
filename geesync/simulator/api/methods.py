"""The methods of Earth Engine's REST API v1: one table for discovery, routing and reading."""

from __future__ import annotations

import re
from dataclasses import dataclass

from geesync.simulator.messages import manifest_messages as manifests
from geesync.simulator.messages import schemas
from geesync.simulator.messages.reading import Parser

VERSION = "v1"
PROJECT = r"projects/[^/]+"
ASSET = r"projects/[^/]+/assets(?:/.*)?"
OPERATION = r"projects/[^/]+/operations/.+"

#: Parameters of every method; they change nothing here.
COMMON_QUERY = frozenset(("alt", "prettyPrint", "fields", "key", "quotaUser", "$alt"))


@dataclass(frozen=True)
class Method:
    """One method; ``path`` is its template below ``/v1/``, beginning with a ``{+parameter}``."""

    id: str  #: below "earthengine.projects."
    http: str
    path: str
    pattern: str  #: what the path parameter looks like
    query: tuple[str, ...] = ()
    body: Parser | None = None
    paged: bool = False

    @property
    def parameter(self) -> str:
        """The name of the path parameter."""
        return self.path[2 : self.path.index("}")]

    @property
    def minor_parameters(self) -> list[str]:
        """The names of further path parameters, each of one segment."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def route(self) -> re.Pattern[str]:
        """What the decoded path below ``/v1/`` must look like; group 1 is the parameter."""
        rest = re.sub(r"{\w+}", "*", self.path.partition("}")[2])
        return re.compile(f"({self.pattern}){re.escape(rest).replace(re.escape('*'), '[^/]+')}")


def _rendered(resource: str, get: str, body: Parser = schemas.UNREAD) -> tuple[Method, ...]:
    """Return the methods that draw something, and that fetch what was drawn."""
    pattern = rf"{PROJECT}/{resource}/[^/:]+"
    return (
        Method(f"{resource}.create", "POST", f"{{+parent}}/{resource}", PROJECT, (), body),
        Method(f"{resource}.{get}", "GET", f"{{+name}}:{get}", pattern),
    )


PAGING = ("pageSize", "pageToken")
LISTING = (*PAGING, "filter", "view")

METHODS: tuple[Method, ...] = (
    Method("algorithms.list", "GET", "{+parent}/algorithms", PROJECT),
    Method("getConfig", "GET", "{+name}", rf"{PROJECT}/config"),
    Method(
        "updateConfig",
        "PATCH",
        "{+name}",
        rf"{PROJECT}/config",
        ("updateMask",),
        schemas.CONFIG,
    ),
    Method("getCapabilities", "GET", "{+parent}/capabilities", PROJECT),
    # Custom verbs come before plain names, whose patterns would swallow them.
    Method("listAssets", "GET", "{+parent}:listAssets", PROJECT, LISTING, paged=True),
    Method("assets.listAssets", "GET", "{+parent}:listAssets", ASSET, LISTING, paged=True),
    Method(
        "assets.listFeatures",
        "GET",
        "{+asset}:listFeatures",
        ASSET,
        (*PAGING, "region", "filter", "featureProjection"),
        paged=True,
    ),
    Method("assets.copy", "POST", "{+sourceName}:copy", ASSET, body=schemas.COPY_ASSET),
    Method("assets.move", "POST", "{+sourceName}:move", ASSET, body=schemas.MOVE_ASSET),
    Method("assets.link", "POST", "{+sourceName}:link", ASSET, body=schemas.UNREAD),
    Method("assets.getLinked", "POST", "{+name}:getLinked", ASSET, body=schemas.UNREAD),
    Method(
        "assets.getIamPolicy",
        "POST",
        "{+resource}:getIamPolicy",
        ASSET,
        body=schemas.GET_POLICY,
    ),
    Method(
        "assets.setIamPolicy",
        "POST",
        "{+resource}:setIamPolicy",
        ASSET,
        body=schemas.SET_POLICY,
    ),
    Method(
        "assets.testIamPermissions",
        "POST",
        "{+resource}:testIamPermissions",
        ASSET,
        body=schemas.TEST_PERMISSIONS,
    ),
    Method("assets.getPixels", "POST", "{+name}:getPixels", ASSET, body=schemas.GET_PIXELS),
    Method(
        "assets.create",
        "POST",
        "{+parent}/assets",
        PROJECT,
        ("assetId", "overwrite"),
        schemas.ASSET,
    ),
    Method("assets.get", "GET", "{+name}", ASSET),
    Method("assets.delete", "DELETE", "{+name}", ASSET),
    Method("assets.patch", "PATCH", "{+name}", ASSET, body=schemas.PATCH_ASSET),
    Method("image.export", "POST", "{+project}/image:export", PROJECT, body=schemas.EXPORT_IMAGE),
    Method("image.import", "POST", "{+project}/image:import", PROJECT, body=manifests.IMPORT_IMAGE),
    Method(
        "image.importExternal",
        "POST",
        "{+project}/image:importExternal",
        PROJECT,
        body=manifests.IMPORT_EXTERNAL_IMAGE,
    ),
    Method(
        "image.computePixels",
        "POST",
        "{+project}/image:computePixels",
        PROJECT,
        body=schemas.COMPUTE_PIXELS,
    ),
    Method(
        "imageCollection.computeImages",
        "POST",
        "{+project}/imageCollection:computeImages",
        PROJECT,
        body=schemas.COMPUTE_PAGE,
    ),
    Method("table.export", "POST", "{+project}/table:export", PROJECT, body=schemas.EXPORT_TABLE),
    Method("table.import", "POST", "{+project}/table:import", PROJECT, body=manifests.IMPORT_TABLE),
    Method(
        "table.computeFeatures",
        "POST",
        "{+project}/table:computeFeatures",
        PROJECT,
        body=schemas.COMPUTE_PAGE,
    ),
    Method(
        "value.compute", "POST", "{+project}/value:compute", PROJECT, body=schemas.COMPUTE_VALUE
    ),
    Method("video.export", "POST", "{+project}/video:export", PROJECT, body=schemas.UNREAD),
    *_rendered("thumbnails", "getPixels", schemas.THUMBNAIL),
    *_rendered("videoThumbnails", "getPixels"),
    *_rendered("filmstripThumbnails", "getPixels"),
    *_rendered("tables", "getFeatures"),
    Method("maps.create", "POST", "{+parent}/maps", PROJECT, body=schemas.UNREAD),
    Method("maps.tiles.get", "GET", "{+parent}/tiles/{zoom}/{x}/{y}", rf"{PROJECT}/maps/[^/]+"),
    Method("featureView.create", "POST", "{+parent}/featureView", PROJECT, body=schemas.UNREAD),
    Method("map.export", "POST", "{+project}/map:export", PROJECT, body=schemas.UNREAD),
    Method("videoMap.export", "POST", "{+project}/videoMap:export", PROJECT, body=schemas.UNREAD),
    Method(
        "classifier.export",
        "POST",
        "{+project}/classifier:export",
        PROJECT,
        body=schemas.UNREAD,
    ),
    Method(
        "operations.list",
        "GET",
        "{+name}/operations",
        PROJECT,
        (*PAGING, "filter", "returnPartialSuccess"),
        paged=True,
    ),
    Method("operations.cancel", "POST", "{+name}:cancel", OPERATION, body=schemas.EMPTY),
    Method("operations.wait", "POST", "{+name}:wait", OPERATION, body=schemas.WAIT),
    Method("operations.get", "GET", "{+name}", OPERATION),
    Method("operations.delete", "DELETE", "{+name}", OPERATION),
)
