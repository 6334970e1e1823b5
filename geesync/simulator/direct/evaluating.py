"""Expressions that are evaluated while the caller waits, with the caller's own rights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from geesync.simulator.api.service import Call, Service, require, scene_for
from geesync.simulator.computing.evaluator import MISFITS, check, evaluate, loaded_assets
from geesync.simulator.refusals import BadRequest, ExportRefused


def evaluated(service: Service, call: Call) -> tuple[Any, list[str]]:
    """Return what the expression of a call stands for, and the assets that it names.

    Raises CallRefused if the caller may not compute in this project, or for a function that
    we lack; ExportRefused if an asset is missing, or is not for the caller.
    """
    require(service, call, "earthengine.computations.create", f"projects/{call.project}")
    expression = call.body["expression"]
    check(expression)
    assets = sorted(set(loaded_assets(expression)))
    return evaluate(expression, scene_for(service, call, service.held)), assets


@contextmanager
def answering() -> Iterator[None]:
    """Answer what cannot be computed as a bad request, since no operation can fail of it."""
    try:
        yield
    except ExportRefused as refusal:
        raise BadRequest(refusal.message) from refusal
    except MemoryError as error:
        raise BadRequest("User memory limit exceeded.") from error
    except MISFITS as error:
        raise BadRequest(f"Invalid argument: {error}") from error
