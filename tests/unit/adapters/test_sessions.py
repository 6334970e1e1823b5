"""How requests asks: as the environment says, read once, and with our token."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.auth.credentials import AnonymousCredentials

from geesync.adapters.transfer.sessions import authorized

URL = "https://earthengine.googleapis.com"


def test_a_netrc_never_takes_the_place_of_our_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    session = authorized(AnonymousCredentials())

    told = session.merge_environment_settings(URL, {}, None, None, None)

    assert session.trust_env is False
    assert told["proxies"] == {}
