"""Fixtures of the agent's tests: real parts, checked at the end of each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from support.messages_api import MessagesServer


@pytest.fixture
async def server() -> AsyncIterator[MessagesServer]:
    """A strict Messages API. At the end every request it got must have been valid, unless a test expects otherwise."""
    async with MessagesServer() as running:
        yield running
    if not running.expect_violations:
        assert running.violations == []
