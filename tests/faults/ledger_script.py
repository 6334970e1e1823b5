"""Writes into a ledger thrice, and prints how each time ended."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from geesync.errors import LedgerError, RemoteError
from geesync.store.file.database import Database
from geesync.store.ledger.roots import Roots

database = Database(Path(sys.argv[1]))
for number in range(3):
    try:
        Roots(database).put("key", str(number), datetime(2026, 1, 1, tzinfo=UTC))
        print("written", Roots(database).get("key"))
    except (RemoteError, LedgerError) as error:
        print(type(error).__name__, getattr(error, "cause", ""))
