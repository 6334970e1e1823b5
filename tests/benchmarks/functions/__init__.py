"""Single functions, measured by pytest-benchmark."""
