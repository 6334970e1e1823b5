"""What ingestions do: files as assets."""
