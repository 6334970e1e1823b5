"""Limits of what people may choose, for commands too that load nothing which checks them."""

LOWEST_PRIORITY, HIGHEST_PRIORITY = -1000, 1000
