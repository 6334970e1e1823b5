"""geesync mirrors Google Earth Engine assets to a local disk, proved, with their metadata."""

__version__ = "0.1.0"
