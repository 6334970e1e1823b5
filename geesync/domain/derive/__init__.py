"""A user's own function over a whole collection: jobs, what each makes of what, and its life."""
