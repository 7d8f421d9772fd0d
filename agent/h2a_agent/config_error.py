"""The one error of settings, keys and providers: something the user wrote cannot be used."""

from __future__ import annotations

__all__ = ["ConfigError"]


class ConfigError(Exception):
    """A setting cannot be used; the message is one line that names the place, the key and what is allowed."""
