"""Images read directly: by geesync and by others' tools, and beside the bucket way."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.account import ARCHIVE, Account, account
from tests.benchmarks.measure import Contender, Cost, FailedError, Rounds, alternate, cpu_of, run
from tests.benchmarks.report import Table

Say = Callable[[str], None]

HOME = "users/demo/tiles"
PEERS = {
    "geedim": "geedim==2.0.0",
    "Xee": "xee==0.1.2",
    "edown": "edown==0.2.1",
    "EEDAI": "rasterio==1.4.4",
}
AT_ONCE = 10  #: as geesync's default
GIGABIT_MB = 118  #: a second, of what a line carries beside its headers
#: What a day of 10,000 images of 3,660² Byte is reckoned for.
IMAGES, EDGE = 10_000, 3660


def peers(folder: Path, edge: int, images: int, rounds: int, say: Say) -> list[Table]:
    """Bring the images of a collection home, without a bucket."""
    folder.mkdir(exist_ok=True)
    scenario = folder / "tiles.toml"
    scenario.write_text(_scenario(edge, images, "uint16", "[0, 10000]"))
    found: dict[str, dict[str, Any]] = {}
    with account(str(scenario), folder / "account") as there:
        log = there.folder / "log"
        config = _config(there)

        def prepare() -> None:
            there.clear()
            run(_geesync(config, "enqueue", HOME), log=log)

        def seen(name: str) -> Callable[[], None]:
            def done() -> None:
                found[name] = _exact(scenario, there.work)
                if found[name]["images"] != images:
                    raise FailedError(f"{name}: {found[name]['images']} of {images} images")

            return done

        name = "geesync sync --once"
        contenders = [
            Contender(name, prepare, _geesync(config, "sync", "--once"), seen(name)),
            *(
                Contender(
                    peer,
                    there.clear,
                    _peer(there, peer, images),
                    seen(peer),
                    _environment(there),
                )
                for peer in PEERS
            ),
        ]
        _warm(there, images)

        def measure(contender: Contender) -> Cost:
            return run(
                contender.argv,
                log=log,
                environment=contender.environment,
                servers=there.servers(),
            )

        told = alternate(contenders, rounds, measure, log, say)
    rows = [(each.name, *_figures(told, each.name, found[each.name])) for each in contenders]
    columns = ("", "s", "× time", "CPU s", "× CPU", "peak MB", "kept as", "wrong", "masks wrong")
    note = (
        "**wrong**: valid pixels of another value; **masks wrong**: pixels that look masked and are"
        " not, or are and do not."
    )
    return [Table(f"{images} images of {edge:,}² UInt16, partly masked", columns, rows, note)]


def small(folder: Path, images: int, say: Say) -> list[Table]:
    """Bring tiny images home, one request each, beside a loop that only asks."""
    with account(f"thousands:{images}", folder / "account") as there:
        config = _config(there)
        there.clear()
        log = there.folder / "log"
        run(_geesync(config, "enqueue", ARCHIVE), log=log)
        ours = run(_geesync(config, "sync", "--once"), log=log, servers=there.servers())
        verified = _verified(there)
        if verified != images:
            raise FailedError(f"{verified} of {images} images are verified")
        say(f"  geesync: {ours.wall_s:.2f} s")
        began, cpu_s = time.monotonic(), cpu_of(there.servers())
        _ask_all(there, images)
        wall_s = time.monotonic() - began
        loop = replace(ours, wall_s=wall_s, cpu_s=0.0, others_cpu_s=cpu_of(there.servers()) - cpu_s)
        say(f"  asking only: {wall_s:.2f} s")
    rows = [
        _each("geesync sync --once, from enqueued to verified", ours, images),
        _each(f"asking only, {AT_ONCE} at once: the simulator's limit", loop, images),
    ]
    columns = ("", "images", "a second", "CPU ms each", "simulator's CPU ms each")
    return [Table("Tiny images, one request each", columns, rows)]


def ready(folder: Path, edge: int, images: int, say: Say) -> list[Table]:
    """Have the processes beside the daemon read and prove answers that lie ready."""
    rows = []
    for compress in ("deflate", "zstd"):
        (mirror := folder / compress).mkdir()
        asked = (str(mirror), f"{images}", f"{edge}", compress)
        told = _module("tests.benchmarks.ready_answers", *asked)
        rate = 2 * told["bytes"] / told["cpu_s"] / 1e6
        say(f"  {compress}: {rate:.0f} MB/s")
        rows.append((compress, f"{rate:.0f}", f"{rate / GIGABIT_MB:.2f}"))
    columns = ("`compress`", "MB/s, two cores", "× a gigabit line")
    note = "Of answers, by the processor that it takes to ask, decode, write, read back and prove."
    return [Table(f"{images} images of {edge:,}² UInt16, answers ready", columns, rows, note)]


def both_ways(folder: Path, images: int, rounds: int, say: Say) -> list[Table]:
    """Reckon what 10,000 images of 3,660² Byte take by either way."""
    folder.mkdir(exist_ok=True)
    scenario = folder / "masks.toml"
    scenario.write_text(_scenario(EDGE, images, "uint8", "[0, 1]"))
    costs = []
    with account(str(scenario), folder / "account") as there:
        config, log = _config(there), there.folder / "log"
        for _ in range(rounds):
            there.clear()
            run(_geesync(config, "enqueue", HOME), log=log)
            cost = run(_geesync(config, "sync", "--once"), log=log, servers=there.servers())
            costs.append(cost)
            say(f"  geesync: {cost.wall_s:.2f} s, CPU {cost.cpu_s:.2f} s")
        verified = _verified(there)
        if verified != images:
            raise FailedError(f"{verified} of {images} images are verified")
    tasks = _module("tests.benchmarks.tasks_in_time", str(IMAGES))
    cpu_s = min(cost.cpu_s for cost in costs) / images
    answer_bytes = 2 * EDGE * EDGE  # values and masks
    rows = [
        (
            f"export tasks, 2 slots, profile `real` ({tasks['started']:,} tasks)",
            _duration(tasks["days"] * 86_400),
        ),
        *(
            (f"directly, {AT_ONCE} at once, {each} s an answer", _duration(IMAGES * each / AT_ONCE))
            for each in (1, 5, 30)
        ),
        *(
            (f"the line, directly: {name}", _duration(IMAGES * answer_bytes / rate))
            for name, rate in (("100 Mbit/s", 12.5e6), ("1 Gbit/s", 125e6))
        ),
        (
            f"two cores, directly: {cpu_s:.1f} s of CPU an image, measured with {images}",
            _duration(IMAGES * cpu_s / 2),
        ),
    ]
    note = "At the same time: the largest of a way is what it takes."
    title = f"{IMAGES:,} images of {EDGE:,}² Byte"
    return [Table(title, ("", "takes"), rows, note)]


def _duration(seconds: float) -> str:
    return f"{seconds / 86_400:.0f} days" if seconds > 2 * 86_400 else f"{seconds / 3600:.1f} hours"


def _scenario(edge: int, images: int, kind: str, values: str) -> str:
    return f"""
