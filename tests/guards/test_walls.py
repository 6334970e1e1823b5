"""The import contracts bite: what is planted against them is found, each by its name."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]

#: What is planted: in which module, and what it must not import.
IMPORTS = {
    "geesync.adapters.mirror_files.disk": "ee",
    "geesync.doctor": "ee",
    "geesync.cli.answers.status": "sqlalchemy",
    "geesync.steps.mirror.sweeper": "apscheduler",
    "geesync.steps.upkeep.ledger_care": "rasterio",
    "geesync.adapters.storage.bucket": "pycurl",
    "geesync.bootstrap.service": "distributed",
    "geesync.web.app": "google",
    "geesync.steps.mirror.verifier": "geesync.steps.mirror.downloader",
    "geesync.adapters.executors.executor": "geesync.adapters.storage.fetching",
    "geesync.domain.assets.names": "geesync.domain.mirror.layout",
    "geesync.store.file.rows": "geesync.adapters.mirror_files.disk",
    "geesync.domain.mirror.masks": "geesync.store.tables.schema",
    "geesync.web.health": "geesync.simulator.clock",
    "geesync.simulator.clock": "geesync.domain.assets.grid",
    "geesync.checks.comparer": "geesync.bootstrap",
}

#: Modules that nobody gave a place.
STRAYS = ("helpers", "adapters/helpers", "domain/common", "steps/shared")

#: Names that say nothing of what is in a module.
SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "shared", "misc", "models", "base"}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what import-linter says of a copy in which everything was planted."""
    copy = tmp_path_factory.mktemp("planted")
    shutil.copy(TOP / "pyproject.toml", copy)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(TOP / "geesync", copy / "geesync", ignore=ignored)
    for module, imported in IMPORTS.items():
        path = copy / (module.replace(".", "/") + ".py")
        path.write_text(path.read_text() + f"\nimport {imported}\n")
    for stray in STRAYS:
        (copy / "geesync" / f"{stray}.py").write_text('"""Nobody knows what."""\n')
    lint = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    done = subprocess.run(
        [*lint, "--no-cache"],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
        env={"COLUMNS": "300"},
    )
    assert done.returncode == 1, done.stderr
    return done.stdout


@pytest.mark.parametrize(("module", "imported"), IMPORTS.items())
def test_an_import_that_goes_through_a_wall_is_found(
    found: str, module: str, imported: str
) -> None:
    assert f"{module} -> {imported} (l." in found


@pytest.mark.parametrize("stray", STRAYS)
def test_a_module_that_has_no_place_is_found(found: str, stray: str) -> None:
    folder, _, name = f"geesync/{stray}".replace("/", ".").rpartition(".")

    assert any(folder in line and name in line for line in found.splitlines()), found


def test_no_module_has_a_name_that_says_nothing() -> None:
    modules = [*(TOP / "geesync").rglob("*.py"), *(TOP / "tests").rglob("*.py")]

    assert not [str(path) for path in modules if path.stem in SAY_NOTHING]
