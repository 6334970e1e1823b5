"""The outside world: Earth Engine, the bucket, rasters and the disk."""
