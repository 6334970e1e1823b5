"""What people's own functions make: exported into its place, once, and seen there."""
