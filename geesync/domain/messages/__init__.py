"""What people are told: numbers in words, notices, and what the doctor says."""
