"""How much geesync may take of what others use too; a reload changes it while the steps run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Limits:
    """The limits in force."""

    max_operations: int  #: of ours at Earth Engine, queued or running
    max_queue: int  #: of everybody's, queued in the project
    reserve_bytes: int  #: of the mirror's file system; never used
