"""Asks a real account what public sources do not tell: ``python -m tests.live --project P``."""
