"""Which parts an asset is taken home in: what goes into one export, and what no file can hold.

One GeoTIFF holds one grid, one pixel type and one value for masked pixels, so bands are grouped by
the three; each group is a part, and masks that need files of their own are further parts. What
Earth Engine could not make in one piece is asked for in smaller ones.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from geesync.domain.assets.asset import IMAGE, TABLE, UNREADABLE, Band, SourceAsset
from geesync.domain.assets.grid import Grid
from geesync.domain.choices.options import Options
from geesync.domain.mirror.masks import NODATA, NONE, SEPARATE, hold, needs_mask_file
from geesync.domain.mirror.plan import NO_LESSONS, Lessons, Plan
from geesync.domain.tasks.exports import Form, Part, Way

#: Edges in pixels of the files of a part that failed once, twice, … and cannot be split by bands.
_TILE_EDGES = (8192, 2048, 512)


#: Of the digest of options, which nobody forges.
_OPTIONS_DIGITS = 16

_DEFAULT = Options()


def plan(
    source: SourceAsset,
    options: Options = _DEFAULT,
    lessons: Lessons = NO_LESSONS,
    *,
    way: Way = Way.BUCKET,
) -> Plan:
    """Return the parts of an asset, by one way; containers and what has no file form have none."""
    if source.type == TABLE:
        made = _plan_table(options.tables, lessons, way)
    elif source.type == IMAGE:
        made = _plan_image(source.bands, options, lessons, way)
    elif source.is_container:
        return Plan(())
    elif source.type == UNREADABLE:
        return Plan((), ("what Earth Engine says of it cannot be read; only that is kept",))
    else:
        return Plan((), (f"{source.type} has no export to files; kept as metadata",))
    parts = tuple(replace(part, way=way) for part in made.parts)
    return replace(made, parts=parts, lessons=lessons)


def going_on(made: Plan, begun: Sequence[Part]) -> Plan:
    """Return a plan that takes home what is made of it, but for what was begun in another form.

    A newer geesync may choose another sentinel, say; what was paid for is as good. What was begun
    is dropped where it holds only some of what a part now does, or is called like one.
    """
    done = {key for part in begun for key in _held(part)}
    parts = [part for part in made.parts if not done.issuperset(_held(part))]
    names = {part.id for part in begun}
    if any(done & _held(part) or part.id in names for part in parts):
        return made
    return replace(made, parts=(*begun, *parts))


def _held(part: Part) -> set[tuple[str, bool]]:
    """Return what a part holds of its asset: bands or their masks; of a table all, in its form."""
    return {(band, part.of_masks) for band in part.bands or (part.extension,)}


def options_hash(options: Options) -> str:
    """Return the digest of those options on which plans depend, hexadecimal."""
    document = {
        "masks": options.masks,
        "tables": sorted(_exported(options.tables)),
        "way": options.way,
    }
    return hashlib.sha256(json.dumps(document).encode()).hexdigest()[:_OPTIONS_DIGITS]


def planned_otherwise(before: Options, after: Options) -> list[str]:
    """Return the types of assets of which other options make other plans."""
    formats = _exported(before.tables) != _exported(after.tables)
    return [IMAGE] * (before.masks != after.masks) + [TABLE] * formats


def cut_before(
    source: SourceAsset,
    options: Options,
    forms: Collection[Form],
    *,
    way: Way = Way.BUCKET,
    disproved: tuple[Part, ...] = (),
) -> tuple[Part, ...] | None:
    """Return which parts must have been too much for the plan to have these forms.

    None if no plan has, whatever was too much.
    """
    too_much: tuple[Part, ...] = ()
    while True:
        parts = plan(source, options, Lessons(too_much, disproved), way=way).parts
        others = tuple(part for part in parts if part.form not in forms)
        if not others and len(parts) == len(forms):
            return too_much
        if not others or len(parts) > len(forms) or not all(map(_can_be_cut, others)):
            return None
        too_much += others


def _can_be_cut(part: Part) -> bool:
    if part.grid is None or part.way == Way.DIRECT:
        return False
    return len(part.bands) > 1 or part.tile_edge != _TILE_EDGES[-1]


def _plan_table(formats: tuple[str, ...], lessons: Lessons, way: Way) -> Plan:
    """Plan one export for each format. What a CSV lacks of columns is known from the GeoJSON.

    Earth Engine writes no GeoParquet: it is made of the GeoJSON, which is taken and kept for it.
    """
    wanted = _exported(formats)
    columns = {"csv": lessons.columns, "geojson": ()}
    left = () if way == Way.DIRECT or "geojson" in wanted else (_COLUMNS,)
    parts = [Part("", name, columns=columns[name]) for name in columns if name in wanted]
    return Plan(tuple(parts), left)


_COLUMNS = 'columns that the first row has not, as tables = ["csv"] asks of an export'


def _exported(formats: Iterable[str]) -> set[str]:
    return {"geojson" if name == "geoparquet" else name for name in formats}


def _plan_image(bands: tuple[Band, ...], options: Options, lessons: Lessons, way: Way) -> Plan:
    wide, exact = bool(lessons.disproved), way == Way.DIRECT
    # A sentinel that could not be relied on once is not tried again.
    mode = SEPARATE if wide and options.masks == NODATA else options.masks
    flat = [band for band in bands if not band.why_no_file]
    data = _data_parts(flat, mode, exact=exact, wide=wide)
    whole = [*data, *_mask_parts(flat, mode, exact=exact)]
    if not exact:  # what is read directly is cut into tiles, and joined again
        too_much = tuple(part for part in lessons.too_much if part.way != Way.DIRECT)
        whole = [piece for part in whole for piece in _pieces(part, too_much)]
    return Plan(tuple(whole), tuple(_left(bands, mode, exact=exact)), mode)


def _left(bands: Iterable[Band], mode: str, *, exact: bool) -> Iterator[str]:
    flat = False
    for band in bands:
        if band.why_no_file:
            yield f"band {band.id} {band.why_no_file}"
        else:
            flat = True
            if band.may_be_rounded and not exact:
                yield f"band {band.id} may hold integers beyond 2⁵³, which an export rounds"
    if flat and mode == NONE:
        yield f'masks are not kept, as masks = "{NONE}" asks'


#: Grid, exported type, sentinel: what all bands of a GeoTIFF have in common.
_Group = tuple[Grid, str, float | None]


def _data_parts(bands: list[Band], mode: str, *, exact: bool, wide: bool) -> list[Part]:
    groups: dict[_Group, list[str]] = {}
    for band in bands:
        held = hold(band, mode, exact=exact, wide=wide)
        groups.setdefault((band.grid, held.pixel_type, held.sentinel), []).append(band.id)
    numbers = _numbers(bands)
    return [
        Part(
            key=_key(group, groups, numbers),
            extension="tif",
            bands=tuple(ids),
            grid=group[0],
            pixel_type=group[1],
            sentinel=group[2],
        )
        for group, ids in groups.items()
    ]


def _mask_parts(bands: list[Band], mode: str, *, exact: bool) -> list[Part]:
    groups: dict[Grid, list[str]] = {}
    for band in bands:
        if needs_mask_file(band, mode, exact=exact):
            groups.setdefault(band.grid, []).append(band.id)
    numbers = _numbers(bands)
    return [
        Part(
            key="-".join([*_grid_key(grid, numbers), "mask"]),
            extension="tif",
            bands=tuple(ids),
            grid=grid,
            pixel_type="float32",
            of_masks=True,
        )
        for grid, ids in groups.items()
    ]


def _numbers(bands: Iterable[Band]) -> dict[Grid, int]:
    """Number the grids as they first come."""
    return {grid: n for n, grid in enumerate(dict.fromkeys(band.grid for band in bands), start=1)}


def _key(group: _Group, groups: Iterable[_Group], numbers: dict[Grid, int]) -> str:
    """Name a group by what distinguishes it from the others."""
    grid, pixel_type, sentinel = group
    names = _grid_key(grid, numbers)
    if len({kind for _, kind, _ in groups}) > 1:
        names.append(pixel_type)
    if sum((grid, pixel_type) == other[:2] for other in groups) > 1:
        names.append("data" if sentinel is None else f"nodata{_short(sentinel)}")
    return "-".join(names)


def _short(sentinel: float) -> str:
    """Write a sentinel for a file's name: -1e300 has 301 digits."""
    return f"{sentinel:.12g}".replace("e+", "e")


def _grid_key(grid: Grid, numbers: dict[Grid, int]) -> list[str]:
    return [f"grid{numbers[grid]}"] if len(numbers) > 1 else []


def _pieces(part: Part, too_much: tuple[Part, ...], path: str = "") -> Iterator[Part]:
    """Yield the part, or what it is cut into after Earth Engine could not make it.

    First by bands, into halves whose names stay the same however the other half is cut; a single
    band into smaller and smaller files. path: of halves, from the whole down.
    """
    if not too_much:
        yield part
        return
    failures = sum(_same_work(part, failed) for failed in too_much)
    if failures and len(part.bands) > 1:
        middle = (len(part.bands) + 1) // 2
        yield from _pieces(replace(part, bands=part.bands[:middle]), too_much, path + "a")
        yield from _pieces(replace(part, bands=part.bands[middle:]), too_much, path + "b")
        return
    key = "-".join(filter(None, (part.key, path and f"bands_{path}")))
    edge = _TILE_EDGES[min(failures, len(_TILE_EDGES)) - 1] if failures else None
    yield replace(part, key=key, tile_edge=edge)


def _same_work(part: Part, other: Part) -> bool:
    return (part.bands, part.grid, part.of_masks) == (other.bands, other.grid, other.of_masks)
