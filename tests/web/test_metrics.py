from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from geesync.domain.mirror.lifecycle import State
from geesync.store.views.heartbeat import pid_namespace
from geesync.web.metrics import LedgerCollector, exposition
from tests.web.conftest import Scenes
from tests.web.ledgers import NOW, Story

DOCS = Path(__file__).parents[2] / "docs"


def values(story: Story) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(exposition(story.path, NOW).decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(story: Story, name: str, **labels: str) -> float:
    return values(story)[name, frozenset(labels.items())]


def test_assets_are_counted_by_root_and_state(story: Story) -> None:
    names = story.discover(story.enqueue(), 5)
    story.bring(names[:2], State.VERIFIED)

    assert value(story, "geesync_assets", root="users/demo", state="verified") == 2
    assert value(story, "geesync_assets", root="users/demo", state="discovered") == 3
    assert value(story, "geesync_assets", root="users/demo", state="quarantined") == 0


def test_transitions_only_grow(story: Story) -> None:
    names = story.discover(story.enqueue(), 3)
    story.bring(names, State.IN_BUCKET)
    labels = {"from_state": "exporting", "to_state": "in_bucket"}

    assert value(story, "geesync_transitions_total", **labels) == 3


def test_a_silent_daemon_is_down_and_its_last_sign_keeps_its_time(story: Story) -> None:
    assert value(story, "geesync_daemon_up") == 0

    story.beat()

    assert value(story, "geesync_daemon_up") == 1
    assert value(story, "geesync_heartbeat_timestamp_seconds") == NOW.timestamp()


def test_trouble_has_a_cause_and_a_brake_has_a_step(scene: Scenes) -> None:
    story = scene("troubled")

    assert value(story, "geesync_failing_assets", cause="disk", state="discovered") == 6
    assert value(story, "geesync_step_waiting", step="downloader") == 1
    assert value(story, "geesync_root_alarm", root="users/demo") == 1


def test_every_metric_is_documented_and_every_documented_metric_exists(scene: Scenes) -> None:
    story = scene("troubled")
    families = LedgerCollector(story.path, NOW).collect()
    suffixes = {"counter": "_total", "info": "_info"}
    exported = {family.name + suffixes.get(family.type, "") for family in families}

    documented = re.findall(r"^- `(geesync_\w+)", (DOCS / "metrics.md").read_text(), re.MULTILINE)

    assert sorted(documented) == sorted(exported)


def test_the_dashboard_and_the_alerts_ask_only_for_metrics_that_exist(scene: Scenes) -> None:
    story = scene("busy")

    exported = {name for name, _ in values(story)} | {
        "geesync_failing_assets",
        "geesync_step_waiting",
        "geesync_export_duration_seconds_sum",
        "geesync_export_duration_seconds_count",
    }
    files = [DOCS / "grafana-dashboard.json", DOCS / "alerts.yml"]
    asked = {name for file in files for name in re.findall(r"geesync_\w+", file.read_text())}

    assert asked
    assert asked <= exported


def test_the_dashboard_is_json_that_grafana_imports() -> None:
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text())

    assert dashboard["title"] == "geesync"
    assert all(panel["targets"] for panel in dashboard["panels"] if panel["type"] != "row")


def test_a_brake_is_told_as_the_share_of_its_limit(story: Story) -> None:
    operations = {"name": "operations", "where": "", "used": 50, "limit": 100, "holds": False}
    unlimited = {"name": "eecu", "where": "", "used": 3.5, "limit": None, "holds": False}

    story.beat(brakes=[operations, unlimited])

    assert value(story, "geesync_brake_used_ratio", brake="operations", where="") == 0.5
    assert value(story, "geesync_brake_holds", brake="eecu", where="") == 0
    told = values(story)
    assert ("geesync_brake_used_ratio", frozenset({("brake", "eecu"), ("where", "")})) not in told


def test_a_root_that_is_watched_no_longer_is_in_no_metric(story: Story) -> None:
    story.discover(story.enqueue(), 3)
    (root,) = story.roots.active()

    story.roots.update(root.id, removed_at=NOW)

    assert not [labels for _, labels in values(story) if "root" in dict(labels)]


def test_a_daemon_that_was_killed_is_not_called_running(story: Story) -> None:
    died = subprocess.Popen(["true"])
    died.wait()

    for pid, lives in ((os.getpid(), 1), (died.pid, 0)):
        alive = {"pid": pid, "pid_namespace": pid_namespace(), "waiting": {}, "brakes": []}
        story.roots.put("heartbeat", json.dumps(alive), NOW)

        assert value(story, "geesync_daemon_up") == lives


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool (Debian: prometheus)")
def test_the_alert_rules_fire_when_they_should() -> None:
    told = subprocess.run(
        ["promtool", "test", "rules", "alerts-test.yml"],
        cwd=DOCS,
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 0, told.stdout + told.stderr
    tested = set(re.findall(r"alertname: (\w+)", (DOCS / "alerts-test.yml").read_text()))
    assert tested == set(re.findall(r"alert: (\w+)", (DOCS / "alerts.yml").read_text()))
