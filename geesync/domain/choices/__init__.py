"""What people may choose: options of a root, limits by the hour, and how values are written."""
