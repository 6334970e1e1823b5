"""Tasks that work for something else than an asset of the mirror: the same care for them all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geesync.domain.assets.grid import Grid
from geesync.domain.tasks.exports import Ask, Part, request_body
from geesync.domain.tasks.lifecycle import (
    Destination,
    DestinationKind,
    Subject,
    SubjectKind,
    TaskKind,
    TaskState,
)
from geesync.simulator.profiles import CALM, always
from geesync.simulator.simulator import Simulator
from geesync.step_threads import run_step
from geesync.steps.tasks.exporter import Exporter
from geesync.store.tasks.task_rows import Intent, Task
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.world import World, a_world

VALUES = np.arange(12 * 9, dtype="int16").reshape(9, 12)
GRID = Grid("EPSG:32633", (30.0, 0.0, 500_000.0, 0.0, -30.0, 5_000_000.0), 12, 9)
MADE = f"{HOME}/made"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    slow = replace(CALM, run_s=always(90))
    account = an_account(an_image("img", a_band("b", VALUES)))
    with Simulator(account, profile=slow) as simulator, a_world(simulator, tmp_path) as built:
        yield built


def intended(world: World, attempt: int = 1) -> Task:
    """Write down a task that makes an asset of an image, for somebody of whom no step knows."""
    subject = Subject(SubjectKind.DERIVED, 7, f"{HOME}/img", "2024-01-01T00:00:00Z")
    part = Part("", "tif", ("b",), GRID, "int16")
    ask = Ask(subject.name, subject.revision, part, attempt, "a job")
    body: dict[str, Any] = request_body(ask, bucket="", prefix="")
    del body["fileExportOptions"]
    body["assetExportOptions"] = {"earthEngineDestination": {"name": MADE}}
    to = Destination(DestinationKind.ASSET, MADE)
    intent = Intent(subject, TaskKind.IMAGE_EXPORT, attempt, ask.token, body, to)
    (task,) = world.service.tasks.intend([intent], world.now())
    return task


def submit(world: World, *tasks: Task) -> list[tuple[Task, Exception | None]]:
    (exporter,) = [step for step in world.service.steps if isinstance(step, Exporter)]
    return exporter.submitter.submit(tasks)


def now(world: World) -> list[TaskState]:
    return [task.state for task in world.service.tasks.of_subject(SubjectKind.DERIVED, [7])]


def test_a_task_for_anything_is_sent_counted_and_followed(world: World) -> None:
    ((task, failure),) = submit(world, intended(world))

    assert (task.state, failure) == (TaskState.RUNNING, None)
    assert world.service.brakes.operations().used == 1
    world.simulator.advance(100)
    world.run("reconciler")
    (ended,) = world.service.tasks.of_subject(SubjectKind.DERIVED, [7])
    assert ended.ended_at
    assert world.simulator.world.get(MADE).type == "IMAGE"


def test_one_whose_answer_was_lost_is_adopted_and_not_sent_twice(world: World) -> None:
    world.simulator.faults.add("drop_response", method="POST", path="image:export", count=1)
    ((task, failure),) = submit(world, intended(world))
    assert task.state == TaskState.INTENDED
    assert failure is not None

    world.run("reconciler")

    assert now(world) == [TaskState.RUNNING]
    assert world.simulator.audit.count("export") == 1


def test_one_in_a_state_that_nobody_knows_is_followed_and_told(world: World) -> None:
    ((task, _),) = submit(world, intended(world))
    strange = {
        "name": f"projects/p/operations/{task.operation}",
        "metadata": {"state": "HIBERNATING"},
    }
    body = json.dumps({"operations": [strange]})
    kind = {"content-type": "application/json"}
    world.simulator.faults.add(
        "html", path=r"/operations\?", status=200, body=body, headers=kind, count=1
    )
    (reconciler,) = [step for step in world.service.steps if step.name == "reconciler"]

    told = run_step(reconciler).waiting
    still = now(world)
    world.simulator.advance(100)
    then = run_step(reconciler).waiting

    assert told == f"1 operation in a state unknown to geesync: {task.operation} is HIBERNATING"
    assert still == [TaskState.RUNNING]
    assert then == ""
    assert world.service.tasks.of_subject(SubjectKind.DERIVED, [7])[0].ended_at


def test_one_that_fails_costs_no_asset_anything(world: World) -> None:
    world.enqueue("users/x")
    world.settle()
    world.simulator.operations.fail("img", 13, "Internal error.")
    submit(world, intended(world))

    world.simulator.advance(100)
    world.run("reconciler")

    assert now(world) == [TaskState.FAILED]
    assert world.counts() == {"verified": 2}
