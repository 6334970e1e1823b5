"""Reducers: what they are, and what they come to over pixels, lists and features."""
