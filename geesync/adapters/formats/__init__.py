"""GeoTIFF, CSV, GeoJSON and GeoParquet: read, proved and made."""
