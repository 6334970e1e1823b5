"""Assets as people look at them: lists, pages and documents, read-only."""
