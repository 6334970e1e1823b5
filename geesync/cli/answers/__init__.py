"""Commands that only ask."""
