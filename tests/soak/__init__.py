"""The soak: the daemon among everything that goes wrong, killed at random moments."""
