"""``enqueue``: what is to be mirrored, and how."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geesync.cli.completion import completing_option
from geesync.cli.context import Context, say_if_daemon_runs
from geesync.cli.roots.watching import as_user_error, existing, watch
from geesync.domain.assets.names import is_within
from geesync.errors import RemoteError

if TYPE_CHECKING:
    from geesync.adapters.earth_engine.earth_engine import EarthEngine
    from geesync.config import Config
    from geesync.domain.json import Json


def _words(of: str, text: str, *names: str) -> Any:
    """Return an option of some words; of: the option of roots whose values a shell completes."""
    return typer.Option(*names, help=text, autocompletion=completing_option(of))


_Roots = Annotated[
    list[str],
    typer.Argument(
        metavar="ROOT…",
        help="users/NAME, projects/PROJECT, a folder, a collection, one asset: by id, by"
        " name or by its Code Editor link.",
    ),
]
_Dest = Annotated[
    Path | None, typer.Option(help="Mirror these roots here, not in the configured folder.")
]
_Bucket = Annotated[str | None, typer.Option(help="Stage these roots in this bucket.")]
_Interval = Annotated[
    str | None, typer.Option(help="Time between two scans of these roots, e.g. 12h.")
]
_Priority = Annotated[int | None, typer.Option(help="Assets of a higher number are taken first.")]
_Include = Annotated[
    list[str] | None, typer.Option(help="Only what matches, as in .gitignore.", metavar="PATTERN")
]
_Exclude = Annotated[
    list[str] | None, typer.Option(help="Nothing that matches.", metavar="PATTERN")
]
_Types = Annotated[str | None, _words("types", "Only these: IMAGE,TABLE,…", "--type")]
_NewerThan = Annotated[str | None, typer.Option(help="Only of this date or later.", metavar="DATE")]
_OlderThan = Annotated[str | None, typer.Option(help="Only from before this date.", metavar="DATE")]
_Way = Annotated[str | None, _words("way", "How bytes come: auto, direct, bucket or drive.")]
_Compress = Annotated[str | None, _words("compress", "Of files read directly: deflate or zstd.")]
_Masks = Annotated[str | None, _words("masks", "How masks are kept: nodata, separate or none.")]
_Tables = Annotated[str | None, _words("tables", "Formats of tables: csv,geojson,geoparquet.")]
_Mosaic = Annotated[
    str | None, _words("mosaic", "cog: also one file of an image in tiles; or none.")
]
_KeepVersions = Annotated[int | None, typer.Option(help="Older copies of a changed asset to keep.")]
_Afresh = Annotated[
    bool, typer.Option("--afresh", help="Forget what was chosen for these roots earlier.")
]
_TakeMirror = Annotated[
    bool,
    typer.Option("--take-mirror", help="Make the folder this ledger's mirror, whatever it is now."),
]
_Dry = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Only tell what would be taken, and how long.")
]
_Json = Annotated[bool, typer.Option("--json", help="With --dry-run: a JSON line an asset.")]


def enqueue(
    context: typer.Context,
    roots: _Roots,
    dest: _Dest = None,
    bucket: _Bucket = None,
    interval: _Interval = None,
    priority: _Priority = None,
    include: _Include = None,
    exclude: _Exclude = None,
    types: _Types = None,
    newer_than: _NewerThan = None,
    older_than: _OlderThan = None,
    way: _Way = None,
    compress: _Compress = None,
    masks: _Masks = None,
    tables: _Tables = None,
    mosaic: _Mosaic = None,
    keep_versions: _KeepVersions = None,
    afresh: _Afresh = False,
    take_mirror: _TakeMirror = False,
    dry: _Dry = False,
    json: _Json = False,
) -> None:
    """Mirror these roots, and all that lies below them.

    A root that is enqueued again keeps what was chosen for it, but for what is given now:
    docs/options.md.
    """
    from geesync.adapters.tables import geoparquet
    from geesync.bootstrap import cloud

    cli: Context = context.obj
    config = cli.config(
        mirror=str(dest) if dest else None, bucket=bucket, schedule__discover=interval
    )
    given = {
        "include": include,
        "exclude": exclude,
        "types": types,
        "way": way,
        "compress": compress,
        "masks": masks,
        "newer_than": newer_than,
        "older_than": older_than,
        "tables": tables,
        "mosaic": mosaic,
        "keep_versions": keep_versions,
        "priority": priority,
    }
    chosen = config.chosen({name: value for name, value in given.items() if value is not None})
    if "geoparquet" in config.over(chosen).tables:
        geoparquet.require()
    earth_engine, stores = cloud(config)
    names = [existing(earth_engine, root) for root in roots]
    if dry:
        _foresee(config, earth_engine, names, chosen, afresh=afresh, json=json)
        return
    flags = {"dest": dest, "bucket": bucket, "interval": interval}
    given_flags = [name for name, value in flags.items() if value]
    watch(config, stores, names, chosen, given_flags, afresh=afresh, take=take_mirror)
    say_if_daemon_runs(config)


def _foresee(
    config: Config,
    earth_engine: EarthEngine,
    names: list[str],
    chosen: Json,
    *,
    afresh: bool,
    json: bool,
) -> None:
    """Tell what would be taken; nothing is written."""
    from geesync.cli.roots.dry_run import dry_run
    from geesync.store.browsing import precedents

    earlier = {} if afresh else precedents.options(config.ledger)
    tops = [
        name for name in names if not any(is_within(name, other) for other in {*names} - {name})
    ]
    options = {name: config.over(earlier.get(name, {}) | chosen) for name in tops}
    try:
        dry_run(config, earth_engine, options, json=json)
    except RemoteError as error:
        raise as_user_error(error, "Earth Engine") from None
