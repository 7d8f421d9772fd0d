"""Who could answer, as it is asked for: what the rows of the question are, and what is said about each.

What has a key and what runs on this machine is known only after a moment, so the rows change while they are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from h2a_agent.catalogue import ProviderInfo
from h2a_agent.local_servers import LocalServer
from h2a_agent.provider_setup import ProviderSetup
from h2a_agent.safe_text import one_line
from h2a_tui.overlays import Choice, Note, Row

__all__ = ["ADDRESS", "DEMO", "PROVIDER", "SERVER", "WhoAnswers"]

PROVIDER: Final = "provider:"
SERVER: Final = "server:"
ADDRESS: Final = "address"
DEMO: Final = "demo"

_LOOKED_FOR: Final = "ollama, llama.cpp, LM Studio and vLLM are looked for"


class WhoAnswers:
    """The question. Its answer is `provider:NAME`, `server:NAME`, `address` or `demo`, None for "not now".

    `trouble` is what went wrong before; `servers` are those that were found on this machine.
    """

    title: Final = "Which model shall answer?"
    placeholder: Final = "Type to find a provider"

    def __init__(self, setup: ProviderSetup, *, trouble: str = "") -> None:
        self.trouble = trouble
        self.servers: Sequence[LocalServer] = ()
        self._setup = setup
        self._sources: Mapping[str, str] = {}
        self._searching = True

    async def look_around(self, changed: Callable[[], None]) -> None:
        """Find out what has a key, and what runs here; `changed` is called when other rows are to be shown."""
        self._sources = await self._setup.sources()
        changed()
        self.servers = await self._setup.local()
        self._searching = False
        changed()

    def models_of(self, name: str) -> Sequence[str]:
        """The models of the server `name` of this machine."""
        return next(server.models for server in self.servers if server.provider == name)

    # ------------------------------------------------------------------- rows

    def rows(self) -> Iterator[Row]:
        """All that can be chosen, under headings."""
        yield Note("The agent needs a language model. Choose who answers; /setup comes back here.")
        if self.trouble:
            yield Note(f"✗ {self.trouble}")
        yield Note("")
        yield Note("On this machine", heading=True)
        yield from map(_running, self.servers)
        if here := self.here:
            yield Note(f"  {here} ({_LOOKED_FOR})")
        yield Note("With a key", heading=True)
        found = {server.provider for server in self.servers}
        for info in self._setup.keyed():
            if info.name in found:
                continue
            yield Choice(f"{PROVIDER}{info.name}", f"  {info.name}", self._about_key(info), full=info.name)
        yield Note("Otherwise", heading=True)
        yield Choice(ADDRESS, "  another server, by its address", full="another server, by its address")
        yield Choice(DEMO, "  the demo, which needs nothing", full="the demo, which needs nothing")

    @property
    def here(self) -> str:
        """What is to be said of this machine while, or because, there is no server to show; "" once there is one."""
        if self.servers:
            return ""
        return "looking …" if self._searching else "nothing runs"

    def about(self, chosen: str) -> str:
        """What happens when the row with the id `chosen` is chosen."""
        return {
            ADDRESS: "Any server that speaks the Messages API, by its address",
            DEMO: "A script that shows every key, and no language model",
        }.get(chosen) or (
            "Its models are on this machine and cost nothing"
            if chosen.startswith(SERVER)
            else f"It asks for your key, which is tried at once and goes to {self._origin(chosen)} only"
        )

    def _origin(self, chosen: str) -> str:
        name = chosen.removeprefix(PROVIDER)
        return next((info.origin for info in self._setup.keyed() if info.name == name), name)

    def _about_key(self, info: ProviderInfo) -> str:
        source = self._sources.get(info.name)
        return f"there is a key: {one_line(source, 60)}" if source else info.origin


def _running(server: LocalServer) -> Choice:
    count = len(server.models)
    return Choice(
        f"{SERVER}{server.provider}",
        f"  {server.provider}",
        f"runs here with {count} model{'' if count == 1 else 's'}",
        full=server.provider,
    )
