"""The client's tree of methods, made once."""

from __future__ import annotations

from typing import Any


def built_once(resource: Any) -> Any:
    """Return the client's resource, with those below it made now.

    It would make their methods anew for every call, which takes longer than the call.
    """
    for name, make in list(vars(resource).items()):
        if getattr(make, "__is_resource__", False):
            inner = built_once(make())
            setattr(resource, name, lambda inner=inner: inner)
    return resource
