"""Tables as files: CSV and GeoJSON read and written, GeoParquet made of them."""
