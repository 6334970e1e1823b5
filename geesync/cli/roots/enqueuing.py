"""``enqueue``: what is to be mirrored, and how."""

from __future__ import annotations

import json as jsons
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geesync.cli.answers.at_work import tell_who_works
from geesync.cli.completion import completing_option
from geesync.cli.context import Context, as_owner_of, now, opened, output
from geesync.domain.assets.names import candidates, display_id, is_within
from geesync.domain.messages.words import counted
from geesync.domain.mirror.layout import asset_path
from geesync.errors import (
    DOCS,
    Cause,
    NotAllowedError,
    RemoteError,
    UnavailableError,
    UserError,
)

if TYPE_CHECKING:
    from geesync.adapters.earth_engine.earth_engine import EarthEngine
    from geesync.adapters.storage.bucket import Storage
    from geesync.adapters.storage.stores import Stores
    from geesync.config import Config
    from geesync.domain.json import Json
    from geesync.store.ledger.roots import Root, Roots
    from geesync.store.ledger.usage import Usage


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(enqueue)


_FILTERS = "Filters"
_FORMS = "Form of the copy"


def _option(text: str, *names: str, panel: str, of: str = "", **how: Any) -> Any:
    """Return an option; of: the option of roots whose values a shell completes."""
    if of:
        how["autocompletion"] = completing_option(of)
    return typer.Option(*names, help=text, rich_help_panel=panel, show_default=False, **how)


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
    priority: Annotated[
        int | None, typer.Option(help="Assets of a higher number are taken first.")
    ] = None,
    include: Annotated[
        list[str] | None,
        _option("Only what matches, as in .gitignore.", panel=_FILTERS, metavar="PATTERN"),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        _option("Nothing that matches.", panel=_FILTERS, metavar="PATTERN"),
    ] = None,
    types: Annotated[
        str | None, _option("Only these: IMAGE,TABLE,…", "--type", panel=_FILTERS, of="types")
    ] = None,
    newer_than: Annotated[
        str | None, _option("Only of this date or later.", panel=_FILTERS, metavar="DATE")
    ] = None,
    older_than: Annotated[
        str | None, _option("Only from before this date.", panel=_FILTERS, metavar="DATE")
    ] = None,
    way: Annotated[
        str | None,
        _option("How bytes come: auto, direct, bucket or drive.", panel=_FORMS, of="way"),
    ] = None,
    compress: Annotated[
        str | None,
        _option("Of files read directly: deflate or zstd.", panel=_FORMS, of="compress"),
    ] = None,
    masks: Annotated[
        str | None,
        _option("How masks are kept: nodata, separate or none.", panel=_FORMS, of="masks"),
    ] = None,
    tables: Annotated[
        str | None,
        _option("Formats of tables: csv,geojson,geoparquet.", panel=_FORMS, of="tables"),
    ] = None,
    mosaic: Annotated[
        str | None,
        _option("cog: also one file of an image in tiles; or none.", panel=_FORMS, of="mosaic"),
    ] = None,
    keep_versions: Annotated[
        int | None, _option("Older copies of a changed asset to keep.", panel=_FORMS)
    ] = None,
    afresh: Annotated[
        bool, typer.Option("--afresh", help="Forget what was chosen for these roots earlier.")
    ] = False,
    take_mirror: Annotated[
        bool,
        typer.Option(
            "--take-mirror", help="Make the folder this ledger's mirror, whatever it is now."
        ),
    ] = False,
    dry: Annotated[
        bool,
        typer.Option("--dry-run", "-n", help="Only tell what would be taken, and how long."),
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="With --dry-run: a JSON line an asset.")
    ] = False,
) -> None:
    """Mirror these roots, and all that lies below them.

    A root that is enqueued again keeps what was chosen for it, but for what is given now:
    docs/options.md.
    """
    from geesync.adapters.tables import geoparquet
    from geesync.bootstrap import cloud

    mine: Context = context.obj
    config = mine.config(
        mirror=str(dest) if dest else None, bucket=bucket, schedule__discover=interval
    )
    given = {
        "include": include,
        "exclude": exclude,
        "types": types,
        "way": way,
        "compress": compress,
        "masks": masks,
        "newer_than": newer_than,
        "older_than": older_than,
        "tables": tables,
        "mosaic": mosaic,
        "keep_versions": keep_versions,
        "priority": priority,
    }
    chosen = config.chosen({name: value for name, value in given.items() if value is not None})
    if "geoparquet" in config.over(chosen).tables:
        geoparquet.require()
    earth_engine, stores = cloud(config)
    names = [existing(earth_engine, root) for root in roots]
    if dry:
        _foresee(config, earth_engine, names, chosen, afresh=afresh, json=json)
        return
    given_flags = {"dest": dest, "bucket": bucket, "interval": interval}
    watch(config, stores, names, chosen, given_flags, afresh=afresh, take=take_mirror)
    tell_who_works(config)


