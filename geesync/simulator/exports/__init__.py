"""What exports do: pixels and rows as files, or as assets."""
