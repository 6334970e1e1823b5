"""Which way an asset comes home: read directly, or by tasks, and what each costs.

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

#: The first failure for want of memory or time halves an answer so often, the next asks for as
#: little as there is: each is counted, and the bucket is to have a try, too.
_HALVINGS = 4
_SMALLEST_AFTER = 2


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
    if options.way == "drive":
        return plan(source, options, lessons, way=Way.DRIVE)
    direct = plan(source, options, lessons, way=Way.DIRECT)
    if not means.has_bucket or not direct.parts:
        return direct
    by_bucket = options.way == "bucket"
    if not by_bucket:
        answers = answers_of(direct, source)
        most = means.most_answers if options.way == "auto" else answers
        by_bucket = answers is None or (most is not None and answers > most)
    return plan(source, options, lessons) if by_bucket else direct


def _failures(direct: Plan) -> int:
    """Return how often an answer was too much. Raises TooLargeError after the smallest one."""
    failed = sum(part.way == Way.DIRECT for part in direct.lessons.too_much)
    if failed > _SMALLEST_AFTER:
        raise TooLargeError
    return failed


def readings_of(direct: Plan, source: SourceAsset) -> list[Reading]:
    """Return how an image is read under its plan. Raises TooLargeError."""
    failed = _failures(direct)
    smallest = failed == _SMALLEST_AFTER
    return readings(direct.parts, source.bands, failed * _HALVINGS, smallest=smallest)


def page_rows(direct: Plan) -> int:
    """Return how many rows of a table are asked for at a time. Raises TooLargeError."""
    failed = _failures(direct)
    return 1 if failed == _SMALLEST_AFTER else PAGE_ROWS >> (failed * _HALVINGS)


def answers_of(direct: Plan, source: SourceAsset) -> int | None:
    """Return how many answers an asset takes; None if none is small enough."""
    try:
        if source.type == TABLE:
            return max(1, -(-(source.feature_count or 0) // page_rows(direct)))
        return sum(reading.requests for reading in readings_of(direct, source))
    except TooLargeError:
        return None


def answer_bytes(direct: Plan, source: SourceAsset) -> int:
    """Return how many bytes the answers of an asset have, about; as they are before encoding."""
    if source.type == TABLE:
        return source.size_bytes
    try:
        return sum(
            reading.pixel_bytes * reading.grid.pixels for reading in readings_of(direct, source)
        )
    except TooLargeError:
        return 0
