"""Objects fetched into files: resumed where they ended, and checked byte for byte."""
