"""``geesync simulator``: Earth Engine and Cloud Storage on loopback, for trying and testing."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from geesync.cli.context import say
from geesync.errors import ConfigError, UserError

if TYPE_CHECKING:
    from geesync.simulator.simulator import Simulator


ENDS_WITHIN_S = 0.8  #: of the signal; a second is promised


def simulator(
    port: Annotated[
        int, typer.Option(help="Of Earth Engine; 0 is any free one.", min=0, max=65535)
    ] = 0,
    bucket_port: Annotated[
        int, typer.Option(help="Of Cloud Storage; 0 is any free one.", min=0, max=65535)
    ] = 0,
    profile: Annotated[
        Literal["calm", "real", "hell"], typer.Option(help="How nasty it is.")
    ] = "calm",
    seed: Annotated[int, typer.Option(help="The same seed makes the same accidents.")] = 0,
    scenario: Annotated[
        str, typer.Option(help="small, demo, million[:N], thousands:N, or a TOML file.")
    ] = "demo",
    speed: Annotated[
        float, typer.Option(help="Simulated seconds a second.", min=0.01, max=1e6)
    ] = 60.0,
    knobs: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Turn one knob of the profile: NAME=VALUE, e.g. queue_limit=5, run_s=60,"
            " list_lag_s=0,5. Repeatable.",
        ),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(help="Write the key of its own service account there, for any tool."),
    ] = None,
    audit: Annotated[
        Path | None, typer.Option(help="Write what was asked and done there, as JSON lines.")
    ] = None,
) -> None:
    """Play Earth Engine and Cloud Storage on this machine's loopback, until interrupted."""
    simulator_class = load_simulator()
    from geesync.simulator.knobs import turned
    from geesync.simulator.profiles import named

    try:
        built = simulator_class(
            scenario,
            profile=turned(named(profile), knobs or ()),
            seed=seed,
            speed=speed,
            port=port,
            bucket_port=bucket_port,
            audit_file=audit,
        )
    except OSError as error:
        if error.filename:
            raise
        raise UserError(str(error.strerror), hint="--port 0 takes any that is free") from None
    except (ValueError, OverflowError) as error:
        raise UserError(str(error)) from None
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with built as running:
        if key_file is not None:
            running.write_credentials(key_file)
        say(
            f"# Earth Engine, project {running.project}, and Cloud Storage; put this into"
            " geesync.toml:\n"
            f'bucket = "{running.bucket}"\n'
            "[earth_engine]\n"
            f'project = "{running.project}"\n'
            f'url = "{running.earth_engine_url}"\n'
            "[storage]\n"
            f'url = "{running.storage_url}"'
        )
        stop.wait()
        _end_in_time()


def _end_in_time() -> None:
    """See to it that the process ends within a second, whatever is still being computed."""
    timer = threading.Timer(ENDS_WITHIN_S, os._exit, (0,))
    timer.daemon = True
    timer.start()


def load_simulator() -> type[Simulator]:
    """Return the simulator; raise ConfigError if its extra is not installed."""
    try:
        from geesync.simulator.simulator import Simulator
    except ImportError as error:
        raise ConfigError(
            f"the simulator needs {error.name}", hint="pip install 'geesync[demo]' brings it"
        ) from None
    return Simulator
