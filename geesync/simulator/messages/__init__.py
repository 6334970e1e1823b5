"""Requests' bodies, read as strictly as a protocol buffer parser does."""
