"""The simulated account: what it holds, and everything that has happened to it."""
