"""Time series from a mirror: opened as data, fitted by harmonics, written and plotted."""
