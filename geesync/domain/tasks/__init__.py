"""What is asked of Earth Engine in the background: requests, operations, and what failures mean."""
