"""Pixels and rows that Earth Engine computes on request, on their way to disk."""
