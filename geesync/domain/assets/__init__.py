"""What Earth Engine says of an asset: its name, its bands' grids, where it lies and when."""
