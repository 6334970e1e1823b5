"""The doctor finds what is missing, each line provoked, and says what mends it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from geesync.adapters.executors.dask_examination import examine as look_at
from geesync.adapters.mirror_files.mirror import MARKER, prepare_mirror
from geesync.config import Config
from geesync.doctor import Doctor
from geesync.domain.messages.findings import Finding, Severity
from geesync.errors import DOCS
from geesync.simulator.simulator import Simulator
from geesync.store.file.database import open_migrating
from geesync.store.ledger.roots import Roots
from tests.story.accounts import bucket_is
from tests.story.dask_processes import a_cluster, reserved_address

from .daemon_process import Place

Examine = Callable[..., dict[str, Finding]]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator("small") as running:
        yield running


@pytest.fixture
def settings(simulator: Simulator, tmp_path: Path) -> dict[str, object]:
    return {
        "ledger": tmp_path / "geesync.db",
        "mirror": tmp_path / "mirror",
        "bucket": simulator.bucket,
        "earth_engine": {"project": simulator.project, "url": simulator.earth_engine_url},
        "storage": {"url": simulator.storage_url},
    }


@pytest.fixture
def examine(settings: dict[str, object]) -> Examine:
    def find(*, ahead: timedelta = timedelta(), **changed: object) -> dict[str, Finding]:
        config = Config.model_validate(settings | changed)
        doctor = Doctor(config, "geesync.toml", now=lambda: datetime.now(UTC) + ahead)
        return {finding.name: finding for finding in doctor.examine()}

    return find


def assert_fails(finding: Finding, text: str, mend: str) -> None:
    assert finding.verdict == Severity.FAIL
    assert text in finding.text
    assert mend in finding.mend


def answer(simulator: Simulator, path: str, status: int, message: str) -> None:
    """Let a method of Earth Engine be refused with Google's words."""
    simulator.faults.add(
        "status", server="earth_engine", path=path, status=status, body=message, count=None
    )


def test_everything_that_is_in_order_is_ok(examine: Examine, tmp_path: Path) -> None:
    prepare_mirror(tmp_path / "mirror")

    findings = examine()

    left = {name for name, finding in findings.items() if finding.verdict != Severity.OK}
    assert left == {"roots", "daemon"}
    assert "service" not in findings["credentials"].text


def test_what_is_not_configured_is_named_and_what_needs_it_is_left_out(examine: Examine) -> None:
    findings = examine(bucket=None, mirror=None)

    assert_fails(findings["configuration"], "mirror not set", "geesync.toml")
    assert {"bucket", "mirror", "Earth Engine"}.isdisjoint(findings)


def test_a_clock_that_is_wrong(examine: Examine) -> None:
    assert_fails(examine(ahead=timedelta(minutes=10))["clock"], "refuses tokens", "timedatectl")
    assert examine(ahead=timedelta(minutes=1))["clock"].verdict == Severity.WARN


def test_a_network_that_is_away(examine: Examine) -> None:
    away = {"project": "demo-project", "url": "http://127.0.0.1:9"}

    findings = examine(earth_engine=away)

    assert_fails(findings["network"], "does not answer", "curl")
    assert_fails(findings["Earth Engine"], "no answer", "try again later")


def test_a_key_that_others_can_read(examine: Examine, simulator: Simulator, tmp_path: Path) -> None:
    key = simulator.write_credentials(tmp_path / "key.json")
    key.chmod(0o644)
    url = simulator.earth_engine_url

    findings = examine(
        earth_engine={"project": simulator.project, "url": url, "credentials": str(key)}
    )

    assert_fails(findings["credentials"], "read by others", f"chmod 600 {key}")
    assert "Earth Engine" not in findings


def test_whose_key_it_is(examine: Examine, simulator: Simulator, tmp_path: Path) -> None:
    key = simulator.write_credentials(tmp_path / "key.json", email="me@demo.example")
    url = simulator.earth_engine_url

    findings = examine(
        earth_engine={"project": simulator.project, "url": url, "credentials": str(key)}
    )

    assert findings["credentials"].text == "service account me@demo.example"


