"""Commands that run or install the service, and show its configuration."""
