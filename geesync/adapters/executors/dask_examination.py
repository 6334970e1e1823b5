"""What a Dask cluster is found to be: its workers, and whether they see the mirror."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from geesync import __version__
from geesync.adapters.executors.dask_cluster import FAREWELL_S, away, connect


@dataclass(frozen=True)
class Examined:
    """What a cluster is found to be."""

    threads: int  #: of all workers: so many files at a time
    workers: int
    troubles: list[str]  #: what is wrong with which worker, or with the scheduler


def examine(address: str, probe: Path) -> Examined:
    """Look at a cluster; raise RemoteError TRANSIENT if it is away, or has no workers.

    probe: a file that was just put into the mirror; who shares it sees it.
    """
    client = connect(address)
    try:
        found = client.nthreads()
        theirs = client.get_versions()["scheduler"]["packages"]["distributed"]
        seen = client.run(_look, str(probe), on_error="return")
    finally:
        client.close(timeout=FAREWELL_S)
    if not found:
        raise away("there are no workers", address)
    ours = _versions()
    troubles = [
        f"{worker} {wrong}" for worker, seen_there in seen.items() if (wrong := _wrong(seen_there))
    ]
    if theirs != ours["distributed"]:
        troubles.insert(0, f"the scheduler has distributed {theirs}, we {ours['distributed']}")
    return Examined(sum(found.values()), len(found), troubles)


def _look(probe: str) -> tuple[dict[str, str], bool]:
    """On a worker: return its versions, and whether it may write where the probe is."""
    path = Path(probe)
    return _versions(), path.is_file() and os.access(path.parent, os.W_OK)


def _versions() -> dict[str, str]:
    python = ".".join(platform.python_version_tuple()[:2])
    return {"geesync": __version__, "distributed": version("distributed"), "Python": python}


def _wrong(seen: tuple[dict[str, str], bool] | Exception) -> str:
    if isinstance(seen, Exception):
        return f"cannot do geesync's work: {seen}"
    versions, sees = seen
    differ = [
        f"{name} {versions[name]}" for name, ours in _versions().items() if versions[name] != ours
    ]
    if differ:
        return f"has {', '.join(differ)}"
    return "" if sees else "does not see the mirror, or may not write into it"
