"""Long-running operations on virtual time."""
