"""Earth Engine in our words, and people's own functions on its images."""
