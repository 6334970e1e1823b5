"""``restore`` and ``restores``: assets of the mirror made again at Earth Engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geesync.cli.completion import completing
from geesync.cli.context import Context, json_line, now, opened, output
from geesync.domain.assets.names import display_id
from geesync.domain.messages.words import counted, duration, size
from geesync.domain.restore.files import KEPT, Form, is_near_enough
from geesync.domain.restore.losses import ALWAYS, HARMLESS, LossKind
from geesync.errors import Cause, ExitCode, RemoteError, UserError

if TYPE_CHECKING:
    from geesync.adapters.earth_engine.earth_engine import EarthEngine
    from geesync.adapters.storage.stores import Stores
    from geesync.checks.restore_plan import RestorePlan
    from geesync.config import Config
    from geesync.domain.messages.findings import Finding

#: Losses that are listed one by one; the rest is counted.
_LISTED = 20


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(restore)
    app.command()(restores)


def restore(
    context: typer.Context,
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH…", help="Assets, folders, collections, by id or path."),
    ],
    to: Annotated[str, typer.Option("--to", metavar="ROOT", help="Below which they are made.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept-losses",
            metavar="KIND",
            help="Go on without what is named.",
            autocompletion=completing(LossKind),
        ),
    ] = None,
    prove: Annotated[
        str,
        typer.Option(
            help="How thoroughly: metadata, pixels, digest or mirror.",
            autocompletion=completing(("metadata", "pixels", "digest", "mirror")),
        ),
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
    from geesync.domain.restore.targets import root_named
    from geesync.steps.restore.prover import LEVELS

    mine: Context = context.obj
    config = mine.config(bucket=bucket, mirror=str(mirror.absolute()) if mirror else None)
    if prove not in LEVELS:
        raise UserError(f"--prove {prove}: no such way", hint=f"one of {', '.join(LEVELS)}")
    accepted = _kinds(accept or [])
    root = root_named(to)
    plan = plan_restore(Path(config.need("mirror")), paths, root, form, policies=acl)
    if not plan.wanted and not plan.left:
        raise UserError("there is nothing to restore there")
    earth_engine, stores = cloud(config)
    type_of = lru_cache(partial(_type_of, earth_engine))
    plan = with_folders_above(plan, type_of)
    room = _room(earth_engine, root)
    _tell(plan, root, _time(config, plan), room, _warnings(config, stores, plan), as_json=json)
    _require_room(plan, room)
    if KEPT in plan.folders:
        _require_near(stores, config.need("bucket"))
    if missing := plan.unaccepted(accepted):
        told = " ".join(f"--accept-losses {kind}" for kind in missing)
        if dry_run:
            output().print(f"to go on: {told}", markup=False)
            raise typer.Exit(ExitCode.INCOMPLETE)
        raise UserError("some of it cannot come back", hint=f"look at the list, then {told}")
    if dry_run:
        return
    _write_down(config, plan, paths, root, accepted, prove, type_of, policies=acl)


def _kinds(given: list[str]) -> frozenset[LossKind]:
    try:
        return frozenset(map(LossKind, given))
    except ValueError as error:
        raise UserError(str(error), hint=f"one of {', '.join(LossKind)}") from error


def _type_of(earth_engine: EarthEngine, name: str) -> str | None:
    """Return the type of what is at a place, None if nothing is."""
    try:
        return earth_engine.get_asset(name).type
    except RemoteError as error:
        if error.cause == Cause.GONE:
            return None
        raise


def _warnings(config: Config, stores: Stores, plan: RestorePlan) -> list[Finding]:
    """Return what the bucket would do to what is staged."""
    from geesync.checks.advice import GUIDE, look_at_bucket
    from geesync.domain.messages.findings import warn

    if not plan.folders:
        return []
    if config.bucket is None:
        return [warn("bucket", "none is set, and files are to be staged in one", GUIDE)]
    return list(look_at_bucket(stores.storage, config.bucket, now().date(), plan.folders))


def _time(config: Config, plan: RestorePlan) -> timedelta:
    """Return how long its tasks take, as the last ones of this ledger did, or as exports do."""
    from geesync.domain.tasks.estimate import pace_of
    from geesync.domain.tasks.task import SubjectKind
    from geesync.store.browsing.precedents import ended_tasks

    return pace_of(ended_tasks(config.ledger, SubjectKind.RESTORE)).time_for(plan.tasks)


def _tell(
    plan: RestorePlan,
    root: str,
    time: timedelta,
    room: _Room | None,
    warnings: list[Finding],
    *,
    as_json: bool,
) -> None:
    lost = list(plan.losses())
    if as_json:
        told: dict[str, Any] = {
            "to": root,
            "assets": plan.counts,
            "uploads": plan.uploads,
            "size_bytes": plan.upload_bytes,
            "tasks": plan.tasks,
            "estimated_s": time.total_seconds(),
            "room": room and {"assets": room.assets, "size_bytes": room.size_bytes},
            "losses": [{"asset": n, "kind": k, "what": w} for n, k, w in lost],
            "warnings": [{"what": one.text, "mend": one.mend} for one in warnings],
        }
        typer.echo(json_line(told))
        return
    out = output()
    kinds = ", ".join(f"{count:,} {kind.lower()}" for kind, count in sorted(plan.counts.items()))
    out.print(f"to {display_id(root)}: {kinds}", markup=False)
    uploads, tasks = counted(plan.uploads, "file"), counted(plan.tasks, "task")
    takes = f": about {duration(time)}, without the upload" if plan.tasks else ""
    out.print(f"{uploads} to upload, {size(plan.upload_bytes)}; {tasks}{takes}", markup=False)
    if room:
        out.print(f"{room}; this takes {size(plan.room_bytes)}", markup=False)
    for name, kind, what in [one for one in lost if one[1] not in HARMLESS][:_LISTED]:
        out.print(f"  lost  {display_id(name)}  {kind}: {what}", markup=False)
    if len(lost) > _LISTED:
        out.print(f"  … {len(lost):,} in all: --json lists every one", markup=False)
    out.print(f"of everything: {ALWAYS}", markup=False)
    for one in warnings:
        out.print(f"warning: {one.name}: {one.text}: {one.mend}", markup=False)


def _require_near(stores: Stores, bucket: str) -> None:
    """Raise UserError if external images are not read from where a bucket is."""
    where = stores.storage.settings(bucket).locations
    if not is_near_enough(where):
        raise UserError(
            f"the bucket {bucket} is in {', '.join(sorted(where))}",
            hint="external images are read from US, us-central1, or a pair with us-central1",
        )


@dataclass(frozen=True)
class _Room:
    """For what a root has room."""

    top: str
    assets: int
    size_bytes: int

    def __str__(self) -> str:
        room = f"{counted(self.assets, 'asset')} and {size(self.size_bytes)}"
        return f"{display_id(self.top)} has room for {room}"


def _room(earth_engine: EarthEngine, root: str) -> _Room | None:
    """Return for what the top of an account has room; None if Earth Engine does not say."""
    from geesync.checks.restore_plan import quota_of

    top = "/".join(root.split("/")[: 5 if root.startswith("projects/earthengine-legacy") else 3])
    told = quota_of(earth_engine.get_asset(top))
    return _Room(top, *told) if told else None


def _require_room(plan: RestorePlan, room: _Room | None) -> None:
    """Raise UserError if the root has not the room, before the first byte moves."""
    if room and (len(plan.wanted) > room.assets or plan.room_bytes > room.size_bytes):
        raise UserError(str(room), hint="free some, or restore elsewhere")


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
        count = restores.add(asked, plan.wanted, now(), vanished)
    known = len(plan.wanted) - count
    told = f", {known:,} known already" if known else ""
    output().print(
        f"{count:,} assets to make{told}; geesync restores says how far they are", markup=False
    )


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
    from geesync.domain.restore.lifecycle import RestoreState
    from geesync.domain.restore.targets import root_named
    from geesync.steps.restore.report import document
    from geesync.store.making.restores import Restores

    mine: Context = context.obj
    config = mine.config()
    mine.existing_ledger()
    target = root_named(below) if below else ""
    with opened(config) as database:
        store = Restores(database)
        if retry or cancel:
            change = store.retry if retry else store.cancel
            output().print(f"{change(target, now()):,} assets", markup=False)
        found = store.reports(target)
    for one, report in found:
        if json:
            typer.echo(json_line(document(one, report)))
        elif one.standing.state != RestoreState.PROVED:
            reason = f"  {one.standing.reason}" if one.standing.reason else ""
            target = display_id(one.target)
            output().print(f"{one.standing.state:<11}  {target}{reason}", markup=False)
    proved = sum(one.standing.state == RestoreState.PROVED for one, _ in found)
    if not json:
        output().print(f"{proved:,} of {len(found):,} proved", markup=False)
    raise typer.Exit(ExitCode.OK if proved == len(found) else ExitCode.INCOMPLETE)
