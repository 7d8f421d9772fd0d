"""What somebody needs who has no model yet: who could answer, whether a key is good, and how the choice is kept.

A key is tried by asking for the list of models, which costs nothing. Some servers show that list to anybody; then
it proves nothing about the key, and that is said instead of "accepted".
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from h2a_agent.catalogue import Catalogue, ProviderInfo, presets, server_at
from h2a_agent.config_edit import set_keys
from h2a_agent.config_error import ConfigError
from h2a_agent.keys import Key, Keys, checked_key
from h2a_agent.local_servers import LocalServer, NoList, find_local_servers, list_models

__all__ = ["ProviderSetup", "Trial", "Verdict"]


class Verdict(Enum):
    """What a server made of a key."""

    ACCEPTED = auto()
    REFUSED = auto()
    UNREACHABLE = auto()
    UNPROVEN = auto()  # it answered, but not so that one could tell


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of asking a server: in one sentence, and the models it listed."""

    verdict: Verdict
    says: str
    models: tuple[str, ...] = ()


class ProviderSetup:
    """Who could answer, for one user. Nothing is kept unless a verb says so."""

    def __init__(self, catalogue: Catalogue, keys: Keys, config_file: Path) -> None:
        self._catalogue = catalogue
        self._keys = keys
        self._config_file = config_file

    def keyed(self) -> list[ProviderInfo]:
        """The providers that want a key, and those of the user's own file, which come first."""
        infos = map(self._catalogue.get, self._catalogue.names)
        return [info for info in infos if not info.local or info.name not in presets()]

    async def local(self) -> list[LocalServer]:
        """The servers that run on this machine now."""
        infos = map(self._catalogue.get, self._catalogue.names)
        return await find_local_servers(info for info in infos if info.local)

    async def key(self, info: ProviderInfo) -> Key | None:
        """The key there is for `info`; None when there is none that can be used."""
        try:
            return await asyncio.to_thread(self._keys.find, info)
        except ConfigError:
            return None

    async def sources(self) -> dict[str, str]:
        """For each provider that has a key: where that comes from."""
        infos = self.keyed()
        keys = await asyncio.gather(*map(self.key, infos))
        return {info.name: key.source for info, key in zip(infos, keys, strict=True) if key is not None}

    async def try_key(self, info: ProviderInfo, value: str) -> Trial:
        """Ask the server of `info` with this key ("": without one).

        Raises:
            ConfigError: it cannot be a key.
        """
        value = checked_key(value) if value else ""
        if not value and not info.local:
            return Trial(Verdict.REFUSED, f"{info.name} wants a key")
        try:
            models = await list_models(info, Key(value, "") if value else None)
        except NoList as no:
            match no.why:
                case "refused":
                    return Trial(Verdict.REFUSED, f"{info.origin} refuses this key")
                case "unreachable":
                    return Trial(Verdict.UNREACHABLE, str(no))
                case _:
                    return Trial(Verdict.UNPROVEN, "the first answer will show whether the key is good")
        if value and not await self._keeps_its_list(info):
            return Trial(Verdict.UNPROVEN, "the first answer will show whether the key is good", models)
        return Trial(Verdict.ACCEPTED, f"{info.origin} accepts it", models)

    async def keep_key(self, info: ProviderInfo, value: str) -> str:
        """Keep a key for `info` and use it from now on; returns where it is kept.

        Raises:
            ConfigError: it cannot be a key.
            OSError: it cannot be kept.
        """
        where = await asyncio.to_thread(self._keys.store, info, value)
        self._keys.give(info, value.strip(), where)
        return where

    def server(self, url: str) -> ProviderInfo:
        """The server at `url`: one that is known, or a new one.

        Raises:
            ConfigError: that is no address.
        """
        new = server_at(url, taken=self._catalogue.names)
        known = map(self._catalogue.get, self._catalogue.names)
        return next((info for info in known if info.base_url == new.base_url), new)

    async def keep_server(self, info: ProviderInfo) -> None:
        """Know the server of `info` from now on.

        Raises:
            ConfigError: the settings' file cannot be changed.
        """
        if info.name not in self._catalogue:
            table = {"providers": {info.name: {"base_url": info.base_url}}}
            await asyncio.to_thread(set_keys, self._config_file, table)
            self._catalogue.fix(info)

    async def _keeps_its_list(self, info: ProviderInfo) -> bool:
        """Does the server show its list only to who has a key?"""
        try:
            await list_models(info, None)
        except NoList as no:
            return no.why == "refused"
        return False
