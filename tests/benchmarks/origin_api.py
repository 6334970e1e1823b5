"""Says what is in the origin's buckets, as Cloud Storage's JSON API does; nginx has the bytes."""

from __future__ import annotations

import json
import sys
from bisect import bisect_left, bisect_right
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

#: Cloud Storage's own limit of a page.
PAGE = 1000


class Buckets:
    """What was put into the origin, by bucket and by name."""

    def __init__(self, index: Path) -> None:
        kept: dict[str, list[dict[str, Any]]] = json.loads(index.read_text())
        self._objects = {
            bucket: sorted((item["name"], json.dumps(item)) for item in items)
            for bucket, items in kept.items()
        }

    def page(self, bucket: str, prefix: str, after: str, most: int) -> str:
        """Return one page of a listing, as JSON."""
        objects = self._objects[bucket]
        start = max(bisect_left(objects, (prefix,)), bisect_right(objects, (after, "~")))
        found = [pair for pair in objects[start : start + most] if pair[0].startswith(prefix)]
        more = len(found) == most and start + most < len(objects)
        token = f',"nextPageToken":{json.dumps(found[-1][0])}' if more else ""
        items = ",".join(text for _, text in found)
        return f'{{"kind":"storage#objects"{token},"items":[{items}]}}'

    def one(self, bucket: str, name: str) -> str | None:
        """Return one object, as JSON."""
        objects = self._objects.get(bucket, [])
        at = bisect_left(objects, (name,))
        return objects[at][1] if at < len(objects) and objects[at][0] == name else None

    def has(self, bucket: str) -> bool:
        """Whether there is such a bucket."""
        return bucket in self._objects


def app(index: Path) -> Starlette:
    """Return the API over what an index file says."""
    buckets = Buckets(index)

    async def listing(request: Request) -> Response:
        bucket, asked = request.path_params["bucket"], request.query_params
        if not buckets.has(bucket):
            return _missing(bucket)
        most = min(int(asked.get("maxResults", PAGE)), PAGE)
        page = buckets.page(bucket, asked.get("prefix", ""), asked.get("pageToken", ""), most)
        return Response(page, media_type="application/json")

    async def one(request: Request) -> Response:
        found = buckets.one(request.path_params["bucket"], request.path_params["name"])
        if found is None:
            return _missing(request.path_params["name"])
        return Response(found, media_type="application/json")

    async def bucket(request: Request) -> Response:
        name = request.path_params["bucket"]
        if not buckets.has(name):
            return _missing(name)
        return JSONResponse({"kind": "storage#bucket", "id": name, "name": name, "location": "US"})

    return Starlette(
        routes=[
            Route("/storage/v1/b/{bucket}", bucket),
            Route("/storage/v1/b/{bucket}/o", listing),
            Route("/storage/v1/b/{bucket}/o/{name:path}", one),
        ]
    )


def _missing(what: str) -> Response:
    error = {"code": 404, "message": f"{what} is not here"}
    return JSONResponse({"error": error}, status_code=404)


if __name__ == "__main__":
    uvicorn.run(app(Path(sys.argv[1])), port=int(sys.argv[2]), log_level="warning")
