"""Errors: one line for people, one exit code for scripts."""

from __future__ import annotations

import pytest

from geesync import errors
from geesync.errors import WORLDLY, Cause, ExitCode, RemoteError, UserError

USER_ERRORS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, UserError) and kind is not UserError
]


@pytest.mark.parametrize("kind", USER_ERRORS)
def test_every_error_of_a_person_has_an_exit_code_of_its_own(kind: type[UserError]) -> None:
    others = {other.exit_code for other in USER_ERRORS if other is not kind}

    assert kind.exit_code not in {ExitCode.OK, ExitCode.INCOMPLETE, ExitCode.USAGE} | others


def test_the_hint_follows_what_is_wrong() -> None:
    assert str(UserError("it is wrong", hint="do this")) == "it is wrong: do this"
    assert str(UserError("it is wrong")) == "it is wrong"


def test_what_lies_in_an_asset_is_not_the_worlds() -> None:
    own = {Cause.FAILED, Cause.PLAN, Cause.INTEGRITY, Cause.GONE, Cause.CANCELLED, Cause.BUG}

    assert own.isdisjoint(WORLDLY)


def test_a_reason_is_words_that_can_be_written_down() -> None:
    error = RemoteError(Cause.TRANSIENT, "half a character: \ud800 " + "and more " * 10**5)

    assert str(error).encode()
    assert len(str(error)) <= 2000
