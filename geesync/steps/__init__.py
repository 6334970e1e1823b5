"""One state in, events out: what moves assets towards verified."""
