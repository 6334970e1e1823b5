"""Earth Engine on loopback, for tests and the demo."""
