"""What is remembered of roots, assets and tasks, and the only writers of their states."""
