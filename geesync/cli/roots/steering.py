"""Commands that steer: ``pause``, ``resume``, ``cancel``, ``priority``."""

from __future__ import annotations

import json
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Annotated

import typer

from geesync.cli.completion import root_argument
from geesync.cli.context import Context, as_owner_of, now, say, say_if_daemon_runs, scope_named
from geesync.domain.assets.names import display_id, is_within
from geesync.domain.choices import HIGHEST_PRIORITY, LOWEST_PRIORITY
from geesync.domain.messages.words import counted
from geesync.errors import LockedError

if TYPE_CHECKING:
    from pathlib import Path

    from geesync.config import Config

_SCOPE = Annotated[
    str | None,
    root_argument("[ROOT|ASSET|JOB]", "Only this, with all below it, also what is restored there."),
]
_NAME = Annotated[str, root_argument("ROOT|ASSET", "A root, a container or one asset.")]


def pause(context: typer.Context, what: _SCOPE = None) -> None:
    """Begin nothing new. What Earth Engine works on goes on; the pause outlives a restart."""
    from geesync.store.ledger.roots import Roots

    cli: Context = context.obj
    name = _scope(cli.existing_ledger(), what)
    with cli.database() as database:
        Roots(database).pause(name, now())
    again = f"geesync resume {display_id(name)}" if name else "geesync resume"
    say(f"{_called(name)} is paused; {again} goes on")


def resume(context: typer.Context, what: _SCOPE = None) -> None:
    """End a pause with all pauses below it, or every pause."""
    from geesync.store.ledger.roots import Roots
    from geesync.store.views.status import status

    cli: Context = context.obj
    name = _scope(cli.existing_ledger(), what)
    with cli.database() as database:
        store = Roots(database)
        before = store.pauses()
        store.resume(name, now())
        after = store.pauses()
    around = [one for one in after if not one or (name and is_within(name, one))]
    if around:
        again = f"geesync resume {display_id(around[0])}".removesuffix(" ")
        message = f"{_called(name)} still waits: {_called(around[0])} is paused, {again} goes on"
        say(message)
    elif after == before:
        what = _called(name) if name else "nothing"
        say(f"{what} was {'not ' if name else ''}paused")
    else:
        say(f"{_called(name)} goes on")
        for halted in status(database.path, now=now()).halted:
            say(f"halted, and goes on by itself: {halted}")
        say_if_daemon_runs(cli.config())


def cancel(context: typer.Context, name: _NAME) -> None:
    """Give up what is on its way, at Earth Engine too, until it is retried or changes there."""
    from geesync.store.ledger.roots import Roots
    from geesync.store.ledger.steering import Steering

    cli: Context = context.obj
    known = scope_named(cli.existing_ledger(), name)
    with cli.database() as database:
        count = Steering(database).cancel(known, now())
        Roots(database).asked(now())
    if not count:
        say(f"nothing of {display_id(known)} is on its way")
        return
    say(f"{counted(count, 'asset is', 'assets are')} cancelled")
    try:
        _cancel_operations(cli.config())
    except LockedError:
        say("the daemon cancels what of it runs at Earth Engine")


def _cancel_operations(config: Config) -> None:
    """Cancel at Earth Engine without a daemon. Raises LockedError if one runs."""
    from geesync.bootstrap import service
    from geesync.step_threads import run_step
    from geesync.store.file.database import locked, open_current

    with ExitStack() as stack:
        with as_owner_of(config.ledger.parent):  # the lock's file, not the key, which is root's
            stack.enter_context(locked(config.ledger))
        database = stack.enter_context(closing(open_current(config.ledger)))
        built = stack.enter_context(service(config, database))
        run_step(built.step("reconciler"))


def priority(
    context: typer.Context,
    name: _NAME,
    number: Annotated[
        int,
        typer.Argument(
            help="The highest comes first; 0 is usual.", min=LOWEST_PRIORITY, max=HIGHEST_PRIORITY
        ),
    ],
) -> None:
    """Say what comes first: an asset and all below it, also what is found there later."""
    from geesync.store.ledger.roots import Roots
    from geesync.store.ledger.steering import Steering

    cli: Context = context.obj
    known = scope_named(cli.existing_ledger(), name)
    with cli.database() as database:
        count = Steering(database).prioritize(known, number)
        store = Roots(database)
        root = store.find(known)
        if root:  # the next scan would give it back its old one
            store.update(root.id, options=json.dumps(root.options | {"priority": number}))
        store.asked(now())
    say(f"{counted(count, 'asset has', 'assets have')} priority {number}")


def _scope(ledger: Path, given: str | None) -> str | None:
    """Return the canonical name of the root or asset, or the job, that is meant; None is all."""
    from geesync.store.views.status import made_named

    if given is None:
        return None
    return made_named(ledger, given) or scope_named(ledger, given)


def _called(name: str | None) -> str:
    return display_id(name) if name else "everything"
