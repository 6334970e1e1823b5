"""Where Earth Engine leaves exports and takes uploads: buckets, and a person's Drive."""
