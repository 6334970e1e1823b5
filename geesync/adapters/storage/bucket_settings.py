"""What a bucket does to objects by itself: how soon it deletes them, and what it keeps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import product
from typing import Any

#: How objects end that geesync, or Earth Engine for it, leaves in a bucket.
_ENDINGS = (".tif", ".csv", ".geojson")

#: Conditions that no object meets which is live and has no time of its own, as ours have not.
_NEVER = frozenset(
    {
        *("daysSinceNoncurrentTime", "noncurrentTimeBefore"),
        *("daysSinceCustomTime", "customTimeBefore"),
    }
)


@dataclass(frozen=True)
class DeletingRule:
    """A rule of a lifecycle that deletes live objects.

    https://cloud.google.com/storage/docs/lifecycle#conditions: all of its conditions must hold;
    one that is not known here is taken to hold.
    """

    age_days: int
    created_before: date | None
    prefixes: tuple[str, ...]  #: of names, of which one is enough
    suffixes: tuple[str, ...]

    def may_take(self, prefix: str, today: date) -> bool:
        """Whether it may delete what is uploaded now, or later, below a prefix."""
        pairs = product(self.suffixes, _ENDINGS)
        return (
            (self.created_before is None or today < self.created_before)
            and any(its.startswith(prefix) or prefix.startswith(its) for its in self.prefixes)
            and any(suffix.endswith(end) or end.endswith(suffix) for suffix, end in pairs)
        )


@dataclass(frozen=True)
class BucketSettings:
    """What a bucket does to objects by itself."""

    rules: tuple[DeletingRule, ...]
    keeps_deleted_s: int  #: soft delete: kept, and billed, for so long
    keeps_versions: bool
    forbids_deleting: bool  #: a retention policy, or a hold on all that is uploaded
    locations: frozenset[str] = frozenset()  #: its own, or those of the pair that it is made of

    def deletes_after_days(self, prefix: str, today: date) -> int | None:
        """Return how old what is uploaded below a prefix becomes at least; None is for ever."""
        ages = [rule.age_days for rule in self.rules if rule.may_take(prefix, today)]
        return min(ages, default=None)


def settings_from(resource: dict[str, Any]) -> BucketSettings:
    """Return what a bucket does by itself, as Cloud Storage describes it.

    https://cloud.google.com/storage/docs/json_api/v1/buckets#resource
    """
    kept = resource.get("softDeletePolicy", {}).get("retentionDurationSeconds", 0)
    pair = resource.get("customPlacementConfig", {}).get("dataLocations")
    locations = {
        str(location).upper() for location in pair or [resource.get("location")] if location
    }
    return BucketSettings(
        rules=tuple(_deleting(resource)),
        locations=frozenset(locations),
        keeps_deleted_s=int(kept),
        keeps_versions=bool(resource.get("versioning", {}).get("enabled")),
        forbids_deleting="retentionPolicy" in resource
        or bool(resource.get("defaultEventBasedHold")),
    )


def _deleting(resource: dict[str, Any]) -> Iterable[DeletingRule]:
    rules = resource.get("lifecycle", {}).get("rule", [])
    actions = [rule.get("action", {}) for rule in rules]
    classes = {resource.get("storageClass"), *(action.get("storageClass") for action in actions)}
    any_class = classes == {None} or resource.get("autoclass", {}).get("enabled")
    for rule, action in zip(rules, actions, strict=True):
        when = rule.get("condition", {})
        is_past = when.get("isLive") is False or when.get("numNewerVersions")
        never = is_past or any(when.get(key) is not None for key in _NEVER)
        taken = when.get("matchesStorageClass")
        has_class = not taken or any_class or not classes.isdisjoint(taken)
        if action.get("type") == "Delete" and has_class and not never:
            before = when.get("createdBefore")
            yield DeletingRule(
                int(when.get("age", 0)),
                date.fromisoformat(before) if before else None,
                tuple(when.get("matchesPrefix") or [""]),
                tuple(when.get("matchesSuffix") or [""]),
            )
