"""The examples in the docstrings run and say what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("module", ["core", "backpressure", "priority", "streaming"])
def test_examples_in_the_docstrings_hold(module: str) -> None:
    results = doctest.testmod(importlib.import_module(f"h2a_queue.{module}"))
    assert results.attempted > 0
    assert results.failed == 0
