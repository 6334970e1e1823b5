"""What is remembered of copies: objects, files, documents, and when they were last read."""
