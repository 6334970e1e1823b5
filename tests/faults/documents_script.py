"""Drafts a document for each of some assets, twice, and prints how it ended and what is there."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

from geesync.adapters.mirror_files.folders import Folders
from geesync.adapters.mirror_files.mirror import prepare_mirror
from geesync.domain.mirror.lifecycle import Standing, State
from geesync.steps.catalogue.document_writer import Documents, DocumentWriter
from geesync.store.ledger.ledger import LedgerAsset

MIRROR = Path(sys.argv[1])
ASSETS = int(sys.argv[2])


def asset(number: int) -> LedgerAsset:
    """Return one of the assets of the mirror."""
    return LedgerAsset(
        id=number,
        root_id=1,
        name=f"users/x/img{number}",
        type="IMAGE",
        path=f"users/x/img{number}",
        dest=str(MIRROR),
        bucket="b",
        options={},
        revision="1",
        size_bytes=0,
        standing=Standing(State.DOWNLOADED),
        version=1,
    )


def drafted(writer: DocumentWriter, one: LedgerAsset) -> Documents:
    """Write an asset's document."""
    with writer.folder(one) as place:
        place.draft("asset.json", b"{}")
        return Documents.of(one, place)


prepare_mirror(MIRROR)
assets = [asset(number) for number in range(ASSETS)]
with closing(Folders(MIRROR)) as folders:
    for one in assets:
        with folders.folder(one.path, durable=False):
            pass  # made by somebody else, who has not synced it yet
for _ in range(2):
    with DocumentWriter(assets) as writer:
        told = writer.publish([(one, drafted(writer, one)) for one in assets])
    print(*(getattr(one, "cause", "published") for _, one in told))
    print(*sorted(path.name for path in MIRROR.rglob("asset.json*")))
