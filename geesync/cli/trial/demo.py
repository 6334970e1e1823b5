"""``geesync demo``: the real daemon on a simulated account, watched, then proved pixel by pixel."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geesync.cli.context import NO_DAEMON, now, output, say
from geesync.cli.trial.simulator import load_simulator
from geesync.domain.messages.words import counted
from geesync.errors import ExitCode, UserError

if TYPE_CHECKING:
    from geesync.simulator.simulator import Simulator
    from geesync.simulator.world.pixels import SimAsset

#: One account is read directly; of the other each way is to be seen, too.
ROOTS = (("users/demo",), ("projects/demo-project", "--way", "bucket"))

#: What is freed and restored: a collection, which comes back as it was.
FREED = "users/demo/landsat"

#: Simulated seconds a second: two slots at Earth Engine would take a day otherwise.
_SPEED = 7200.0

_LOOK_S = 0.5


def demo(
    folder: Annotated[
        Path | None,
        typer.Option("--dir", help="Keep the mirror and the ledger in this (new) folder."),
    ] = None,
    timeout_s: Annotated[float, typer.Option(help="Give up after this long.")] = 240.0,
    round_trip: Annotated[
        bool,
        typer.Option(
            "--round-trip", help="Then free a part of it there, restore it, and prove it."
        ),
    ] = False,
) -> None:
    """Mirror a simulated account with the real daemon, and compare every pixel."""
    if folder and folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty", hint="name a new folder")
    simulator_class = load_simulator()
    from geesync.simulator.wire.serving import reserve_port

    with (
        tempfile.TemporaryDirectory(prefix="geesync-demo-") as temporary,
        simulator_class("demo", profile="calm", seed=1, speed=_SPEED) as simulator,
        closing(reserve_port()) as reserved,
    ):
        place = (folder or Path(temporary)).absolute()
        place.mkdir(parents=True, exist_ok=True)
        page = f"127.0.0.1:{reserved.getsockname()[1]}"
        settings = _settings(simulator, place, page, may_delete=round_trip)
        say("geesync demo: an Earth Engine and a bucket on this machine's loopback", style="bold")
        say(f"The status page, while it runs: http://{page}/\n")
        for root in ROOTS:
            _geesync(settings, "enqueue", *root)
        with _daemon(settings, place / "daemon.log"):
            _watch(place / "geesync.db", timeout_s)
        if not _proved(simulator, place):
            raise typer.Exit(ExitCode.INCOMPLETE)
        if round_trip and not _there_and_back(simulator, settings, place, timeout_s):
            raise typer.Exit(ExitCode.INCOMPLETE)
        if folder:
            say(f"\nMirror and ledger are kept in {place}")


def _settings(simulator: Simulator, place: Path, page: str, *, may_delete: bool) -> dict[str, str]:
    """Return the environment of the commands; nothing of the person's own configuration."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("GEESYNC_")}
    (place / "geesync.toml").write_text(
        f"""\
ledger = "{place}/geesync.db"
mirror = "{place}/mirror"
bucket = "{simulator.bucket}"
allow_delete = {str(may_delete).lower()}

[earth_engine]
project = "{simulator.project}"
url = "{simulator.earth_engine_url}"

[storage]
url = "{simulator.storage_url}"

[throttle]
requests_per_s = 1000
reserve = 0

[schedule]
reconcile = "0.5s"

[web]
listen = "{page}"
""",
        "utf-8",
    )
    return inherited | {"GEESYNC_CONFIG": str(place / "geesync.toml")}


def _there_and_back(
    simulator: Simulator, settings: dict[str, str], place: Path, timeout_s: float
) -> bool:
    """Free a part of the account, restore it from the mirror, and compare it with what was."""
    from geesync.cli.trial.demo_proof import differences

    say("\nThere and back: deleted at Earth Engine, and made again of the mirror\n", style="bold")
    before = _assets_below(simulator, FREED)
    _geesync(settings, "free", FREED, "--delete", "--yes", FREED)
    freed = not _assets_below(simulator, FREED)
    _geesync(settings, "restore", FREED, "--to", FREED)
    with _daemon(settings, place / "restore.log"):
        _wait_for_restores(place / "geesync.db", timeout_s)
    _geesync(settings, "restores", FREED)
    wrong = differences(before, _assets_below(simulator, FREED))
    for difference in wrong:
        say(f"  {difference}", style="bold red")
    verdict = "NOT all of it is as it was" if wrong or not freed else "all are as they were"
    say(f"\n{counted(len(before), 'asset')} freed and restored · {verdict}, every pixel and mask")
    return freed and not wrong


