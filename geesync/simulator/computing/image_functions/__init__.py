"""Earth Engine's functions that make an image of images."""
