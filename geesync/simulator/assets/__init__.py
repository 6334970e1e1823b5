"""Methods on assets: read, listed, changed, shared."""
