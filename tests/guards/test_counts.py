"""What one asset costs, in things that can be counted; time would be another on every machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa

from geesync.simulator import Simulator
from geesync.simulator.wire.faults import Fault
from tests.story.world import World, a_world

IMAGES = 100

#: What is counted: (server, method, path) of requests.
_REQUESTS = {
    "exports": ("earth_engine", "POST", "image:export"),
    "assets": ("earth_engine", "GET", r"/assets/archive/c0000/[^:?]*(\?|$)"),
    "policies": ("earth_engine", "", ":getIamPolicy"),
    "listings": ("earth_engine", "", ":listAssets|:listImages"),
    "operations": ("earth_engine", "GET", "/operations"),
    "earth_engine": ("earth_engine", "", ""),
    "downloads": ("storage", "GET", "alt=media"),
    "storage": ("storage", "", ""),
}


@dataclass
class Costs:
    """A world with what happens in it counted."""

    world: World
    rules: dict[str, Fault]
    ledger: Counter[str] = field(default_factory=Counter)
    asked: dict[str, int] = field(default_factory=dict)  #: requests of the mirroring alone
    told: Counter[str] = field(default_factory=Counter)  #: and its statements

    def requests(self) -> dict[str, int]:
        return {name: rule.seen for name, rule in self.rules.items()}


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Costs]:
    with (
        Simulator(f"thousands:{IMAGES}") as simulator,
        a_world(simulator, tmp_path_factory.mktemp("counts"), max_operations=3000) as world,
    ):
        # A rule that never fires counts what it would hit.
        watched = {}
        for name, (server, method, path) in _REQUESTS.items():
            watched[name] = simulator.faults.add(
                "status", server=server, method=method, path=path, count=0
            )
        costs = Costs(world, watched)

        def commits(*_: Any) -> None:
            costs.ledger["commits"] += 1

        def statements(_c: Any, _k: Any, statement: str, *_: Any) -> None:
            costs.ledger[statement.split(maxsplit=1)[0]] += 1

        for engine in (world.database._reader, world.database._writer):
            sa.event.listen(engine, "commit", commits)
            sa.event.listen(engine, "before_cursor_execute", statements)
        world.enqueue("projects/demo-project/assets/archive")
        world.settle()
        costs.asked, costs.told = costs.requests(), Counter(costs.ledger)
        yield costs


def test_an_image_costs_three_requests_to_earth_engine_and_two_to_the_bucket(costs: Costs) -> None:
    seen = costs.asked

    assert (seen["exports"], seen["downloads"]) == (IMAGES, IMAGES)
    assert seen["earth_engine"] <= 3 * IMAGES + 60  # and what a whole pass asks once
    assert seen["storage"] <= 2 * IMAGES + 4


def test_a_hundred_images_share_their_transactions_and_statements(costs: Costs) -> None:
    told = costs.told

    assert (
        told["commits"] <= 150
    )  # questions included: each step asks once a pass whether it has work
    assert sum(told[word] for word in ("INSERT", "UPDATE", "DELETE")) <= IMAGES


def test_a_scan_of_an_unchanged_account_reads_pages_and_writes_nothing_of_assets(
    costs: Costs,
) -> None:
    before, written = costs.requests(), Counter(costs.ledger)
    costs.world.service.roots.scan_all(costs.world.now())

    costs.world.run("discoverer")

    listed = costs.requests()
    assert listed["listings"] - before["listings"] == 2  # the folder and its collection
    assert listed["earth_engine"] - before["earth_engine"] <= 5
    assert costs.ledger["UPDATE"] - written["UPDATE"] <= 4  # of the root


def test_an_idle_account_is_not_asked_about(costs: Costs) -> None:
    costs.world.run()
    before = costs.requests()

    for _ in range(10):
        costs.world.run()

    assert costs.requests() == before
