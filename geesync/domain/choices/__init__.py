"""What people may choose: options of a root, limits by the hour, and how values are written."""

#: What a priority may be; said here for commands too that load nothing which checks it.
LOWEST_PRIORITY, HIGHEST_PRIORITY = -1000, 1000
