"""Images that are read directly, over HTTP against the simulator: each pixel, and no tile twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from geesync.adapters.direct.brought import Brought, DiffersError
from geesync.adapters.direct.image_fetching import fetch_images
from geesync.adapters.direct.image_files import ImageJob, Target
from geesync.adapters.direct.source import Access, Source, open_source
from geesync.adapters.formats import cogs
from geesync.adapters.google.pacing import Pacer
from geesync.domain.assets.grid import Grid
from geesync.domain.direct.readings import readings
from geesync.domain.mirror.coverage import Tile
from geesync.domain.tasks.exports import Part
from geesync.errors import Cause, RemoteError
from geesync.simulator.profiles import CALM
from geesync.simulator.simulator import Simulator
from tests.contract.conftest import connected
from tests.story.accounts import a_band, an_account, an_image

TOKEN = "abcdefghijklmnop"
RNG = np.random.default_rng(7)


def values(kind: str, height: int = 600, width: int = 700) -> Any:
    if np.dtype(kind).kind == "f":
        return RNG.normal(0, 1e6, (height, width)).astype(kind)
    info = np.iinfo(kind)
    return RNG.integers(info.min, info.max, (height, width), dtype=kind, endpoint=True)


MASK = (RNG.random((600, 700)) > 0.3).astype(np.float32)
IMAGE = an_image(
    "img",
    a_band("byte", values("uint8"), MASK),
    a_band("word", values("uint16")),
    a_band("long", values("int64"), MASK),
    a_band("real", values("float32"), MASK),
)
NAME = IMAGE.name


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(an_account(IMAGE), profile=replace(CALM)) as running:
        yield running


def a_source(simulator: Simulator, *, at_once: int = 4, timeout_s: float = 30.0) -> Source:
    access = Access("d", simulator.project, simulator.earth_engine_url, timeout_s, at_once, 1e9)
    pacer = Pacer(1e9, sleep=lambda _: None)
    return open_source(access, pacer, lambda: True)


def parts(grid: Grid) -> list[Part]:
    """Return a file for each band, of which some have a value for masked pixels."""
    return [
        Part("byte", "tif", ("byte",), grid, "int16", -32768.0),
        Part("word", "tif", ("word",), grid, "uint16", None),
        Part("long", "tif", ("long",), grid, "int64", None),
        Part("longmask", "tif", ("long",), grid, "float32", None, of_masks=True),
        Part("real", "tif", ("real",), grid, "float64", -1e300),
    ]


def a_job(
    simulator: Simulator, *, halvings: int = 0, share: float = 0.0, compress: str = "zstd"
) -> ImageJob:
    bands = connected(simulator).get_asset(NAME).bands
    wanted = parts(bands[0].grid)
    return ImageJob(
        asset=NAME,
        revision="r",
        path="users/x/img",
        targets=tuple(Target(part, f"img.{part.key}.tif", TOKEN) for part in wanted),
        readings=tuple(readings(wanted, bands, halvings)),
        compress=compress,
        share=share,
    )


def brought(source: Source, mirror: Path, job: ImageJob) -> Brought:
    (answer,) = (one for told in fetch_images(source, str(mirror), [job]) for _, one in told)
    if isinstance(answer, Exception):
        raise answer
    return answer


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    (tmp_path / ".geesync").mkdir()
    return tmp_path


def pixels_of(mirror: Path, answer: Brought) -> dict[str, Any]:
    whole = Tile(0, 0, 600, 700)
    return {
        file.split(".")[1]: cogs.read(mirror / "users/x/img" / kept.name, whole)[0]
        for file, kept in answer.files
    }


def wrong(found: dict[str, Any]) -> list[str]:
    """Return the files that do not hold what Earth Engine has."""
    truth = {band.id: band.load()[0] for band in IMAGE.bands}
    valid = MASK > 0
    expected = {
        "byte": np.where(valid, truth["byte"].astype(np.int16), -32768),
        "word": truth["word"],
        "long": np.where(valid, truth["long"], 0),
        "longmask": MASK,
        "real": np.where(valid, truth["real"].astype(np.float64), -1e300),
    }
    return [key for key, pixels in expected.items() if not np.array_equal(found[key], pixels)]


def asked(simulator: Simulator) -> int:
    """Return how many tiles were answered."""
    return len(list(simulator.audit.records("compute_pixels")))


def folder(mirror: Path) -> Path:
    return mirror / "users/x/img"


@pytest.mark.parametrize("compress", ["deflate", "zstd"])
@pytest.mark.parametrize(("halvings", "requests"), [(0, 1), (3, 3)])
def test_every_pixel_of_every_type_comes_home_in_one_answer_or_in_many(
    simulator: Simulator, mirror: Path, halvings: int, requests: int, compress: str
) -> None:
    job = a_job(simulator, halvings=halvings, compress=compress)

    answer = brought(a_source(simulator), mirror, job)

    assert wrong(pixels_of(mirror, answer)) == []
    assert asked(simulator) == answer.requests == requests


def test_the_files_are_cloud_optimised_and_compressed(simulator: Simulator, mirror: Path) -> None:
    answer = brought(a_source(simulator), mirror, a_job(simulator, halvings=3))

    for _, kept in answer.files:
        with rasterio.open(folder(mirror) / kept.name) as dataset:
            told = dataset.tags(ns="IMAGE_STRUCTURE")
            assert (told["LAYOUT"], told["COMPRESSION"]) == ("COG", "ZSTD")
            assert dataset.overviews(1) == [2]


def test_a_tile_that_is_on_disk_is_not_asked_for_again(simulator: Simulator, mirror: Path) -> None:
    job = a_job(simulator, halvings=3)
    simulator.faults.add("status", path="computePixels", status=400, skip=2, count=None)
    with pytest.raises(RemoteError):
        brought(a_source(simulator, at_once=1), mirror, job)
    simulator.faults.clear()

    answer = brought(a_source(simulator), mirror, job)

    assert wrong(pixels_of(mirror, answer)) == []
    assert asked(simulator) == 3


def test_files_that_were_proved_are_not_asked_for_again(simulator: Simulator, mirror: Path) -> None:
    first = brought(a_source(simulator), mirror, a_job(simulator, halvings=3))
    for file, kept in first.files[:3]:
        (folder(mirror) / kept.name).rename(folder(mirror) / f"{file}.{TOKEN}.new")

    again = brought(a_source(simulator), mirror, a_job(simulator, halvings=3, share=1.0))

    assert wrong(pixels_of(mirror, again)) == []
    assert again.requests == again.read_again


def test_a_tile_that_rotted_on_disk_is_asked_for_again(simulator: Simulator, mirror: Path) -> None:
    job = a_job(simulator, halvings=3)
    simulator.faults.add("status", path="computePixels", status=400, skip=2, count=None)
    with pytest.raises(RemoteError):
        brought(a_source(simulator, at_once=1), mirror, job)
    simulator.faults.clear()
    piece = next(folder(mirror).glob("img.word.tif.0-*"))
    piece.write_bytes(piece.read_bytes()[:-1000] + bytes(1000))

    with pytest.raises(RemoteError) as raised:
        brought(a_source(simulator), mirror, job)
    answer = brought(a_source(simulator), mirror, job)

    assert raised.value.cause == Cause.TRANSIENT
    assert wrong(pixels_of(mirror, answer)) == []
    assert asked(simulator) == 4


@pytest.mark.parametrize(
    ("rots", "cause"), [("transform", Cause.INTEGRITY), ("not what came", Cause.TRANSIENT)]
)
def test_a_file_that_rotted_on_disk_before_it_was_named_is_asked_for_again(
    simulator: Simulator, mirror: Path, rots: str, cause: Cause
) -> None:
    answer = brought(a_source(simulator), mirror, a_job(simulator))
    name = next(kept.name for file, kept in answer.files if file == "img.word.tif")
    anyway = {"ignore_cog_layout_break": "YES"}
    with rasterio.open(folder(mirror) / name, "r+", **anyway) as dataset:
        if rots == "transform":
            dataset.transform = dataset.transform * dataset.transform.translation(1, 0)
        else:
            dataset.write(dataset.read() ^ 1)

    with pytest.raises(RemoteError, match=rots) as raised:
        brought(a_source(simulator), mirror, a_job(simulator))
    again = brought(a_source(simulator), mirror, a_job(simulator))

    assert raised.value.cause == cause
    assert wrong(pixels_of(mirror, again)) == []
    assert asked(simulator) == 2


def test_all_of_it_is_read_a_second_time_if_one_wants(simulator: Simulator, mirror: Path) -> None:
    answer = brought(a_source(simulator), mirror, a_job(simulator, halvings=3, share=1.0))

    assert answer.read_again == answer.requests - 3 > 3


def test_a_second_reading_that_was_damaged_on_its_way_is_made_again(
    simulator: Simulator, mirror: Path
) -> None:
    simulator.faults.add("corrupt", path="computePixels", skip=1, after_bytes=100_000)

    answer = brought(a_source(simulator, at_once=1), mirror, a_job(simulator, share=1.0))

    assert answer.read_again == 2
    assert answer.requests == 1 + 2 + 1


def test_what_two_readings_tell_differently_is_not_believed(
    simulator: Simulator, mirror: Path
) -> None:
    simulator.faults.add("corrupt", path="computePixels", after_bytes=100_000)

    with pytest.raises(DiffersError, match="two readings differ, of band"):
        brought(a_source(simulator), mirror, a_job(simulator, share=1.0))

    assert not list(folder(mirror).glob("img*"))


@pytest.mark.parametrize(
    "trouble",
    [
        {"action": "truncate", "after_bytes": 5_000},
        {"action": "reset", "after_bytes": 5_000},
        {"action": "drop_response"},
        pytest.param(
            {"action": "stall", "after_bytes": 5_000, "seconds": 60},
            marks=pytest.mark.slow,  # libcurl takes seconds to find that nothing comes
        ),
        {"action": "html", "status": 200},
        {"action": "html", "status": 502},
        {"action": "status", "status": 429},
        {"action": "corrupt", "after_bytes": 30},  # in the header
    ],
)
def test_an_answer_that_is_none_is_asked_for_again(
    simulator: Simulator, mirror: Path, trouble: dict[str, Any]
) -> None:
    rule = simulator.faults.add(path="computePixels", **trouble)

    answer = brought(a_source(simulator, timeout_s=2.0), mirror, a_job(simulator, halvings=3))

    assert rule.fired == 1
    assert wrong(pixels_of(mirror, answer)) == []


def test_where_requests_are_too_many_fewer_are_made_at_once(
    simulator: Simulator, mirror: Path
) -> None:
    simulator.faults.add("status", path="computePixels", status=429, count=3)
    source = a_source(simulator, at_once=8)

    brought(source, mirror, a_job(simulator, halvings=3))

    assert source.at_once.now < 8


@pytest.mark.simulated
@pytest.mark.parametrize("limit", ["direct_memory_bytes", "direct_timeout_bytes"])
def test_what_is_too_much_for_one_answer_asks_for_another_plan(mirror: Path, limit: str) -> None:
    small = replace(CALM, **{limit: 1_000_000})  # type: ignore[arg-type] # a knob by its name
    with (
        Simulator(an_account(IMAGE), profile=small) as simulator,
        pytest.raises(RemoteError) as raised,
    ):
        brought(a_source(simulator), mirror, a_job(simulator))

    assert raised.value.cause == Cause.PLAN


def test_an_image_whose_folder_cannot_be_made_is_answered_though_nothing_else_is_asked_for(
    simulator: Simulator, mirror: Path
) -> None:
    (mirror / "users").write_text("a file in its way")

    with pytest.raises(RemoteError, match="in the way"):
        brought(a_source(simulator), mirror, a_job(simulator))

    assert asked(simulator) == 0


@pytest.mark.slow  # libcurl takes seconds to find that it does
def test_an_answer_that_trickles_is_asked_for_again(simulator: Simulator, mirror: Path) -> None:
    slow = simulator.faults.add("trickle", path=":computePixels", after_bytes=1, seconds=0.1)
    job = a_job(simulator)

    answer = brought(a_source(simulator, timeout_s=1.0), mirror, job)

    assert slow.fired == 1
    assert wrong(pixels_of(mirror, answer)) == []
