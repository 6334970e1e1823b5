from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.ledgers import Story, open_story


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    told = open_story(tmp_path)
    yield told
    told.database.close()
