"""`h2a-chat key set|list|delete`: keeps API keys, and says where they are but never what they are.

A key is read from the terminal without echo or from a pipe, never from the command line: arguments are seen by
every user of the machine and stay in the shell's history.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from h2a_agent.catalogue import Catalogue, ProviderInfo
    from h2a_agent.keys import Keys
    from h2a_agent.paths import Paths

__all__ = ["VERBS", "key_command"]

VERBS: Final = ("set", "list", "delete")
_USAGE: Final = "h2a-chat key set NAME, h2a-chat key list or h2a-chat key delete NAME"


def key_command(argv: Sequence[str], paths: Paths, environ: Mapping[str, str]) -> int:
    """Do what stands behind `h2a-chat key`; returns the exit code.

    Raises:
        ConfigError: that is not a command, there is no such provider, or what was typed is no key.
        OSError: the key cannot be kept.
    """
    from h2a_agent.config import ConfigError, load_providers

    catalogue, keys = load_providers(paths, environ)
    match list(argv):
        case ["set", name]:
            return _set(_keyed(catalogue, name), keys)
        case ["list"]:
            return _list(catalogue, keys)
        case ["delete", name]:
            return _delete(_keyed(catalogue, name), keys)
        case _:
            raise ConfigError(f"that is not how it goes: {_USAGE}. A key is asked for, never an argument.")


def _keyed(catalogue: Catalogue, name: str) -> ProviderInfo:
    from h2a_agent.catalogue import DEMO
    from h2a_agent.config import ConfigError

    info = catalogue.get(name)
    if info.name == DEMO.name:
        raise ConfigError("the demo needs no key.")
    return info


def _set(info: ProviderInfo, keys: Keys) -> int:
    where = keys.store(info, _read(info))
    print(f"Kept for {info.name} ({info.origin}): {where}")
    print(f"To use it: h2a-chat --provider {info.name}")
    if info.key_env and _source(info, keys) == info.key_env:
        print(f"{info.key_env} is set and counts before it.", file=sys.stderr)
    return 0


def _read(info: ProviderInfo) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"Key for {info.name} ({info.origin}), not shown: ")
    return sys.stdin.readline()


def _list(catalogue: Catalogue, keys: Keys) -> int:
    from h2a_agent.catalogue import DEMO

    found = False
    for name in catalogue.names:
        info = catalogue.get(name)
        if info.name != DEMO.name and (source := _source(info, keys)):
            found = True
            print(f"{name:12}  {info.origin:32}  {source}")
    if not found:
        print("There are no keys. Keep one with: h2a-chat key set NAME", file=sys.stderr)
    return 0


def _source(info: ProviderInfo, keys: Keys) -> str:
    """Where the key of `info` is, or why it cannot be used from there; "" when there is none."""
    from h2a_agent.config import ConfigError

    try:
        key = keys.find(info)
    except ConfigError as refused:
        return str(refused)
    return key.source if key else ""


def _delete(info: ProviderInfo, keys: Keys) -> int:
    gone = keys.delete(info)
    for where in gone:
        print(f"Deleted the key for {info.name} ({info.origin}): {where}")
    if not gone:
        print(f"No key is kept for {info.name} ({info.origin}).", file=sys.stderr)
    if info.key_env and _source(info, keys) == info.key_env:
        print(f"{info.key_env} is still set in your environment.", file=sys.stderr)
    return 0 if gone else 1
