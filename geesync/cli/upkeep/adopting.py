"""``adopt``: what other scripts exported, taken in where it is what Earth Engine has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geesync.cli.context import Context, say
from geesync.cli.roots.watching import existing, watch
from geesync.cli.upkeep.checking import share_of
from geesync.cli.upkeep.recovering import scanned
from geesync.domain.assets.names import display_id
from geesync.errors import RemoteError, UnavailableError

if TYPE_CHECKING:
    from geesync.adapters.earth_engine.earth_engine import EarthEngine
    from geesync.config import Config
    from geesync.domain.mirror.older_exports import OlderExports


def adopt(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="What the other scripts left, on disk.")],
    root: Annotated[str, typer.Option(help="Whose assets these are; as for enqueue.")],
    read_pixels: Annotated[
        str, typer.Option(metavar="5%|all", help="How many pixels are compared.")
    ] = "all",
    dry: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Only tell what may be adopted, and what not.")
    ] = False,
) -> None:
    """Take in images that other scripts exported, without another export.

    Adopted is what is equal, pixel by pixel, to what Earth Engine has now; the rest of the root
    comes home as ever. Nothing in FOLDER is changed. docs/adopt.md.
    """
    from geesync import logs
    from geesync.bootstrap import cloud
    from geesync.checks.older_mirror import read_tree
    from geesync.store.file.database import locked

    cli: Context = context.obj
    config = cli.config()
    config.need("mirror")
    share = share_of(read_pixels)
    exports = read_tree(folder)
    earth_engine, storage = cloud(config)
    name = existing(earth_engine, root)
    if dry:
        _print(_foresee(config, earth_engine, name, exports), "may be")
        return
    logs.configure(log_format=config.log.format, level="warning")  # it tells of each image itself
    with locked(config.ledger):
        watch(config, storage, [name], {})
        _print(_adopt(config, name, exports, share), "adopted")


def _foresee(
    config: Config, earth_engine: EarthEngine, name: str, exports: OlderExports
) -> Iterator[tuple[str, str]]:
    """Yield each image with why it cannot be adopted, by its files' headers."""
    from concurrent.futures import ThreadPoolExecutor

    from geesync.checks.older_mirror import unfit
    from geesync.domain.assets.asset import IMAGE
    from geesync.steps.discovery.account import survey

    with ThreadPoolExecutor(config.throttle.downloads) as pool:
        try:
            for page in survey(earth_engine, pool, name, config):
                for one in page:
                    if one.source.type == IMAGE and not one.excluded:
                        yield one.source.name, unfit(exports, one.source, name, config)
        except RemoteError as error:
            raise UnavailableError(f"{display_id(name)} cannot be listed: {error}") from None


def _adopt(
    config: Config, name: str, exports: OlderExports, share: float
) -> Iterator[tuple[str, str]]:
    from geesync.bootstrap import older_mirror
    from geesync.step_threads import run_step

    with scanned(config) as built:
        for asset, why in older_mirror(built, exports, name, share).adopt():
            yield asset.name, why
        while run_step(built.step("verifier")).moved:
            pass


def _print(found: Iterator[tuple[str, str]], word: str) -> None:
    adopted = left = 0
    for name, why in found:
        adopted, left = adopted + (not why), left + bool(why)
        line = f"{'left' if why else word:<7}  {display_id(name)}  {why}"
        say(line.rstrip())
    say(f"{adopted:,} {word}, {left:,} left to be taken from Earth Engine")
