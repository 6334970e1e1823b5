"""What is known of the service, looked at again: each statement holds, or we are wrong."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.live.account import Account, Json, function, grid, to_asset


@dataclass(frozen=True)
class Statement:
    """One statement; ``holds`` looks whether it is true."""

    words: str
    holds: Callable[[Account], bool]
    tasks: int = 0  #: that it starts at most


def missing_is_not_found(account: Account) -> bool:
    answer = account.call("GET", f"{account.folder}/nothing")
    return (
        answer.status == 404 and "does not exist or doesn't allow this operation" in answer.message
    )


def unknown_fields_are_named(account: Account) -> bool:
    body = {**to_asset(f"{account.folder}/x"), "nonsense": "x"}
    answer = account.call("POST", f"projects/{account.project}/image:export", body)
    return answer.status == 400 and 'Unknown name "nonsense"' in answer.message


def system_properties_are_refused(account: Account) -> bool:
    return "must contain only letters, digits, and underscores" in _refused(
        account, {"system:x": 1}
    )


def long_keys_are_refused(account: Account) -> bool:
    return bool(_refused(account, {"k" * 111: 1}))


def long_texts_are_refused(account: Account) -> bool:
    return bool(_refused(account, {"k": "x" * 1025}))


def _refused(account: Account, properties: Json) -> str:
    """Return how a collection with these properties is refused, "" if it is not."""
    parent, _, below = f"{account.folder}/{account.fresh()}".partition("/assets/")
    body = {"type": "IMAGE_COLLECTION", "properties": properties}
    answer = account.call("POST", f"{parent}/assets?assetId={below.replace('/', '%2F')}", body)
    return "" if answer.ok else answer.message or "refused"


def folders_hold_what_was_put_there(account: Account) -> bool:
    name = account.make_image()
    listed = account.call("GET", f"{account.folder}:listAssets").body.get("assets", ())
    return name in [asset["name"] for asset in listed]


def what_is_taken_is_not_overwritten(account: Account) -> bool:
    name = account.make_image()
    body = {"destinationName": name}
    answer = account.call("POST", f"{account.make_image()}:copy", body)
    return not answer.ok and "Cannot overwrite asset" in answer.message


def pixels_come_back(account: Account) -> bool:
    pixels = np.load(io.BytesIO(account.pixels(account.make_image(), grid()).content))
    return pixels.shape == (8, 8) and bool((pixels[pixels.dtype.names[0]] == 7).all())


def odd_bands_are_refused(account: Account) -> bool:
    image = function("Image.rename", input=function("Image.constant", value=7), names=["1999"])
    body = to_asset(f"{account.folder}/{account.fresh()}", image=image)
    answer = account.start("image:export", body)
    if not answer.ok:
        return "Band ID" in answer.message
    return "Band ID" in account.ended(answer).get("error", {}).get("message", "")


STATEMENTS = (
    Statement("what is missing is a 404 in known words", missing_is_not_found),
    Statement("unknown fields are refused by name", unknown_fields_are_named),
    Statement("system: properties are refused", system_properties_are_refused),
    Statement("keys of more than 110 characters are refused", long_keys_are_refused),
    Statement("texts of more than 1,024 bytes are refused", long_texts_are_refused),
    Statement("a folder lists what was made in it", folders_hold_what_was_put_there, 1),
    Statement("an asset is not overwritten by a copy", what_is_taken_is_not_overwritten, 2),
    Statement("getPixels returns the pixels of an exported asset", pixels_come_back, 1),
    Statement("an id like 1999 is no band's", odd_bands_are_refused, 1),
)
