"""Which observations a series is made of: a collection's index at some times, without clouds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import xarray as xr

from geesync.errors import UserError
from geesync.series.harmonics import Model
from geesync.series.indices import Index, index
from geesync.series.mirror import BLOCK, Mirror
from geesync.series.regression import Series
from geesync.series.stac_items import bands_of


@dataclass(frozen=True)
class Selection:
    """What a person asked for."""

    collection: str
    index: str = "ndvi"  #: its name, or a formula
    roles: Mapping[str, str] = field(default_factory=dict)  #: which band has which role
    begin: datetime | None = None
    end: datetime | None = None  #: exclusive
    clouds: str = ""  #: a mirrored collection of masks, ``users/x/masks:cloud``: 0 is clear
    grid: Mapping[str, Any] = field(
        default_factory=dict
    )  #: crs, resolution; empty is the images' own

    def series(
        self, mirror: Mirror, candidates: tuple[int, ...], observations_a_coefficient: float
    ) -> Series:
        """Return the index over time, lazily, with what may be fitted to it.

        Images of the same moment are one observation. Raises UserError for what is not in the
        mirror, or has not the bands.
        """
        images = mirror.images(self.collection, begin=self.begin, end=self.end)
        if not images:
            raise UserError(f"{self.collection} has no images in this mirror at these times")
        chosen = index(self.index, bands_of(images[0]), self.roles)
        observed = chosen.of(self._load(mirror, chosen))
        if self.clouds:
            observed = observed.where(self._clear(mirror, observed))
        return Series(
            observed.astype("float32").rename(chosen.name),
            Model(candidates, observations_a_coefficient, chosen.valid_range),
        )

    def _load(self, mirror: Mirror, chosen: Index) -> xr.Dataset:
        return mirror.load(
            self.collection,
            bands=list(dict.fromkeys(chosen.bands.values())),
            begin=self.begin,
            end=self.end,
            block=BLOCK // 2,  # all times of a block are in memory at once
            groupby="time",
            **self.grid,
        )

    def _clear(self, mirror: Mirror, observed: xr.DataArray) -> xr.DataArray:
        """Return where a mask of the same moment says that there is no cloud.

        An image without a mask, and a pixel that a mask says nothing of, is not known to be clear.
        """
        name, _, band = self.clouds.partition(":")
        masks = mirror.load(
            name,
            bands=[band] if band else [],
            begin=self.begin,
            end=self.end,
            block=BLOCK // 2,
            groupby="time",
            geobox=observed.odc.geobox,
        )
        only = next(iter(masks.data_vars.values()))
        common = observed["time"].isin(only["time"])
        if not bool(common.any()):
            raise UserError(
                f"no image of {name} has the time of one of {self.collection}",
                hint="masks are matched by system:time_start",
            )
        return only.reindex(time=observed["time"]) == 0
