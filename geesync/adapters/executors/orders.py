"""What a daemon lets those know who work for it elsewhere: how fast, and whether to go on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Orders:
    """What a daemon lets the workers know while they work."""

    daemon: str
    number: int = 0  #: the highest counts
    rate: float | None = None  #: bytes a second for all that one of them fetches; None is no limit
    stop: bool = False


_heard: dict[str, Orders] = {}


def hear(orders: Orders) -> None:
    """Take over what a daemon lets this worker know."""
    if orders.number >= orders_of(orders.daemon).number:
        _heard[orders.daemon] = orders


def orders_of(daemon: str) -> Orders:
    """Return what a daemon let this worker know last."""
    return _heard.get(daemon, Orders(daemon))
