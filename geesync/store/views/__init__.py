"""Answers to questions, read-only and quick."""
