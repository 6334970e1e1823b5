"""An account that questions are asked of, in a folder of their own; real or simulated."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from google.auth.transport.requests import AuthorizedSession
from requests import Response

from tests.live.costs import Cost, Meter

Json = dict[str, Any]

FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")
POLL_S, LONGEST_POLL_S = 1.0, 60.0
PATIENCE_S = 3600.0  #: of one task; a queue may be long
EARTH_ENGINE = "https://earthengine.googleapis.com"
CLOUD_STORAGE = "https://storage.googleapis.com"


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
    requests_per_s: float = 10.0
    rest: Callable[[float], None] = time.sleep  #: before what failed is asked again
    meter: Meter = field(default_factory=Meter)
    now: Callable[[], float] = time.monotonic  #: seconds
    pause: Callable[[float], None] = time.sleep
    token: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    started: list[str] = field(default_factory=list)  #: operations that may not have ended

    @property
    def folder(self) -> str:
        """The name of the folder that all assets are made in."""
        return f"projects/{self.project}/assets/geesync_live_{self.token}"

    @property
    def used(self) -> Cost:
        """What was asked so far, but for the cleaning."""
        return self.meter.used

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
        self.meter.spend(Cost(tasks=1, assets=1))
        answer = self.call("POST", f"projects/{self.project}/{path}", body)
        if answer.ok:
            self.started.append(answer.body["name"])
        return answer

    def ended(self, answer: Answer) -> Json:
        """Wait for a task that was started and return its operation."""
        if not answer.ok:
            raise AssertionError(answer.message)
        name, until, poll_s = str(answer.body["name"]), self.now() + PATIENCE_S, POLL_S
        while True:
            told = self.call("GET", name)
            assert told.ok or told.status >= 429, told.message  # else it is known no more
            operation = told.body
            if operation.get("metadata", {}).get("state") in FINAL:
                self.started = [other for other in self.started if other != name]
                return operation
            if self.now() > until:
                raise TimeoutError(f"{name} has not ended")
            self.pause(poll_s)
            poll_s = min(poll_s * 1.5, LONGEST_POLL_S)

    def made(self, answer: Answer) -> None:
        """Wait for a task that was started; raises AssertionError if it did not succeed."""
        operation = self.ended(answer)
        assert "error" not in operation, operation["error"]

    def waited(self, seen: Callable[[], bool], most_s: float = 120.0) -> float | None:
        """Return after how many seconds something is seen; None if never."""
        began = self.now()
        while not seen():
            waited_s = self.now() - began
            if waited_s > most_s:
                return None
            self.pause(1.0 if waited_s < 20 else 5.0)
        return self.now() - began

    # --- Assets.

    def make_folder(self) -> None:
        """Make the folder; raises AssertionError in the service's words if it cannot be."""
        self._create(self.folder, "FOLDER")

    def make_container(self, kind: str = "IMAGE_COLLECTION") -> str:
        """Make a folder or a collection in the folder and return its name."""
        name = f"{self.folder}/{self.fresh()}"
        self._create(name, kind)
        return name

    def make_image(self, image: Json | None = None, *, name: str = "") -> str:
        """Make an image of 8 × 8 pixels, by an export, and return its name."""
        name = name or f"{self.folder}/{self.fresh()}"
        self.made(self.start("image:export", to_asset(name, image=image)))
        return name

    def pixels(self, name: str, grid_json: Json) -> Response:
        """Return the answer of getPixels, whose body is an array."""
        self.meter.spend(Cost(requests=1))
        asked: Json = {"fileFormat": "NPY", "grid": grid_json}
        return self.session.post(f"{self.url}/v1/{name}:getPixels", json=asked)

    def value(self, node: Json) -> Any:
        """Return what an expression comes to; raises AssertionError if it cannot be computed."""
        body = {"expression": {"result": "0", "values": {"0": node}}}
        answer = self.call("POST", f"projects/{self.project}/value:compute", body)
        assert answer.ok, answer.message
        return answer.body.get("result")

    def create(self, name: str, body: Json) -> Answer:
        """Ask for a container to be made."""
        self.meter.spend(Cost(assets=1))
        parent, _, below = name.partition("/assets/")
        return self.call("POST", f"{parent}/assets?assetId={quote(below, safe='')}", body)

    def _create(self, name: str, kind: str) -> None:
        answer = self.create(name, {"type": kind})
        assert answer.ok, answer.message

    # --- Objects.

    def upload(self, name: str, content: bytes) -> str:
        """Write an object and return its URI."""
        self.meter.spend(Cost(requests=1, transferred_bytes=len(content)))
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
        self.meter.spend(Cost(requests=1))
        place = f"{self.storage_url}/storage/v1/b/{self.bucket}/o/"
        answer = self.session.get(f"{place}{quote(self.prefix + name, safe='')}?alt=media")
        answer.raise_for_status()
        self.meter.spend(Cost(transferred_bytes=len(answer.content)))
        return bytes(answer.content)

    # --- The end.

    def clean(self) -> list[str]:
        """Remove whatever was made; returns what is left all the same.

        A task that is running would make its asset, or its object, afterwards: it is cancelled,
        and waited for. It may ask as much as it takes.
        """
        self.meter.allow(NO_LIMIT)
        for name in list(self.started):
            # What cannot be stopped must not keep all else from being removed; it is told as left.
            with suppress(AssertionError, TimeoutError):
                self.call("POST", f"{name}:cancel", {})
                self.ended(Answer(200, {"name": name}))
        left: list[str] = []
        for _ in range(TRIES):
            assets = [self.folder, *self._below(self.folder)][::-1]
            objects = self.objects() if self.bucket else []
            for asset in assets:
                self.call("DELETE", asset)
            for name in objects:
                place = f"{self.storage_url}/storage/v1/b/{self.bucket}/o/"
                self._request("DELETE", f"{place}{quote(self.prefix + name, safe='')}")
            left = [asset for asset in assets if self.call("GET", asset).ok]
            left += [*(self.objects() if self.bucket else ()), *self.started]
            if not left:
                break
            self.pause(POLL_S)
        return left

    def _below(self, parent: str) -> Iterator[str]:
        for asset in self.call("GET", f"{parent}:listAssets").body.get("assets", ()):
            yield asset["name"]
            if asset["type"] in ("FOLDER", "IMAGE_COLLECTION"):
                yield from self._below(asset["name"])

    def _request(self, method: str, url: str, **asked: Any) -> Answer:
        self.meter.spend(Cost(requests=1))
        answer = self.session.request(method, url, **asked)
        text = answer.text
        body = answer.json() if text.startswith("{") else {}
        return Answer(answer.status_code, body)


NO_LIMIT = Cost(*[10**9] * 4)
TRIES = 3  #: of removing what was made


# --- Requests.


def function(name: str, **arguments: Any) -> Json:
    """Return the node of a call; what is no node becomes a constant."""
    nodes = {
        key: value if isinstance(value, dict) and NODES & value.keys() else {"constantValue": value}
        for key, value in arguments.items()
        if value is not None
    }
    return {"functionInvocationValue": {"functionName": name, "arguments": nodes}}


def array(items: list[Json]) -> Json:
    """Return the node of a list of nodes."""
    return {"arrayValue": {"values": items}}


NODES = {"functionInvocationValue", "arrayValue"}


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
