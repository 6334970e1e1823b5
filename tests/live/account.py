"""An account that questions are asked of, in a folder of their own; real or simulated."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from google.auth.transport.requests import AuthorizedSession
from requests import Response

Json = dict[str, Any]

FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")
POLL_S = 5.0
PATIENCE_S = 3600.0  #: of one task; a queue may be long
EARTH_ENGINE = "https://earthengine.googleapis.com"
CLOUD_STORAGE = "https://storage.googleapis.com"


class TooDear(Exception):  # noqa: N818 - reads as what it is
    """More would be asked than was announced."""


@dataclass(frozen=True)
class Answer:
    """What an HTTP call was answered with."""

    status: int
    body: Json

    @property
    def ok(self) -> bool:
        """Tell whether it was done."""
        return self.status < 300

    @property
    def message(self) -> str:
        """What was said of an error."""
        return str(self.body.get("error", {}).get("message", ""))


@dataclass
class Account:
    """One project, and perhaps a bucket; what is made in them is removed by ``clean``."""

    session: AuthorizedSession
    project: str
    bucket: str = ""
    forbidden_bucket: str = ""  #: one that may not be written to
    url: str = EARTH_ENGINE
    storage_url: str = CLOUD_STORAGE
    most_tasks: int = 100
    now: Callable[[], float] = time.monotonic  #: seconds
    pause: Callable[[float], None] = time.sleep
    token: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    tasks: int = 0

    @property
    def folder(self) -> str:
        """The name of the folder that all assets are made in."""
        return f"projects/{self.project}/assets/geesync_live_{self.token}"

    @property
    def prefix(self) -> str:
        """What the names of all objects begin with."""
        return f"geesync_live_{self.token}/"

    def fresh(self) -> str:
        """Return a name that nothing has yet."""
        return f"x{uuid.uuid4().hex[:12]}"

    # --- Calls.

    def call(self, method: str, path: str, body: Json | None = None) -> Answer:
        """Call Earth Engine once; path: below ``/v1/``."""
        return self._request(method, f"{self.url}/v1/{path}", json=body)

    def start(self, path: str, body: Json) -> Answer:
        """Start a task; raises TooDear if there have been as many as were announced."""
        if self.tasks >= self.most_tasks:
            raise TooDear(f"{self.tasks} tasks were started; no more are")
        self.tasks += 1
        return self.call("POST", f"projects/{self.project}/{path}", body)

    def ended(self, answer: Answer) -> Json:
        """Wait for a task that was started and return its operation."""
        if not answer.ok:
            raise AssertionError(answer.message)
        until = self.now() + PATIENCE_S
        while True:
            operation = self.call("GET", str(answer.body["name"])).body
            if operation.get("metadata", {}).get("state") in FINAL:
                return operation
            if self.now() > until:
                raise TimeoutError(f"{answer.body['name']} has not ended")
            self.pause(POLL_S)

    def waited(self, seen: Callable[[], bool], most_s: float = 120.0) -> float | None:
        """Return after how many seconds something is seen; None if never."""
        began = self.now()
        while not seen():
            if self.now() - began > most_s:
                return None
            self.pause(1.0)
        return self.now() - began

    # --- Assets.

    def make_folder(self) -> None:
        """Make the folder; raises AssertionError in the service's words if it cannot be."""
        made = self.call("POST", self._creation(self.folder), {"type": "FOLDER"})
        assert made.ok, made.message

    def make_collection(self) -> str:
        """Make a collection and return its name."""
        name = f"{self.folder}/{self.fresh()}"
        made = self.call("POST", self._creation(name), {"type": "IMAGE_COLLECTION"})
        assert made.ok, made.message
        return name

    def make_image(self) -> str:
        """Make an image of 8 × 8 pixels, by an export, and return its name."""
        name = f"{self.folder}/{self.fresh()}"
        operation = self.ended(self.start("image:export", to_asset(name)))
        assert "error" not in operation, operation
        return name

    def pixels(self, name: str, grid_json: Json) -> Response:
        """Return the answer of getPixels, whose body is an array."""
        asked: Json = {"fileFormat": "NPY", "grid": grid_json}
        return self.session.post(f"{self.url}/v1/{name}:getPixels", json=asked)

    def _creation(self, name: str) -> str:
        parent, _, below = name.partition("/assets/")
        return f"{parent}/assets?assetId={quote(below, safe='')}"

    # --- Objects.

    def upload(self, name: str, content: bytes) -> str:
        """Write an object and return its URI."""
        place = f"{self.storage_url}/upload/storage/v1/b/{self.bucket}/o"
        asked = {"uploadType": "media", "name": self.prefix + name}
        self.session.post(place, params=asked, data=content).raise_for_status()
        return f"gs://{self.bucket}/{self.prefix}{name}"

    def objects(self, name: str = "") -> list[str]:
        """Return the names of the objects that begin so, without what all of them begin with."""
        place = f"{self.storage_url}/storage/v1/b/{self.bucket}/o"
        answer = self._request("GET", place, params={"prefix": self.prefix + name})
        items = answer.body.get("items", ())
        return [item["name"].removeprefix(self.prefix) for item in items]

    def download(self, name: str) -> bytes:
        """Return the content of an object."""
        place = f"{self.storage_url}/storage/v1/b/{self.bucket}/o/"
        answer = self.session.get(f"{place}{quote(self.prefix + name, safe='')}?alt=media")
        answer.raise_for_status()
        return bytes(answer.content)

    # --- The end.

    def clean(self) -> list[str]:
        """Remove whatever was made; returns what is left all the same."""
        for asset in [*self._below(self.folder)][::-1]:
            self.call("DELETE", asset)
        self.call("DELETE", self.folder)
        for name in self.objects() if self.bucket else ():
            place = f"{self.storage_url}/storage/v1/b/{self.bucket}/o/"
            self._request("DELETE", f"{place}{quote(self.prefix + name, safe='')}")
        left = self.objects() if self.bucket else []
        return left + ([self.folder] if self.call("GET", self.folder).ok else [])

    def _below(self, parent: str) -> Iterator[str]:
        for asset in self.call("GET", f"{parent}:listAssets").body.get("assets", ()):
            yield asset["name"]
            if asset["type"] in ("FOLDER", "IMAGE_COLLECTION"):
                yield from self._below(asset["name"])

    def _request(self, method: str, url: str, **asked: Any) -> Answer:
        answer = self.session.request(method, url, **asked)
        text = answer.text
        body = answer.json() if text.startswith("{") else {}
        return Answer(answer.status_code, body)


