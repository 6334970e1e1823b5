"""How simulated services are served on loopback, and what goes wrong on the way to a client."""
