"""A file of which every process dies that reads it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from geesync.simulator.scenarios.features import make_features
from geesync.simulator.world.pixels import SimAsset
from tests.story.accounts import HOME
from tests.story.world import World

#: Loaded by every Python that is started with its folder in the path: who reads such a file dies.
_DEADLY = """
import os, re, signal, sys

def die(event, arguments):
    if event == "open" and re.search(r"poison\\.csv\\.\\w+\\.new$", str(arguments[0])):
        with open(os.environ["DEATHS"], "a") as deaths:
            deaths.write("x")
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(die)
"""


def a_deadly_table(folder: Path, monkeypatch: pytest.MonkeyPatch) -> SimAsset:
    """Return a table whose file kills whoever is started from now on and reads it.

    Who died is counted by the size of the file "deaths" in the folder.
    """
    (folder / "sitecustomize.py").write_text(_DEADLY)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    monkeypatch.setenv("DEATHS", str(folder / "deaths"))
    poison = SimAsset(f"{HOME}/poison", "TABLE", update_time="2024-01-01T00:00:00Z")
    poison.features, poison.feature_count = make_features("mixed", 5, seed=4), 5
    return poison


def assert_only_it_is_quarantined(world: World, poison: SimAsset, sound: list[SimAsset]) -> None:
    """Assert that the table costs itself its tries, and the images beside it nothing."""
    assert world.counts() == {"verified": len(sound) + 1, "quarantined": 1}  # and the folder
    assert {world.show(image.name)["failures"] for image in sound} == {0}
    assert {world.accepted(image.name) for image in sound} == {1}
    told = world.show(poison.name)
    assert (told["failures"], told["cause"]) == (5, "crashed")
    assert "SIGKILL" in told["reason"]
    assert world.accepted(poison.name) == 2  # a CSV and a GeoJSON: others would be the same
