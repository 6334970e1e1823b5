"""A check names what is wrong with a mirror, exactly that, and mends nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from geesync.bootstrap import checker, comparer
from geesync.checks.checker import Checker
from geesync.checks.repair import Repair
from geesync.domain.assets.names import LEGACY, display_id
from geesync.domain.mirror.checking import Verdict
from geesync.simulator.simulator import Simulator
from geesync.store.copies.checks import Scope
from tests.story.world import World, a_world

ALL = Scope()
HOME = "users/demo"
ARCHIVE = "projects/demo-project/assets/archive/c0000"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Yield a small account that is mirrored whole."""
    with Simulator("small") as simulator, a_world(simulator, tmp_path) as opened:
        opened.enqueue(HOME)
        opened.settle()
        yield opened


@pytest.fixture
def built(world: World) -> Iterator[Checker]:
    with checker(world.config, world.database) as made:
        yield made


def verdicts(built: Checker, *, scope: Scope = ALL, read: bool = True) -> dict[str, Verdict]:
    """Return what is not sound."""
    findings = built.data(scope, since=built.context.clock()) if read else built.sizes(scope)
    return {display_id(one.asset.name): one.verdict for one in findings if one.flaws}


def snapshot(mirror: Path) -> dict[str, tuple[int, int]]:
    """Return what tells whether a file was touched: its inode and its time, by path."""
    return {
        str(path.relative_to(mirror)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in mirror.rglob("*")
        if path.is_file()
    }


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_mirror_that_nobody_touched_is_sound(world: World, built: Checker) -> None:
    assert not verdicts(built)
    assert not list(built.unknown(world.mirror, ""))
    assert not list(built.checks.pending(ALL))


def test_sizes_find_what_is_missing_or_cut_and_reading_finds_a_flipped_bit(
    world: World, built: Checker
) -> None:
    (world.mirror / HOME / "elevation/elevation.tif").unlink()
    flip(world.mirror / HOME / "deep/er/landcover/landcover.tif")
    with (world.mirror / HOME / "scenes/s0001/asset.json").open("a") as sidecar:
        sidecar.write("\n")

    quick = {f"{HOME}/elevation": Verdict.MISSING, f"{HOME}/scenes/s0001": Verdict.DIFFERS}
    assert verdicts(built, read=False) == quick
    assert verdicts(built) == quick | {f"{HOME}/deep/er/landcover": Verdict.DIFFERS}


def test_a_check_may_be_of_one_asset_with_what_lies_below_it(world: World, built: Checker) -> None:
    (world.mirror / HOME / "elevation/elevation.tif").unlink()

    assert not verdicts(built, scope=Scope(f"{LEGACY}{HOME}/scenes"))
    assert verdicts(built, scope=Scope(f"{LEGACY}{HOME}/elevation"))


def test_what_lies_in_the_mirror_and_is_no_asset_is_named_and_left_alone(
    world: World, built: Checker
) -> None:
    (world.mirror / "notes.txt").write_text("mine")
    (world.mirror / HOME / "scenes/s0001/s1.qgz").write_text("mine")
    (world.mirror / HOME / "scenes/more").mkdir()
    (world.mirror / HOME / "scenes/more/a.tif").write_text("mine")

    unknown = {
        str(Path(path).relative_to(world.mirror)) for path in built.unknown(world.mirror, "")
    }

    assert unknown == {"notes.txt", f"{HOME}/scenes/s0001/s1.qgz", f"{HOME}/scenes/more"}
    assert (world.mirror / HOME / "scenes/more/a.tif").read_text() == "mine"


def test_what_gdal_notes_beside_a_file_that_somebody_opened_is_no_flaw(
    world: World, built: Checker
) -> None:
    folder = world.mirror / HOME / "elevation"
    (folder / "elevation.tif.aux.xml").write_text("<PAMDataset/>")
    (folder / "other.tif.aux.xml").write_text("<PAMDataset/>")

    unknown = list(built.unknown(world.mirror, ""))

    assert unknown == [str(folder / "other.tif.aux.xml")]


def test_a_reading_that_was_stopped_goes_on_where_it_was(built: Checker) -> None:
    count = built.checks.count(ALL)
    began = built.begin(ALL)
    reading = built.data(ALL, since=began)
    first = next(reading)
    del reading  # as a run that ends there

    assert built.begin(ALL) == began
    rest = list(built.data(ALL, since=began))
    built.finish(ALL)

    assert len(rest) < count
    assert first.asset.id not in {one.asset.id for one in rest}
    assert built.begin(ALL) > began


def test_against_earth_engine_it_names_what_is_new_changed_or_absent_there(world: World) -> None:
    there = world.simulator.world
    home = f"{LEGACY}{HOME}"
    there.move(f"{home}/elevation", f"{home}/heights")
    there.touch(f"{home}/deep/er/landcover")

    with comparer(world.config, world.database) as compared:
        found = {display_id(one.name): one.verdict for one in compared.differences(ALL)}
        below = list(compared.differences(Scope(f"{home}/scenes")))

    assert found == {
        f"{HOME}/elevation": Verdict.UNKNOWN,
        f"{HOME}/heights": Verdict.MISSING,
        f"{HOME}/deep/er/landcover": Verdict.DIFFERS,
    }
    assert not below


def test_many_bad_assets_do_not_hide_the_others(
    world: World, built: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geesync.store.copies.checks._PAGE", 2)
    for image in world.mirror.rglob("*.tif"):
        image.unlink()

    for _ in range(2):  # never read, and read before
        found = list(built.data(ALL, since=built.context.clock()))
        assert len(found) == built.checks.count(ALL)
        assert sum(1 for one in found if one.flaws) == 5


def test_an_unmounted_disk_is_no_empty_mirror(world: World, built: Checker) -> None:
    world.mirror.rename(world.mirror.with_name("away"))
    world.mirror.mkdir()

    with pytest.raises(Exception, match=r"is its disk mounted\?"):
        verdicts(built)


@pytest.mark.timeout(600)
def test_among_hundreds_of_assets_exactly_what_is_bad_is_named_and_mended(tmp_path: Path) -> None:
    with (
        Simulator("thousands:300") as simulator,
        a_world(simulator, tmp_path, max_operations=300) as world,
        checker(world.config, world.database) as built,
    ):
        world.enqueue("projects/demo-project")
        world.settle()
        home = world.mirror / ARCHIVE
        bad: dict[str, Callable[[], None]] = {
            "i000007": lambda: flip(home / "i000007/i000007.tif"),
            "i000100": (home / "i000100/i000100.tif").unlink,
            "i000155": lambda: swap(home, "i000155", "i000156"),
            "i000299": lambda: edit(home / "i000299/asset.json"),
        }
        for damage in bad.values():
            damage()
        touched = {f"{ARCHIVE}/{name}" for name in (*bad, "i000156")}
        before = snapshot(world.mirror)
        exported = simulator.audit.count("export")

        findings = [one for one in built.data(ALL, since=built.context.clock()) if one.flaws]
        told = [Repair(built.checks, built.context.clock).repair(finding) for finding in findings]
        world.settle()

        assert {finding.asset.name for finding in findings} == touched
        assert all(done.startswith("to be fetched again") for done in told)
        assert not verdicts(built)
        assert simulator.audit.count("export") == exported + 4
        after = snapshot(world.mirror)
        changed = {path for path in after if after[path] != before.get(path)}
        assert {str(Path(path).parent) for path in changed if not path.startswith(".geesync")} == {
            *touched,
            ARCHIVE,
        }
        damaged = [path for path in changed if path.startswith(".geesync/damaged/")]
        assert len(damaged) == 4


def swap(home: Path, one: str, other: str) -> None:
    """Give two files each other's place."""
    first, second = home / one / f"{one}.tif", home / other / f"{other}.tif"
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)


def edit(path: Path) -> None:
    path.write_text(path.read_text().replace("EPSG:4326", "EPSG:4327"))


GONE = f"{LEGACY}users/demo/elevation"


def flaws(built: Checker) -> set[tuple[str, str]]:
    """Return (file, sign) of what is not as it must be, every byte read."""
    findings = built.data(ALL, since=built.context.clock())
    return {(flaw.file, str(flaw.verdict)) for one in findings for flaw in one.flaws}


def mended(world: World, built: Checker) -> list[str]:
    """Repair what is found, and let everything come to rest; return what was done."""
    mend = Repair(built.checks, world.now)
    findings = [one for one in built.data(ALL, since=built.context.clock()) if one.flaws]
    done = [mend.repair(one) for one in findings]
    world.simulator.advance(1)
    world.settle()
    return done


@pytest.mark.parametrize("when", ["verified", "changed and not yet taken again"])
def test_the_only_copy_of_what_is_gone_is_checked_like_all_else(
    world: World, built: Checker, when: str
) -> None:
    if when != "verified":
        world.simulator.world.touch(GONE)
        world.rescan()
        world.run("discoverer")
    world.simulator.world.delete(GONE)
    world.rescan()
    world.settle()
    folder = world.folder(GONE)

    sound, unknown = flaws(built), list(built.unknown(world.mirror, ""))
    flip(folder / "elevation.tif")
    (folder / "asset.json").unlink()

    assert world.state(GONE) == "gone"
    assert (sound, unknown) == (set(), [])
    assert flaws(built) == {("elevation.tif", "*"), ("asset.json", "-")}
    assert "only copy" in mended(world, built)[0]
    assert (folder / "elevation.tif").exists()


@pytest.fixture
def with_version(world: World) -> Path:
    """Have an asset changed upstream, its pixels as they were; return its older copy's folder."""
    world.simulator.advance(9)
    world.simulator.world.touch(GONE)
    world.rescan()
    world.settle()
    (version,) = (world.folder(GONE) / ".versions").iterdir()
    return version


def test_older_copies_are_checked_too_and_what_is_foreign_among_them_is_told(
    world: World, built: Checker, with_version: Path
) -> None:
    name = f".versions/{with_version.name}"
    assert (flaws(built), list(built.unknown(world.mirror, ""))) == (set(), [])

    (with_version / "asset.json").write_text("{}")
    (with_version / "elevation.tif").unlink()
    (with_version / "foreign.tif").write_text("x")
    (with_version.parent / "mine").mkdir()

    assert flaws(built) == {(f"{name}/asset.json", "*"), (f"{name}/elevation.tif", "-")}
    found = {Path(path) for path in built.unknown(world.mirror, "")}
    assert found == {with_version / "foreign.tif", with_version.parent / "mine"}
    assert mended(world, built) == ["not mended: no other copy has these bytes"]
    assert flaws(built) == {(f"{name}/asset.json", "*")}


def test_rot_that_two_copies_share_by_a_link_is_put_right_in_both(
    world: World, built: Checker, with_version: Path
) -> None:
    old, new = with_version / "elevation.tif", world.folder(GONE) / "elevation.tif"
    assert old.stat().st_ino == new.stat().st_ino
    good = new.read_bytes()
    with new.open("r+b") as file:
        file.seek(-20, 2)
        file.write(bytes([good[-20] ^ 0x41]))
    exports = world.simulator.audit.count("export")

    mended(world, built)
    mended(world, built)

    assert flaws(built) == set()
    assert old.read_bytes() == good
    assert world.is_exact(GONE)
    assert world.simulator.audit.count("export") == exports + 1


def test_a_bad_file_is_taken_from_an_older_copy_of_the_same_bytes_and_not_exported(
    world: World, built: Checker, with_version: Path
) -> None:
    new = world.folder(GONE) / "elevation.tif"
    new.unlink()
    exports = world.simulator.audit.count("export")

    done = mended(world, built)

    assert done == ["put right from another copy of the same bytes"]
    assert (flaws(built), world.is_exact(GONE)) == (set(), True)
    assert world.simulator.audit.count("export") == exports
    assert new.stat().st_ino != (with_version / "elevation.tif").stat().st_ino


def test_older_copies_beyond_those_that_are_kept_are_forgotten(
    world: World, built: Checker, with_version: Path
) -> None:
    world.simulator.advance(9)
    world.simulator.world.touch(GONE)
    world.rescan()
    world.settle()

    assert not with_version.exists()
    assert (flaws(built), list(built.unknown(world.mirror, ""))) == (set(), [])


@pytest.mark.parametrize("harm", ["removed", "flipped"])
def test_the_first_document_of_the_catalogue_is_checked_and_written_anew(
    world: World, built: Checker, harm: str
) -> None:
    top, dest = world.mirror / "catalog.json", str(world.mirror)
    before = top.read_bytes()
    assert built.top(dest, read_data=True) is None
    top.unlink() if harm == "removed" else flip(top)

    assert built.top(dest, read_data=True) is not None
    built.checks.have_top_written(dest)
    world.settle()

    assert built.top(dest, read_data=True) is None
    assert top.read_bytes() == before
