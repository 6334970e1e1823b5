"""A job over a collection, killed at random moments among everything that goes wrong."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from geesync.config import Config
from geesync.domain.derive.job import MARKS
from geesync.domain.derive.lifecycle import DerivedState
from geesync.simulator.computing.scene import Scene
from geesync.simulator.exports.asset_exports import evaluate_asset
from geesync.simulator.scenarios import Tree
from geesync.simulator.world.truth import truth
from geesync.store.file.database import open_current
from geesync.store.making.derivations import Derivations, Derived
from tests.series.season import Season
from tests.soak.soak import Soak, Verdict
from tests.story.test_derive import configure, run

#: Listings in hell break; a person starts a job again, too.
_STARTS = 50


@dataclass
class DeriveVerdict:
    """What came of it."""

    kills: int = 0
    states: dict[str, int] = field(default_factory=dict)
    exports: int = 0
    made_twice: list[str] = field(default_factory=list)  #: by more than one export that succeeded
    again: list[str] = field(default_factory=list)  #: asked for while an earlier one was not lost
    wrong: list[str] = field(default_factory=list)  #: in a pixel, a mask, a property or a time
    bugs: list[str] = field(default_factory=list)


class DeriveSoak(Soak):
    """A soak of one job."""

    derived: DeriveVerdict

    def _account(self) -> str | Tree:
        return Season(images=self.plan.assets).account()

    def _ask(self, _config: Config) -> None:
        file = configure(self.folder, self.simulator, in_flight=100)
        for _ in range(_STARTS):
            if run(file, "start", "ndvi").exit_code == 0:
                return
        raise AssertionError("the job never started")

    def _results(self, config: Config) -> list[Derived]:
        with closing(open_current(config.ledger)) as database:
            return Derivations(database).of("ndvi")

    def _at_rest(self, config: Config) -> bool:
        with closing(open_current(config.ledger)) as database:
            return not Derivations(database).is_anything_left()

    def _counts(self, config: Config) -> dict[str, int]:
        return dict(Counter(str(one.standing.state) for one in self._results(config)))

    def _judge(self, config: Config, verdict: Verdict) -> None:
        results = self._results(config)
        told = DeriveVerdict(verdict.kills, self._counts(config))
        targets = {one.planned.target for one in results}
        operations = [
            op
            for op in self.simulator.operations.all()
            if op.task.description.startswith("geesync_")
        ]
        told.exports = len(operations)
        ended_well = Counter(
            op.task.destination_uris[0] for op in operations if op.state == "SUCCEEDED"
        )
        told.made_twice = [uri for uri, count in ended_well.items() if count > 1]
        tokens = Counter(op.task.description for op in operations)
        told.again = [token for token, count in tokens.items() if count > 1]
        told.wrong = [
            one.planned.target
            for one in results
            if one.standing.state == DerivedState.MADE and not self._is_right(one)
        ]
        assert len(targets) == len(results)
        log = (self.folder / "log").read_text().splitlines()
        told.bugs = [line[:2000] for line in log if '"bug"' in line or "Traceback" in line]
        self.derived = told

    def _is_right(self, one: Derived) -> bool:
        """Tell whether a result is what its expression comes to, and says whose it is."""
        world, planned = self.simulator.world, one.planned
        made, source = world.get(planned.target), world.get(planned.source)
        wanted = evaluate_asset("image", planned.request, Scene(world))
        marks = (planned.job, planned.source, planned.revision, planned.expression)
        same = [
            np.array_equal(
                getattr(truth(made, band.id), part), getattr(truth(wanted, band.id), part)
            )
            for band in wanted.bands
            for part in ("values", "mask")
        ]
        return (
            all(same)
            and [band.id for band in made.bands] == [band.id for band in wanted.bands]
            and tuple(made.properties.get(mark) for mark in MARKS) == marks
            and made.start_time == source.start_time
        )
