"""The machine around us: systemd, its journal, memory, and commands that tell people."""
