"""What is compared, repaired and recovered when a person asks."""
