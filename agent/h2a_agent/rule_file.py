"""Writing to the user's `config.toml`: one rule at a time, everything else in it untouched.

The new file is whole before it takes the old one's place, which is kept as `config.toml.bak`; a lock
keeps two processes from losing each other's rules. A file that is a link stays one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from h2a_agent.config_error import ConfigError
from h2a_agent.config_file import replace_file
from h2a_agent.paths import private_folder

__all__ = ["add_allow_rule"]


def add_allow_rule(path: Path, rule: str) -> None:
    """Add `rule` to `permissions.allow` of the file at `path`, which is made if need be. It blocks: for a thread.

    Raises:
        ConfigError: the file is not valid TOML, or `permissions.allow` is no list; it is left as it is.
        OSError: it cannot be read or written.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError
    from tomlkit.items import Array

    private_folder(path.parent)
    path = path.resolve()
    with _locked(path.with_name(path.name + ".lock")):
        before = path.read_bytes() if path.exists() else b""
        try:
            document = tomlkit.parse(before.decode("utf-8"))
        except (TOMLKitError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not valid TOML: {error}") from error
        table = document.setdefault("permissions", tomlkit.table())
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: permissions is not a table")
        rules = table.setdefault("allow", tomlkit.array())
        if not isinstance(rules, Array):
            raise ConfigError(f"{path}: permissions.allow is not a list")
        if rule in rules.unwrap():
            return
        rules.append(rule)
        rules.multiline(len(rules) > 1)
        if before:
            replace_file(path.with_name(path.name + ".bak"), before.decode("utf-8"))
        replace_file(path, tomlkit.dumps(document))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock file at `path`; the kernel lets go of it with the process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
