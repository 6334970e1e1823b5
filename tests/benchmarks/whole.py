"""Whole accounts: what geesync takes for each asset, how fast it lists, and the scripts' way."""

from __future__ import annotations

import shutil
import sqlite3
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.account import ARCHIVE, Account, account
from tests.benchmarks.measure import (
    Contender,
    Cost,
    FailedError,
    Rounds,
    alternate,
    cpu_of,
    run,
    without_start,
)
from tests.benchmarks.report import Table

Say = Callable[[str], None]


def assets(folder: Path, images: int, rounds: int, say: Say) -> list[Table]:
    """Mirror an account of tiny images from nothing to verified."""
    bucket_s: list[float] = []
    with account(f"thousands:{images}", folder / "account") as there:

        def prepare() -> None:
            there.clear()
            run(there.geesync("enqueue", ARCHIVE), log=there.work / "log")
            bucket_s.append(-cpu_of(there.bucket()))

        def done() -> None:
            bucket_s[-1] += cpu_of(there.bucket())
            _all_verified(there, images)

        mirror = Contender("geesync sync --once", prepare, there.geesync("sync", "--once"), done)
        told = _measured(there, [mirror], rounds, say)
    name = mirror.name
    wall_s = told.median(name, lambda cost: cost.wall_s)
    row = (
        f"{images:,} images",
        f"{wall_s:.1f}",
        f"{images / wall_s:,.0f}",
        f"{1000 * told.median(name, lambda cost: cost.cpu_s) / images:.1f}",
        f"{1000 * told.median(name, lambda cost: cost.others_cpu_s) / images:.1f}",
        f"{1000 * statistics.median(bucket_s) / images:.1f}",
        f"{max(cost.peak_bytes for cost in told.costs[name]) / 1e6:.0f}",
    )
    columns = ("", "s", "assets/s", "CPU ms/asset", "simulator's", "its bucket's", "peak MB")
    return [Table("From enqueued to verified, tiny images", columns, [row])]


def listing(folder: Path, images: int, rounds: int, say: Say) -> list[Table]:
    """List an account of collections of 1,000 images."""
    with account(f"million:{images}", folder / "account") as there:
        listed = there.folder / "listed"
        config = str(there.folder / "geesync.toml")

        def prepare() -> None:
            there.clear()
            run(there.geesync("enqueue", ARCHIVE), log=there.work / "log")

        def all_known() -> None:
            _expect(images, _count(there, "type = 'IMAGE'"), "images are in the ledger")

        def all_listed() -> None:
            lines = listed.read_text().splitlines()
            _expect(images, sum("/i" in line for line in lines), "images are listed")

        command = " ".join(there.earthengine("ls"))
        loop = f'for one in $({command} {ARCHIVE}); do {command} "$one"; done > {listed}'
        contenders = [
            Contender(
                "geesync's discovery, into the ledger",
                prepare,
                [sys.executable, "-m", "tests.benchmarks.step", config, "discoverer"],
                all_known,
                running=without_start,
            ),
            Contender(
                "earthengine ls, of each collection", there.clear, ["sh", "-c", loop], all_listed
            ),
            Contender(
                "earthengine ls -r, which enters none",
                there.clear,
                there.earthengine("ls", "-r", ARCHIVE),
                lambda: None,
            ),
        ]
        told = _measured(there, contenders, rounds, say)
    found = [images, images, images, 0]
    rows = [
        (name, f"{count:,}", *_figures(told, name, count))
        for name, count in zip(told.costs, found, strict=True)
    ]
    columns = ("", "images found", "s", "images/s", "× time", "CPU s", "× CPU", "peak MB")
    return [Table(f"Listing {images:,} images in {images // 1000} collections", columns, rows)]


#: A job whose function is next to nothing: what it costs is geesync's.
_JOB = """
[derive.double]
function = "doubling:double"
collection = "{archive}/c0000"
into = "mirror"
"""
_FUNCTION = "def double(image, source):\n    return image.multiply(2)\n"


