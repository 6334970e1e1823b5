"""Commands that steer: ``pause``, ``resume``, ``cancel``, ``priority``."""

from __future__ import annotations

import json
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Annotated

import typer

from geesync.cli.context import Context, as_owner_of, now, opened, output
from geesync.domain.assets.names import candidates, display_id
from geesync.domain.choices.limits import HIGHEST_PRIORITY, LOWEST_PRIORITY
from geesync.domain.messages.words import counted
from geesync.errors import LockedError, UserError

if TYPE_CHECKING:
    from geesync.config import Config
    from geesync.store.file.database import Database
    from geesync.store.ledger.roots import Root, Roots

_ROOT = Annotated[
    str | None,
    typer.Argument(metavar="[ROOT]", help="Only this root.", show_default=False),
]
_NAME = Annotated[
    str, typer.Argument(metavar="ROOT|ASSET", help="A root, a container or one asset.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (pause, resume, cancel, priority):
        app.command()(command)


def pause(context: typer.Context, root: _ROOT = None) -> None:
    """Begin nothing new. What Earth Engine works on goes on; the pause outlives a restart."""
    mine: Context = context.obj
    mine.existing_ledger()
    with opened(mine.config()) as database:
        store, found = _root(database, root)
        store.pause(found, now())
    output().print(f"{root or 'everything'} is paused; geesync resume goes on", markup=False)


def resume(context: typer.Context, root: _ROOT = None) -> None:
    """End the pause of a root, or every pause."""
    mine: Context = context.obj
    mine.existing_ledger()
    with opened(mine.config()) as database:
        store, found = _root(database, root)
        store.resume(found, now())
    output().print(f"{root or 'everything'} goes on", markup=False)


def cancel(context: typer.Context, name: _NAME) -> None:
    """Give up what is on its way, at Earth Engine too, until it is retried or changes there."""
    from geesync.store.ledger.roots import Roots
    from geesync.store.ledger.steering import Steering

    mine: Context = context.obj
    mine.existing_ledger()
    config = mine.config()
    with opened(config) as database:
        known = _known(database, name)
        count = Steering(database).cancel(known, now())
        Roots(database).asked(now())
    output().print(f"{counted(count, 'asset is', 'assets are')} cancelled")
    try:
        _cancel_operations(config)
    except LockedError:
        output().print("the daemon cancels their operations at Earth Engine")


def _cancel_operations(config: Config) -> None:
    """Do without a daemon what it would do. Raises LockedError if there is one."""
    from geesync.bootstrap import service
    from geesync.step_threads import run_step
    from geesync.store.file.database import locked, open_current

    with ExitStack() as stack:
        with as_owner_of(config.ledger.parent):  # the lock's file, not the key, which is root's
            stack.enter_context(locked(config.ledger))
        database = stack.enter_context(closing(open_current(config.ledger)))
        built = stack.enter_context(service(config, database))
        for step in built.steps:
            if step.name == "reconciler":
                run_step(step)


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

    mine: Context = context.obj
    mine.existing_ledger()
    with opened(mine.config()) as database:
        known = _known(database, name)
        count = Steering(database).prioritize(known, number)
        store = Roots(database)
        root = store.find(known)
        if root:  # the next scan would give it back its old one
            store.update(root.id, options=json.dumps(root.options | {"priority": number}))
        store.asked(now())
    output().print(f"{counted(count, 'asset has', 'assets have')} priority {number}")


def _known(database: Database, given: str) -> str:
    from geesync.store.ledger.ledger import Ledger

    ledger = Ledger(database)
    for name in candidates(given):
        if ledger.find(name):
            return name
    raise UserError(f"{given} is not in the ledger", hint="is its root enqueued and scanned?")


def _root(database: Database, given: str | None) -> tuple[Roots, Root | None]:
    from geesync.store.ledger.roots import Roots

    store = Roots(database)
    if given is None:
        return store, None
    watched = {root.name: root for root in store.active()}
    for name in candidates(given):
        if name in watched:
            return store, watched[name]
    listed = ", ".join(display_id(name) for name in watched) or "none"
    raise UserError(f"{given} is no root", hint=f"roots are: {listed}")
