"""Worlds in which things go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from geesync.simulator import Simulator
from tests.story.world import AT_HAND, World, a_world

Build = Callable[..., World]

ARCHIVE = "projects/demo-project/assets/archive"


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Build an account with so many small images, a ledger and a mirror."""
    with ExitStack() as stack:

        def built(
            images: int = 20,
            *,
            throttle: dict[str, Any] | None = None,
            workers: Mapping[str, str] = AT_HAND,
            **knobs: Any,
        ) -> World:
            simulator = stack.enter_context(Simulator(f"thousands:{images}", **knobs))
            world = a_world(simulator, tmp_path, workers=workers, **(throttle or {}))
            return stack.enter_context(world)

        yield built


@pytest.fixture
def world(build: Build) -> World:
    """Twenty images in one collection; everything is calm."""
    return build()


@pytest.fixture
def enqueued(world: World) -> World:
    """The same, watched and listed, nothing exported yet."""
    world.enqueue(ARCHIVE)
    world.run("discoverer")
    return world
