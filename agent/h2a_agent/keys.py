"""API keys: where they are found, how they are kept, and that none goes where it does not belong.

A key is looked for in the provider's environment variable, then in the keyring (with the `keyring` extra), then
in a file of its own below the configuration folder. Keyring and file name it `provider@origin`: when a
provider's address changes, the key of the old one is simply not found, and so never sent there.

The environment is the mapping that was passed in, not `os.environ`: the program may have been started
without its secrets and got them by another way.
"""

from __future__ import annotations

import os
import shlex
import stat
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Protocol, TypeVar

from h2a_agent.catalogue import ProviderInfo
from h2a_agent.config_error import ConfigError
from h2a_agent.paths import private_folder
from h2a_agent.redact import remember

__all__ = ["NO_KEYS", "Key", "Keys", "checked_key"]

_SERVICE: Final = "h2a-chat"
_KEYRING_S: Final = 0.2  # a look-up at the start; a locked or absent service may never answer
_PERSON_S: Final = 60.0  # keeping one: somebody may have to type a password
_LONGEST: Final = 8192  # bytes

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Key:
    """A key and where it came from: a variable's name, `keyring` or a file's path."""

    value: str = field(repr=False)
    source: str


class Keys:
    """The user's keys. Each one that is found is made known to `redact`."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ
        self._given: dict[str, Key] = {}

    @property
    def may_be_kept(self) -> bool:
        """May a key be kept somewhere? Costs next to nothing; True is only a perhaps."""
        return self._folder.is_dir() or find_spec("keyring") is not None

    def give(self, info: ProviderInfo, value: str, source: str) -> None:
        """Let `value` be the key of exactly this provider at this address, for as long as the program runs."""
        remember(value)
        self._given[_entry(info)] = Key(value, source)

    def find(self, info: ProviderInfo) -> Key | None:
        """The key for `info` where it is now.

        Raises:
            ConfigError: it is in a file that others can read, or the file cannot be read.
        """
        key = self._given.get(_entry(info)) or self._from_environment(info)
        if key is None and (value := _keyring(lambda ring: ring.get_password(_SERVICE, _entry(info)))):
            key = Key(value.strip(), "keyring")
        if key is None:
            key = self._from_file(info)
        if key is not None:
            remember(key.value)
        return key

    def store(self, info: ProviderInfo, value: str) -> str:
        """Keep `value` as the key for `info`, in the keyring if there is one, else in a file; returns where.

        Raises:
            ConfigError: `value` cannot be a key.
            OSError: the file cannot be written.
        """
        value = checked_key(value)

        def keep(ring: _Ring) -> bool:
            ring.set_password(_SERVICE, _entry(info), value)
            return ring.get_password(_SERVICE, _entry(info)) == value  # some back ends keep nothing

        if _keyring(keep, _PERSON_S):
            self._path(info).unlink(missing_ok=True)
            return "keyring"
        _write_private(self._path(info), value + "\n")
        return str(self._path(info))

    def delete(self, info: ProviderInfo) -> list[str]:
        """Forget the kept key of `info`; returns where it was. A key in the environment is not ours to take."""
        gone = []

        def forget(ring: _Ring) -> bool:
            if ring.get_password(_SERVICE, _entry(info)) is None:
                return False
            ring.delete_password(_SERVICE, _entry(info))
            return True

        if _keyring(forget, _PERSON_S):
            gone.append("keyring")
        if self._path(info).exists():
            self._path(info).unlink()
            gone.append(str(self._path(info)))
        return gone

    def _from_environment(self, info: ProviderInfo) -> Key | None:
        value = self._environ.get(info.key_env, "").strip() if info.key_env else ""
        return Key(value, info.key_env) if value else None

    def _from_file(self, info: ProviderInfo) -> Key | None:
        path = self._path(info)
        try:
            value = _read_private(path)
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise ConfigError(f"{path}: cannot be read: {reason}.") from error
        return Key(value, str(path)) if value else None

    def _path(self, info: ProviderInfo) -> Path:
        return self._folder / _entry(info)


def checked_key(value: str) -> str:
    """`value` without what is around it, from now on known to `redact`.

    Raises:
        ConfigError: it cannot be a key.
    """
    value = value.strip()
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigError("that is no key: a key is one line of letters, digits and signs, without spaces.")
    remember(value)
    return value


NO_KEYS: Final = Keys(Path(os.devnull), {})  # of a program that was started without settings


def _entry(info: ProviderInfo) -> str:
    return f"{info.name}@{info.origin}"


# ----------------------------------------------------------------- the keyring


class _Ring(Protocol):
    """What we use of the `keyring` module."""

    def get_password(self, service: str, name: str, /) -> str | None: ...
    def set_password(self, service: str, name: str, value: str, /) -> None: ...
    def delete_password(self, service: str, name: str, /) -> None: ...


def _keyring(ask: Callable[[_Ring], T], timeout_s: float = _KEYRING_S) -> T | None:
    """What the keyring answers; None where there is none, it fails, or it does not answer in time."""
    if find_spec("keyring") is None:
        return None
    import keyring

    answers: list[T] = []

    def work() -> None:
        try:
            answers.append(ask(keyring))
        except Exception:  # noqa: BLE001, S110  back ends are plug-ins of others: whatever they raise means no key
            pass

    # A daemon: an answer that never comes must not keep the program from ending.
    thread = threading.Thread(target=work, name="keyring", daemon=True)
    thread.start()
    thread.join(timeout_s)
    return answers[0] if answers else None


# ------------------------------------------------------------------- the files


def _read_private(path: Path) -> str:
    """The first line of a file nobody else can read.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is not text.
        ConfigError: others can read it, or it is not a file.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO does not hold us up
    try:
        for place, facts in ((path, os.fstat(fd)), (path.parent, path.parent.stat())):
            if facts.st_mode & 0o077:
                mode = "600" if place is path else "700"
                raise ConfigError(
                    f"{place}: other users can read this, so no key is taken from it. "
                    f"Mend it with: chmod {mode} {shlex.quote(str(place))}"
                )
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ConfigError(f"{path}: not a file.")
        return os.read(fd, _LONGEST).decode().strip().partition("\n")[0].strip()
    finally:
        os.close(fd)


def _write_private(path: Path, text: str) -> None:
    """Write a file for this user alone; at every moment the old one or the new one is there, whole."""
    folder = private_folder(path.parent)
    new = folder / f".{path.name}.{os.getpid()}"
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
