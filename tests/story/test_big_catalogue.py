"""A collection with more images than one document should name."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from geesync.adapters.mirror_files.folders import folder
from geesync.adapters.mirror_files.mirror import prepare_mirror
from geesync.domain.assets.asset import SourceAsset
from geesync.domain.mirror.lifecycle import CheckPassed, NothingToExport, State
from geesync.domain.stac import links as stac_links
from geesync.steps.catalogue.cataloguer import Cataloguer
from geesync.steps.step import StepContext, utc_now
from geesync.store.copies.catalogue import Catalogue
from geesync.store.copies.sidecars import Sidecars
from geesync.store.copies.staging import Staging
from geesync.store.file.database import Database, open_migrating
from geesync.store.ledger.ledger import Ledger, Move
from geesync.store.ledger.listing import Listing
from geesync.store.ledger.roots import Roots
from tests.story.catalogue import items, validated

ROOT = "projects/demo-project/assets/scenes"


class Archive:
    """A ledger and a mirror with one collection of images that have no files."""

    def __init__(self, database: Database, mirror: Path, pool: ThreadPoolExecutor) -> None:
        self.mirror = mirror
        self._database = database
        self._shop = StepContext(Ledger(database), pool)
        self.cataloguer = Cataloguer(
            self._shop, Catalogue(database), Staging(database), Sidecars(database)
        )
        Roots(database).add(ROOT, dest=str(mirror), bucket="b", now=utc_now())
        self.root_id = Roots(database).active()[0].id
        self._take([{"type": "IMAGE_COLLECTION", "name": ROOT}])

    def take_images(self, first: int, count: int) -> None:
        """Let images be discovered and proved."""
        self._take(
            [
                {
                    "type": "IMAGE",
                    "name": f"{ROOT}/i{number:06d}",
                    "startTime": f"{2000 + number % 20}-01-01T00:00:00Z",
                    "geometry": {"type": "Point", "coordinates": [number % 90, 0]},
                }
                for number in range(first, first + count)
            ]
        )

    def _take(self, listed: list[dict[str, object]]) -> None:
        sources = [SourceAsset(json) for json in listed]
        Listing(self._database).observe(self.root_id, sources, utc_now())
        for state, event in (
            (State.DISCOVERED, NothingToExport()),
            (State.DOWNLOADED, CheckPassed()),
        ):
            due = self._shop.ledger.due(state, now=utc_now(), limit=len(listed))
            self._shop.record([Move(asset, event) for asset in due])
        for asset in self._shop.ledger.due(State.VERIFIED, now=utc_now(), limit=10**6):
            with folder(self.mirror, asset.path):
                pass

    def tell(self) -> None:
        """Run the cataloguer until there is nothing left to tell."""
        while self.cataloguer.run_once().moved:
            pass

    def documents(self) -> dict[str, int]:
        """Return every document with its inode: one that is written again has a new one."""
        return {
            str(path.relative_to(self.mirror)): path.stat().st_ino
            for path in self.mirror.rglob("*.json")
        }


PAGE = 20


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    monkeypatch.setattr(stac_links, "PAGE_LINKS", PAGE)
    mirror = tmp_path / "mirror"
    prepare_mirror(mirror)
    database = open_migrating(tmp_path / "ledger.db")
    with ThreadPoolExecutor(4) as pool:
        yield Archive(database, mirror, pool)
    database.close()


def test_one_more_image_of_many_rewrites_one_page_and_the_collection(
    archive: Archive,
) -> None:
    archive.take_images(0, 9 * PAGE + 5)
    archive.tell()
    before = archive.documents()

    archive.take_images(5000, 1)
    archive.tell()

    after = archive.documents()
    here = "projects/demo-project/assets/scenes"
    assert {path for path, inode in after.items() if before.get(path) != inode} == {
        f"{here}/i005000/item.json",
        f"{here}/page-00010.json",
        f"{here}/collection.json",
    }


def test_a_collection_in_pages_is_valid_and_leads_to_every_image(archive: Archive) -> None:
    archive.take_images(0, PAGE)
    archive.tell()

    archive.take_images(PAGE, 5)
    archive.tell()

    catalogue = validated(archive.mirror)
    collection = next(iter(catalogue.get_children()))
    assert len(items(catalogue)) == PAGE + 5
    assert len(list(collection.get_children())) == 2
    assert collection.to_dict()["extent"] == {
        "spatial": {"bbox": [[0, 0, 24, 0]]},
        "temporal": {"interval": [["2000-01-01T00:00:00Z", "2019-01-01T00:00:00Z"]]},
    }
