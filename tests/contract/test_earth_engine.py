"""What the adapter promises of Earth Engine, whatever the service does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.adapters.google.credentials import find_credentials
from geesync.domain.assets.asset import SourceAsset
from geesync.domain.assets.grid import Grid
from geesync.domain.assets.names import LEGACY
from geesync.domain.json import Json
from geesync.domain.mirror.planning import plan
from geesync.domain.tasks.exports import Ask, request_body
from geesync.domain.tasks.lifecycle import TaskKind
from geesync.domain.tasks.operations import PENDING, SUCCEEDED, Operation
from geesync.errors import Cause, RemoteError
from geesync.simulator.profiles import Profile, always
from geesync.simulator.simulator import Simulator
from tests.contract.conftest import connected
from tests.contract.own_assets import BANDS, EDGE, PLACE
from tests.live.account import Account, Answer

HOME = f"{LEGACY}users/demo"
ELEVATION = f"{HOME}/elevation"


def names(pages: Iterator[list[SourceAsset]]) -> list[str]:
    return [asset.name for page in pages for asset in page]


def body(
    simulator: Simulator | Account, earth_engine: EarthEngine, ledger: str, *, of: str = ELEVATION
) -> Any:
    """Return the request for the first part of an asset, the elevation if no other is named."""
    source = earth_engine.get_asset(of)
    ask = Ask(source.name, source.revision, plan(source).parts[0], 1, ledger)
    below = getattr(simulator, "prefix", "")
    return request_body(ask, bucket=simulator.bucket, prefix=f"{below}geesync/{ask.token}/x")


def started(earth_engine: EarthEngine, account: Account, body: Any) -> list[Operation]:
    """Return the operations that a request has started, as they are listed."""

    def listed() -> list[Operation]:
        token = body["requestId"].removeprefix("geesync-")
        return [op for page in earth_engine.list_operations() for op in page if op.token == token]

    account.waited(lambda: bool(listed()))
    return listed()


def ended(account: Account, operation: Operation) -> Any:
    """Wait for an operation; return its state."""
    name = f"projects/{account.project}/operations/{operation.id}"
    return account.ended(Answer(200, {"name": name}))["metadata"]["state"]


def refusal(ask: Any) -> RemoteError:
    with pytest.raises(RemoteError) as refused:
        ask()
    return refused.value


# --- Assets.


def test_a_folder_names_its_children(
    account: Account, earth_engine: EarthEngine, image: str, scenes: str
) -> None:
    listed = names(earth_engine.list_children(account.folder))

    assert {image, scenes} <= set(listed)


def test_a_collection_tells_all_of_its_images(earth_engine: EarthEngine, scenes: str) -> None:
    (told,) = earth_engine.list_children(scenes)

    assert sorted(asset.name for asset in told) == [f"{scenes}/a", f"{scenes}/b"]
    assert [len(asset.bands) for asset in told] == [1, 1]


def test_a_folder_without_children_is_an_empty_list(
    earth_engine: EarthEngine, account: Account
) -> None:
    assert names(earth_engine.list_children(account.make_container("FOLDER"))) == []


def test_a_project_can_be_listed_like_a_folder(account: Account, earth_engine: EarthEngine) -> None:
    listed = names(earth_engine.list_children(f"projects/{account.project}/assets"))

    assert account.folder in listed


@pytest.mark.simulated
def test_short_and_empty_pages_hide_nothing() -> None:
    nasty = Profile(page_limit=2, short_pages=0.6)
    with Simulator("small", profile=nasty, seed=3) as simulator:
        pages = list(connected(simulator).list_children(HOME))

    listed = [asset.name for page in pages for asset in page]
    assert [] in pages[:-1]
    assert len(pages) > 3
    assert sorted(listed) == sorted(
        f"{HOME}/{child}" for child in ("deep", "elevation", "empty", "scenes")
    )


def test_a_listing_that_breaks_raises_and_does_not_end(simulator: Simulator) -> None:
    simulator.faults.add("status", server="earth_engine", path="listAssets", count=None)

    error = refusal(lambda: names(connected(simulator).list_children(HOME)))

    assert error.cause == Cause.TRANSIENT


def test_an_asset_is_told_whole(earth_engine: EarthEngine, image: str) -> None:
    asset = earth_engine.get_asset(image)

    assert asset.type == "IMAGE"
    assert [(band.id, band.pixel_type) for band in asset.bands] == [
        (name, pixels.dtype.name) for name, (_, pixels) in BANDS.items()
    ]
    assert asset.bands[0].grid == Grid("EPSG:4326", PLACE, EDGE, EDGE)
    assert asset.json["properties"]["source"] == "survey"


def test_what_is_absent_is_gone(earth_engine: EarthEngine, account: Account) -> None:
    for ask in (
        lambda: earth_engine.get_asset(f"{account.folder}/absent"),
        lambda: names(earth_engine.list_children(f"{account.folder}/absent")),
        lambda: earth_engine.get_operation("ABSENT"),
    ):
        assert refusal(ask).cause == Cause.GONE


def test_a_policy_of_its_own_is_told(earth_engine: EarthEngine, account: Account) -> None:
    """The folder is empty, and so is what all may read of it."""
    name, other = (account.make_container("FOLDER") for _ in range(2))
    binding = {"role": "roles/viewer", "members": ["allUsers"]}

    earth_engine.set_policy(name, {"bindings": [binding]})

    assert binding in earth_engine.get_policy(name)["bindings"]
    assert binding not in earth_engine.get_policy(other).get("bindings", [])


# --- Trouble.


@pytest.mark.parametrize(
    ("status", "text", "cause"),
    [
        (403, "Permission 'earthengine.assets.get' denied on resource 'x'", Cause.PERMISSION),
        (403, "Quota exceeded for quota metric 'Number of read requests'", Cause.TRANSIENT),
        (404, "Asset 'x' does not exist or doesn't allow this operation.", Cause.GONE),
        (400, "Invalid JSON payload received. Unknown name", Cause.BUG),
        (429, None, Cause.TRANSIENT),
        (500, None, Cause.TRANSIENT),
        (503, None, Cause.TRANSIENT),
    ],
)
def test_every_refusal_is_classed(
    simulator: Simulator, status: int, text: str | None, cause: Cause
) -> None:
    simulator.faults.add("status", path="elevation", status=status, body=text, count=None)

    error = refusal(lambda: connected(simulator).get_asset(ELEVATION))

    assert (error.cause, error.status) == (cause, status)


@pytest.mark.parametrize("action", ["status", "html", "reset", "drop_response", "truncate"])
def test_a_moments_trouble_is_not_noticed(simulator: Simulator, action: Any) -> None:
    fault = simulator.faults.add(action, path="elevation", count=1)

    assert connected(simulator).get_asset(ELEVATION).name == ELEVATION
    assert fault.fired == 1


@pytest.mark.parametrize("status", [200, 502])
def test_a_web_page_is_no_answer(simulator: Simulator, status: int) -> None:
    simulator.faults.add("html", path="elevation|listAssets", status=status, count=None)
    earth_engine = connected(simulator)

    for ask in (
        lambda: earth_engine.get_asset(ELEVATION),
        lambda: names(earth_engine.list_children(HOME)),
    ):
        assert refusal(ask).cause == Cause.TRANSIENT


def test_a_page_instead_of_an_answer_is_told_by_its_status(simulator: Simulator) -> None:
    simulator.faults.add("html", path="elevation", status=502, count=None)

    refused = refusal(lambda: connected(simulator).get_asset(ELEVATION))

    assert str(refused) == "HTTP 502 without a reason"


def test_an_answer_of_another_shape_is_no_answer(simulator: Simulator) -> None:
    earth_engine = connected(simulator)
    for text in ("[]", "5", "null", '"text"', "{}"):
        simulator.faults.clear()
        simulator.faults.add("html", path="elevation", status=200, body=text, count=None)

        assert refusal(lambda: earth_engine.get_asset(ELEVATION)).cause == Cause.TRANSIENT, text


@pytest.mark.parametrize(
    ("action", "status"),
    [("status", 503), ("html", 503), ("html", 200), ("reset", 0), ("truncate", 0)],
)
def test_a_service_that_is_down_at_the_start_is_reached_later(
    simulator: Simulator, action: Any, status: int
) -> None:
    simulator.faults.add(action, path=r"\$discovery", status=status, count=1)
    earth_engine = connected(simulator, tries=1)

    error = refusal(lambda: earth_engine.get_asset(ELEVATION))

    assert error.cause == Cause.TRANSIENT
    assert earth_engine.get_asset(ELEVATION).name == ELEVATION


@pytest.mark.parametrize("path", ["elevation", r"\$discovery"])
def test_a_service_that_is_silent_does_not_hang_us(simulator: Simulator, path: str) -> None:
    simulator.faults.add("delay", path=path, seconds=3.0, count=1)

    error = refusal(lambda: connected(simulator, tries=1, timeout_s=1.0).get_asset(ELEVATION))

    assert error.cause == Cause.TRANSIENT


def test_credentials_that_are_refused_are_a_persons_to_mend(
    simulator: Simulator, tmp_path: Path
) -> None:
    key = simulator.write_credentials(tmp_path / "key.json")
    credentials = find_credentials(key, url=simulator.earth_engine_url)
    earth_engine = connected(simulator, credentials=credentials)
    assert earth_engine.get_asset(ELEVATION).name == ELEVATION
    simulator.faults.add("status", path="elevation", status=401, count=None)

    assert refusal(lambda: earth_engine.get_asset(ELEVATION)).cause == Cause.PERMISSION


def test_how_long_to_wait_is_passed_on(simulator: Simulator) -> None:
    simulator.faults.add(
        "status", path="elevation", status=429, headers={"Retry-After": "17"}, count=None
    )

    assert refusal(lambda: connected(simulator).get_asset(ELEVATION)).retry_after_s == 17


# --- Exports.


def start(earth_engine: EarthEngine, asked: Json) -> Operation:
    return earth_engine.start(TaskKind.IMAGE_EXPORT, asked)


@pytest.mark.costs(tasks=2)
@pytest.mark.usefixtures("bucket")
def test_the_same_request_twice_is_one_operation(
    account: Account, earth_engine: EarthEngine, image: str
) -> None:
    asked = body(account, earth_engine, "twice", of=image)
    first = start(earth_engine, asked)

    try:
        again = start(earth_engine, asked).id
    except RemoteError as error:
        again = error.cause

    assert again in (first.id, Cause.MAYBE_STARTED)
    assert [operation.id for operation in started(earth_engine, account, asked)] == [first.id]
    assert ended(account, first) == SUCCEEDED
    assert len(account.objects(f"geesync/{asked['requestId'].removeprefix('geesync-')}/")) == 1


@pytest.mark.simulated
@pytest.mark.parametrize("answer", ["same_operation", "refuse"])
def test_a_repeated_request_starts_nothing_whichever_answer_is_given(answer: Any) -> None:
    with Simulator("small", profile=Profile(duplicates=answer)) as simulator:
        earth_engine = connected(simulator)
        asked = body(simulator, earth_engine, "repeated")
        first = start(earth_engine, asked)

        if answer == "refuse":
            assert refusal(lambda: start(earth_engine, asked)).cause == Cause.MAYBE_STARTED
        else:
            assert start(earth_engine, asked).id == first.id

        assert simulator.audit.count("export") == 1


@pytest.mark.costs(tasks=1)
def test_an_answer_that_was_lost_leaves_an_operation_with_our_token(
    simulator: Simulator, earth_engine: EarthEngine
) -> None:
    asked = body(simulator, earth_engine, "lost answer")
    simulator.faults.add("drop_response", method="POST", path="image:export")

    error = refusal(lambda: start(earth_engine, asked))

    assert error.cause == Cause.TRANSIENT
    tokens = [op.token for page in earth_engine.list_operations() for op in page]
    assert asked["requestId"].removeprefix("geesync-") in tokens


@pytest.mark.simulated
def test_a_full_queue_is_told_from_other_refusals() -> None:
    full = Profile(queue_limit=1, queue_s=always(1000))
    with Simulator("small", profile=full) as simulator:
        earth_engine = connected(simulator)
        start(earth_engine, body(simulator, earth_engine, "full"))

        error = refusal(
            lambda: earth_engine.start(
                TaskKind.IMAGE_EXPORT, body(simulator, earth_engine, "other")
            )
        )

        assert error.cause == Cause.QUEUE_FULL


@pytest.mark.costs(tasks=1)
def test_an_export_is_never_repeated_behind_our_back(
    simulator: Simulator, earth_engine: EarthEngine
) -> None:
    asked = body(simulator, earth_engine, "once only")
    fault = simulator.faults.add("status", method="POST", path="image:export", count=None)

    refusal(lambda: start(earth_engine, asked))

    assert fault.fired == 1


@pytest.mark.costs(tasks=1)
@pytest.mark.usefixtures("bucket")
def test_a_table_is_exported_by_the_same_door(
    account: Account, earth_engine: EarthEngine, table: str
) -> None:
    asked = body(account, earth_engine, "table", of=table)

    operation = earth_engine.start(TaskKind.TABLE_EXPORT, asked)

    assert ended(account, operation) == SUCCEEDED
    assert account.waited(lambda: bool(account.objects("geesync/"))) is not None


# --- Operations.


def test_all_pages_of_operations_are_read(simulator: Simulator, earth_engine: EarthEngine) -> None:
    started = simulator.operations.start_foreign(501, project=simulator.project, run_s=0.0)

    pages = list(earth_engine.list_operations())

    listed = [op.id for page in pages for op in page]
    assert len(pages) > 1
    assert {op.id for op in started} <= set(listed)
    assert all(
        op.token is None for page in pages for op in page if op.id in {s.id for s in started}
    )


@pytest.mark.costs(tasks=1)
@pytest.mark.usefixtures("bucket")
def test_an_operation_can_be_looked_at_and_cancelled_unless_it_has_ended(
    account: Account, earth_engine: EarthEngine, image: str
) -> None:
    operation = start(earth_engine, body(account, earth_engine, "cancelled", of=image))
    assert earth_engine.get_operation(operation.id).state in (PENDING, "RUNNING", SUCCEEDED)

    with suppress(RemoteError):  # one that has ended may be refused to be cancelled
        earth_engine.cancel_operation(operation.id)

    assert ended(account, operation) in ("CANCELLED", SUCCEEDED)


@pytest.mark.simulated
def test_an_operation_that_waits_can_be_looked_at_and_cancelled() -> None:
    with Simulator("small", profile=Profile(queue_s=always(1000))) as simulator:
        earth_engine = connected(simulator)
        operation = earth_engine.start(
            TaskKind.IMAGE_EXPORT, body(simulator, earth_engine, "cancelled")
        )
        assert earth_engine.get_operation(operation.id).state == PENDING

        earth_engine.cancel_operation(operation.id)

        assert earth_engine.get_operation(operation.id).state == "CANCELLED"
