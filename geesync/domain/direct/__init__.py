"""Pixels and rows that are asked for directly: which requests, what they hold, what they cost."""
