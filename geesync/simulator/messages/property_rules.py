"""What may be a property of an asset, a band's id, or a name that a person gives to work."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from geesync.simulator.refusals import BadRequest
from geesync.simulator.world.pixels import Json

KEY = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
MOST_KEY_CHARACTERS = 110
MOST_TEXT_BYTES = 1024
BAND_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}", re.ASCII)
WORKLOAD_TAG = re.compile(r"([a-z0-9]([-_a-z0-9]{0,61}[a-z0-9])?)?", re.ASCII)


def properties(value: Any, at: str) -> Json:
    """Read the properties of an asset; refuses keys and values that it cannot have.

    https://developers.google.com/earth-engine/guides/image_manifest
    """
    if not isinstance(value, dict):
        raise BadRequest(f"Invalid value at '{at}' (map)")
    for key, member in value.items():
        check_key(key)
        check_property(key, member)
    return value


def check_key(key: str) -> None:
    """Raise BadRequest unless this may be the key of a property."""
    if KEY.fullmatch(key) is None:
        raise BadRequest(
            f'Property key "{key}" is invalid. Property keys must contain only letters, digits,'
            " and underscores."
        )
    if len(key) > MOST_KEY_CHARACTERS:
        raise BadRequest(
            f'Property key "{key}" is invalid. Property keys must be at most'
            f" {MOST_KEY_CHARACTERS} characters long."
        )


def check_property(key: str, value: Any) -> None:
    """Raise BadRequest unless this may be a property: a text or a number, and not too long."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadRequest(f'Property "{key}" is invalid: properties must be strings or numbers.')
    if isinstance(value, str) and len(value.encode()) > MOST_TEXT_BYTES:
        raise BadRequest(
            f'Property "{key}" is invalid: strings must be at most {MOST_TEXT_BYTES} bytes long.'
        )


def check_bands(ids: Iterable[str]) -> None:
    """Raise BadRequest for an id that no band of an asset can have.

    https://github.com/eMapR/LT-GEE/issues/25
    """
    for band_id in ids:
        if BAND_ID.fullmatch(band_id) is None:
            raise BadRequest(
                f'Band ID "{band_id}" is invalid. Band IDs must start with a..z or A..Z and must'
                ' contain only the following characters: a..z, A..Z, 0..9, "_", or "-". Band IDs'
                " must be at most 100 characters long."
            )


def workload_tag(value: Any, at: str) -> str:
    """Read the tag by which compute is accounted for."""
    if not isinstance(value, str) or WORKLOAD_TAG.fullmatch(value) is None:
        raise BadRequest(f"Invalid value at '{at}': '{value}' is no workload tag.")
    return value


def kind_of(value: Any) -> str:
    """Return which type a property has."""
    return "String" if isinstance(value, str) else "Number"
