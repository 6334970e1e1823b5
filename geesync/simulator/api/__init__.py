"""Earth Engine's REST API: its methods, its discovery document, and the way of a call."""
