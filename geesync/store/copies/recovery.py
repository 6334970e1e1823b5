"""How a new ledger takes over what a lost one left: copies to be proved, tasks to be followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import sqlalchemy as sa

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.assets.names import is_derived
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.mirror.lifecycle import Recovered, State
from geesync.domain.mirror.plan import Plan
from geesync.domain.tasks.lifecycle import Started
from geesync.store.file.database import Records
from geesync.store.file.rows import change_rows, insert_rows
from geesync.store.ledger.intake import insert, renew
from geesync.store.ledger.ledger import (
    LedgerAsset,
    Move,
    assets_in,
    read_asset,
    record_in,
    select_assets,
)
from geesync.store.ledger.roots import Root
from geesync.store.tables import schema
from geesync.store.tables.columns import is_among
from geesync.store.tasks.plans import KnownPlan, NewPlan, put_in
from geesync.store.tasks.task_rows import Intent
from geesync.store.tasks.tasks import TaskMove, intend_in, succeed_in
from geesync.store.tasks.tasks import record_in as record_tasks_in


@dataclass(frozen=True)
class Copy:
    """An asset's copy, as its sidecars describe it."""

    source: SourceAsset
    path: str  #: folder relative to the mirror
    plan: Plan  #: under which it came
    options: str  #: hash of those that the plan was made under
    objects: Mapping[str, Sequence[StoredObject]]  #: by part; each in a file of the same name


@dataclass(frozen=True)
class Found:
    """What is left of a task of a lost ledger."""

    intent: Intent  #: as it is written down anew; the plan is the asset's new one
    operation: str | None
    objects: Sequence[StoredObject] = field(default=())  #: all there are, without an operation


class Recovery(Records):
    """Takes in what a lost ledger left. For a new or an old one, before anything works on it."""

    def restore(self, root: Root, copies: Sequence[Copy], now: datetime) -> int:
        """Take in copies that are on disk, in one transaction; return how many.

        What the ledger has got further with, and folders that are not those of their assets, are
        left alone. A ledger that was put back knows less than the mirror.
        """
        by_name = {copy.source.name: copy for copy in copies}
        with self._database.write() as connection:
            named = is_among(schema.asset.c.name, by_name)
            known = {asset.name: asset for asset in assets_in(connection, named)}
            new = [copy.source for name, copy in by_name.items() if name not in known]
            insert(connection, root.id, new, 0, now)
            newer = [asset for asset in known.values() if _is_newer(by_name[asset.name], asset)]
            renew(connection, [(asset, by_name[asset.name].source) for asset in newer], now)
            lacking = [
                asset
                for asset in assets_in(connection, named)
                if _is_lacking(by_name[asset.name], asset)
            ]
            taken = record_in(connection, [Move(asset, Recovered()) for asset in lacking], now)
            if taken and not is_derived(root.name):  # which a job's own scan looks through
                unseen = {"scanned_at": None, "next_scan_at": now}
                change_rows(connection, schema.root, {root.id: unseen})
            copies_of = {asset.id: by_name[asset.name] for asset in lacking}
            left = {key: "; ".join(copy.plan.left) for key, copy in copies_of.items()}
            left_out = {key: {"left_out": why} for key, why in left.items() if why}
            change_rows(connection, schema.asset, left_out)
            made = [
                NewPlan(asset.id, asset.revision, copy.options, copy.plan)
                for asset, copy in zip(lacking, copies_of.values(), strict=True)
                if not asset.is_container
            ]
            for asset_id, known_plan in put_in(connection, made, now).items():
                _restore_files(connection, known_plan, copies_of[asset_id].objects, now)
            return len(taken)

    def discovered(self, *, after: int, limit: int) -> list[LedgerAsset]:
        """Return a page of the assets that nothing was asked for yet, by id."""
        table = schema.asset
        query = (
            select_assets()
            .where(table.c.state == State.DISCOVERED, table.c.id > after)
            .order_by(table.c.id)
            .limit(limit)
        )
        return self._database.select(query, read_asset)

    def adopt(self, plans: Sequence[NewPlan], found: Sequence[Found], now: datetime) -> None:
        """Take over tasks that are under way, with the plans of their assets.

        Those of an operation run; of the others all that they were to make is there.
        """
        with self._database.write() as connection:
            known = put_in(connection, plans, now)
            by_token = {copy.intent.token: copy for copy in found}
            intents = [
                replace(copy.intent, plan_id=known[copy.intent.subject.id].id) for copy in found
            ]
            tasks = [(task, by_token[task.token]) for task in intend_in(connection, intents, now)]
            started = [
                TaskMove(task, Started(operation=left.operation))
                for task, left in tasks
                if left.operation
            ]
            record_tasks_in(connection, started, now)
            whole = [(task, left.objects) for task, left in tasks if not left.operation]
            succeed_in(connection, whole, now)


#: In these nothing that is on disk is known.
_BEFORE_DISK = frozenset({State.DISCOVERED, State.EXPORTING, State.IN_BUCKET})


def _is_newer(copy: Copy, asset: LedgerAsset) -> bool:
    """Whether a copy is of a later revision than the ledger knows: times compare as texts."""
    has_time = "updateTime" in copy.source.json
    is_wanted = asset.standing.state != State.EXCLUDED
    return has_time and is_wanted and copy.source.revision > asset.revision


def _is_lacking(copy: Copy, asset: LedgerAsset) -> bool:
    """Whether the ledger lacks just this copy."""
    return asset.standing.state in _BEFORE_DISK and (asset.revision, asset.path) == (
        copy.source.revision,
        copy.path,
    )


def _restore_files(
    connection: sa.Connection,
    known: KnownPlan,
    objects: Mapping[str, Sequence[StoredObject]],
    now: datetime,
) -> None:
    """Note files that no task of this ledger brought.

    What is left of them in the bucket is not this ledger's to delete.
    """
    rows = [
        {
            "plan_id": known.id,
            "part": part_id,
            "way": known.plan.way,
            "name": obj.file_name,
            "suffix": obj.name if obj.generation else None,
            "generation": obj.generation or None,
            "size_bytes": obj.size_bytes,
            "crc32c": obj.crc32c,
            "landed_at": now,
            "swept_at": now if obj.generation else None,
        }
        for part_id, of_part in objects.items()
        for obj in of_part
    ]
    insert_rows(connection, schema.file, rows)
