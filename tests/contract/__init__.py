"""The adapters, with Google's own clients, against the simulator on loopback."""
