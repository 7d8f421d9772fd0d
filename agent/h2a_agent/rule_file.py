"""One more allow rule in the user's `config.toml`."""

from __future__ import annotations

from pathlib import Path

from h2a_agent.config_edit import editing
from h2a_agent.config_error import ConfigError

__all__ = ["add_allow_rule"]


def add_allow_rule(path: Path, rule: str) -> None:
    """Add `rule` to `permissions.allow` of the file at `path`, which is made if need be. It blocks: for a thread.

    Raises:
        ConfigError: the file is not valid, or `permissions.allow` is no list; it is left as it is.
        OSError: it cannot be read or written.
    """
    import tomlkit
    from tomlkit.items import Array

    with editing(path) as document:
        table = document.setdefault("permissions", tomlkit.table())
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: permissions is not a table")
        rules = table.setdefault("allow", tomlkit.array())
        if not isinstance(rules, Array):
            raise ConfigError(f"{path}: permissions.allow is not a list")
        if rule not in rules.unwrap():
            rules.append(rule)
            rules.multiline(len(rules) > 1)
