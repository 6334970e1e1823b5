"""The mirror on disk: folders, files that land whole and durable, and older copies."""
