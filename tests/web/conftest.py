from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.web.ledgers import SCENES, Story, open_story

Scenes = Callable[[str], Story]


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """A ledger of which nothing was told yet."""
    told = open_story(tmp_path)
    yield told
    told.database.close()


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenes]:
    """Whole stories by name, each told once; for tests that only look."""
    opened: list[Story] = []

    @cache
    def tell(name: str) -> Story:
        told = open_story(tmp_path_factory.mktemp(name))
        opened.append(told)
        SCENES[name](told)
        return told

    yield tell
    for told in opened:
        told.database.close()
