"""What an asset costs by each way, and which one it would take: before anything is begun."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.choices.options import Options
from geesync.domain.direct.choice import Means, answer_bytes, answers_of, decide
from geesync.domain.messages.words import counted
from geesync.domain.mirror.plan import Plan
from geesync.domain.mirror.planning import plan
from geesync.domain.tasks.exports import Way

#: How long an answer takes, about; nobody publishes it. Edges of what is plausible: 1 and 5 s.
ANSWER_S = 2.0


@dataclass(frozen=True)
class AnswerCost:
    """Compute of an answer: an estimate, as Earth Engine tells it of none."""

    eecu_s: float  #: EECU-seconds
    measured: int = 0  #: answers that it was learnt from; 0 if it is the setting's

    def eecu_hours(self, answers: int) -> float:
        """Return what so many answers cost."""
        return answers * self.eecu_s / 3600

    def __str__(self) -> str:
        """Return it with its origin, for people."""
        learnt = f"learnt from Cloud Monitoring, {counted(self.measured, 'answer')}"
        return (
            f"{self.eecu_s:,.3g} EECU-s an answer, {learnt if self.measured else 'from settings'}"
        )


@dataclass(frozen=True)
class Costs:
    """What one asset costs."""

    chosen: Plan
    requests: int | None  #: to read it directly; None if no answer is small enough
    answer_bytes: int
    tasks: int  #: exports, to bring it by a bucket

    @property
    def way(self) -> Way | None:
        """By which way it comes; None if it has no files."""
        return self.chosen.way if self.chosen.parts else None


def costs_of(source: SourceAsset, options: Options, means: Means) -> Costs:
    """Return what an asset costs by each way."""
    chosen = decide(source, options, means)
    if not chosen.parts:
        return Costs(chosen, 0, 0, 0)
    direct = plan(source, options, way=Way.DIRECT)
    return Costs(
        chosen,
        answers_of(direct, source),
        answer_bytes(direct, source),
        len(plan(source, options).parts),
    )


def time_for(requests: int, *, at_once: int, requests_per_s: float) -> timedelta:
    """Return how long so many answers take, about."""
    return timedelta(seconds=requests / min(at_once / ANSWER_S, requests_per_s))
