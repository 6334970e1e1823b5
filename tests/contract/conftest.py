"""A service of Google's, simulated or real, and the adapters that talk to it without losing time.

A test that has ``account`` holds of any service: ``python -m tests.live`` runs it against the real
one. One that has ``simulator``, or the mark ``simulated``, is of the simulator only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.adapters.google.pacing import Pacer
from geesync.adapters.storage.bucket import Storage
from geesync.domain.mirror.coverage import StoredObject
from geesync.simulator.simulator import Simulator
from tests.contract import own_assets
from tests.live.account import NO_LIMIT, Account
from tests.live.contract import ACCOUNT, SHARED, cost_of
from tests.live.costs import Cost


def patient(tries: int = 3) -> Pacer:
    """Return a pacer that repeats without waiting."""
    return Pacer(requests_per_s=1e9, tries=tries, sleep=lambda _: None)


def connected(
    simulator: Simulator, *, tries: int = 3, timeout_s: float = 30.0, credentials: Any = None
) -> EarthEngine:
    """Return Earth Engine's adapter, pointed at a simulator."""
    return EarthEngine(
        project=simulator.project,
        credentials=credentials or AnonymousCredentials(),
        pacer=patient(tries),
        submits=patient(1),
        url=simulator.earth_engine_url,
        timeout_s=timeout_s,
    )


@pytest.fixture(scope="session")
def calm() -> Iterator[Simulator]:
    with Simulator("small") as simulator:
        yield simulator


@pytest.fixture
def simulator(calm: Simulator) -> Iterator[Simulator]:
    """The calm service; whatever trouble a test makes ends with it."""
    yield calm
    calm.faults.clear()


# --- An account of any service.


@pytest.fixture(scope="session")
def shared(request: pytest.FixtureRequest) -> Iterator[Account]:
    """What is given by ``tests.live``, or a folder and a prefix in the calm simulator."""
    if given := request.config.stash.get(ACCOUNT, None):
        yield given
        return
    calm: Simulator = request.getfixturevalue("calm")
    with AuthorizedSession(AnonymousCredentials()) as session:
        account = Account(
            session,
            calm.project,
            bucket=calm.bucket,
            url=calm.earth_engine_url,
            storage_url=calm.storage_url,
            requests_per_s=1e9,
            rest=lambda _: None,
            now=lambda: calm.clock.now().timestamp(),
            pause=calm.advance,
        )
        account.meter.allow(Cost.of())
        account.make_folder()
        yield account
        assert account.clean() == []


@pytest.fixture
def account(shared: Account, request: pytest.FixtureRequest) -> Account:
    """The account, of which a test may ask as much as it was announced to."""
    of_the_simulator = "simulator" in request.fixturenames  # where nothing costs anything
    shared.meter.begin(NO_LIMIT if of_the_simulator else cost_of(request.node))
    return shared


@pytest.fixture
def bucket(account: Account) -> str:
    return account.bucket


def once(make: Callable[[Account], str]) -> Any:
    """Return a fixture that makes an asset when it is first wanted."""

    @pytest.fixture(scope="session", name=make.__name__)
    def made(shared: Account) -> str:
        shared.meter.allow(SHARED[make.__name__])
        return make(shared)

    return made


image, scenes, table = once(own_assets.image), once(own_assets.scenes), once(own_assets.table)


class Metered(Pacer):
    """Counts what is asked in its turn."""

    def __init__(self, account: Account, cost: Cost) -> None:
        super().__init__(requests_per_s=account.requests_per_s, sleep=account.rest)
        self._account, self._cost = account, cost

    def take_turn(self) -> float:
        """Count it before it is asked."""
        self._account.meter.spend(self._cost)
        return super().take_turn()


class MeteredStorage(Storage):
    """Counts the bytes that are read."""

    account: Account

    async def fetch(self, bucket: str, obj: StoredObject, *given: Any, **named: Any) -> None:
        """Count them before they come."""
        self.account.meter.spend(Cost(transferred_bytes=obj.size_bytes - named["start"]))
        await super().fetch(bucket, obj, *given, **named)


class Starting(EarthEngine):
    """Tells the account of its tasks, so that none outlives it."""

    account: Account

    def start(self, *given: Any) -> Any:
        """Start a task."""
        operation = super().start(*given)
        self.account.started.append(f"projects/{self.project}/operations/{operation.id}")
        return operation


@pytest.fixture
def earth_engine(account: Account) -> EarthEngine:
    adapter = Starting(
        project=account.project,
        credentials=account.session.credentials,
        pacer=Metered(account, Cost(requests=1)),
        submits=Metered(account, Cost(tasks=1, assets=1)),
        url=account.url,
    )
    adapter.account = account
    return adapter


@pytest.fixture
def storage(account: Account, bucket: str) -> Storage:  # noqa: ARG001 - tells that one is needed
    adapter = MeteredStorage(
        project=account.project,
        credentials=account.session.credentials,
        pacer=Metered(account, Cost(requests=1)),
        url=account.storage_url,
        timeout_s=30,
    )
    adapter.account = account
    return adapter


Put = Callable[..., StoredObject]


@pytest.fixture
def put(account: Account, storage: Storage) -> Put:
    """Write an object below the account's prefix, and return it as it is listed."""

    def write(name: str, content: bytes) -> StoredObject:
        account.upload(name, content)
        whole = account.prefix + name
        return next(o for o in storage.list_objects(account.bucket, whole) if o.name == whole)

    return write
