"""Earth Engine on loopback, for tests and the demo."""

from geesync.simulator.profiles import CALM, HELL, REAL, Durations, Profile, always
from geesync.simulator.simulator import Simulator

__all__ = ["CALM", "HELL", "REAL", "Durations", "Profile", "Simulator", "always"]
