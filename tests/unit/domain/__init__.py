"""Mirrors geesync/domain."""
