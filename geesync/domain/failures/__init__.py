"""What failures mean: whose they are, and what follows."""