# --- Requests.


def function(name: str, **arguments: Any) -> Json:
    """Return the node of a call; what is no node becomes a constant."""
    nodes = {
        key: value
        if isinstance(value, dict) and "functionInvocationValue" in value
        else {"constantValue": value}
        for key, value in arguments.items()
    }
    return {"functionInvocationValue": {"functionName": name, "arguments": nodes}}


def constant(value: float = 7) -> Json:
    """Return an image of one value."""
    return function("Image.constant", value=value)


def grid(edge: int = 8) -> Json:
    """Return a grid of so many pixels a side, in degrees."""
    terms = {"scaleX": 0.01, "scaleY": -0.01, "translateX": 10.0, "translateY": 50.0}
    size = {"width": edge, "height": edge}
    return {"crsCode": "EPSG:4326", "affineTransform": terms, "dimensions": size}


def export(image: Json | None = None, edge: int = 8, **fields: Any) -> Json:
    """Return the body of an export of an image, without its destination."""
    expression = {
        "result": "0",
        "values": {"0": image or function("Image.toByte", value=constant())},
    }
    return {"expression": expression, "grid": grid(edge), "description": "geesync_live", **fields}


def to_asset(name: str, **fields: Any) -> Json:
    """Return the body of an export of a small image to an asset."""
    return export(assetExportOptions={"earthEngineDestination": {"name": name}}, **fields)
