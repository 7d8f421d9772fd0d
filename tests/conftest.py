"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# A busy machine is not a slow program; the time limit of each test is pytest's.
settings.register_profile("default", deadline=None)
settings.load_profile("default")
