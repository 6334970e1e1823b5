"""geesync mirrors Google Earth Engine assets to a local disk, proved and with their metadata."""

__version__ = "0.1.0"
