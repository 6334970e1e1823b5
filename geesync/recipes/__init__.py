"""Functions for jobs (``derive``) that are worth sharing: worked examples, useful as they are."""
