"""Compares the rows of a restored table with the mirror's: values, geometries, and indexes."""

from __future__ import annotations

from collections.abc import Iterator

from geesync.adapters.tables.row_sums import Rows, RowSums
from geesync.domain.json import Json
from geesync.domain.restore.comparing import Compared, Likeness
from geesync.domain.restore.losses import LossKind
from geesync.domain.restore.tables import become_texts
from geesync.store.making.restores import Restored


def rows_read(asset: Restored, sidecar: Json) -> Rows:
    """Return how the rows of a table are read, by the way that they went."""
    if all(loss["kind"] != LossKind.ROWS for loss in asset.wanted.losses):
        return Rows()
    return Rows(become_texts(sidecar["table"]["columns"]), drops_empty=True)


def compare_rows(here: RowSums, there: RowSums) -> Iterator[Compared]:
    """Yield how rows are like the mirror's; here: the mirror's. Other indexes are no other rows."""
    same = (here.count, here.values) == (there.count, there.values)
    likeness = Likeness.EQUAL if same else Likeness.DIFFERENT
    counts = f"{here.count:,}", f"{there.count:,}"
    yield Compared("values and geometries of all rows", likeness, *counts)
    if same:
        kept = Likeness.EQUAL if here.indexes == there.indexes else Likeness.EQUIVALENT
        yield Compared("system:index of all rows", kept, "the mirror's", "new ones")
