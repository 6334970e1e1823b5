"""The simulator alone: what each export and each page costs it, and how many there can be."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.account import ARCHIVE, Account, account
from tests.benchmarks.measure import FailedError, cpu_of
from tests.benchmarks.report import Table

CONNECTIONS = 4
PAGES = 20
_LOOK_S = 0.05
PAGE = 1000  #: assets, all that a page of a collection can hold
COLLECTION = f"{ARCHIVE}/c0000"


@dataclass(frozen=True)
class Served:
    """So many requests of one kind, answered and done with."""

    count: int
    wall_s: float
    cpu_s: float  #: the simulator's
    bucket_cpu_s: float  #: its bucket's

    def row(self, what: str) -> tuple[str, ...]:
        """Return the figures for each request."""
        each = (self.wall_s, self.cpu_s, self.bucket_cpu_s)
        ms = (f"{1000 * seconds / self.count:.1f}" for seconds in each)
        return (what, f"{self.count:,}", f"{self.count / self.wall_s:,.0f}", *ms)


def simulator(folder: Path, images: int, say: Callable[[str], None]) -> list[Table]:
    """Export every image of an account, and list it again and again."""
    with account(f"thousands:{images}", folder / "account") as there:
        exports = _measured(there, images, _export_all)
        say(f"  exports: {exports.wall_s:.2f} s")
        pages = _measured(there, PAGES, _list)
        say(f"  pages: {pages.wall_s:.2f} s")
    columns = ("", "number", "a second", "ms each", "CPU ms each", "bucket's CPU ms each")
    rows = [
        exports.row("exports of tiny images, into the bucket"),
        pages.row(f"pages of listAssets, {min(images, PAGE):,} images each"),
    ]
    return [Table("What the simulator can answer", columns, rows)]


def _measured(there: Account, count: int, work: Callable[[Account, int], None]) -> Served:
    began, cpu_s, bucket_s = time.monotonic(), cpu_of([there.pid]), cpu_of(there.bucket())
    work(there, count)
    return Served(
        count,
        time.monotonic() - began,
        cpu_of([there.pid]) - cpu_s,
        cpu_of(there.bucket()) - bucket_s,
    )


def _export_all(there: Account, images: int) -> None:
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        shares = [range(first, images, CONNECTIONS) for first in range(CONNECTIONS)]
        last = list(threads.map(lambda share: _export(there, share), shares))
    connection = _connection(there)
    while not all(_ask(connection, there, "GET", name).get("done") for name in last):
        time.sleep(_LOOK_S)  # whoever lists thousands meanwhile measures listing
    states: set[str] = set()
    while states != {"SUCCEEDED"}:  # its clock runs, so that an end takes a moment of ours
        states = {op["metadata"]["state"] for op in _operations(there, connection)}
        if bad := states - {"PENDING", "RUNNING", "SUCCEEDED"}:
            raise FailedError(f"exports are {', '.join(bad)}")


def _export(there: Account, share: range) -> str:
    """Return the last operation, as it is asked for."""
    connection = _connection(there)
    name = ""
    for number in share:
        name = _ask(connection, there, "POST", "image:export", _body(there, number))["name"]
    return name.removeprefix(_project(there))


def _list(there: Account, pages: int) -> None:
    connection = _connection(there)
    path = f"{COLLECTION}:listAssets?pageSize={PAGE}".removeprefix(_project(there))
    for _ in range(pages):
        _ask(connection, there, "GET", path)


def _operations(there: Account, connection: HTTPConnection) -> Iterator[dict[str, Any]]:
    token = ""
    while True:
        page = _ask(connection, there, "GET", f"operations?pageToken={token}")
        yield from page["operations"]
        token = page.get("nextPageToken", "")
        if not token:
            return


def _ask(
    connection: HTTPConnection, there: Account, method: str, path: str, body: Any = None
) -> Any:
    headers = {"content-type": "application/json"}
    sent = None if body is None else json.dumps(body)
    connection.request(method, f"/v1/{_project(there)}{path}", sent, headers)
    answer = connection.getresponse()
    told = json.loads(answer.read())
    if answer.status != 200:
        raise FailedError(f"{path}: {told}")
    return told


def _connection(there: Account) -> HTTPConnection:
    return HTTPConnection(urlsplit(there.told["earth_engine"]).netloc)


def _project(there: Account) -> str:
    return f"projects/{there.told['project']}/"


def _body(there: Account, number: int) -> dict[str, Any]:
    """Return an export as geesync asks for it: masked pixels become a value of their own."""
    image = _call("Image.load", id={"constantValue": f"{COLLECTION}/i{number:06d}"})
    fill = _call("Image.constant", value={"constantValue": -32768})
    values = (_call("Image.toInt16", value=part) for part in (image, fill))
    unmasked = _call("Image.unmask", **dict(zip(("input", "value"), values, strict=True)))
    return {
        "expression": {"result": "0", "values": {"0": unmasked}},
        "description": f"export {number}",
        "requestId": f"export-{number}",
        "fileExportOptions": {
            "fileFormat": "GEO_TIFF",
            "cloudStorageDestination": {
                "bucket": there.told["bucket"],
                "filenamePrefix": f"{number}/image",
            },
            "geoTiffOptions": {"noData": {"floatValue": -32768}},
        },
    }


def _call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"functionInvocationValue": {"functionName": name, "arguments": arguments}}
