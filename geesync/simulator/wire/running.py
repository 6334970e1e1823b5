"""What runs between its start and its stop, or as long as a context."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Running(ABC):
    """Runs from ``start`` to ``stop``: as a context, from ``with`` to its end."""

    @abstractmethod
    def start(self) -> Self:
        """Begin; it works from when this returns."""

    @abstractmethod
    def stop(self) -> None:
        """End; may be called more than once."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
