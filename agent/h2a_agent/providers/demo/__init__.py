"""The scripted model of a machine without a key."""

from h2a_agent.providers.demo.provider import READING_SPEED, DemoProvider

__all__ = ["READING_SPEED", "DemoProvider"]