[[assets]]
id = "{HOME}"
type = "IMAGE_COLLECTION"
[[assets]]
id = "{HOME}/i{{}}"
count = {images}
grid = {{ at = [8.5, 46.5], scale = 10, size = [{edge}, {edge}] }}
bands = [{{ id = "B4", type = "{kind}", declared = {values}, mask = "swath" }}]
start = 2023-01-01T00:00:00Z
"""


def _config(there: Account) -> Path:
    """Write a configuration without a bucket; the first four lines are all that is needed."""
    config = there.folder / "direct.toml"
    config.write_text(
        f'ledger = "{there.work}/geesync.db"\nmirror = "{there.work}/mirror"\n'
        f'[earth_engine]\nproject = "{there.told["project"]}"\n'
        f'url = "{there.told["earth_engine"]}"\n'
        "[throttle]\nrequests_per_s = 100000\n[direct]\nrequests_per_s = 100000\n"
    )
    return config


def _geesync(config: Path, *command: str) -> list[str]:
    return [sys.executable, "-m", "geesync", "--config", str(config), *command]


def _peer(there: Account, peer: str, images: int) -> list[str]:
    code = f"from tests.clients.conftest import python_with as p; print(p({PEERS[peer]!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    script = Path(__file__).with_name("peers") / f"with_{peer.lower()}.py"
    account_ = there.told["earth_engine"], there.told["project"]
    return [done.stdout.strip(), str(script), *account_, str(there.work), HOME, str(images)]


def _environment(there: Account) -> dict[str, str]:
    """Return where edown finds its login."""
    key = there.folder / "key.json"
    email = json.loads(key.read_text())["client_email"]
    return {"GEE_SERVICE_ACCOUNT": email, "GEE_SERVICE_ACCOUNT_KEY": str(key)}


def _warm(there: Account, images: int) -> None:
    """Have the simulator make the pixels, which whoever came first would wait for."""
    connection = _connection(there)
    for number in range(images):
        _pixels(connection, there, f"{HOME}/i{number:04d}")


def _ask_all(there: Account, images: int) -> None:
    def ask(share: range) -> None:
        connection = _connection(there)
        for number in share:
            _pixels(connection, there, f"{ARCHIVE}/c0000/i{number:06d}")

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(ask, (range(first, images, AT_ONCE) for first in range(AT_ONCE))))


def _pixels(connection: HTTPConnection, there: Account, asset: str) -> None:
    """Ask for an image with its mask beside it, as geesync does."""
    image = _call("Image.load", id={"constantValue": asset})
    mask = _call("Image.mask", image={"valueReference": "0"})
    both = _call("Image.addBands", dstImg={"valueReference": "0"}, srcImg=mask)
    values = {"0": image, "1": both}
    body = {"expression": {"result": "1", "values": values}, "fileFormat": "NPY"}
    path = f"/v1/projects/{there.told['project']}/image:computePixels"
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    told = answer.read()
    if answer.status != 200:
        raise FailedError(f"{asset}: {told[:500]!r}")


def _call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"functionInvocationValue": {"functionName": name, "arguments": arguments}}


def _connection(there: Account) -> HTTPConnection:
    return HTTPConnection(urlsplit(there.told["earth_engine"]).netloc)


def _exact(scenario: Path, folder: Path) -> dict[str, Any]:
    return _module("tests.benchmarks.exact", str(scenario), HOME, str(folder))


def _module(name: str, *arguments: str) -> dict[str, Any]:
    argv = [sys.executable, "-m", name, *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _figures(told: Rounds, name: str, found: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{told.median(name, lambda cost: cost.wall_s):.1f}",
        f"{told.ratio(name, lambda cost: cost.wall_s):.2f}",
        f"{told.median(name, lambda cost: cost.cpu_s):.1f}",
        f"{told.ratio(name, lambda cost: cost.cpu_s):.2f}",
        f"{max(cost.peak_bytes for cost in told.costs[name]) / 1e6:.0f}",
        found["type"],
        f"{found['values']:,}",
        f"{found['masks']:,}",
    )


def _each(name: str, cost: Cost, images: int) -> tuple[str, ...]:
    cpu = f"{1000 * cost.cpu_s / images:.1f}" if cost.cpu_s else "–"
    served = f"{1000 * cost.others_cpu_s / images:.1f}"
    return (name, f"{images:,}", f"{images / cost.wall_s:,.0f}", cpu, served)


def _verified(there: Account) -> int:
    with sqlite3.connect(there.work / "geesync.db") as ledger:
        where = "state = 'verified' AND type = 'IMAGE'"
        found: int = ledger.execute(f"SELECT count(*) FROM asset WHERE {where}").fetchone()[0]  # noqa: S608 # no value of anybody's
    return found
