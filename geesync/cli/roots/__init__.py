"""Commands on roots: adding, listing, pausing, cancelling."""
