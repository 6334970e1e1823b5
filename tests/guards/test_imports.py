"""What a command imports before it answers: a start is as slow as what it reads from disk."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from inspect import isfunction
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType

import pytest
import typer

from geesync import cli
from geesync.cli.app import COMMANDS
from geesync.store.file.database import open_migrating

#: Each takes tenths of a second, and none is needed to ask the ledger.
_HEAVY = {
    *("ee", "googleapiclient", "google", "rasterio", "numpy", "pycurl", "requests", "httpx"),
    *("sqlalchemy", "alembic", "apscheduler", "structlog", "starlette", "uvicorn", "jinja2"),
    *("pyarrow", "shapely", "rustac", "ijson", "pathspec", "prometheus_client", "apprise"),
}

_SCRIPT = """
import sys
from geesync.cli.app import run
code = run()
names = {name.partition(".")[0] for name in sys.modules} | {
    name for name in sys.modules if name.startswith("geesync.")
}
print(code, *sorted(names), file=sys.stderr)
"""


_DAEMON = """
import sys
import geesync.bootstrap, geesync.cli.service.running, geesync.daemon, geesync.web.server
import ee, google.cloud.storage
print(*{name.partition(".")[0] for name in sys.modules})
"""


def imported(*arguments: str) -> set[str]:
    """Run a command; return the packages, and geesync's own modules, that it imported."""
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *arguments], capture_output=True, text=True, check=True
    )
    code, *names = done.stderr.split()
    assert code == "0", done.stdout
    return set(names)


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    open_migrating(tmp_path / "geesync.db").close()
    return str(tmp_path / "geesync.db")


def test_status_imports_nothing_that_is_slow_to_import(ledger: str) -> None:
    assert not imported("--ledger", ledger, "status", "--exit-zero") & _HEAVY


def test_answers_for_machines_wait_for_no_terminal_library(ledger: str) -> None:
    told = imported("--ledger", ledger, "status", "--json", "--exit-zero")
    assert not told & {*_HEAVY, "rich"}


def test_help_imports_nothing_that_is_slow_to_import() -> None:
    assert not imported("--help") & {*_HEAVY, "rich", "pydantic", "sqlite3"}


def test_a_daemon_keeps_no_library_in_memory_that_it_does_not_use() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _DAEMON], capture_output=True, text=True, check=True
    )

    assert not {"rich", "pygments", "rasterio", "numpy"} & set(done.stdout.split())


def test_a_catalogue_of_usual_projections_loads_no_gdal() -> None:
    script = (
        "import sys; from pathlib import Path; import geesync.steps.catalogue.cataloguer;"
        "from geesync.adapters.formats.rasters import in_full;"
        "assert in_full('EPSG:32733', Path()) == 'EPSG:32733'; print(*sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert not {"rasterio", "numpy"} & set(done.stdout.split())


def test_a_command_imports_no_other_command(ledger: str) -> None:
    commands = {f"geesync.cli.{module}" for module in COMMANDS.values()}

    told = imported("--ledger", ledger, "status", "--exit-zero")
    assert told & commands == {"geesync.cli.answers.status"}


def commands_of(module: ModuleType) -> list[str]:
    """Return the names of what a module has for a command line: a group, or what typer can call."""
    groups = [name for name, value in vars(module).items() if isinstance(value, typer.Typer)]
    return groups or [
        name
        for name, value in vars(module).items()
        if isfunction(value) and value.__module__ == module.__name__ and name[0] != "_"
        if any("typer." in str(kind) for kind in value.__annotations__.values())
    ]


def test_every_command_is_listed_with_the_module_that_has_it() -> None:
    commands = {
        (name, found.name.removeprefix("geesync.cli."))
        for found in walk_packages(cli.__path__, "geesync.cli.")
        if found.name.count(".") > 2  # in a wing
        for name in commands_of(import_module(found.name))
    }

    assert commands == {(name.replace("-", "_"), place) for name, place in COMMANDS.items()}
