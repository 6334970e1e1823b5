"""The functions of Earth Engine that the simulator has, by what they work on."""
