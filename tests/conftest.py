"""What holds for every test."""

from __future__ import annotations

import os

from hypothesis import settings

# No test looks into the keyring of whoever runs it; tests of the keyring bring their own.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"

# A busy machine is not a slow program; the time limit of each test is pytest's.
settings.register_profile("default", deadline=None)
settings.load_profile("default")
