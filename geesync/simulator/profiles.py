"""How nasty the simulated service is: one knob for each of its known behaviours.

The numbers of the behaviours are those of the table in docs/simulator.md. Seconds are virtual
unless a comment says real. Behaviours that are scripted or always on are named where their
knob would be.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

Range = tuple[float, float]  #: (least, most), drawn evenly

NEVER: Range = (0.0, 0.0)
QUANTILE_95 = 1.6449  #: of the standard normal distribution
QUANTILE_LONGEST = 3.719  #: the same of one in 10,000


@dataclass(frozen=True)
class Durations:
    """A distribution of seconds, given by what one can read off a histogram.

    Log-normal to its 95th percentile; from there on so long-tailed that one in 10,000 takes
    ``most_s``, if there is a longest.
    """

    p50_s: float = 0.0
    p95_s: float = 0.0
    least_s: float = 0.0
    most_s: float = math.inf

    def draw(self, dice: random.Random) -> float:
        """Return one duration in seconds."""
        if self.p50_s <= 0:
            return self.least_s
        sigma = math.log(max(self.p95_s / self.p50_s, 1.0)) / QUANTILE_95
        deviation = dice.gauss(0.0, 1.0)
        logarithm = sigma * deviation
        if deviation > QUANTILE_95 and self.p95_s < self.most_s < math.inf:
            tail = math.log(self.most_s / self.p95_s) / (QUANTILE_LONGEST - QUANTILE_95)
            logarithm = sigma * QUANTILE_95 + tail * (deviation - QUANTILE_95)
        return min(max(self.p50_s * math.exp(logarithm), self.least_s), self.most_s)


def always(seconds: float) -> Durations:
    """Return the distribution of things that always take so long."""
    return Durations(least_s=seconds)


@dataclass(frozen=True)
class Profile:
    """All knobs; the defaults are those of ``CALM``: nothing takes time, nothing fails."""

    name: str = "calm"

    # 1. Start-up: the table of functions.
    algorithms: Literal["ok", "empty", "forbidden", "slow"] = "ok"
    algorithms_delay_s: float = 5.0  #: real seconds, for "slow"
    # 2. Requests are read strictly: always on (messages.py).
    # 3. Names, ids, legacy trees: always on (names.py).
    # 4. Pages of listings: share of pages that are shorter than asked, even empty; and a
    #    fixed limit below the service's own 10,000 / 1,000.
    short_pages: float = 0.0
    page_limit: int | None = None
    folder_children: Literal["BASIC", "FULL"] = "BASIC"
    #    What a listing says of ``updateTime``: what a get says, or the time a second before.
    listed_update_time: Literal["same", "earlier"] = "same"
    # 5. Assets change under a scan: scripted (World, or POST /-/world).
    #    Whether a change of metadata alone moves ``updateTime``:
    patch_moves_time: bool = True
    #    Whether old tables tell their ``featureCount``.
    feature_count: Literal["told", "absent"] = "told"
    # 6. Permissions: scripted (World.deny). Who has all rights in the project; others have what
    #    the policies of assets say. () = everybody.
    members: tuple[str, ...] = ()
    #    Who is no more, as ``user:a@b.org``: no policy can be set that names one of them.
    absent_members: tuple[str, ...] = ()
    # 7. A repeated request id.
    duplicates: Literal["same_operation", "refuse", "either"] = "same_operation"
    duplicate_status: int = 409
    burn_rejected_ids: bool = False  #: an id refused because of a full queue stays used
    #    How long the description of an operation may be, in characters.
    longest_description: int = 100
    # 8. Share of POSTs that are done but whose answer is lost.
    lost_responses: float = 0.0
    # 9. The simulator outlives its client: run it as a process of its own.
    # 10. Operations that may wait per project, foreign ones included. The refusal's status is
    #     not documented; it cannot be one that the client repeats by itself, since people see
    #     its text at once.
    queue_limit: int = 3000
    queue_full_status: int = 400
    # 11. Exports that run at once per project; imports have slots of their own.
    running_slots: int = 2
    import_slots: int = 2
    # 12. Waiting for a machine, and running.
    queue_s: Durations = Durations()
    run_s: Durations = Durations()
    # 13. Share of attempts that are evicted and begin anew, and how many attempts at most.
    evictions: float = 0.0
    most_attempts: int = 26
    # 14. Share of each optional part of an operation's metadata that is missing or odd.
    metadata_holes: float = 0.0
    # 15. Listing of operations: a new one is unseen for a while; pages shift under the reader.
    list_lag_s: Range = NEVER
    operation_order: Literal["newest_first", "oldest_first", "mixed"] = "newest_first"
    shifting_pages: bool = False
    # 16. Success before visibility: of an asset that an operation wrote, of objects (of several,
    #     every second one is there at once).
    asset_lag_s: Range = NEVER
    object_lag_s: Range = NEVER
    # 17. How long a finished operation is remembered.
    retention_s: float = math.inf
    # 18. Cancelling takes a while, and may come too late.
    cancel_s: Range = NEVER
    cancels_lost: float = 0.0
    leftovers: float = 0.0  #: share of cancelled exports whose files appear all the same
    cancel_of_finished: Literal["ok", "refuse"] = "ok"
    # 19. Refusals at run time come this long after the start.
    refusal_s: Range = NEVER
    # 20. Operations that fail for no reason of their own, and calls, in bursts up to so long.
    failing_operations: float = 0.0
    failing_calls: float = 0.0
    burst_s: float = 60.0
    # 21. Longest edge in pixels of one file of a split image; None = what bytes allow. And whether
    #     ``tileDimensions`` split an image that would fit in one file.
    file_edge: int | None = None
    small_images_split: bool = True
    #    What stands between a prefix and a tile's offsets in the bucket.
    tile_joint: Literal["", "-"] = ""
    # 22. Pixels are real: always on (geotiff.py). What masked pixels of floats become:
    masked_float: float = 0.0
    # 23. The bucket's errors: scripted (faults.py, server "storage"). How an export ends that may
    #     not write (World.deny of "gs://bucket"); neither words nor code are public.
    bucket_location: str = "US"  #: external images are not read from everywhere
    bucket_refusal_code: int = 7
    bucket_refusal_message: str = (
        "The service account does not have storage.objects.create access to the Google Cloud"
        " Storage object. Permission 'storage.objects.create' denied on resource (or it may not"
        " exist)."
    )
    # 24. Restricted mode: its header, and one slot only; calls per real second, and at once.
    restricted: bool = False
    calls_per_s: float = math.inf
    calls_at_once: float = math.inf
    #    Compute of a project in a day; what is refused when it is used up, until midnight (by
    #    default of the Pacific winter, when Google's daily quotas begin anew).
    daily_eecu_s: float = math.inf
    eecu_refuses: Literal["submissions", "operations"] = "submissions"
    eecu_status: int = 429
    midnight_utc_h: float = 8.0
    #    Assets in a root; neither words nor status of the refusal are public.
    max_assets: int = 10_000
    max_bytes: int = 250 * 10**9
    asset_quota_status: int = 400
    asset_quota_message: str = "Asset storage quota exceeded."
    # 25. Ingestion. When a place that is taken, or one that is not there, is noticed, and a
    #     property of another type than in the rest of the collection:
    import_s: Durations = Durations()
    import_checks: Literal["call", "operation"] = "operation"
    missing_parent: Literal["call", "operation"] = "call"
    mixed_types: Literal["call", "operation"] = "call"
    #     How many entries of masks a manifest may have; whether a key that a manifest may not have
    #     can be given to an asset later.
    mask_entries: Literal["one", "many"] = "one"
    odd_keys_patched: bool = False
    #    Whether rows keep the ``system:index`` of a CSV, and what a column ``.geo`` is.
    imported_index: Literal["new", "kept"] = "new"
    imported_geo_column: Literal["geometry", "text"] = "geometry"

    # 26. Pixels and rows at once. How much is too much for its memory or its time, counted as for
    #     the limit of a request; how long an answer takes, real seconds; how many at once.
    direct_memory_bytes: float = math.inf
    direct_timeout_bytes: float = math.inf
    direct_s: float = 0.0
    direct_eecu_s: float = 0.0  #: compute of an answer with pixels
    direct_at_once: float = math.inf
    #     Rows: whether one without a geometry says so, and whether 7.0 is told from 7.
    null_geometry: Literal["absent", "null"] = "absent"
    whole_doubles: Literal["short", "typed"] = "short"
    #     What is calculated: whether pixels that are divided by 0 become 0, or masked, and those of
    #     a normalized difference of zeros; what lies between two values; whether a convolution
    #     turns its kernel.
    divided_by_zero: Literal["zero", "masked"] = "zero"
    difference_of_zeros: Literal["zero", "masked"] = "zero"
    even_medians: Literal["between", "lower"] = "between"
    percentiles: Literal["between", "lower"] = "between"
    convolutions: Literal["as_written", "turned"] = "as_written"

    #     What Cloud Monitoring says of compute, and how many seconds late.
    metrics: Literal["told", "empty", "forbidden"] = "told"
    metrics_delay_s: float = 240.0

    # 27. Drive. Whether a task finds the folder of the name that it is told, or always makes a new
    #     one; room of a person; calls of a person in a real second, and how more are refused.
    drive_scope: bool = True  #: whether tokens are for Drive, too
    drive_folders: Literal["new", "found"] = "new"
    drive_bytes: int = 15 * 10**9
    drive_calls_per_s: float = math.inf
    drive_refusal_status: int = 403

    # All: how long every answer takes, real seconds.
    latency_s: float = 0.0


CALM = Profile()

REAL = Profile(
    name="real",
    short_pages=0.5,
    duplicates="either",
    burn_rejected_ids=True,
    lost_responses=0.02,
    queue_s=Durations(p50_s=8, p95_s=834, least_s=0.8, most_s=20.6 * 3600),
    run_s=Durations(p50_s=497, p95_s=1455, least_s=6.5, most_s=8.5 * 3600),
    evictions=0.024,
    metadata_holes=0.01,
    list_lag_s=(0.0, 5.0),
    shifting_pages=True,
    asset_lag_s=(0.0, 60.0),
    retention_s=10 * 86400.0,
    cancel_s=(0.5, 10.0),
    cancels_lost=0.1,
    leftovers=0.1,
    refusal_s=(1.0, 40.0),
    failing_operations=0.01,
    failing_calls=0.01,
    calls_per_s=100.0,
    calls_at_once=40,
    import_s=Durations(p50_s=600, p95_s=1200, least_s=30, most_s=3600),
    direct_eecu_s=0.5,
    latency_s=0.02,
)

#: The bucket lists what was written at once; in hell not even that is sure.
LATE_OBJECTS_S: Range = (0.0, 30.0)

HARDER = 10  #: hell is real, so many times as unlikely to go well and as late


def _hell() -> Profile:
    """Return ``REAL`` with every probability and every lag ten times as large."""
    changes: dict[str, Any] = {"name": "hell"}
    for knob in fields(Profile):
        value = getattr(REAL, knob.name)
        if isinstance(value, tuple):
            changes[knob.name] = tuple(bound * HARDER for bound in value)
    for share in (
        "short_pages",
        "lost_responses",
        "evictions",
        "metadata_holes",
        "cancels_lost",
        "leftovers",
        "failing_operations",
        "failing_calls",
    ):
        changes[share] = min(getattr(REAL, share) * HARDER, 0.9)
    changes["object_lag_s"] = LATE_OBJECTS_S
    changes["operation_order"] = "mixed"
    return replace(REAL, **changes)


HELL = _hell()


def named(name: str) -> Profile:
    """Return the profile of this name; raises ValueError if there is none."""
    for profile in (CALM, REAL, HELL):
        if profile.name == name:
            return profile
    raise ValueError(f"no profile {name!r}; there are calm, real and hell")


class Dice:
    """Chance that repeats: each purpose has its own endless series, fixed by the seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rolls: dict[str, int] = {}

    def roll(self, purpose: str) -> random.Random:
        """Return the next source of random numbers for this purpose."""
        number = self._rolls.get(purpose, 0)
        self._rolls[purpose] = number + 1
        return random.Random(f"{self._seed}/{purpose}/{number}")

    def happens(self, purpose: str, share: float) -> bool:
        """Tell whether something that happens in this share of cases happens now."""
        return share > 0 and self.roll(purpose).random() < share
