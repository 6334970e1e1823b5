"""``python -m tests.benchmarks [NAME …]``: geesync beside what one would pick instead."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import direct, download, seasons, served, whole
from tests.benchmarks.report import Table, machine, write

#: On every Linux.
MEMORY = Path("/dev/shm")  # noqa: S108 # a folder with a name of its own is made in it


def main() -> int:
    """Run what was named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", help=f"of {', '.join(BENCHMARKS)}; all if none is given"
    )
    parser.add_argument("--rounds", type=int, default=5, help="everyone runs once in each")
    parser.add_argument("--memory", type=Path, default=MEMORY, help="a tmpfs")
    parser.add_argument("--disk", type=Path, default=Path.cwd(), help="on a real disk")
    parser.add_argument("--peers", nargs="*", default=[""], help="only these, beside geesync")
    parser.add_argument("--tiny", action="store_true", help="only to see that it works")
    parser.add_argument("--write", type=Path, help="the page to put the results into")
    given = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed is compiled once
    if wrong := set(given.names) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(wrong))}")
    for name in given.names or BENCHMARKS:
        with (
            tempfile.TemporaryDirectory(prefix="geesync-", dir=given.memory) as memory,
            tempfile.TemporaryDirectory(prefix=".benchmark-", dir=given.disk) as disk,
        ):
            places = download.Places(Path(memory), Path(disk))
            tables = BENCHMARKS[name](places, given)
            where = machine([places.memory, places.disk])
        print("\n\n".join([where, *(table.markdown() for table in tables)]), flush=True)
        if given.write:
            command = f"python -m tests.benchmarks {name} --rounds {given.rounds}"
            write(given.write, name, command, where, tables)
    return 0


def _download(places: download.Places, given: argparse.Namespace) -> list[Table]:
    workloads = download.TINY if given.tiny else download.WORKLOADS
    return download.download(places, workloads, given.rounds, ["geesync", *given.peers], _say)


def _assets(places: download.Places, given: argparse.Namespace) -> list[Table]:
    images = 20 if given.tiny else 6000
    return whole.assets(places.disk, images, given.rounds, _say)


def _listing(places: download.Places, given: argparse.Namespace) -> list[Table]:
    images = 1000 if given.tiny else 20_000
    return whole.listing(places.disk, images, given.rounds, _say)


def _derive(places: download.Places, given: argparse.Namespace) -> list[Table]:
    return whole.derive(places.disk, 20 if given.tiny else 1000, given.rounds, _say)


def _scripts(places: download.Places, given: argparse.Namespace) -> list[Table]:
    images = 2 if given.tiny else 10
    return whole.scripts(places.disk, images, given.rounds, _say)


def _simulator(places: download.Places, given: argparse.Namespace) -> list[Table]:
    return served.simulator(places.disk, 20 if given.tiny else 2000, _say)


def _direct(places: download.Places, given: argparse.Namespace) -> list[Table]:
    edge, images, small = (128, 2, 20) if given.tiny else (1024, 8, 6000)
    return [
        *direct.peers(places.disk / "peers", edge, images, given.rounds, _say),
        *direct.small(places.disk, small, _say),
        *direct.ready(places.memory, 128 if given.tiny else 4096, 2 if given.tiny else 6, _say),
        *direct.both_ways(places.disk / "ways", 1 if given.tiny else 3, given.rounds, _say),
    ]


def _series(places: download.Places, given: argparse.Namespace) -> list[Table]:
    return seasons.series(places.disk / "series", given.rounds, _say, tiny=given.tiny)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


BENCHMARKS: dict[str, Callable[[download.Places, argparse.Namespace], list[Table]]] = {
    "download": _download,
    "assets": _assets,
    "listing": _listing,
    "derive": _derive,
    "scripts": _scripts,
    "simulator": _simulator,
    "direct": _direct,
    "series": _series,
}


if __name__ == "__main__":
    sys.exit(main())
