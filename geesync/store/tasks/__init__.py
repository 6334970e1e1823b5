"""What is remembered of plans and tasks, and the only writer of a task's state."""
