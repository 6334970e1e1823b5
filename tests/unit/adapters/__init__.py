"""What of geesync/adapters needs no network."""
