"""A small Google Drive on loopback, as far as exports and those who fetch them need one."""
