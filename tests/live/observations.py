"""What no knob stands for, looked at all the same: facts to be told as they are found."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.live.account import Account, Json, function, grid, to_asset
from tests.live.costs import Cost
from tests.live.questions import manifest

AT_ONCE = (1, 10, 40)


@dataclass(frozen=True)
class Observation:
    """One thing to look at; ``look`` returns what JSON can hold."""

    words: str
    look: Callable[[Account], Any]
    tasks: int = 0  #: that it starts at most
    bucket: bool = False  #: whether it needs one

    @property
    def cost(self) -> Cost:
        """What it may cost."""
        return Cost.of(self.tasks)


def seconds_a_call(account: Account) -> Json:
    """Return how long getPixels takes, by how many are asked at once."""
    name = account.make_image()

    def ask(_: int) -> float:
        began = time.monotonic()
        account.pixels(name, grid())
        return time.monotonic() - began

    with ThreadPoolExecutor(max(AT_ONCE)) as threads:
        found = {count: list(threads.map(ask, range(count))) for count in AT_ONCE}
    return {str(count): round(sum(all_s) / count, 3) for count, all_s in found.items()}


def headers_of_pixels(account: Account) -> Json:
    headers = account.pixels(account.make_image(), grid()).headers
    return {name: headers.get(name) for name in ("content-type", "content-encoding")}


def types_of_exports(account: Account) -> Json:
    """Return how a band's type is told that was exported to an asset as this one."""
    found = {}
    for kind in ("Int8", "Uint32", "Int64", "Double"):
        name = f"{account.folder}/{account.fresh()}"
        image = function(f"Image.to{kind}", value=function("Image.constant", value=7))
        account.ended(account.start("image:export", to_asset(name, image=image)))
        found[kind] = account.call("GET", name).body["bands"][0]["dataType"]
    return found


def repeated_import(account: Account) -> Json:
    """Return what the second of two imports gets that have one request id."""
    told = {**manifest(account), "name": f"{account.folder}/{account.fresh()}"}
    body = {"imageManifest": told, "requestId": account.fresh()}
    first, second = (account.start("image:import", body) for _ in range(2))
    account.ended(first)
    same = second.body.get("name") == first.body["name"]
    return {"status": second.status, "message": second.message, "same_operation": same}


def neighbours(account: Account) -> list[str]:
    """Return what the bands are called, in their order, that neighbours of a pixel become."""
    image = function("Image.constant", value=7)
    moved = function(
        "Image.neighborhoodToBands", image=image, kernel=function("Kernel.square", radius=1)
    )
    names: list[str] = account.value(function("Image.bandNames", image=moved))
    return names


OBSERVATIONS = (
    Observation("bands of neighborhoodToBands", neighbours),
    Observation("seconds that getPixels takes, by calls at once", seconds_a_call, 1),
    Observation("how pixels are sent", headers_of_pixels, 1),
    Observation("types of bands after an export", types_of_exports, 4),
    Observation("an import asked for twice", repeated_import, 2, bucket=True),
)
