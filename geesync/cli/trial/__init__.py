"""Trying geesync without an account: the demo, and the simulator by itself."""
