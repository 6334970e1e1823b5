"""Items of Earth Engine's answers, read as what they must be."""

from __future__ import annotations

import json
from typing import Any

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.assets.names import is_within
from geesync.domain.json import Json
from geesync.domain.mirror.described import described
from geesync.domain.tasks.operations import Operation
from geesync.errors import Cause, RemoteError
from geesync.logger import get_logger

log = get_logger()


def lies_in(name: str, container: str) -> bool:
    """Whether an asset lies in the container that lists it; else walking it would have no end."""
    if name != container and is_within(name, container):
        return True
    log.warning("listed_elsewhere", asset=name, container=container)
    return False


def items_of(answer: Json, member: str) -> list[Any]:
    """Return the items of a page. A page that is none must not pass for an empty one."""
    items = answer.get(member, [])
    if not isinstance(items, list):
        raise RemoteError(Cause.TRANSIENT, f"an unreadable answer: its {member} are no list")
    return items


def writable(answer: Any) -> Any:
    """Return an answer that a file can hold; raises ValueError for halves of characters."""
    json.dumps(answer, ensure_ascii=False).encode()
    return answer


def described_item(item: Any) -> SourceAsset | None:
    """Return an asset of a listing; None for what is none."""
    return described(item) if isinstance(item, dict) else None


def operation_item(item: Any) -> Operation | None:
    """Return an operation of a listing, or None for what is none."""
    return Operation.from_json(item) if isinstance(item, dict) else None