def _assets_below(simulator: Simulator, top: str) -> dict[str, SimAsset]:
    """Return what the account holds at a place and below it, by name."""
    from geesync.domain.assets.names import candidates

    waiting, found = [candidates(top)[0]], {}
    while waiting:
        name = waiting.pop()
        if (asset := simulator.world.find(name)) is not None:
            found[name] = asset
            waiting += [child.name for child in simulator.world.children(name)[0]]
    return found


def _wait_for_restores(ledger: Path, timeout_s: float) -> None:
    from geesync.domain.restore.lifecycle import AT_REST
    from geesync.store.file.database import open_current
    from geesync.store.making.restores import Restores

    deadline = time.monotonic() + timeout_s
    with closing(open_current(ledger)) as database:
        restores = Restores(database)
        while any(restored.standing.state not in AT_REST for restored in restores.of("")):
            if time.monotonic() > deadline:
                raise UserError(f"not done after {timeout_s:g} s", hint="see restore.log in --dir")
            time.sleep(_LOOK_S)


def _geesync(settings: dict[str, str], *arguments: str) -> None:
    say(f"$ geesync {' '.join(arguments)}", style="bold")
    quiet = settings | {"GEESYNC_LOG__LEVEL": "warning"}
    command = [sys.executable, "-m", "geesync", *arguments]
    done = subprocess.run(command, env=quiet, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 # ourselves
    say(done.stdout.replace(f"{NO_DAEMON}\n", "").rstrip("\n"))  # that one comes next


@contextmanager
def _daemon(settings: dict[str, str], log: Path) -> Iterator[None]:
    say("$ geesync daemon &\n", style="bold")
    with log.open("wb") as lines:
        process = subprocess.Popen(  # ourselves
            [sys.executable, "-m", "geesync", "daemon"], env=settings, stderr=lines
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def _watch(ledger: Path, timeout_s: float) -> None:
    """Follow the assets through the states until all rest."""
    from rich.live import Live

    from geesync.cli.render import status_view
    from geesync.store.views import status as views

    deadline = time.monotonic() + timeout_s
    console = output()
    with Live(console=console, refresh_per_second=4, transient=not console.is_terminal) as live:
        while True:
            status = views.status(ledger, now=now())
            live.update(status_view(status, now()))
            scanned = all(root.scanned_at for root in status.roots)
            if scanned and not status.staged_bytes and views.is_quiet(ledger, now=now()):
                return
            if time.monotonic() > deadline:
                raise UserError(f"not done after {timeout_s:g} s", hint="see daemon.log in --dir")
            time.sleep(_LOOK_S)


def _proved(simulator: Simulator, place: Path) -> bool:
    """Print the mirror, what could not be taken, and the proof; say whether all of it holds."""
    from geesync.cli.trial.demo_proof import compare_all, proof_table, tree
    from geesync.store.browsing.listing import Which, listed

    ledger = place / "geesync.db"
    say("\nThe mirror", style="bold")
    say(tree(place / "mirror"))
    say("\nKept as metadata only", style="bold")
    for asset in listed(ledger, Which(left_out=True)):
        say(f"  {asset.name.rpartition('assets/')[2]}: {asset.left_out}")
    proofs = compare_all(simulator, ledger)
    say("\nThe proof: every pixel and mask against the simulator's own arrays", style="bold")
    say(proof_table(proofs))
    for proof in proofs:
        if not proof.exact:
            say(f"  {proof.asset} differs", style="bold red")
    forms = [record.details["form"] for record in simulator.audit.records("export")]
    asked, twice = len(forms), len(forms) - len(set(forms))
    exact = all(proof.exact for proof in proofs)
    ways = Counter(proof.way for proof in proofs)
    by_bucket = f"{ways['bucket']:,} by the bucket in {counted(asked, 'export')}"
    say(
        f"\n{counted(len(proofs), 'asset')}: {ways['direct']:,} read directly, {by_bucket},"
        f" {twice:,} of them twice ·"
        f" {'every pixel and mask is exact' if exact else 'NOT everything is exact'}"
    )
    return exact and not twice and bool(ways["direct"] and ways["bucket"])
