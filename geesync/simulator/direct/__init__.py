"""What is answered at once, without a task: pixels, rows and values."""
