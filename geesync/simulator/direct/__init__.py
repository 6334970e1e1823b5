"""What is answered at once, without a task: pixels and rows."""
