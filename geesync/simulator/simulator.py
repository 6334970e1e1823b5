"""The whole simulation: Earth Engine and Cloud Storage on loopback, with one account in them."""

from __future__ import annotations

import json
import math
import threading
from functools import partial
from pathlib import Path
from typing import Self

from geesync.simulator.api.earth_engine import EarthEngine
from geesync.simulator.api.links import Links
from geesync.simulator.api.monitoring import MonitoringApi
from geesync.simulator.api.service import Service
from geesync.simulator.clock import SimClock
from geesync.simulator.control import Control
from geesync.simulator.drive.api import DriveApi
from geesync.simulator.drive.files import Drive
from geesync.simulator.profiles import Dice, Profile, named
from geesync.simulator.scenarios import Scenario, load_scenario
from geesync.simulator.storage.bucket import CloudStorage
from geesync.simulator.tasks.operations import Operations
from geesync.simulator.wire import credentials
from geesync.simulator.wire.ambient import Ambient
from geesync.simulator.wire.audit import Audit
from geesync.simulator.wire.faults import Faults
from geesync.simulator.wire.faulty_transport import FaultyTransport
from geesync.simulator.wire.running import Running
from geesync.simulator.wire.serving import LoopbackServer
from geesync.simulator.world.world import World
from geesync.simulator.world.world_script import change

BUCKET = "demo-bucket"
TICK_S = 0.05  #: real seconds; how promptly files appear while nobody asks


class Simulator(Running):
    """Runs between ``with`` and its end; everything in it is forgotten then.

    scenario: what the account holds; a name, a TOML file, or a ``Scenario``.
    profile: how nasty the service is; a name, or a ``Profile`` with knobs of one's own.
    seed: everything that is left to chance repeats for the same seed and requests.
    speed: virtual seconds per real second; None = only ``clock.advance`` moves time.
    port, bucket_port: of Earth Engine and of Cloud Storage; 0 = any free one.
    audit_file: gets the audit as JSON lines, too.
    """

    def __init__(
        self,
        scenario: str | Path | Scenario = "small",
        *,
        profile: str | Profile = "calm",
        seed: int = 0,
        speed: float | None = None,
        port: int = 0,
        bucket_port: int = 0,
        audit_file: Path | None = None,
    ) -> None:
        chosen = load_scenario(str(scenario)) if isinstance(scenario, str | Path) else scenario
        self.profile = named(profile) if isinstance(profile, str) else profile
        self.clock = SimClock(speed)
        self.audit = Audit(self.clock, audit_file)
        self.faults = Faults()
        self.world = World(chosen, self.clock, self.profile.members)
        self.operations = Operations(self.clock, self.profile, self.audit, seed=seed)
        self.storage = CloudStorage(self.faults, self.audit, port=bucket_port)
        self.drive = Drive(self.profile, self.clock, lambda: self.storage.spool)
        self.project = chosen.project
        self.bucket = BUCKET
        try:
            self._server = LoopbackServer(self._application(seed), port=port, name="earth-engine")
        except OSError:
            self.storage.stop()
            raise
        self._ticker = threading.Thread(target=self._tick, name="ticker", daemon=True)
        self._stopping = threading.Event()

    @property
    def earth_engine_url(self) -> str:
        """What ``ee.Initialize(url=…)`` is given."""
        return self._server.url

    @property
    def storage_url(self) -> str:
        """What ``STORAGE_EMULATOR_HOST`` is set to."""
        return self.storage.url

    @property
    def environment(self) -> dict[str, str]:
        """What the environment of a client process needs in addition."""
        return {
            "STORAGE_EMULATOR_HOST": self.storage_url,
            "GEESYNC_EARTH_ENGINE__URL": self.earth_engine_url,
            "GOOGLE_CLOUD_PROJECT": self.project,
        }

    def write_credentials(self, file: Path, *, email: str = credentials.EMAIL) -> Path:
        """Write the key of a made-up service account, and return the file.

        Google's clients take it as it is; so does ``earthengine --service_account_file``,
        which also finds the address of this Earth Engine in it.
        """
        key = credentials.service_account(self.earth_engine_url, self.project, email)
        file.write_text(json.dumps(key), encoding="utf-8")
        file.chmod(0o600)
        return file

    def start(self) -> Self:
        """Begin to serve; returns when both services answer."""
        self.storage.start()
        self.storage.create_bucket(self.bucket)
        self._server.start()
        if self.clock.speed:
            self._ticker.start()
        return self

    def stop(self) -> None:
        """End both services; may be called more than once."""
        self._stopping.set()
        if self._ticker.is_alive():
            self._ticker.join()
        self._server.stop()
        self.storage.stop()

    def advance(self, seconds: float) -> None:
        """Move the clock and let everything happen that falls due, files included."""
        self.clock.advance(seconds)
        self.operations.settle(math.inf)

    def _application(self, seed: int) -> FaultyTransport:
        service = Service(
            self.profile,
            Dice(seed),
            self.clock,
            self.world,
            self.operations,
            self.storage,
            self.audit,
            Links(self.clock),
            self.drive,
        )
        about = {"project": self.project, "bucket": BUCKET, "storage_url": self.storage_url}
        engine = DriveApi(EarthEngine(service), self.drive, self.profile)
        monitoring = MonitoringApi(engine, self.operations.compute, self.profile, self.clock)
        app = Control(monitoring, service, self.faults, about)
        ambient = Ambient(self.profile, Dice(seed), self.clock)
        script = partial(change, self.world)
        return FaultyTransport(app, self.faults, "earth_engine", ambient, script)

    def _tick(self) -> None:
        while not self._stopping.wait(TICK_S):
            self.operations.settle()
