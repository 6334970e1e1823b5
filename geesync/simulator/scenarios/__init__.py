"""Which accounts the simulator can play, and how one is chosen by name."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from geesync.simulator.scenarios.huge import Huge
from geesync.simulator.scenarios.recipes import read_scenario
from geesync.simulator.scenarios.tree import Scenario, Tree

__all__ = ["Scenario", "Tree", "load_scenario"]

SHIPPED = ("small", "demo")


def load_scenario(spec: str) -> Scenario:
    """Return the scenario that ``spec`` names.

    ``small`` and ``demo`` are shipped; ``million`` and ``million:N`` are N images in
    collections of 1,000; ``thousands:N`` is one collection of N images; anything else is the
    path of a TOML file. Raises ValueError if it is none of these or the file is wrong.
    """
    kind, _, count = spec.partition(":")
    if spec in SHIPPED:
        file = resources.files(__package__) / f"{spec}.toml"
        return read_scenario(file.read_text(encoding="utf-8"), name=spec)
    if kind == "million":
        return Huge(spec, images=_number(count or "1000000"), per_collection=1000)
    if kind == "thousands":
        images = _number(count or "3000")
        return Huge(spec, images=images, per_collection=images)
    try:
        text = Path(spec).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join((*SHIPPED, "million[:N]", "thousands[:N]"))
        why = getattr(error, "strerror", None) or "no text in UTF-8"
        raise ValueError(
            f"no scenario {spec!r}: not one of {known}, and no file to read: {why}"
        ) from error
    return read_scenario(text, name=Path(spec).stem)


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"not a number of images: {text!r}")
    return int(text)
