"""Every file of credentials that Google's tools write is taken, or told what it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import ee
import ee.oauth
import pytest

from geesync.adapters.google import credentials_file
from geesync.adapters.google.credentials import describe, find_credentials
from geesync.errors import NotAllowedError
from geesync.simulator.simulator import Simulator
from tests.story.world import BESIDE, a_world

PROJECT = "our-project"
PERSON = {
    "type": "authorized_user",
    "client_id": "1-x.apps.googleusercontent.com",
    "client_secret": "s",
    "refresh_token": "1//r",
}
IMPERSONATION = {
    "type": "impersonated_service_account",
    "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-/"
    "serviceAccounts/a@b.iam.gserviceaccount.com:generateAccessToken",
    "source_credentials": PERSON,
    "delegates": [],
}
WORKLOAD = {
    "type": "external_account",
    "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/"
    "providers/x",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": "https://sts.googleapis.com/v1/token",
    "credential_source": {"file": "/nowhere/token"},
}

Write = Callable[[object], Path]
Find = Callable[..., Any]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    return tmp_path


@pytest.fixture
def find(home: Path, monkeypatch: pytest.MonkeyPatch) -> Find:
    """Find what Earth Engine's login, gcloud, or the variable leave."""

    def found(*, login: object = None, gcloud: object = None, named: object = None) -> Any:
        if login is not None:
            write(home / ".config/earthengine/credentials", login)
        if gcloud is not None:
            write(home / ".config/gcloud/application_default_credentials.json", gcloud)
        if named is not None:
            path = write(home / "named.json", named)
            monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
        return find_credentials(None, url=None, project=PROJECT)

    return found


def write(path: Path, told: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(told if isinstance(told, bytes) else json.dumps(told).encode())
    path.chmod(0o600)
    return path


def payer(found: Any) -> str | None:
    """Return the project that a request is counted for."""
    found.token, found.expiry = "t", datetime.utcnow() + timedelta(hours=1)  # noqa: DTZ003 # google-auth's
    headers: dict[str, str] = {}
    found.before_request(None, "GET", "https://storage.googleapis.com/x", headers)
    assert headers["authorization"] == "Bearer t"
    return headers.get("x-goog-user-project")


@pytest.mark.parametrize(
    "there",
    [
        {"login": {"refresh_token": "1//r"}},
        {"login": PERSON | {"project": "other-project", "scopes": []}},
        {"login": {"project": "other-project"}, "gcloud": PERSON},
        {"login": {}, "gcloud": PERSON},
        {"gcloud": PERSON},
        {"gcloud": PERSON | {"quota_project_id": "other-project"}},
        {"named": PERSON},
    ],
)
def test_a_persons_login_is_counted_for_our_project_whatever_tool_wrote_it(
    find: Find, there: dict[str, object]
) -> None:
    found = find(**there)

    assert describe(found) == ("a person's login", True)
    assert payer(found) == PROJECT


@pytest.mark.parametrize(
    ("told", "whose"),
    [
        (IMPERSONATION, "impersonated service account a@b.iam.gserviceaccount.com"),
        (WORKLOAD, "workload identity"),
    ],
)
def test_accounts_without_a_key_are_taken_from_variable_and_configuration_alike(
    find: Find, home: Path, told: dict[str, object], whose: str
) -> None:
    named = find(named=told | {"quota_project_id": "other-project"})
    configured = find_credentials(write(home / "key.json", told), url=None, project=PROJECT)

    assert describe(named) == describe(configured) == (whose, False)
    assert payer(named) == PROJECT
    assert payer(configured) is None


def test_the_client_of_an_old_login_is_earth_engines_own() -> None:
    own = credentials_file._LOGIN  # nothing shows it but a token's request

    assert own["client_id"] == ee.oauth.CLIENT_ID
    assert own["client_secret"] == ee.oauth.CLIENT_SECRET


@pytest.mark.parametrize(
    ("there", "reason"),
    [
        ({"login": b""}, "it is empty"),
        ({"login": []}, "it is no JSON object"),
        ({"named": {}}, "its type is None"),
        ({"named": {"type": "gold_card"}}, "its type is 'gold_card'"),
        ({"named": {"type": ["x"]}}, "its type is"),
        ({"named": b"\xff\xfe\x00"}, "it is no JSON"),
        ({"named": [1]}, "it is no JSON object"),
        ({"named": {"type": "service_account"}}, "missing"),
        ({"named": {"type": "authorized_user"}}, "missing"),
        ({"named": {"type": "impersonated_service_account"}}, "missing"),
        ({"named": {"type": "external_account"}}, "missing"),
        ({"named": {"type": "external_account_authorized_user"}}, "cannot be used"),
        ({"named": IMPERSONATION | {"source_credentials": {"type": "x"}}}, "type x"),
        ({"named": WORKLOAD | {"credential_source": {}}}, "cannot be used"),
    ],
)
def test_what_cannot_be_used_says_what_it_is_and_what_to_do(
    find: Find, there: dict[str, object], reason: str
) -> None:
    with pytest.raises(NotAllowedError, match="login") as caught:
        find(**there)

    assert reason in str(caught.value)


def test_a_file_that_is_not_there_is_named(
    find: Find, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, reason in ((home / "none.json", "No such file"), (home, "Is a directory")):
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))

        with pytest.raises(NotAllowedError, match=f"{path} cannot be read: {reason}.*: name"):
            find()


def test_without_a_home_the_login_is_not_looked_for(
    find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as for an uid without a name

    with pytest.raises(NotAllowedError, match="no Google credentials"):
        find()


@pytest.mark.parametrize(
    ("owner", "mode", "taken"),
    [
        ("ours", 0o600, True),
        ("ours", 0o640, False),
        ("roots", 0o640, True),
        ("roots", 0o644, False),
    ],
)
def test_a_key_of_root_may_be_read_by_the_service_s_group(
    home: Path, monkeypatch: pytest.MonkeyPatch, owner: str, mode: int, *, taken: bool
) -> None:
    key = write(home / "key.json", PERSON)
    key.chmod(mode)
    us = key.stat().st_uid if owner == "ours" else 4711
    monkeypatch.setattr("os.geteuid", lambda: us)
    if owner == "roots" and key.stat().st_uid != 0:
        pytest.skip("a file of root's can be made by root only")

    if taken:
        assert find_credentials(key, url=None)
    else:
        with pytest.raises(NotAllowedError, match="can be read by others"):
            find_credentials(key, url=None)
        with pytest.raises(NotAllowedError, match="is a folder"):  # which is not to be chmodded
            find_credentials(home, url=None)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator("small") as running:
        yield running
    ee.Reset()


def test_a_workload_whose_token_is_not_there_yet_is_waited_for(
    simulator: Simulator, home: Path
) -> None:
    token = home / "token"
    url = f"{simulator.earth_engine_url}/token"
    told = WORKLOAD | {"token_url": url, "credential_source": {"file": str(token)}}
    key = write(home / "workload.json", told)

    with a_world(simulator, home, credentials=key, workers=BESIDE) as world:
        world.enqueue("projects/demo-project/assets/pixel")
        world.run()
        waiting = world.status().roots[0]
        token.write_text("machine@demo-project.iam.gserviceaccount.com")
        world.rescan()
        world.settle()

        assert "credentials" in str(waiting.alarm)
        assert world.counts() == {"verified": 1}
