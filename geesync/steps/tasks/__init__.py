"""Tasks at Earth Engine: planned, submitted, held back, and reconciled with what it says."""
