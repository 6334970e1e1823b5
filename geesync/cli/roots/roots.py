"""Commands on known roots: ``roots``, ``dequeue``, ``retry``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from geesync.cli.completion import root_argument
from geesync.cli.context import Context, now, print_json, say, say_if_daemon_runs, scope_named
from geesync.domain.assets.names import candidates, display_id
from geesync.domain.messages.words import counted, duration, printable
from geesync.domain.mirror.lifecycle import RESTING
from geesync.errors import Cause, UserError

if TYPE_CHECKING:
    from pathlib import Path

    from geesync.store.ledger.roots import Root


def roots(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="One JSON line a root.")] = False,
) -> None:
    """List what is watched."""
    from geesync.store.browsing.documents import root_document
    from geesync.store.ledger.roots import Roots

    cli: Context = context.obj
    with cli.database() as database:
        for root in Roots(database).active():
            if json:
                print_json(root_document(root))
            else:
                chosen = "".join(
                    f"  {key}={','.join(map(str, value)) if isinstance(value, list) else value}"
                    for key, value in root.options.items()
                )
                line = f"{display_id(root.name)} → {root.dest}{chosen}"
                say(printable(line), soft_wrap=True)


def dequeue(context: typer.Context, roots: Annotated[list[str], root_argument("ROOT…")]) -> None:
    """Stop watching roots. Nothing is deleted: not on disk, not at Earth Engine."""
    from geesync.store.ledger.roots import Roots

    cli: Context = context.obj
    with cli.database() as database:
        store = Roots(database)
        watched = {root.name: root for root in store.active()}
        for root in [_watched(watched, given) for given in roots]:
            store.update(root.id, removed_at=now())
            say(f"{display_id(root.name)} is not watched any more")
        store.asked(now())


def _watched(watched: dict[str, Root], given: str) -> Root:
    for name in candidates(given):
        if name in watched:
            return watched[name]
    raise UserError(f"{given} is not watched", hint="geesync roots lists what is")


def retry(
    context: typer.Context,
    assets: Annotated[
        list[str] | None, root_argument("[ROOT|ASSET…]", "Each with all below it.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All quarantined assets.")] = False,
    cause: Annotated[
        Cause | None, typer.Option(help="All that are quarantined for this cause.")
    ] = None,
) -> None:
    """Try quarantined assets again."""
    from geesync.store.ledger.roots import Roots
    from geesync.store.ledger.steering import Steering

    if not (assets or every or cause):
        raise UserError("nothing to try again", hint="name assets, or --all, or --cause CAUSE")
    cli: Context = context.obj
    config, ledger = cli.config(), cli.existing_ledger()
    names = {scope_named(ledger, given) for given in assets or ()}
    with cli.database() as database:
        steering, store = Steering(database), Roots(database)
        count = steering.retry(now(), names=names or None, cause=cause)
        unread = steering.count_unread(names=names or None, cause=cause)
        if unread:
            store.scan_all(now())
        store.asked(now())
    if count:
        say(f"{counted(count, 'asset')} will be tried again")
    if unread:
        say(f"{counted(unread, 'asset')} could not be read: a scan asks for them now")
    if count or unread:
        say_if_daemon_runs(config)
        return
    for name in sorted(names):
        say(_not_quarantined(ledger, name))
    if not names:
        say("nothing like that is quarantined: there is nothing to try again")


def _not_quarantined(ledger: Path, name: str) -> str:
    """Return why there is nothing to try again of an asset."""
    from geesync.store.browsing.assets import show

    asset = show(ledger, name)
    if asset is None or asset["below"]:
        return f"nothing of {display_id(name)} is quarantined"
    if asset["state"] in RESTING:
        return f"{display_id(name)} is {asset['state']}: there is nothing to try again"
    wait = timedelta(seconds=max(0.0, (asset["not_before"] or 0) - now().timestamp()))
    when = f", in {duration(wait)}" if wait else ""
    return f"{display_id(name)} is not quarantined: it goes on by itself{when}"
