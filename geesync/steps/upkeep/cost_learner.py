"""Learns what reading directly costs in compute, which no answer of Earth Engine says.

Cloud Monitoring sums it up by workload tag, some minutes late. So what is asked for ends at the
look before, by which time all of it is there; and it is divided by the answers that came till then.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from geesync.adapters.direct.monitoring import Monitoring
from geesync.errors import Cause, RemoteError
from geesync.logger import get_logger
from geesync.steps.step import StepContext, Tally
from geesync.store.ledger.roots import Roots
from geesync.store.ledger.usage import ANSWER_COST, Usage

log = get_logger()

#: Far longer than the metric is late.
_EVERY = timedelta(hours=1)

#: Images differ; and the metric is kept for six weeks.
_LONGEST = timedelta(days=30)

#: Fewer answers than this say nothing of the next thousand.
_ENOUGH = 20

_NO_COMPUTE = "Cloud Monitoring tells no compute of ours"


@dataclass(frozen=True)
class _Noted:
    """What was learnt, and from when to when; times in ISO 8601."""

    since: str
    answers_before: int  #: ever read until then
    until: str
    answers: int  #: likewise
    eecu_s: float = 0.0
    measured: int = 0  #: answers that it was learnt from
    asked_of: int = 0  #: answers of the last time that was asked for
    refusal: str = ""


@dataclass
class CostLearner:
    """Asks once an hour, if anything was read since; moves nothing."""

    name: ClassVar[str] = "cost_learner"

    context: StepContext
    monitoring: Monitoring
    workload_tag: str
    usage: Usage
    notes: Roots

    def run_once(self) -> Tally:
        """Learn from what was read until the last look, if that was long enough ago."""
        now = self.context.clock()
        kept_note = self.notes.get(ANSWER_COST)
        if kept_note is None:
            answers = self.usage.answers_ever()
            self._note(_Noted(now.isoformat(), answers, now.isoformat(), answers), now)
            return Tally()
        noted = _Noted(**json.loads(kept_note))
        last = datetime.fromisoformat(noted.until)
        if last <= now < last + _EVERY:
            return Tally()
        noted = self._learnt(noted)
        if last - datetime.fromisoformat(noted.since) > _LONGEST:
            noted = replace(noted, since=noted.until, answers_before=noted.answers)
        answers = self.usage.answers_ever()
        self._note(replace(noted, until=now.isoformat(), answers=answers), now)
        return Tally()

    def _learnt(self, noted: _Noted) -> _Noted:
        answers = noted.answers - noted.answers_before
        if answers < _ENOUGH or answers == noted.asked_of:
            return noted
        since, until = map(datetime.fromisoformat, (noted.since, noted.until))
        try:
            eecu_s = self.monitoring.compute_s(self.workload_tag, since, until)
        except RemoteError as error:
            again = error.cause == Cause.TRANSIENT
            return _refused(noted, str(error), noted.asked_of if again else answers)
        if eecu_s is None:
            return _refused(noted, _NO_COMPUTE, answers)
        each_s = eecu_s / answers
        return replace(noted, eecu_s=each_s, measured=answers, asked_of=answers, refusal="")

    def _note(self, noted: _Noted, now: datetime) -> None:
        self.notes.put(ANSWER_COST, json.dumps(asdict(noted)), now)


def _refused(noted: _Noted, refusal: str, asked_of: int) -> _Noted:
    """Tell once why nothing is learnt; what was known holds."""
    if refusal != noted.refusal:
        log.info("compute_not_learnt", reason=refusal)
    return replace(noted, refusal=refusal, asked_of=asked_of)
