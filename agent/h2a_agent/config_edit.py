"""Writing to the user's `config.toml`: single values, everything else in it untouched, comments and layout too.

The new file is whole and has been checked before it takes the old one's place, which is kept as `config.toml.bak`; a
lock keeps two processes from losing each other's changes. A file that is a link stays one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h2a_agent.config_error import ConfigError
from h2a_agent.config_file import check_text, replace_file
from h2a_agent.paths import private_folder

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

__all__ = ["editing", "set_keys"]


def set_keys(path: Path, values: Mapping[str, Any]) -> None:
    """Set these keys in the file, those of tables too: `{"model": "x", "providers": {"mine": {"base_url": ...}}}`. It blocks.

    Raises:
        ConfigError: the file cannot be read or written, or would say what it may not; it is left as it is.
    """
    from tomlkit.exceptions import TOMLKitError

    try:
        with editing(path) as document:
            try:
                _merge(document, values)
            except (TOMLKitError, AttributeError, TypeError) as error:
                raise ConfigError(
                    f"{path}: cannot be changed safely; set {', '.join(values)} by hand."
                ) from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}.") from error


@contextmanager
def editing(path: Path) -> Iterator[TOMLDocument]:
    """The file at `path` as a document to change; it is written when the block has ended well and anything changed.

    Raises:
        ConfigError: it is not valid, before or after; it is left as it is.
        OSError: it cannot be read or written.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    private_folder(path.parent)
    file = path.resolve()
    with _locked(file.with_name(file.name + ".lock")):
        before = file.read_bytes() if file.exists() else b""
        try:
            document = tomlkit.parse(before.decode("utf-8"))
        except (TOMLKitError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not valid TOML: {error}") from error
        yield document
        after = tomlkit.dumps(document)
        if after.encode() == before:
            return
        check_text(path, after)
        if before:
            replace_file(file.with_name(file.name + ".bak"), before.decode("utf-8"))
        replace_file(file, after)


def _merge(table: Any, values: Mapping[str, Any]) -> None:
    import tomlkit

    for key, value in values.items():
        if isinstance(value, Mapping):
            if key not in table:
                table[key] = tomlkit.table(is_super_table=all(isinstance(v, Mapping) for v in value.values()))
            _merge(table[key], value)
        else:
            table[key] = value


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock file at `path`; the kernel lets go of it with the process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
