"""One soak: an account, trouble, kills, and what is true afterwards."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from geesync.adapters.mirror_files.mirror import prepare_mirror
from geesync.cli.trial.demo_proof import compare_all
from geesync.config import Config
from geesync.simulator import Simulator
from geesync.simulator.profiles import Profile
from geesync.simulator.scenarios import Tree
from geesync.store.file.database import open_migrating
from geesync.store.file.soundness import reading
from geesync.store.ledger.roots import Roots
from geesync.store.views import status as views
from tests.soak.orders import Zygote, a_zygote
from tests.soak.zygote import fast_clock

ROOT = "projects/demo-project/assets/archive"
FOREIGN = "geesync-but-not-ours/keep.tif"

#: States of an export after which another of the same part has a cause.
ENDED = {"failed", "lost", "cancelled", "refused", "abandoned", "disproved"}

#: Seconds of the account's time by which two processes' clocks may differ.
SAME_MOMENT_S = 600.0

#: Of the daemon; refused in a row, it goes down to a 64th of that.
REQUESTS_PER_S = 1000

#: Between two looks at what a life has asked for, and from its last request to its end.
_LOOK_EVERY_S = 0.001
_BETWEEN_REQUESTS_S = 0.02


@dataclass
class Plan:
    """What a soak is to be."""

    assets: int
    kills: int
    profile: Profile
    seed: int = 0
    speed: float = 3600.0  #: of the account's clock, and the daemon's
    slots: int = 200
    chunk: int = 50  #: assets of one pass: also a short life gets one done
    last_chunk: int = 200  #: of the last life, which nobody ends
    max_operations: int = 300  #: so few that every step has work from the first lives on
    longest_life_requests: int = 1000  #: a busy machine gets as far in a life as an idle one
    longest_life_s: float = 2.0  #: of one that asks for nothing
    settle_within_s: float = 60.0


@dataclass
class Verdict:
    """What came of a soak."""

    kills: int = 0
    exports: int = 0
    exports_again: int = 0  #: with a cause
    duplicates: list[str] = field(default_factory=list)  #: without one
    deletes: int = 0
    too_early: list[str] = field(default_factory=list)  #: deleted before their proof
    foreign_touched: list[str] = field(default_factory=list)
    verified: int = 0
    quarantined: list[str] = field(default_factory=list)
    moving: int = 0
    mismatches: list[str] = field(default_factory=list)
    integrity: str = ""
    leftovers: list[str] = field(default_factory=list)
    bugs: list[str] = field(default_factory=list)  #: tracebacks in the log

    @property
    def good(self) -> bool:
        """Whether nothing was lost, nothing done twice, nothing falsely good."""
        wrong = (
            *(self.duplicates, self.too_early, self.foreign_touched, self.mismatches),
            *(self.leftovers, self.bugs),
        )
        return not any(wrong) and not self.moving and self.integrity == "ok"


class Soak:
    """A soak in a folder of its own."""

    def __init__(self, plan: Plan, folder: Path, tell: Callable[[str], None]) -> None:
        self.plan = plan
        self.folder = folder
        self._tell = tell
        self._dice = random.Random(plan.seed)
        self._began = time.time()
        self.simulator = Simulator(
            self._account(),
            # Its clock runs faster than ours, by which its limits of calls go.
            profile=replace(plan.profile, calls_per_s=2.0 * REQUESTS_PER_S, calls_at_once=1000.0),
            seed=plan.seed,
            speed=plan.speed,
        )
        self._requests = self.simulator.faults.add("delay", count=0)  # it only counts

    def _account(self) -> str | Tree:
        return f"thousands:{self.plan.assets}"

    def run(self) -> Verdict:
        """Kill as often as planned, let it come to rest, and judge."""
        verdict = Verdict()
        with self.simulator, a_zygote() as zygote:
            config = self._prepare()
            while verdict.kills < self.plan.kills:
                verdict.kills += self._live_and_die(zygote)
                if verdict.kills % 25 == 0:
                    self._tell(f"{verdict.kills} kills, {self._counts(config)}")
            self._settle(zygote, config)
            self._judge(config, verdict)
        return verdict

    def _prepare(self) -> Config:
        simulator = self.simulator
        simulator.operations.set_slots(simulator.project, self.plan.slots)
        simulator.operations.start_foreign(3, project=simulator.project)
        keep = self.folder / "keep"
        keep.write_bytes(b"somebody else's")
        simulator.storage.upload(simulator.bucket, FOREIGN, keep, "image/tiff")
        config = {
            "ledger": str(self.folder / "geesync.db"),
            "mirror": str(self.folder / "mirror"),
            "bucket": simulator.bucket,
            "way": "bucket",
            "earth_engine": {"project": simulator.project, "url": simulator.earth_engine_url},
            "storage": {"url": simulator.storage_url},
            "schedule": {"retry": "0.3s", "reconcile": "0.2s", "discover": "3650d"},
            "throttle": {
                "requests_per_s": REQUESTS_PER_S,
                "reserve": 0,
                "max_operations": self.plan.max_operations,
            },
        }
        built = Config.model_validate(config)
        prepare_mirror(self.folder / "mirror")
        self._ask(built)
        self._order = {
            "config": config,
            "began": self._began,
            "speed": self.plan.speed,
            "log": str(self.folder / "log"),
        }
        return built

    def _ask(self, config: Config) -> None:
        """Have the ledger know what is to be done."""
        now = fast_clock(self._began, self.plan.speed)()
        with closing(open_migrating(config.ledger)) as database:
            dest, bucket = str(config.mirror), self.simulator.bucket
            Roots(database).add(ROOT, dest=dest, bucket=bucket, now=now)

    def _live_and_die(self, zygote: Zygote) -> int:
        pid = zygote.begin({**self._order, "chunk": self.plan.chunk})
        # Most lives are short; some are long enough for a whole pass of a step.
        asks = int(self.plan.longest_life_requests ** self._dice.random())
        last = self._requests.seen + asks
        deadline = time.monotonic() + self._dice.uniform(0, self.plan.longest_life_s)
        while self._requests.seen < last and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_S)
        time.sleep(self._dice.uniform(0, _BETWEEN_REQUESTS_S))
        status = zygote.end(pid)
        return int(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL)

    def _settle(self, zygote: Zygote, config: Config) -> None:
        pid = zygote.begin({**self._order, "chunk": self.plan.last_chunk})
        deadline = time.monotonic() + self.plan.settle_within_s
        while time.monotonic() < deadline and not self._at_rest(config):
            time.sleep(0.2)
        zygote.end(pid, signal.SIGTERM)

    def _at_rest(self, config: Config) -> bool:
        status = self._status(config)
        return bool(status.roots[0].scanned_at and not status.moving and not status.staged_bytes)

    def _status(self, config: Config) -> views.Status:
        return views.status(config.ledger, now=fast_clock(self._began, self.plan.speed)())

    def _counts(self, config: Config) -> dict[str, int]:
        return self._status(config).roots[0].counts

    def _judge(self, config: Config, verdict: Verdict) -> None:
        status = self._status(config)
        verdict.verified = status.roots[0].counts.get("verified", 0)
        verdict.moving = status.moving
        if not status.roots[0].scanned_at:
            verdict.moving = self.plan.assets
        with reading(config.ledger) as ledger:
            verdict.integrity = str(ledger.execute("PRAGMA integrity_check").fetchone()[0])
            self._judge_exports(verdict, ledger)
            self._judge_deletes(verdict, ledger)
            verdict.quarantined = [
                f"{row['name']}: {row['cause']}: {row['reason']}"
                for row in ledger.execute("SELECT * FROM asset WHERE state = 'quarantined'")
            ]
        quarantined = {line.partition(":")[0] for line in verdict.quarantined}
        verdict.mismatches = [
            proof.asset
            for proof in compare_all(self.simulator, config.ledger)
            if not proof.exact and proof.asset not in quarantined
        ]
        verdict.leftovers = [
            str(path)
            for ending in ("part", "new")
            for path in (self.folder / "mirror").rglob(f"*.{ending}")
        ]
        verdict.bugs = [
            line[:2000]
            for line in (self.folder / "log").read_text().splitlines()
            if '"step_failed"' in line or '"bug"' in line or "Traceback" in line
        ]

    def _judge_exports(self, verdict: Verdict, ledger: Any) -> None:
        known = {row["token"]: dict(row) for row in ledger.execute("SELECT * FROM task")}
        records = self.simulator.audit.records("export")
        verdict.exports = len(records)
        tokens = Counter(_token(record.details["destination"]) for record in records)
        verdict.duplicates = [
            f"{token}: {count} operations" for token, count in tokens.items() if count > 1
        ] + [f"{token} is not in the ledger" for token in tokens if token not in known]
        parts: dict[tuple[int, str, str], list[str]] = {}
        for token in tokens:
            if token in known:
                row = known[token]
                key = (row["subject_id"], row["revision"], row["part"])
                parts.setdefault(key, []).append(row["state"])
        for key, states in parts.items():
            verdict.exports_again += len(states) - 1
            if len([state for state in states if state not in ENDED]) > 1:
                verdict.duplicates.append(f"{key}: {states}")

    def _judge_deletes(self, verdict: Verdict, ledger: Any) -> None:
        proved = {
            row["token"]: row["at"]
            for row in ledger.execute(
                "SELECT token, min(event.at) AS at FROM task JOIN event ON asset_id = subject_id"
                " WHERE event.name = 'CheckPassed' GROUP BY token"
            )
        }
        for record in self.simulator.audit.records("object_delete"):
            verdict.deletes += 1
            token = _token(record.target)
            at = _seconds(record.at)
            if token not in proved:
                verdict.too_early.append(f"{record.target}: never proved")
            elif at < proved[token] - SAME_MOMENT_S:
                verdict.too_early.append(f"{record.target}: {proved[token] - at} s too early")
        for kind in ("cancel", "delete"):
            verdict.foreign_touched += [
                record.target for record in self.simulator.audit.records(kind)
            ]
        if any(FOREIGN in r.target for r in self.simulator.audit.records("object_delete")):
            verdict.foreign_touched.append(FOREIGN)


def _token(url: str) -> str:
    """Return the token in ``gs://bucket/geesync/TOKEN/…``, "" if it is none of ours."""
    parts = url.removeprefix("gs://").split("/")
    return parts[2] if len(parts) > 3 and parts[1] == "geesync" else ""


def _seconds(moment: str) -> float:
    from geesync.simulator.clock import parse_rfc3339  # noqa: PLC0415

    return parse_rfc3339(moment).timestamp()
