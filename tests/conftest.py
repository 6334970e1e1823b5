"""What all tests share: examples that are the same in every run."""

from __future__ import annotations

from hypothesis import settings

# A run that fails must fail again; new examples are looked for on purpose, not by every run:
# pytest --hypothesis-profile=explore
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("repeatable")
