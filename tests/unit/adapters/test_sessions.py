"""What the environment says of proxies and certificates holds, though it is read once."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from geesync.adapters.google.sessions import prepare

URL = "https://earthengine.googleapis.com"


def test_a_proxy_and_certificates_of_the_environment_are_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    session = requests.Session()

    prepare(session, URL)

    told = session.merge_environment_settings(URL, {}, None, None, None)
    assert told["proxies"]["https"] == "http://proxy:3128"
    assert told["verify"] == str(tmp_path)


def test_a_host_that_needs_no_proxy_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "googleapis.com")
    session = requests.Session()

    prepare(session, URL)

    assert not session.proxies


def test_a_netrc_never_takes_the_place_of_our_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    session = requests.Session()

    prepare(session, URL)

    request = requests.Request("GET", URL, headers={"Authorization": "Bearer ours"})
    assert session.prepare_request(request).headers["Authorization"] == "Bearer ours"
