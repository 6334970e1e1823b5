"""Which way an asset comes home: read directly, or by tasks through a bucket; and what each costs.

Nearly everything is better read directly, which needs neither a bucket nor a task. What takes more
answers than a task takes time is not, and what no answer holds cannot be.
"""

from __future__ import annotations

from dataclasses import dataclass

from geesync.domain.assets.asset import TABLE, SourceAsset
from geesync.domain.choices.options import Options
from geesync.domain.direct.readings import Reading, TooLargeError, readings
from geesync.domain.mirror.plan import Lessons, Plan
from geesync.domain.mirror.planning import plan
from geesync.domain.tasks.exports import Way

#: Rows of a page of a table, unless that was too much.
PAGE_ROWS = 1000

#: Each failure for want of memory or time halves an answer so often: few tries find what works.
_HALVINGS = 3


@dataclass(frozen=True)
class Means:
    """What there is to choose from."""

    has_bucket: bool
    most_answers: int  #: beyond which an asset goes by the bucket, where there is one


def decide(
    source: SourceAsset, options: Options, means: Means, lessons: Lessons | None = None
) -> Plan:
    """Return the plan of an asset, by the way that is better, or the only one."""
    lessons = lessons or Lessons()
    direct = plan(source, options, lessons, way=Way.DIRECT)
    if not means.has_bucket or not direct.parts:
        return direct
    by_bucket = options.way == "bucket"
    if not by_bucket:
        answers = answers_of(direct, source)
        most = means.most_answers if options.way == "auto" else answers
        by_bucket = answers is None or (most is not None and answers > most)
    return plan(source, options, lessons) if by_bucket else direct


def halvings(lessons: Lessons) -> int:
    """Return how often an answer is to be halved, after what earlier ones taught."""
    failed = sum(part.way == Way.DIRECT for part in lessons.too_much)
    return failed * _HALVINGS


def readings_of(direct: Plan, source: SourceAsset) -> list[Reading]:
    """Return how an image is read under its plan. Raises TooLargeError."""
    return readings(direct.parts, source.bands, halvings(direct.lessons))


def page_rows(direct: Plan) -> int:
    """Return how many rows of a table are asked for at a time. Raises TooLargeError."""
    rows = PAGE_ROWS >> halvings(direct.lessons)
    if not rows:
        raise TooLargeError
    return rows


def answers_of(direct: Plan, source: SourceAsset) -> int | None:
    """Return how many answers an asset takes; None if none is small enough."""
    try:
        if source.type == TABLE:
            return max(1, -(-(source.feature_count or 0) // page_rows(direct)))
        return sum(one.requests for one in readings_of(direct, source))
    except TooLargeError:
        return None


def answer_bytes(direct: Plan, source: SourceAsset) -> int:
    """Return how many bytes the answers of an asset have, about; as they are before encoding."""
    if source.type == TABLE:
        return source.size_bytes
    try:
        return sum(one.pixel_bytes * one.grid.pixels for one in readings_of(direct, source))
    except TooLargeError:
        return 0
