"""What is remembered of assets that are made at Earth Engine: restored ones, derived ones."""
