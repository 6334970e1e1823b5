"""What Earth Engine lists below a root, and what of it is new."""
