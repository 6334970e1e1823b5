"""One way out for all: the product, its worker processes and the doctor trust and pass alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import ee
import pytest
import trustme

from geesync.adapters.google.pacing import Pacer
from geesync.bootstrap import cloud
from geesync.config import Config
from geesync.doctor import Doctor
from geesync.domain.messages.findings import Finding, Severity
from geesync.errors import ConfigError
from geesync.simulator.simulator import Simulator
from geesync.simulator.wire.serving import reserve_port
from tests.story.world import BESIDE, a_world

from .network import Behind, Proxy, TlsFront, write_authority

VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (*VARIABLES, "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    yield
    ee.Reset()


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator("small") as running:
        yield running


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def opened_tls(simulator: Simulator, authority: trustme.CA) -> Iterator[Any]:
    """An account behind a network that opens TLS."""
    with ExitStack() as stack:
        urls = [
            stack.enter_context(TlsFront(url, authority)).url
            for url in (simulator.earth_engine_url, simulator.storage_url)
        ]
        yield Behind(simulator, *urls)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as running:
        yield running


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again at once what failed for a moment."""
    monkeypatch.setattr(Pacer, "wait_until", lambda *_: None)


def examined(simulator: Any, folder: Path) -> dict[str, Finding]:
    config = Config.model_validate(
        {
            "ledger": folder / "geesync.db",
            "mirror": folder / "mirror",
            "bucket": simulator.bucket,
            "earth_engine": {"project": simulator.project, "url": simulator.earth_engine_url},
            "storage": {"url": simulator.storage_url},
        }
    )
    return {finding.name: finding for finding in Doctor(config, None).examine()}


def test_a_companys_authority_is_trusted_by_product_and_worker_processes(
    opened_tls: Any, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(write_authority(authority, tmp_path)))

    with a_world(opened_tls, tmp_path, workers=BESIDE) as world:
        world.enqueue("projects/demo-project/assets/pixel")
        world.settle()

        assert world.counts() == {"verified": 1}


@pytest.mark.parametrize("variable", VARIABLES[:3])
def test_whatever_names_a_companys_authority_it_is_trusted(
    opened_tls: Any,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    monkeypatch.setenv(variable, str(write_authority(authority, tmp_path)))

    findings = examined(opened_tls, tmp_path)

    for name in ("clock", "Earth Engine", "bucket"):
        assert findings[name].verdict == Severity.OK


@pytest.mark.usefixtures("hasty")
def test_an_authority_that_nobody_named_is_told_by_the_doctor_as_the_product_meets_it(
    opened_tls: Any, tmp_path: Path
) -> None:
    findings = examined(opened_tls, tmp_path)

    assert "certificate" in findings["network"].text
    assert "SSL_CERT_FILE" in findings["network"].mend
    for name in ("Earth Engine", "bucket"):
        assert "certificate" in findings[name].text.lower()


def test_a_name_of_an_authority_that_is_not_there_is_refused_at_the_start(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))

    findings = examined(simulator, tmp_path)
    config = Config.model_validate({"earth_engine": {"project": "demo-project"}})
    with pytest.raises(ConfigError, match="SSL_CERT_FILE names"):
        cloud(config.model_copy(update={"earth_engine": local(simulator)}))

    assert "SSL_CERT_FILE names" in findings["certificates"].text
    assert "bucket" not in findings


def local(simulator: Simulator) -> Any:
    settings = {"project": simulator.project, "url": simulator.earth_engine_url}
    return Config.model_validate({"earth_engine": settings}).earth_engine


def test_everything_goes_through_the_proxy_of_the_environment(
    simulator: Simulator,
    proxy: Proxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", proxy.url)
    key = simulator.write_credentials(tmp_path / "key.json")

    findings = examined(simulator, tmp_path)
    with a_world(simulator, tmp_path, workers=BESIDE, credentials=key) as world:
        world.enqueue("projects/demo-project/assets/pixel")
        world.settle()

        assert world.counts() == {"verified": 1}
    assert findings["clock"].verdict == Severity.OK
    assert findings["bucket"].verdict == Severity.OK
    earth_engine, storage = (
        url.removeprefix("http://") for url in (simulator.earth_engine_url, simulator.storage_url)
    )
    assert {earth_engine, storage} == set(proxy.asked)


@pytest.mark.parametrize("excepted", ["127.0.0.0/8", "127.0.0.1"])
def test_what_no_proxy_excepts_is_asked_directly_by_all(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, excepted: str
) -> None:
    with reserve_port() as nobody:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", excepted)
        key = simulator.write_credentials(tmp_path / "key.json")

        findings = examined(simulator, tmp_path)
        with a_world(simulator, tmp_path, workers=BESIDE, credentials=key) as world:
            world.enqueue("projects/demo-project/assets/pixel")
            world.settle()

            assert world.counts() == {"verified": 1}
    assert findings["bucket"].verdict == Severity.OK


@pytest.mark.usefixtures("hasty")
def test_a_proxy_that_is_away_is_named_by_the_doctor_without_its_password(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reserve_port() as nobody:
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        monkeypatch.setenv("http_proxy", f"http://me:hunter2@{address}")

        finding = examined(simulator, tmp_path)["network"]

    assert address in finding.text
    assert "hunter2" not in f"{finding}"
