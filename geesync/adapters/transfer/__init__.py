"""The way of bytes from Google's servers into files: many requests at a time, by libcurl."""
