"""Expressions and what they come to: images, tables, numbers."""
