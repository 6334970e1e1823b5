"""Commands on roots: ``enqueue``, ``roots``, ``dequeue``, ``retry``."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geesync.cli.context import Context, as_owner_of, now, opened, output
from geesync.cli.render import json_line
from geesync.domain.names import candidates, display_id, is_within
from geesync.errors import Cause, NotAllowedError, RemoteError, UnavailableError, UserError

if TYPE_CHECKING:
    from geesync.adapters.bucket import Storage
    from geesync.adapters.earth_engine import EarthEngine
    from geesync.store.roots import Root, Roots


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(enqueue)
    app.command("roots")(list_roots)
    app.command()(dequeue)
    app.command()(retry)


def enqueue(
    context: typer.Context,
    roots: Annotated[
        list[str],
        typer.Argument(
            metavar="ROOT…",
            help="users/NAME, projects/PROJECT, a folder, a collection, one asset: by id, by"
            " name or by its Code Editor link.",
        ),
    ],
    dest: Annotated[
        Path | None, typer.Option(help="Mirror these roots here, not in the configured folder.")
    ] = None,
    bucket: Annotated[str | None, typer.Option(help="Stage these roots in this bucket.")] = None,
    interval: Annotated[
        str | None, typer.Option(help="Time between two scans of these roots, e.g. 12h.")
    ] = None,
) -> None:
    """Mirror these roots, and all that lies below them."""
    from geesync.adapters.disk import prepare_mirror
    from geesync.bootstrap import cloud
    from geesync.store.roots import Roots

    mine: Context = context.obj
    config = mine.config(
        mirror=str(dest) if dest else None, bucket=bucket, schedule__discover=interval
    )
    mirror, staging = config.need("mirror"), config.need("bucket")
    earth_engine, storage = cloud(config)
    names = [_existing(earth_engine, given) for given in roots]
    _check_bucket(storage, staging)
    with as_owner_of(mirror):
        prepare_mirror(mirror)
    with opened(config) as database:
        store = Roots(database)
        for name in names:
            _tell_nesting(store, name)
            store.add(
                name,
                dest=str(mirror),
                bucket=staging,
                now=now(),
                interval=config.schedule.discover if interval else None,
            )
            output().print(f"{display_id(name)} → {mirror}", markup=False)


def _existing(earth_engine: EarthEngine, given: str) -> str:
    """Return the canonical name of what was given, if Earth Engine has it."""
    for name in candidates(given):
        try:
            earth_engine.get_asset(name)
        except RemoteError as error:
            if error.cause == Cause.GONE:
                continue
            raise _as_user_error(error, "Earth Engine") from None
        return name
    raise UserError(
        f"{given} does not exist, or is not shared with this account", hint="check the spelling"
    )


def _check_bucket(storage: Storage, bucket: str) -> None:
    try:
        storage.check_access(bucket)
    except RemoteError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            raise UserError(f"there is no bucket {bucket}", hint="docs/real-account.md") from None
        raise _as_user_error(error, f"the bucket {bucket}") from None


def _as_user_error(error: RemoteError, what: str) -> UserError:
    kind = NotAllowedError if error.cause == Cause.PERMISSION else UnavailableError
    return kind(f"{what}: {error}")


def _tell_nesting(roots: Roots, name: str) -> None:
    for other in roots.active():
        if other.name != name and (is_within(name, other.name) or is_within(other.name, name)):
            output().print(
                f"{display_id(name)} and {display_id(other.name)} overlap: nothing is mirrored"
                " twice; what one has taken, the other leaves",
                markup=False,
            )


def list_roots(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="One JSON line a root.")] = False,
) -> None:
    """List what is watched."""
    from geesync.store.roots import Roots

    mine: Context = context.obj
    mine.existing_ledger()
    with opened(mine.config()) as database:
        for root in Roots(database).active():
            if json:
                typer.echo(json_line(vars(root)))
            else:
                output().print(f"{display_id(root.name)} → {root.dest}", markup=False)


def dequeue(
    context: typer.Context,
    roots: Annotated[list[str], typer.Argument(metavar="ROOT…")],
) -> None:
    """Stop watching roots. Nothing is deleted: not on disk, not at Earth Engine."""
    from geesync.store.roots import Roots

    mine: Context = context.obj
    mine.existing_ledger()
    with opened(mine.config()) as database:
        store = Roots(database)
        watched = {root.name: root for root in store.active()}
        for root in [_watched(watched, given) for given in roots]:
            store.remove(root.id, now())
            output().print(f"{display_id(root.name)} is not watched any more", markup=False)
        store.asked(now())


def _watched(watched: dict[str, Root], given: str) -> Root:
    for name in candidates(given):
        if name in watched:
            return watched[name]
    raise UserError(f"{given} is not watched", hint="geesync roots lists what is")


def retry(
    context: typer.Context,
    assets: Annotated[
        list[str] | None, typer.Argument(metavar="[ASSET…]", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All quarantined assets.")] = False,
    cause: Annotated[
        Cause | None, typer.Option(help="All that are quarantined for this cause.")
    ] = None,
) -> None:
    """Try quarantined assets again."""
    from geesync.store.ledger import Ledger
    from geesync.store.roots import Roots

    if not (assets or every or cause):
        raise UserError("nothing to try again", hint="name assets, or --all, or --cause CAUSE")
    mine: Context = context.obj
    mine.existing_ledger()
    names = {name for given in assets or () for name in candidates(given)}
    with opened(mine.config()) as database:
        count = Ledger(database).retry(now(), names=names or None, cause=cause)
        Roots(database).asked(now())
    output().print(f"{count:,} assets will be tried again")
