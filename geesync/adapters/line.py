"""The way from the bucket to this process: as fast as it may be used, and as long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from geesync.adapters.bandwidth import Bandwidth, Metered
from geesync.adapters.bucket import Storage
from geesync.adapters.transfer import Sink
from geesync.domain.coverage import StoredObject


@dataclass(frozen=True)
class MeteredLine:
    """A line of this process."""

    storage: Storage
    bandwidth: Bandwidth
    keep_on: Callable[[], bool]

    def fetch(self, bucket: str, obj: StoredObject, sink: Sink, start: int) -> None:
        """Write one generation's bytes from an offset on into the sink; raises RemoteError."""
        metered = Metered(sink, self.bandwidth, self.keep_on)
        self.storage.fetch(bucket, obj, metered, start=start)
