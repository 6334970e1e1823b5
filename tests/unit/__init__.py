"""Pure decisions: no disk, no network, no clock. Properties come from Hypothesis, without luck."""

from hypothesis import settings

settings.register_profile("geesync", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("geesync")
