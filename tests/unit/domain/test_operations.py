"""Operations: whatever Earth Engine leaves out or makes up, reading it does not fail."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geesync.domain.tasks.operations import FAILED, PENDING, SUCCEEDED, Operation

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
METADATA = st.dictionaries(
    st.sampled_from(
        ["state", "description", "batchEecuUsageSeconds", "progress", "attempt", "stages", "type"]
    ),
    JSON,
)
MADE_UP = st.fixed_dictionaries(
    {},
    optional={
        "name": st.one_of(JSON, st.just("projects/p/operations/X")),
        "metadata": st.one_of(JSON, METADATA),
        "error": st.one_of(
            JSON, st.fixed_dictionaries({}, optional={"code": JSON, "message": JSON})
        ),
        "done": JSON,
    },
)


@given(MADE_UP)
def test_any_json_is_an_operation_or_none(operation: dict[str, Any]) -> None:
    read = Operation.from_json(operation)

    if read is not None:
        assert read.id
        assert read.state
        assert not (read.is_queued and read.is_working)


def test_numbers_beyond_any_float_are_no_numbers() -> None:
    told = {"batchEecuUsageSeconds": 10**400}

    read = Operation.from_json({"name": "projects/p/operations/A", "metadata": told})

    assert read is not None
    assert read.eecu_s is None


def test_the_same_work_has_one_id_under_every_project() -> None:
    names = ("projects/p/operations/A", "projects/earthengine-legacy/operations/A")

    assert {op.id for name in names if (op := Operation.from_json({"name": name}))} == {"A"}


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({}, PENDING),
        ({"done": False}, PENDING),
        ({"done": True, "error": {"code": 3, "message": "no"}}, FAILED),
        ({"done": True, "response": {}}, SUCCEEDED),
        ({"metadata": {"state": "RUNNING"}}, "RUNNING"),
        ({"metadata": {"state": "SOMETHING_NEW"}}, "SOMETHING_NEW"),
        ({"metadata": {"state": "SOMETHING_NEW"}, "done": True}, SUCCEEDED),
        ({"metadata": {"state": "NEW"}, "done": True, "error": {"code": 3}}, FAILED),
    ],
)
def test_the_state_is_read_from_whatever_says_it(told: dict[str, Any], state: str) -> None:
    read = Operation.from_json({"name": "projects/p/operations/A", **told})

    assert read is not None
    assert read.state == state


def test_our_token_is_found_in_the_description_and_nobody_elses_is() -> None:
    def token(description: str) -> str | None:
        metadata = {"description": description}
        read = Operation.from_json({"name": "projects/p/operations/A", "metadata": metadata})
        assert read is not None
        return read.token

    assert token("geesync_abcdefghabcdefgh_users-x-img") == "abcdefghabcdefgh"
    assert token("my export") is None


def test_what_an_operation_says_can_be_written_down_whatever_it_says() -> None:
    told = {"name": "projects/p/operations/A", "error": {"code": 13, "message": "\ud800" * 10**5}}

    read = Operation.from_json(told)

    assert read is not None
    assert read.error.encode()
    assert len(read.error) <= 2000
    assert Operation.from_json({"name": "projects/p/operations/\ud800"}) is None
