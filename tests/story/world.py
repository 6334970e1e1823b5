"""A whole world for a story: an account, a bucket, a ledger, a mirror, and steps to run."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from geesync.adapters.mirror_files.mirror import prepare_mirror
from geesync.adapters.mirror_files.ownership import sign
from geesync.adapters.mirrored.mirrored_pixels import ReadBand, read_image
from geesync.bootstrap import Service, ledger_id, service
from geesync.config import Config
from geesync.domain.assets.names import candidates
from geesync.domain.mirror.lifecycle import State
from geesync.simulator.computing.images import Pixels
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.truth import truth
from geesync.step_threads import run_step
from geesync.store.browsing import assets as asset_views
from geesync.store.file.backups import backup
from geesync.store.file.database import Database
from geesync.store.file.soundness import reading
from geesync.store.ledger.steering import Steering
from geesync.store.views import status as views
from tests.fresh_ledger import open_fresh

#: Who takes an asset from one state to the next.
STEPS = ("discoverer", "exporter", "reconciler", "downloader", "verifier")

#: A story has no time for processes to begin.
AT_HAND = {"executor": "threads"}

#: As it is unless it is configured otherwise.
BESIDE: dict[str, str] = {}


#: Neither proxies nor the web's authorities, which take longer to read than loopback to answer.
_LOOPBACK: dict[str, Any] = {
    "trust_env": False,
    "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
}


@dataclass
class World:
    """Everything that a story touches."""

    simulator: Simulator
    config: Config
    database: Database
    service: Service

    @property
    def mirror(self) -> Path:
        assert self.config.mirror is not None
        return self.config.mirror

    def now(self) -> datetime:
        return self.simulator.clock.now()

    def limit(self, **throttle: object) -> None:
        """Let other limits hold from now on, as a reload would."""
        limits = self.service.brakes.limits
        limits.throttle = limits.throttle.model_copy(update=throttle)

    def enqueue(self, given: str, **options: object) -> str:
        """Watch a root with options of its own; returns its canonical name."""
        name = candidates(given)[0]
        self.service.roots.add(
            name,
            dest=str(self.mirror),
            bucket=self.config.bucket or "",
            now=self.now(),
            options=options,
        )
        sign(self.mirror, ledger_id(self.service.roots, self.now()))
        return name

    @property
    def steering(self) -> Steering:
        return Steering(self.database)

    def rescan(self) -> None:
        """Make every root's scan due."""
        self.service.roots.scan_all(self.now())

    def run(self, *names: str) -> None:
        """Run each step (or the named ones) once."""
        for step in self.service.steps:
            if not names or step.name in names:
                run_step(step)

    def settle(self, *, passes: int = 200, tick_s: float = 60.0, without: str = "") -> None:
        """Let time pass until nothing is left to do, for all steps or all but one."""
        for _ in range(passes):
            tallies = [run_step(step) for step in self.service.steps if step.name != without]
            if any(tally.moved or tally.busy for tally in tallies):
                continue
            status = self.status()
            if not status.moving:
                return
            self.simulator.advance(tick_s if status.operations else max(tick_s, self._next_s()))
        raise AssertionError(f"it does not come to rest: {self.status()}")

    def run_until(self, state: str, name: str) -> None:
        """Let time pass until an asset is in a state; no step goes further than that."""
        self.run(STEPS[0])
        while self.state(name) != state:
            self.run(*STEPS[: 1 + list(State).index(State(state))])
            self.simulator.advance(30)

    @contextmanager
    def power_fails_before_the_ledger(self) -> Iterator[None]:
        """Have what happens meanwhile reach the mirror, and the ledger know nothing of it."""
        kept = self.config.ledger.with_suffix(".kept")
        backup(self.config.ledger, kept)
        yield
        self.database.close()
        for end in ("-wal", "-shm"):
            Path(f"{self.config.ledger}{end}").unlink(missing_ok=True)
        kept.replace(self.config.ledger)

    def _next_s(self) -> float:
        """Return in how many seconds something is due again."""
        with reading(self.config.ledger) as connection:
            (due,) = connection.execute("SELECT min(not_before) FROM asset").fetchone()
        return (due or 0) - self.now().timestamp()

    def status(self) -> views.Status:
        return views.status(self.config.ledger, now=self.now())

    def is_quiet(self) -> bool:
        """Tell whether ``sync --once`` would end now."""
        lasting = self.service.lasting_halts()
        return views.is_quiet(self.config.ledger, now=self.now(), halted=lasting)

    def counts(self) -> dict[str, int]:
        """Return assets by state, over all roots."""
        totals: dict[str, int] = {}
        for root in self.status().roots:
            for state, count in root.counts.items():
                totals[state] = totals.get(state, 0) + count
        return totals

    def show(self, name: str) -> dict[str, Any]:
        told = asset_views.show(self.config.ledger, name)
        assert told is not None, name
        return told

    def state(self, name: str) -> str:
        return str(self.show(name)["state"])

    def history(self, name: str) -> list[str]:
        """Return the names of what happened to an asset, oldest first."""
        return [event["name"] for event in self.show(name)["events"]]

    def exports(self, name: str) -> list[str]:
        """Return the states of an asset's exports, oldest first."""
        return [export["state"] for export in self.show(name)["exports"]]

    def accepted(self, name: str) -> int:
        """Return how many exports of an asset Earth Engine has accepted."""
        return sum(
            name in record.details["assets"] for record in self.simulator.audit.records("export")
        )

    def staged(self) -> list[str]:
        """Return the names of all objects below the staging folder."""
        answer = httpx.get(self._objects_url, params={"prefix": "geesync/"}, **_LOOPBACK)
        return sorted(item["name"] for item in answer.raise_for_status().json().get("items", []))

    def delete_staged(self, name: str) -> None:
        """Delete an object behind geesync's back."""
        url = f"{self._objects_url}/{quote(name, safe='')}"
        httpx.delete(url, **_LOOPBACK).raise_for_status()

    @property
    def _objects_url(self) -> str:
        return f"{self.simulator.storage_url}/storage/v1/b/{self.simulator.bucket}/o"

    def folder(self, name: str) -> Path:
        """Return where an asset lies in the mirror."""
        return self.mirror / str(self.show(name)["path"])

    def files(self, name: str) -> list[Path]:
        """Return an asset's data files, under their final names."""
        ends = {".tif", ".csv", ".geojson"}
        return sorted(file for file in self.folder(name).glob("*") if file.suffix in ends)

    def is_exact(self, name: str) -> bool:
        """Tell whether an image's files hold what Earth Engine has, pixel by pixel."""
        found = read_image(self.folder(name))
        asset = self.simulator.world.get(name)
        return list(found) == [band.id for band in asset.bands] and all(
            _equal(found[band.id], truth(asset, band.id)) for band in asset.bands
        )


