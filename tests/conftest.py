"""What holds for every test."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from support.lateness import LATE, start_threads_late

# No test looks into the keyring of whoever runs it; tests of the keyring bring their own.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"

# A busy machine is not a slow program; the time limit of each test is pytest's.
settings.register_profile("default", deadline=None)
settings.load_profile("default")


if LATE:
    start_threads_late()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "soak(rounds): repeated so often in a long campaign (H2A_SOAK=1)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """In a long campaign a test marked `soak` runs many times."""
    marker = metafunc.definition.get_closest_marker("soak")
    if marker is not None and os.environ.get("H2A_SOAK"):
        metafunc.fixturenames.append("soak_round")
        metafunc.parametrize("soak_round", range(marker.args[0]))
