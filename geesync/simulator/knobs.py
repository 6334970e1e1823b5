"""Knobs of a profile as texts, for the command line: ``queue_limit=5``, ``run_s=60``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from geesync.simulator.profiles import Durations, Profile, Range, always

KNOBS: dict[str, Any] = get_type_hints(Profile)


def turned(profile: Profile, settings: Iterable[str]) -> Profile:
    """Return a profile with some knobs turned, each given as ``name=value``.

    Raises ValueError, saying what would be right, for a knob that there is not or a value that it
    cannot have.
    """
    for setting in settings:
        name, given, text = setting.partition("=")
        if not given:
            raise ValueError(f"{setting!r} has no value: write NAME=VALUE")
        if name not in KNOBS:
            near = difflib.get_close_matches(name, KNOBS, n=3)
            hint = f"; there is {', '.join(near)}" if near else ""
            raise ValueError(f"there is no knob {name!r}{hint}")
        try:
            profile = replace(profile, **{name: _read(KNOBS[name], text)})
        except ValidationError as error:
            raise ValueError(f"{setting}: {error.errors()[0]['msg']}") from None
    return profile


def _read(kind: Any, text: str) -> Any:
    """Return what a text says of a knob of this type; raises ValidationError if it cannot be."""
    if kind is Durations:
        return _durations(text)
    if kind in (Range, tuple[str, ...]):
        parts = tuple(part for part in text.split(",") if part)
        return TypeAdapter(kind).validate_python(parts)
    if type(None) in get_args(kind) and text in ("", "none"):
        return None
    return TypeAdapter(kind).validate_python(text)


def _durations(text: str) -> Durations:
    """Return ``60``, always so long, or ``p50_s=8,p95_s=834``."""
    if "=" not in text:
        return always(TypeAdapter(float).validate_python(text))
    told = dict(part.partition("=")[::2] for part in text.split(","))
    unknown = set(told) - {field.name for field in fields(Durations)}
    if unknown:
        raise ValueError(f"there is no {', '.join(sorted(unknown))} in a duration")
    return Durations(**{name: TypeAdapter(float).validate_python(told[name]) for name in told})
