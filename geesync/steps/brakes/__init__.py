"""What holds work back: limits that others share, and refusals that concern many."""