def _equal(found: ReadBand, there: Pixels) -> bool:
    valid = there.mask > 0
    same = found.values[valid].astype(there.values.dtype) == there.values[valid]
    return bool(same.all() and ((found.mask > 0) == valid).all())


@contextmanager
def a_world(
    simulator: Simulator,
    folder: Path,
    *,
    sweep: bool = True,
    credentials: Path | None = None,
    workers: Mapping[str, str] = AT_HAND,
    stop: threading.Event | None = None,
    direct: Mapping[str, object] | None = None,
    bucket: bool = False,
    silence_s: float = 30.0,
    drive: Mapping[str, object] | None = None,
    **throttle: object,
) -> Iterator[World]:
    """Open a ledger and a mirror for an account; a second time, after a crash, the same ones.

    direct: settings of reading directly; without them all comes by tasks. bucket: whether there is
    one, too.
    """
    config = Config.model_validate(
        {
            "ledger": folder / "geesync.db",
            "mirror": folder / "mirror",
            **({"bucket": simulator.bucket} if bucket or direct is None else {}),
            "way": "bucket" if direct is None else "auto",
            "direct": {"requests_per_s": 100_000, **(direct or {})},
            "drive": drive or {},
            "earth_engine": {
                "project": simulator.project,
                "url": simulator.earth_engine_url,
                "credentials": credentials,
            },
            "storage": {"url": simulator.storage_url, "sweep": sweep, "timeout_s": silence_s},
            "workers": workers,
            "throttle": {"requests_per_s": 100_000, "reserve": 0, **throttle},
        }
    )
    prepare_mirror(folder / "mirror")
    database = open_fresh(config.ledger)
    try:
        with service(config, database, clock=simulator.clock.now, stop=stop) as built:
            pace = built.pace
            for pacer in (pace.requests, pace.submits, pace.storage, pace.direct, pace.drive):
                pacer.sleep = lambda _: None  # a story has no time to lose
            yield World(simulator, config, database, built)
    finally:
        database.close()