def derive(folder: Path, images: int, rounds: int, say: Say) -> list[Table]:
    """Have a job make something of each image of a collection, straight into the mirror."""
    with account(f"thousands:{images}", folder / "account") as there:
        start = there.geesync("derive", "start", "double")
        config = there.folder / "geesync.toml"
        config.write_text(config.read_text() + _JOB.format(archive=ARCHIVE))
        (there.folder / "doubling.py").write_text(_FUNCTION)

        def started() -> None:
            there.clear()
            run(start, log=there.work / "log")

        def all_known() -> None:
            _expect(images, _count(there, "type = 'IMAGE'"), "results are in the ledger")

        contenders = [
            Contender("geesync derive start", there.clear, start, all_known),
            Contender(
                "geesync sync --once",
                started,
                [*start[: start.index("derive")], "sync", "--once"],
                lambda: _all_verified(there, images),
            ),
        ]
        told = _measured(there, contenders, rounds, say)
    rows = [
        (
            name,
            f"{told.median(name, lambda cost: cost.wall_s):.1f}",
            f"{1000 * told.median(name, lambda cost: cost.cpu_s) / images:.1f}",
            f"{1000 * told.median(name, lambda cost: cost.others_cpu_s) / images:.1f}",
            f"{max(cost.peak_bytes for cost in told.costs[name]) / 1e6:.0f}",
        )
        for name in told.costs
    ]
    columns = ("", "s", "CPU ms/image", "simulator's", "peak MB")
    return [Table(f"A job over {images:,} tiny images, into the mirror", columns, rows)]


def scripts(folder: Path, images: int, rounds: int, say: Say) -> list[Table]:
    """Mirror a small account in the scripts' way, one process for each asset and each look."""
    with account(f"thousands:{images}", folder / "account") as there:

        def prepare() -> None:
            there.clear()
            run(there.geesync("enqueue", ARCHIVE), log=there.work / "log")

        def all_there() -> None:
            found = len(list(there.work.rglob("*.tif")))
            _expect(images, found, "images arrived")

        script = [sys.executable, "-m", "tests.benchmarks.old_scripts", str(there.folder)]
        contenders = [
            Contender(
                "geesync sync --once",
                prepare,
                there.geesync("sync", "--once"),
                lambda: _all_verified(there, images),
            ),
            *_scripts_way(there, script, all_there),
        ]
        told = _measured(there, contenders, rounds, say)
    rows = [(name, *_figures(told, name, images)) for name in told.costs]
    columns = ("", "s", "images/s", "× time", "CPU s", "× CPU", "peak MB")
    return [Table(f"A whole run, {images} images", columns, rows)]


def _scripts_way(there: Account, argv: list[str], done: Callable[[], None]) -> list[Contender]:
    if shutil.which("gcloud") is None:
        return []
    return [Contender("the scripts' way", there.clear, argv, done)]


def _measured(there: Account, contenders: list[Contender], rounds: int, say: Say) -> Rounds:
    log = there.folder / "log"

    def measure(contender: Contender) -> Cost:
        return run(contender.argv, log=log, servers=there.servers())

    return alternate(contenders, rounds, measure, log, say)


def _figures(told: Rounds, name: str, count: int) -> tuple[str, ...]:
    wall_s = told.median(name, lambda cost: cost.wall_s)
    return (
        f"{wall_s:.1f}",
        f"{count / wall_s:,.1f}",
        f"{told.ratio(name, lambda cost: cost.wall_s):.2f}",
        f"{told.median(name, lambda cost: cost.cpu_s):.1f}",
        f"{told.ratio(name, lambda cost: cost.cpu_s):.2f}",
        f"{max(cost.peak_bytes for cost in told.costs[name]) / 1e6:.0f}",
    )


def _all_verified(there: Account, images: int) -> None:
    found = _count(there, "state = 'verified' AND type = 'IMAGE'")
    _expect(images, found, "images are verified")


def _expect(wanted: int, found: int, what: str) -> None:
    if found != wanted:
        raise FailedError(f"{found} of {wanted} {what}")


def _count(there: Account, where: str) -> int:
    with sqlite3.connect(there.work / "geesync.db") as ledger:
        found: int = ledger.execute(f"SELECT count(*) FROM asset WHERE {where}").fetchone()[0]  # noqa: S608
    return found
