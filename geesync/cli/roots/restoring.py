"""``restore`` and ``restores``: assets of the mirror made again at Earth Engine."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from geesync.cli.context import Context, now, opened, print_json, say
from geesync.cli.roots.watching import check_store
from geesync.domain.assets.asset import CONTAINERS
from geesync.domain.assets.names import display_id
from geesync.domain.restore.files import KEPT, Form, is_near_enough
from geesync.domain.restore.losses import HARMLESS, LossKind
from geesync.errors import ExitCode, UserError

if TYPE_CHECKING:
    from geesync.adapters.storage.stores import Stores
    from geesync.checks.restore_plan import RestorePlan
    from geesync.config import Config


def restore(
    context: typer.Context,
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH…", help="Assets, folders, collections, by id or path."),
    ],
    to: Annotated[str, typer.Option("--to", metavar="ROOT", help="Below which they are made.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Only say what it would do.")
    ] = False,
    accept: Annotated[
        list[LossKind] | None,
        typer.Option("--accept-losses", metavar="KIND", help="Go on without what is named."),
    ] = None,
    prove: Annotated[
        Literal["metadata", "pixels", "digest", "mirror"],
        typer.Option(metavar="PROVE", help="How thoroughly: metadata, pixels, digest or mirror."),
    ] = "pixels",
    form: Annotated[
        Form,
        typer.Option("--as", help="Images: ingested, or a view of files that stay in the bucket."),
    ] = Form.INGESTED,
    acl: Annotated[bool, typer.Option("--acl", help="Restore who may do what, too.")] = False,
    bucket: Annotated[str | None, typer.Option(help="Stage the files in this bucket.")] = None,
    mirror: Annotated[Path | None, typer.Option(help="The mirror, if not the configured.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The plan as one JSON line.")] = False,
) -> None:
    """Make assets of the mirror again at Earth Engine; the daemon does it, and proves it."""
    from geesync.bootstrap import cloud
    from geesync.checks.restore_plan import plan_restore, with_folders_above
    from geesync.cli.roots.restore_outlook import look_ahead
    from geesync.domain.assets.names import root_named

    cli: Context = context.obj
    config = cli.config(bucket=bucket, mirror=str(mirror.absolute()) if mirror else None)
    if prove == "mirror":
        _require_own(config)
    accepted = frozenset(accept or ())
    root = root_named(to)
    plan = plan_restore(Path(config.need("mirror")), paths, root, form, policies=acl)
    if not plan.wanted and not plan.left:
        raise UserError("there is nothing to restore there")
    earth_engine, stores = cloud(config)

    @cache
    def type_of(name: str) -> str | None:
        found = earth_engine.find_asset(name)
        return found.type if found else None

    plan = with_folders_above(plan, type_of)
    outlook = look_ahead(config, earth_engine, stores, plan, root)
    outlook.print(as_json=json)
    outlook.require_room(type_of)
    _require_bucket(config, stores, plan)
    if missing := plan.unaccepted(accepted):
        accepting = " ".join(f"--accept-losses {kind}" for kind in missing)
        if dry_run:
            say(f"to go on: {accepting}", beside_json=json)
            raise typer.Exit(ExitCode.INCOMPLETE)
        raise UserError("some of it cannot come back", hint=f"look at the list, then {accepting}")
    if dry_run:
        return
    _write_down(config, plan, paths, root, accepted, prove, type_of, policies=acl, as_json=json)


def _require_own(config: Config) -> None:
    """Raise UserError if no second copy can come into the mirror: it is not this ledger's."""
    from geesync.store.views.mirrors import known_mirrors

    mirror = str(config.need("mirror"))
    if mirror not in known_mirrors(config.ledger).dests.values():
        message = f"--prove mirror writes a second copy, and {mirror} is no mirror of this ledger"
        raise UserError(message, hint="--prove pixels, or digest")


def _require_bucket(config: Config, stores: Stores, plan: RestorePlan) -> None:
    """Raise UserError if a bucket cannot be used, or external images are not read from there."""
    if plan.folders and config.bucket:
        check_store(stores, config.bucket, by_drive=False)
    if KEPT not in plan.folders:
        return
    bucket = config.need("bucket")
    where = stores.storage.settings(bucket).locations
    if not is_near_enough(where):
        raise UserError(
            f"the bucket {bucket} is in {', '.join(sorted(where))}",
            hint="external images are read from US, us-central1, or a pair with us-central1",
        )


def _write_down(
    config: Config,
    plan: RestorePlan,
    paths: list[str],
    root: str,
    accepted: frozenset[LossKind],
    prove: str,
    type_of: Callable[[str], str | None],
    *,
    policies: bool,
    as_json: bool,
) -> None:
    import json as documents

    from geesync.store.making.restores import Restores

    asked: dict[str, object] = {
        "source_root": ", ".join(paths),
        "target_root": root,
        "bucket": config.need("bucket") if plan.folders else config.bucket or "",
        "accepted": documents.dumps(sorted(accepted | HARMLESS)),
        "prove": prove,
        "policies": int(policies),
        "form": plan.form,
    }
    with opened(config) as database:
        restores = Restores(database)
        proved = restores.proved(plan.wanted)
        vanished = [one for one in proved if type_of(one.target) is None]
        restores.supersede(vanished, now())
        count = restores.add(asked, plan.wanted, now())
    known = len(plan.wanted) - count
    note = f", {known:,} known already" if known else ""
    say(
        f"{count:,} assets to make{note}; geesync restores says how far they are",
        beside_json=as_json,
    )
    revisions = {one.target: one.revision for one in plan.wanted if one.type not in CONTAINERS}
    there = [one for one in proved if one not in vanished]
    older = [one for one in there if revisions.get(one.target) not in {None, one.wanted.revision}]
    if older:
        what = "were made of an older copy, and stay as they are: delete them there, and ask again"
        say(f"{len(older):,} of them {what}", beside_json=as_json)


def restores(
    context: typer.Context,
    below: Annotated[str | None, typer.Argument(metavar="[TARGET]", show_default=False)] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Try again what is quarantined.")] = False,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Give up what is not proved; nothing is deleted there.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON line for each asset.")] = False,
) -> None:
    """Say how far assets are on their way back; exit code 1 if not all are proved."""
    from geesync.domain.assets.names import root_named
    from geesync.domain.restore.lifecycle import RestoreState
    from geesync.steps.restore.report import document
    from geesync.store.making.restores import Restores

    cli: Context = context.obj
    if retry and cancel:
        raise UserError("--retry and --cancel cannot go together", hint="name one of them")
    target = root_named(below) if below else ""
    with cli.database() as database:
        store = Restores(database)
        if retry or cancel:
            change = store.retry if retry else store.cancel
            say(f"{change(target, now()):,} assets", beside_json=json)
        found = store.reports(target)
    if below and not found:
        raise UserError(f"nothing is restored to {below}", hint="geesync restores lists all")
    for one, report in found:
        if json:
            print_json(document(one, report))
        elif one.standing.state != RestoreState.PROVED:
            reason = f"  {one.standing.reason}" if one.standing.reason else ""
            target = display_id(one.target)
            say(f"{one.standing.state:<11}  {target}{reason}")
    proved = sum(one.standing.state == RestoreState.PROVED for one, _ in found)
    if not json:
        say(f"{proved:,} of {len(found):,} proved")
    raise typer.Exit(ExitCode.OK if proved == len(found) else ExitCode.INCOMPLETE)
