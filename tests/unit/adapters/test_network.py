"""By which proxy an address is asked."""

from __future__ import annotations

import pytest

from geesync.adapters.host.network import Proxies

PROXY = "http://proxy:3128"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("excepted", "url", "expected"),
    [
        ("", "https://storage.googleapis.com", PROXY),
        ("googleapis.com", "https://storage.googleapis.com/b/x", None),
        (".googleapis.com", "https://storage.googleapis.com", None),
        ("*.googleapis.com", "https://storage.googleapis.com", None),
        ("apis.com", "https://storage.googleapis.com", PROXY),
        ("GoogleAPIs.com", "https://storage.googleapis.com", None),
        ("googleapis.com:443", "https://storage.googleapis.com", None),
        ("googleapis.com:80", "https://storage.googleapis.com", PROXY),
        ("*", "https://storage.googleapis.com", None),
        ("localhost,127.0.0.1", "http://127.0.0.1:8470", None),
        ("127.0.0.0/8", "http://127.0.0.1:8470", None),
        ("127.0.0.1:8470", "http://127.0.0.1:8470", None),
        ("127.0.0.1:1", "http://127.0.0.1:8470", PROXY),
        ("199.36.153.8/30", "https://199.36.153.10", None),
        ("199.36.153.8/30", "https://199.36.153.12", PROXY),
        ("fd00::/8", "https://[fd00::1]:443", None),
        ("[::1]", "http://[::1]:8470", None),
        ("::1", "http://[::1]:8470", None),
        ("10.0.0.0/8 , other", "http://127.0.0.1", PROXY),
        (".", "http://127.0.0.1", PROXY),
        ("1.2.3.4/99", "http://127.0.0.1", PROXY),
    ],
)
def test_what_is_excepted(
    monkeypatch: pytest.MonkeyPatch, excepted: str, url: str, expected: str | None
) -> None:
    monkeypatch.setenv("ALL_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", excepted)

    assert Proxies().of(url) == expected


def test_the_scheme_decides_which_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", PROXY)

    assert Proxies().of("https://storage.googleapis.com") == PROXY
    assert Proxies().of("http://storage.googleapis.com") is None
