"""The agent behind h2a-chat: inbox, loop, providers, tools and sessions, without a screen."""

__version__ = "0.1.0"
