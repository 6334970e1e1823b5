"""Listings against the ledger: new, changed, unseen, and nothing written where nothing changed."""

from __future__ import annotations

import pytest

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.mirror.lifecycle import (
    CheckPassed,
    NothingToExport,
    SourceGone,
    State,
)
from geesync.store.ledger.listing import Observed
from tests.store.conftest import NOW, TOP, Store, folder, image

VERIFIED = (NothingToExport(), CheckPassed())


def test_what_is_listed_is_discovered_once(store: Store) -> None:
    root = store.root()

    first = store.listing.observe(root.id, [image("a"), image("b")], NOW)
    second = store.listing.observe(root.id, [image("a"), image("b")], NOW)

    assert (first, second) == (Observed(new=2), Observed())


def test_an_unchanged_account_costs_no_write(store: Store) -> None:
    root = store.root()
    store.see(root, image("a"), image("b"))
    before = store.database.data_version()

    for _ in range(5):
        store.see(root, image("a"), image("b"))

    assert store.database.data_version() == before


def test_doubles_in_a_listing_are_one_asset(store: Store) -> None:
    """Pages shift under a reader, and nothing promises that one page has no doubles."""
    root = store.root()

    observed = store.listing.observe(root.id, [image("a"), image("a")], NOW)

    assert observed.new == 1
    assert store.listing.observe(root.id, [image("a", "r2"), image("a", "r2")], NOW).changed == 1


def test_another_revision_is_taken_anew_with_all_that_is_said_of_it(store: Store) -> None:
    root = store.root()
    (asset,) = store.see(root, image(size_bytes=10))
    store.move(asset, *VERIFIED)

    (changed,) = store.see(root, image(revision="r2", size_bytes=20))

    assert changed.standing.state == State.DISCOVERED
    assert (changed.revision, changed.size_bytes) == ("r2", 20)
    assert store.ledger.sources_of([changed])[changed.id].revision == "r2"


def test_what_was_gone_and_is_listed_again_is_discovered(store: Store) -> None:
    root = store.root()
    _, asset = store.see(root, folder(), image())
    store.move(asset, SourceGone())

    (back,) = store.see(root, image())

    assert back.standing.state == State.DISCOVERED


def test_nested_roots_know_an_asset_once(store: Store) -> None:
    outer, inner = store.root(), store.root(f"{TOP}/folder")
    (asset,) = store.see(outer, image("folder/img"))

    store.see(inner, image("folder/img", "r2"))

    assert store.get(asset.name).root_id == outer.id
    assert store.get(asset.name).revision == "r1"


def test_a_removed_roots_assets_are_taken_over_without_being_exported_again(store: Store) -> None:
    outer, inner = store.root(), store.root(f"{TOP}/folder")
    (asset,) = store.see(outer, image("folder/img"))
    store.move(asset, *VERIFIED)

    store.roots.update(outer.id, removed_at=NOW)
    (taken,) = store.see(inner, image("folder/img"))

    assert taken.root_id == inner.id
    assert taken.standing.state == State.VERIFIED


def test_assets_taken_over_into_another_mirror_are_mirrored_there(store: Store) -> None:
    outer, inner = store.root(), store.root(f"{TOP}/folder", dest="/elsewhere")
    (asset,) = store.see(outer, image("folder/img"))
    store.move(asset, *VERIFIED)

    store.roots.update(outer.id, removed_at=NOW)
    (taken,) = store.see(inner, image("folder/img"))

    assert (taken.dest, taken.standing.state) == ("/elsewhere", State.DISCOVERED)


@pytest.mark.parametrize(
    ("one", "other"), [("img", "IMG"), ("Folder/img", "folder/img"), ("a.b", "A.b")]
)
def test_two_assets_never_share_a_folder_on_any_file_system(
    store: Store, one: str, other: str
) -> None:
    root = store.root()

    first, second = store.see(root, image(one), image(other))

    assert first.path.casefold() != second.path.casefold()


def test_an_assets_folder_stays_though_its_twin_comes_back(store: Store) -> None:
    root = store.root()
    first, second = store.see(root, image("img"), image("IMG"))
    store.move(first, SourceGone())

    store.see(root, image("img"), image("IMG", "r2"))

    assert store.get(second.name).path == second.path


def test_what_a_listing_did_not_show_comes_in_pages(store: Store) -> None:
    root = store.root()
    images = [image(f"folder/{number:02d}") for number in range(25)]
    store.see(root, folder("folder"))
    store.see(root, *images, image("elsewhere"), image("folder/03/deeper"))

    with store.listing.sightings() as sightings:
        sightings.see(source.name for source in images[::2])
        sightings.see(source.name for source in images[::2])  # the pages shifted
        found: list[str] = []
        while page := sightings.unseen(
            root.id, f"{TOP}/folder", after=found[-1] if found else "", limit=5
        ):
            assert len(page) <= 5
            found += [asset.name for asset in page]

    assert found == [source.name for source in images[1::2]]


def test_a_container_that_is_found_after_its_children_has_them_all_the_same(store: Store) -> None:
    root = store.root()
    store.see(root, image("folder/img"), image("folder/deep/img"), image("folder2"))

    store.see(root, folder("folder"))

    with store.listing.sightings() as sightings:
        missed = sightings.unseen(root.id, f"{TOP}/folder", after="", limit=5)
    assert [asset.name for asset in missed] == [image("folder/img").name]


def test_what_is_gone_is_not_missed_again(store: Store) -> None:
    root = store.root()
    (asset,) = store.see(root, image())
    store.move(asset, SourceGone())

    with store.listing.sightings() as sightings:
        assert sightings.unseen(root.id, TOP, after="", limit=5) == []


def test_other_roots_assets_are_not_missed(store: Store) -> None:
    outer, inner = store.root(), store.root(f"{TOP}/folder")
    store.see(outer, folder("folder"), image("folder/img"))

    with store.listing.sightings() as sightings:
        assert sightings.unseen(inner.id, f"{TOP}/folder", after="", limit=5) == []


def test_a_listing_that_broke_leaves_no_trace(store: Store) -> None:
    def broken() -> None:
        with store.listing.sightings() as sightings:
            sightings.see(["a"])
            raise LookupError

    with pytest.raises(LookupError):
        broken()
    with store.listing.sightings() as sightings:
        sightings.see(["b"])


def test_any_name_can_be_kept(store: Store) -> None:
    root = store.root()
    odd = SourceAsset({"name": f"{TOP}/ä'\";--\n漢/..", "type": "IMAGE", "updateTime": "r1"})

    (asset,) = store.see(root, odd)

    assert store.ledger.sources_of([asset])[asset.id].name == odd.name
    assert ".." not in asset.path.split("/")
