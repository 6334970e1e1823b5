"""A copy of an asset: its life, its plan, its names on disk, and what proves it."""
