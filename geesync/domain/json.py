"""What JSON is to us: a dictionary whose values may be anything that JSON knows."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
