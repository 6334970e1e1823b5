"""What keeps the service well: samples, notices, and a history that does not grow for ever."""
