"""``geesync export-metadata``: what is known of all assets, as one file for other programs."""

from __future__ import annotations

import json
import posixpath
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

import typer

from geesync.cli.completion import root_argument
from geesync.cli.context import Context, scope_named
from geesync.domain.assets.names import display_id
from geesync.errors import MirrorError, UserError

if TYPE_CHECKING:
    from geesync.store.browsing.listing import KnownAsset


def export_metadata(
    context: typer.Context,
    what: Annotated[str | None, root_argument("[ROOT|FOLDER]")] = None,
    format: Annotated[  # noqa: A002 # the option's name
        Literal["ee-json", "stac-geoparquet"],
        typer.Option(
            help="ee-json: one JSON of all assets, keyed by path, with geometry and"
            " system:time_start. stac-geoparquet: a table of all Items."
        ),
    ] = "ee-json",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; else it is printed.")
    ] = None,
) -> None:
    """Write the metadata of all assets, or of those below a root or folder, into one file."""
    from geesync.store.browsing.listing import known_assets

    cli: Context = context.obj
    ledger = cli.existing_ledger()
    name = what and scope_named(ledger, what)
    assets = known_assets(ledger, within=name)
    if format == "ee-json":
        if output is None:
            _write_ee_json(assets, sys.stdout, is_shown=True)
            return
        with _partial(output) as partial, partial.open("w", encoding="utf-8") as file:
            _write_ee_json(assets, file, is_shown=False)
    elif output is None or (output.exists() and not output.is_file()):
        raise UserError("a table is no text", hint="say where to: --output FILE.parquet")
    else:
        _write_table(assets, output)


@contextmanager
def _partial(output: Path) -> Iterator[Path]:
    """Give a name for a file until it is whole; a device or pipe is written to, never replaced."""
    is_file = output.is_file() or not output.exists()
    partial = output.absolute().with_name(output.name + ".part") if is_file else output
    try:
        yield partial
        if is_file:
            partial.replace(output)
    except OSError as error:
        raise MirrorError(f"{output} cannot be written: {error.strerror}") from error
    finally:
        if is_file:
            partial.unlink(missing_ok=True)


def _write_ee_json(assets: Iterable[KnownAsset], file: TextIO, *, is_shown: bool) -> None:
    """Write one entry a line: no more than one asset is in memory.

    is_shown: by a terminal perhaps, to which names from outside must not come as they are.
    """
    from geesync.domain.assets.extent import time_span
    from geesync.domain.json import millis

    before = "{\n"
    for asset in assets:
        begin, _ = time_span(asset.source)
        document = {
            "geometry": asset.source.outline,
            "system:time_start": None if begin is None else millis(begin),
        }
        key = json.dumps(display_id(asset.source.name), ensure_ascii=is_shown)
        file.write(f"{before}{key}: {json.dumps(document, ensure_ascii=is_shown)}")
        before = ",\n"
    file.write("{}\n" if before == "{\n" else "\n}\n")


def _write_table(assets: Iterable[KnownAsset], output: Path) -> None:
    try:
        import rustac
    except ImportError:
        raise UserError(
            "stac-geoparquet needs rustac", hint="pip install 'geesync[geoparquet]'"
        ) from None
    rows = [_row(asset) for asset in assets if asset.in_catalogue]
    if not rows:
        raise UserError("no asset is in the catalogue yet", hint="geesync status")
    with _partial(output) as partial:
        try:
            rustac.write_sync(str(partial), rows, format="geoparquet")
        except rustac.RustacError as error:
            raise MirrorError(f"{output} cannot be written: {error}") from error


def _row(asset: KnownAsset) -> dict[str, Any]:
    """Return an asset's Item as a table can hold it: the same columns for all."""
    file = Path(asset.dest) / asset.path / "item.json"
    try:
        item: dict[str, Any] = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise MirrorError(f"{file} cannot be read: {error}", hint="is the disk mounted?") from error
    properties = item["properties"]
    # Everybody's own properties, of any type: a column for each would be thousands.
    properties["ee:properties"] = json.dumps(properties.get("ee:properties", {}))
    for item_asset in item["assets"].values():
        item_asset["href"] = posixpath.normpath(posixpath.join(asset.path, item_asset["href"]))
    empty = {"type": "GeometryCollection", "geometries": []}
    return item | {"geometry": item["geometry"] or empty, "links": []}
