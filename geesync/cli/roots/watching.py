"""Takes roots into the ledger, once their bucket and their mirror are known to be there."""

from __future__ import annotations

import json
from collections.abc import Collection
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from geesync.cli.context import as_owner_of, now, opened, say
from geesync.domain.assets.names import candidates, display_id, is_within
from geesync.domain.messages.words import counted
from geesync.domain.mirror.layout import asset_path
from geesync.errors import DOCS, Cause, NotAllowedError, RemoteError, UnavailableError, UserError

if TYPE_CHECKING:
    from geesync.adapters.earth_engine.earth_engine import EarthEngine
    from geesync.adapters.storage.stores import Stores
    from geesync.config import Config
    from geesync.domain.json import Json
    from geesync.store.ledger.roots import Root, Roots
    from geesync.store.ledger.usage import Usage


def watch(
    config: Config,
    stores: Stores,
    names: list[str],
    chosen: Json,
    given: Collection[str] = (),
    *,
    afresh: bool = False,
    take: bool = False,
) -> None:
    """Write the roots into the ledger, once their bucket and their mirror are known to be there.

    given: of dest, bucket and interval those that were said for these roots; of a known root the
    others stay. take: the mirror is to be this ledger's, whatever it is now.
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
    check_store(stores, staging, by_drive=way == "drive")
    dests = {} if "dest" in given or afresh else known_mirrors(config.ledger).dests
    places = {name: dests.get(name, str(mirror)) for name in names}
    for place in {*places.values()}:
        with as_owner_of(Path(place)):
            Mirrors(config.ledger).refuse(place, take=take)
            prepare_mirror(Path(place))
    with opened(config) as database:
        store = Roots(database)
        for name, place in places.items():
            before = store.find(name)
            known = {} if afresh or before is None else vars(before)
            bucket = "" if "bucket" in given else known.get("bucket", "")
            interval = config.schedule.discover if "interval" in given else known.get("interval")
            options = known.get("options", {}) | chosen
            _print_overlaps(store, name)
            _refuse_to_lose(before, place)
            store.add(
                name,
                dest=place,
                bucket=bucket or staging,
                now=now(),
                interval=interval,
                options=options,
            )
            say(f"{display_id(name)} → {place}")
            if before:
                _print_begun(Usage(database), before, config, options)
        signature = ledger_id(store, now())
    ids = dict(known_mirrors(config.ledger).ids)
    for place in {*places.values()}:
        with as_owner_of(Path(place)):
            ids[place] = claim(Path(place), signature)
    with opened(config) as database:
        Roots(database).put(MIRROR_IDS, json.dumps(ids), now())


def _print_begun(usage: Usage, before: Root, config: Config, options: Json) -> None:
    """Print how many copies on their way keep the form that was asked for before."""
    from geesync.domain.mirror.planning import planned_otherwise

    types = planned_otherwise(config.over(before.options), config.over(options))
    if begun := usage.under_way(before.id, types):
        say(
            f"{counted(begun, 'asset')} on the way in the form that was asked for before;"
            " the new one is for what is not yet begun"
        )


def _refuse_to_lose(known: Root | None, place: str) -> None:
    """Refuse another mirror for a root whose files are elsewhere: they would count as verified.

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
            if earth_engine.find_asset(name):
                return name
        except RemoteError as error:
            raise as_user_error(error, "Earth Engine") from None
    raise UserError(
        f"{display_id(candidates(given)[0])} does not exist, or is not shared with this account",
        hint="check the spelling",
    )


def check_store(stores: Stores, bucket: str, *, by_drive: bool) -> None:
    """Raise UserError if a bucket, or Drive, cannot be used."""
    what = "Drive cannot be used" if by_drive else f"the bucket {bucket}"
    try:
        if by_drive:
            stores.drive.check_access("")
        elif bucket:
            stores.storage.check_access(bucket)
    except RemoteError as error:
        if error.status == HTTPStatus.NOT_FOUND and not by_drive:
            missing = f"there is no bucket {bucket}"
            raise UserError(missing, hint=f"{DOCS}/real-account.md") from None
        raise as_user_error(error, what) from None


def as_user_error(error: RemoteError, what: str) -> UserError:
    """Return the error to show; what: service that failed."""
    kind = NotAllowedError if error.cause == Cause.PERMISSION else UnavailableError
    return kind(f"{what}: {error}")


def _print_overlaps(roots: Roots, name: str) -> None:
    for other in roots.active():
        if other.name != name and (is_within(name, other.name) or is_within(other.name, name)):
            say(
                f"{display_id(name)} and {display_id(other.name)} overlap: nothing is mirrored"
                " twice; what one has taken, the other leaves"
            )
