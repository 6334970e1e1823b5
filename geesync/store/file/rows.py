"""Many rows at once, into a table of the ledger.

Past SQLAlchemy's own way, which takes longer for each row than SQLite.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Literal

import sqlalchemy as sa

#: Rows in one statement: with the triggers, a row of many costs half of one that comes alone; and
#: the thread that fetches the next page goes on meanwhile.
_ROWS = 100


def insert_rows(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    instead: Literal["", "IGNORE", "REPLACE"] = "",
) -> None:
    """Insert rows within a transaction: ``{column: value}``, all of the same columns.

    instead: what happens to one that is there already.
    """
    names = list(rows[0]) if rows else []
    into = f"INSERT {instead and f'OR {instead}'} INTO {table.name} ({', '.join(names)}) VALUES"
    marks = f"({', '.join('?' * len(names))})"
    kept = _as_kept(connection, table, names, rows)
    for start in range(0, len(kept), _ROWS):
        some = kept[start : start + _ROWS]
        connection.exec_driver_sql(
            f"{into} {', '.join([marks] * len(some))}", tuple(chain.from_iterable(some))
        )


def change_rows(
    connection: sa.Connection, table: sa.Table, changes: Mapping[int, Mapping[str, Any]]
) -> None:
    """Change rows within a transaction: ``{id: {column: value}}``.

    By one statement for all that change the same columns.
    """
    alike: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row_id, values in changes.items():
        alike[tuple(sorted(values))].append({**values, "id": row_id})
    for names, rows in alike.items():
        changed = ", ".join(f"{name} = ?" for name in names)
        connection.exec_driver_sql(
            f"UPDATE {table.name} SET {changed} WHERE id = ?",  # noqa: S608 # names of columns
            _as_kept(connection, table, [*names, "id"], rows),
        )


def _as_kept(
    connection: sa.Connection,
    table: sa.Table,
    names: Sequence[str],
    rows: Iterable[Mapping[str, Any]],
) -> list[tuple[Any, ...]]:
    """Return rows as SQLite is given them."""
    kept = [
        (
            name,
            table.c[name].type.dialect_impl(connection.dialect).bind_processor(connection.dialect),
        )
        for name in names
    ]
    return [tuple([keep(row[name]) if keep else row[name] for name, keep in kept]) for row in rows]
