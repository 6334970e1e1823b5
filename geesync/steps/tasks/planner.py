"""The plans of assets, as they are remembered; and the requests for their parts."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.choices.options import Options
from geesync.domain.direct.choice import Means, decide
from geesync.domain.json import Json
from geesync.domain.mirror.layout import staged_prefix
from geesync.domain.mirror.plan import NO_LESSONS, Plan
from geesync.domain.mirror.planning import going_on, options_hash
from geesync.domain.tasks.exports import Ask, Part, Way, body_hash, request_body
from geesync.domain.tasks.lifecycle import (
    DRIVE,
    Destination,
    DestinationKind,
    Subject,
    SubjectKind,
    TaskKind,
)
from geesync.logger import get_logger
from geesync.store.ledger.ledger import LedgerAsset
from geesync.store.tasks.plans import KnownPlan, NewPlan, Plans
from geesync.store.tasks.task_rows import Intent, Task

log = get_logger()

#: Of a container: nothing of it comes home as a file, and nobody needs to remember that.
NOTHING = Plan(())


@dataclass
class Planner:
    """Makes plans, once for each revision, set of options and lesson; and remembers them."""

    plans: Plans
    options: Options  #: as configured, for roots that say nothing else
    ledger_id: str
    most_answers: int = 100  #: beyond which an asset goes by the bucket, where there is one
    folder: str = "geesync"  #: of Drive, by name
    _chosen: dict[str, Options] = field(default_factory=dict, init=False)  #: by a root's choices
    _making: threading.Lock = field(default_factory=threading.Lock, init=False)

    def chosen(self, asset: LedgerAsset) -> Options:
        """Return what holds for an asset: its root's own choices before the configured ones."""
        key = repr(asset.options)
        if key not in self._chosen:
            self._chosen[key] = self.options.over(asset.options)
        return self._chosen[key]

    def known(self, assets: Collection[LedgerAsset]) -> dict[int, KnownPlan]:
        """Return the plans under which assets are on their way; containers have none."""
        latest = self.plans.latest([asset.id for asset in assets])
        return {
            asset.id: latest[asset.id]
            for asset in assets
            if asset.id in latest and latest[asset.id].revision == asset.revision
        }

    def renewed(
        self, assets: Sequence[LedgerAsset], sources: Mapping[int, SourceAsset], now: datetime
    ) -> tuple[dict[int, KnownPlan], dict[int, Exception]]:
        """Return the plans of assets that are about to begin; made where something calls for it.

        And why some could not be made, by asset: that must not keep the others from theirs.

        What people chose meanwhile is for what was not begun: the rest was paid for. Of several
        steps that ask at a time, one makes a plan, and the others find it.
        """
        with self._making:
            known = self.known(assets)
            changed = {
                asset.id
                for asset in assets
                if asset.id in known and known[asset.id].options != options_hash(self.chosen(asset))
            }
            outdated = {key for key, plan in known.items() if not plan.is_current}
            begun = self.plans.begun(changed | outdated)
            holding = known.keys() - outdated - (changed - begun.keys())
            new = []
            unplanned: dict[int, Exception] = {}
            for asset in assets:
                if asset.id in holding or asset.is_container:
                    continue
                before, parts = known.get(asset.id), begun.get(asset.id, ())
                try:
                    new.append(self._new(asset, sources[asset.id], before, parts))
                except Exception as error:  # noqa: BLE001 # one asset's surprise must not stop others
                    unplanned[asset.id] = error
            return {**known, **self.plans.put(new, now)}, unplanned

    def _new(
        self,
        asset: LedgerAsset,
        source: SourceAsset,
        before: KnownPlan | None,
        begun: Collection[str],
    ) -> NewPlan:
        """Make the plan of an asset; begun: parts of the one before that have a task or files.

        Options are empty of a plan that a version made which did not know them.
        """
        chosen = self.chosen(asset)
        options = options_hash(chosen)
        means = Means(has_bucket=bool(asset.bucket), most_answers=self.most_answers)
        made = decide(source, chosen, means, before.plan.lessons if before else NO_LESSONS)
        if before is not None:
            if before.options in ("", options) and made.masks == before.plan.masks:
                made = going_on(made, [part for part in before.plan.parts if part.id in begun])
            made = replace(made, origins=before.plan.origins)
            why = "options" if before.is_current else "lesson"
            log.info("plan_replaced", asset=asset.name, why=why)
        return NewPlan(asset.id, asset.revision, options, made)

    def intent(
        self,
        asset: LedgerAsset,
        known: KnownPlan,
        part: Part,
        source: SourceAsset,
        *,
        attempts: int,
    ) -> Intent:
        """Return the task that brings a part, ready to be written down.

        attempts: earlier ones of this ledger.
        """
        attempt = 1 + max(attempts, known.plan.attempts(part.id))
        image = source.image if source.derived else ""
        ask = Ask(asset.name, asset.revision, part, attempt, self.ledger_id, image)
        prefix = staged_prefix(ask.token, asset.path, part.key)
        to = self.destination(asset, part, prefix)
        body = request_body(ask, bucket=to.place, prefix=prefix)
        return intent_of(asset, ask, to, body, plan_id=known.id)

    def store(self, asset: LedgerAsset, plan: Plan) -> str:
        """Return the store that a plan's files go to; "" if there are none."""
        if not plan.parts:
            return ""
        return self.destination(asset, plan.parts[0], "").store

    def destination(self, asset: LedgerAsset, part: Part, prefix: str) -> Destination:
        """Return where a part's objects go; prefix: what their names begin with."""
        if part.way == Way.DRIVE:
            return Destination(DestinationKind.DRIVE, f"{DRIVE}{self.folder}", prefix)
        return Destination(DestinationKind.BUCKET, asset.bucket, prefix)

    def request(self, task: Task) -> Json | None:
        """Return the body that asks for a task; None if another version asked otherwise."""
        if task.body is not None:
            return task.body
        subject, to = task.subject, task.destination
        ask = Ask(subject.name, subject.revision, task.part, task.attempt, self.ledger_id)
        body = request_body(ask, bucket=to.place, prefix=to.prefix)
        return body if body_hash(body) == task.body_hash else None


def intent_of(
    asset: LedgerAsset, ask: Ask, to: Destination, body: Json | None, *, plan_id: int | None = None
) -> Intent:
    """Return the task of an ask; body: None if another ledger sent it."""
    is_image = ask.part.grid is not None
    return Intent(
        subject=Subject(SubjectKind.ASSET, asset.id, asset.name, asset.revision),
        kind=TaskKind.IMAGE_EXPORT if is_image else TaskKind.TABLE_EXPORT,
        attempt=ask.attempt,
        token=ask.token,
        body=body,
        destination=to,
        plan_id=plan_id,
        part_id=ask.part.id,
        keep_body=bool(ask.image),
    )