@pytest.mark.parametrize(
    ("status", "message", "mend"),
    [
        (403, "Earth Engine API has not been used in project 1 before", "gcloud services enable"),
        (403, "Project x is not registered to use Earth Engine", "code.earthengine.google.com"),
        (403, "Permission 'earthengine.operations.list' denied", "roles/earthengine.viewer"),
        (503, "The service is currently unavailable.", "try again later"),
    ],
)
def test_an_earth_engine_that_refuses(
    examine: Examine, simulator: Simulator, status: int, message: str, mend: str
) -> None:
    answer(simulator, "operations", status, message)

    assert_fails(examine()["Earth Engine"], message, mend)


def test_a_bucket_that_is_not_there(examine: Examine) -> None:
    assert_fails(examine(bucket="no-such-bucket")["bucket"], "there is no bucket", "buckets create")


def test_without_a_bucket_it_says_what_one_would_add(examine: Examine) -> None:
    found = examine(bucket=None)

    assert found["bucket"].verdict == Severity.OK
    assert "everything is read directly" in found["bucket"].text
    assert "too large for answers, and Google's checksums" in found["bucket"].text
    assert "bucket settings" not in found


def test_a_bucket_in_which_nothing_can_be_written(examine: Examine, simulator: Simulator) -> None:
    words = "no storage.objects.create access"
    simulator.faults.add("status", server="storage", method="POST", status=403, body=words)

    assert_fails(examine()["bucket"], "objects.create", "roles/storage.objectUser")


def test_a_bucket_from_which_nothing_can_be_deleted(examine: Examine, simulator: Simulator) -> None:
    words = "no storage.objects.delete access"
    simulator.faults.add("status", server="storage", method="DELETE", status=403, body=words)

    assert_fails(examine()["bucket"], "objects.delete", "roles/storage.objectUser")


def test_the_probe_leaves_nothing_behind(examine: Examine, simulator: Simulator) -> None:
    examine()

    listing = httpx.get(f"{simulator.storage_url}/storage/v1/b/{simulator.bucket}/o").json()
    assert "items" not in listing


def test_a_lifecycle_rule_that_deletes_before_a_queue_is_done(
    examine: Examine, simulator: Simulator
) -> None:
    rule = {"action": {"type": "Delete"}, "condition": {"age": 1}}
    bucket_is(simulator, lifecycle={"rule": [rule]})

    assert_fails(examine()["bucket settings"], "after 1 day,", "--lifecycle-file")


def test_a_rule_that_does_not_touch_what_is_staged_is_no_trouble(
    examine: Examine, simulator: Simulator
) -> None:
    others = {"age": 1, "matchesPrefix": ["others/"]}
    rule = {"action": {"type": "Delete"}, "condition": others}
    bucket_is(simulator, lifecycle={"rule": [rule]})

    assert examine()["bucket settings"].verdict == Severity.OK


def test_a_retention_policy(examine: Examine, simulator: Simulator) -> None:
    bucket_is(simulator, retentionPolicy={"retentionPeriod": "86400"})

    assert_fails(examine()["bucket settings"], "forbids deleting", "--clear-retention-period")


def test_soft_delete_and_versions_cost_money(examine: Examine, simulator: Simulator) -> None:
    bucket_is(simulator, softDeletePolicy={"retentionDurationSeconds": "604800"})
    assert "for 7 days" in examine()["bucket settings"].text
    simulator.faults.clear()
    bucket_is(simulator, versioning={"enabled": True})

    assert examine()["bucket settings"].verdict == Severity.WARN
    assert "--no-versioning" in examine()["bucket settings"].mend


def test_bucket_settings_that_we_may_not_see_are_only_a_warning(
    examine: Examine, simulator: Simulator
) -> None:
    path = rf"/b/{simulator.bucket}(\?|$)"
    simulator.faults.add("status", server="storage", path=path, status=403, count=None)

    assert examine()["bucket settings"].verdict == Severity.WARN


def test_a_mirror_that_holds_other_things(examine: Examine, tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "mine.txt").touch()

    assert_fails(examine()["mirror"], "is its disk mounted?", "mount it")


def test_a_disk_with_less_than_the_reserve(examine: Examine, tmp_path: Path) -> None:
    prepare_mirror(tmp_path / "mirror")

    findings = examine(throttle={"reserve": 10**18})

    assert_fails(findings["mirror"], "are reserved", "make room")