def _foresee(
    config: Config,
    earth_engine: EarthEngine,
    names: list[str],
    chosen: Json,
    *,
    afresh: bool,
    json: bool,
) -> None:
    """Tell what would be taken; nothing is written."""
    from geesync.cli.roots.dry_run import dry_run
    from geesync.store.browsing import precedents

    earlier = {} if afresh else precedents.options(config.ledger)
    tops = [name for name in names if not any(_is_below(name, other) for other in names)]
    options = {name: config.over(earlier.get(name, {}) | chosen) for name in tops}
    try:
        dry_run(config, earth_engine, options, json=json)
    except RemoteError as error:
        raise _as_user_error(error, "Earth Engine") from None


def _is_below(name: str, other: str) -> bool:
    return name != other and is_within(name, other)


def watch(
    config: Config,
    stores: Stores,
    names: list[str],
    chosen: Json,
    flags: Json,
    *,
    afresh: bool,
    take: bool = False,
) -> None:
    """Write the roots into the ledger, once their bucket and their mirror are known to be there.

    take: the mirror is to be this ledger's, whatever it is now.
    """
    from geesync.adapters.mirror_files.mirror import prepare_mirror
    from geesync.adapters.mirror_files.ownership import claim
    from geesync.bootstrap import ledger_id
    from geesync.steps.mirrors import Mirrors
    from geesync.store.ledger.roots import Roots
    from geesync.store.ledger.usage import Usage
    from geesync.store.views.mirrors import MIRROR_IDS, known_mirrors

    mirror, staging = config.need("mirror"), config.bucket or ""
    way = config.over(chosen).way
    if way == "bucket":
        staging = config.need("bucket")
    _check_store(stores, staging, by_drive=way == "drive")
    dests = {} if flags["dest"] or afresh else known_mirrors(config.ledger).dests
    places = {name: dests.get(name, str(mirror)) for name in names}
    for place in {*places.values()}:
        with as_owner_of(Path(place)):
            Mirrors(config.ledger).refuse(place, take=take)
            prepare_mirror(Path(place))
    with opened(config) as database:
        store = Roots(database)
        for name, place in places.items():
            before = store.find(name)
            known = None if afresh else before
            _tell_nesting(store, name)
            _refuse_to_lose(before, place)
            store.add(
                name,
                dest=place,
                bucket=staging if flags["bucket"] or known is None else known.bucket or staging,
                now=now(),
                interval=config.schedule.discover
                if flags["interval"]
                else (known.interval if known else None),
                options=(known.options if known else {}) | chosen,
            )
            output().print(f"{display_id(name)} → {place}", markup=False)
            if before:
                _tell_begun(Usage(database), before, config, store.find(name))
        signature = ledger_id(store, now())
    ids = dict(known_mirrors(config.ledger).ids)
    for place in {*places.values()}:
        with as_owner_of(Path(place)):
            ids[place] = claim(Path(place), signature)
    with opened(config) as database:
        Roots(database).put(MIRROR_IDS, jsons.dumps(ids), now())


def _tell_begun(usage: Usage, before: Root, config: Config, after: Root | None) -> None:
    """Tell that copies on their way do not take the form that is asked for now."""
    from geesync.domain.mirror.planning import planned_otherwise

    assert after is not None  # it was just written
    types = planned_otherwise(config.over(before.options), config.over(after.options))
    if begun := usage.under_way(before.id, types):
        output().print(
            f"{counted(begun, 'asset')} on the way in the form that was asked for before;"
            " the new one is for what is not yet begun",
            markup=False,
        )


def _refuse_to_lose(known: Root | None, place: str) -> None:
    """Refuse another mirror for a root whose files are elsewhere: they would be told as verified.

    A mirror that was moved there by its owner is taken; ``geesync check`` reads it.
    """
    if known is None or known.dest == place:
        return
    if not Path(place, asset_path(known.name)).is_dir():
        raise UserError(
            f"{display_id(known.name)} is mirrored in {known.dest}",
            hint=f"move that mirror to {place} first, or name its folder",
        )


def existing(earth_engine: EarthEngine, given: str) -> str:
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


def _check_store(stores: Stores, bucket: str, *, by_drive: bool) -> None:
    try:
        if by_drive:
            stores.drive.check_access("")
    except RemoteError as error:
        raise _as_user_error(error, "Drive cannot be used") from None
    if bucket and not by_drive:
        _check_bucket(stores.storage, bucket)


def _check_bucket(storage: Storage, bucket: str) -> None:
    try:
        storage.check_access(bucket)
    except RemoteError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            raise UserError(
                f"there is no bucket {bucket}", hint=f"{DOCS}/real-account.md"
            ) from None
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
