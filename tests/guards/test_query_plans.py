"""No pass of a step reads a table whole that grows with the account."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from geesync.simulator import Simulator
from tests.story.world import World, a_world

#: They have as many rows as there are assets, or more.
_GROWING = ("asset", "source", "plan", "task", "file", "event", "sidecar")
_WHOLE = re.compile(rf"SCAN ({'|'.join(_GROWING)})\b(?! USING (COVERING )?INDEX ix_)")


@pytest.fixture(scope="module")
def statements(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, dict[str, Any]]]:
    """Mirror an account but for one asset; return all that was asked of the ledger meanwhile."""
    with (
        Simulator("thousands:20") as simulator,
        a_world(simulator, tmp_path_factory.mktemp("plans")) as world,
    ):
        asked: dict[str, Any] = {}

        def note(_c: Any, _k: Any, statement: str, parameters: Any, _x: Any, many: Any) -> None:
            asked.setdefault(statement, parameters[0] if many else parameters)

        sa.event.listen(sa.Engine, "before_cursor_execute", note)
        world.enqueue("projects/demo-project/assets/archive", exclude=["**/*3"])
        world.settle()
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
        yield world, asked


def plans_of(world: World, questions: dict[str, Any]) -> dict[str, list[str]]:
    """Return the lines of SQLite's plan for each question, with its parameters."""
    with world.database.read() as connection:
        return {
            text: [
                row.detail
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", parameters)
            ]
            for text, parameters in questions.items()
        }


def test_no_question_reads_a_growing_table_whole(
    statements: tuple[World, dict[str, Any]],
) -> None:
    world, asked = statements
    questions = {
        text: parameters
        for text, parameters in asked.items()
        if text.startswith(("SELECT", "UPDATE", "DELETE")) and "temp." not in text
    }

    plans = plans_of(world, questions)

    assert len(plans) > 20
    assert {text: plan for text, plan in plans.items() if _WHOLE.search("\n".join(plan))} == {}


def test_what_is_due_is_found_in_its_order_without_sorting(
    statements: tuple[World, dict[str, Any]],
) -> None:
    world, asked = statements
    due = {text: asked[text] for text in asked if "ORDER BY asset.priority DESC" in text}

    plans = [line for plan in plans_of(world, due).values() for line in plan]

    assert due
    assert any("ix_asset_due" in line for line in plans)
    assert not any("FOR ORDER BY" in line for line in plans)


def test_what_is_named_is_found_by_its_name_and_not_by_its_state(
    statements: tuple[World, dict[str, Any]],
) -> None:
    world, asked = statements
    named = {text: asked[text] for text in asked if "WHERE asset.name IN" in text}

    plans = ["; ".join(plan) for plan in plans_of(world, named).values()]

    assert any("asset.state IN" in text for text in named)
    assert [plan for plan in plans if "(name=?)" not in plan] == []


@pytest.mark.parametrize(
    ("words", "index"),
    [
        pytest.param("+asset.state", "ix_file_unswept", id="sweeper"),
        pytest.param("catalogued_version IS NOT", "ix_asset_uncatalogued", id="cataloguer"),
    ],
)
def test_who_comes_after_looks_at_what_is_left_to_do_and_not_at_what_is_verified(
    statements: tuple[World, dict[str, Any]], words: str, index: str
) -> None:
    world, asked = statements
    looking = {text: asked[text] for text in asked if words in text and " LIMIT " in text}

    first = [plan[0] for plan in plans_of(world, looking).values()]

    assert first
    assert all(index in plan for plan in first)