@pytest.mark.skipif(not os.geteuid(), reason="root can write everywhere")
def test_a_mirror_that_cannot_be_written(examine: Examine, tmp_path: Path) -> None:
    prepare_mirror(tmp_path / "mirror")
    (tmp_path / "mirror").chmod(0o500)

    assert_fails(examine()["mirror"], "cannot be written", "chown")


def test_a_ledger_that_is_none(examine: Examine, tmp_path: Path) -> None:
    (tmp_path / "geesync.db").write_bytes(b"")

    findings = examine()

    assert_fails(findings["ledger"], "is empty", "recover --from-backup")
    assert "roots" not in findings


def test_a_root_whose_scan_was_not_believed(
    examine: Examine, simulator: Simulator, tmp_path: Path
) -> None:
    database = open_migrating(tmp_path / "geesync.db")
    roots, now = Roots(database), datetime.now(UTC)
    roots.add("users/x", dest=str(tmp_path), bucket=simulator.bucket, now=now)
    roots.update(roots.active()[0].id, alarm="it lists nothing")
    database.close()

    assert_fails(examine()["roots"], "it lists nothing", "geesync status users/x")


def test_whether_the_daemons_identity_could_delete_what_it_mirrors(
    examine: Examine, simulator: Simulator, tmp_path: Path
) -> None:
    home = "projects/earthengine-legacy/assets/users/demo"
    with closing(open_migrating(tmp_path / "geesync.db")) as database:
        Roots(database).add(
            home, dest=str(tmp_path / "mirror"), bucket=simulator.bucket, now=datetime.now(UTC)
        )

    found = examine()["rights"]
    assert found.verdict == Severity.WARN
    assert "may delete users/demo" in found.text
    assert "roles/earthengine.viewer" in found.mend

    simulator.world.permissions.deny(home, "earthengine.assets.delete")
    found = examine()["rights"]
    assert found.verdict == Severity.OK
    assert "can delete nothing" in found.text


def test_on_an_empty_box_the_doctor_leads_from_nothing_to_the_first_enqueue(
    place: Place,
) -> None:
    whole = place.config.read_text()
    steps = []

    place.config.write_text("")
    steps.append(place.geesync("doctor", code=1).splitlines()[-1])
    place.config.write_text(whole)
    steps.append(place.geesync("doctor").splitlines()[-1])
    place.mirror.mkdir()
    steps.append(place.geesync("doctor").splitlines()[-1])
    place.geesync("enqueue", "users/demo")
    steps.append(place.geesync("doctor").splitlines()[-1])

    assert steps == [
        f"Next: set them in {place.config}; {DOCS}/real-account.md",
        f"Next: mkdir -p {place.mirror}",
        "Next: geesync enqueue users/NAME",
        "Next: geesync install-service; or geesync daemon",
    ]


def test_the_doctor_speaks_json(place: Place) -> None:
    lines = [json.loads(line) for line in place.geesync("doctor", "--json").splitlines()]

    assert {"name", "verdict", "text", "mend"} == set(lines[0])


# --- Workers of a Dask cluster.


def test_a_cluster_that_shares_the_mirror_is_ok_and_one_that_cannot_is_told(
    examine: Examine, tmp_path: Path
) -> None:
    prepare_mirror(tmp_path / "mirror")
    with reserved_address() as nobodys:
        away = {"executor": "dask", "scheduler": nobodys}
        assert_fails(examine(workers=away)["workers"], "does not answer", "scaling.md")

    with a_cluster(tmp_path, workers=1, threads=9) as cluster:
        dask = {"executor": "dask", "scheduler": cluster.address}
        enough = {"throttle": {"downloads": 9}}
        found = examine(workers=dask)["workers"]
        assert (found.verdict, found.mend) == (Severity.WARN, "throttle.downloads = 9")
        assert examine(workers=dask, **enough)["workers"].text == "1 with 9 threads"

        (blind,) = look_at(cluster.address, tmp_path / "another mirror/probe").troubles
        assert "does not see the mirror" in blind
    assert not list((tmp_path / "mirror" / MARKER).glob("doctor*"))
