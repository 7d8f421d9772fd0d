"""Who shall answer: the one screen somebody sees first who has neither a key nor a server, and `/setup` later.

At the first start it comes up while somebody may already be typing. Until it has been readable for a moment and
nobody types, no key answers it: what is typed is kept and goes into the editor of the chat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from textual import events

from h2a_agent.catalogue import ProviderInfo
from h2a_agent.local_servers import LocalServer
from h2a_agent.provider_setup import ProviderSetup
from h2a_agent.safe_text import one_line
from h2a_tui.keymap import EDITING, Action, Context, Keymap
from h2a_tui.overlays import Choice, Note, Row
from h2a_tui.screens.filter_picker import FilterPicker
from h2a_tui.typing_guard import TypingGuard
from h2a_tui.widgets.editor import hand_on

__all__ = ["ADDRESS", "DEMO", "PROVIDER", "SERVER", "SetupScreen"]

PROVIDER = "provider:"
SERVER = "server:"
ADDRESS = "address"
DEMO = "demo"

_LOOKED_FOR = "ollama, llama.cpp, LM Studio and vLLM are looked for"


class SetupScreen(FilterPicker):
    """Returns `provider:NAME`, `server:NAME`, `address` or `demo`; None for "not now".

    `servers` are those that were found on this machine, after a moment. `trouble` is what went wrong before.
    """

    def __init__(
        self,
        setup: ProviderSetup,
        keymap: Keymap,
        *,
        trouble: str = "",
        guard: TypingGuard | None = None,
        keep: Callable[[str], None] = lambda text: None,
    ) -> None:
        """With a `guard` what is typed too early goes to `keep`."""
        self.servers: Sequence[LocalServer] = ()
        self._setup = setup
        self._trouble = trouble
        self._sources: Mapping[str, str] = {}
        self._searching = True
        rows = tuple(self._rows())
        super().__init__("Which model shall answer?", rows, keymap, placeholder="Type to find a provider")
        self._guard = guard
        self._keep = keep
        self._early = ""

    def begin(self) -> None:
        """Look around: what runs here, what has a key."""
        super().begin()
        self.run_worker(self._look_around(), name="setup")
        if self._guard is not None:
            self.set_focus(None)
            self.call_after_refresh(self._guard.shown)

    def footer(self, chosen: str) -> str:
        """What happens when the row is chosen."""
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

    # ------------------------------------------------------------------- rows

    def _rows(self) -> Iterator[Row]:
        yield Note("The agent needs a language model. Choose who answers; /setup comes back here.")
        if self._trouble:
            yield Note(f"✗ {self._trouble}")
        yield Note("")
        yield Note("On this machine", heading=True)
        for server in self.servers:
            count = len(server.models)
            yield Choice(
                f"{SERVER}{server.provider}",
                f"  {server.provider}",
                f"runs here with {count} model{'' if count == 1 else 's'}",
                full=server.provider,
            )
        if not self.servers:
            yield Note(
                f"  looking … ({_LOOKED_FOR})" if self._searching else f"  nothing runs ({_LOOKED_FOR})"
            )
        yield Note("With a key", heading=True)
        found = {server.provider for server in self.servers}
        for info in self._setup.keyed():
            if info.name in found:
                continue
            yield Choice(f"{PROVIDER}{info.name}", f"  {info.name}", self._about_key(info), full=info.name)
        yield Note("Otherwise", heading=True)
        yield Choice(ADDRESS, "  another server, by its address", full="another server, by its address")
        yield Choice(DEMO, "  the demo, which needs nothing", full="the demo, which needs nothing")

    def _about_key(self, info: ProviderInfo) -> str:
        source = self._sources.get(info.name)
        return f"there is a key: {one_line(source, 60)}" if source else info.origin

    async def _look_around(self) -> None:
        self._sources = await self._setup.sources()
        self.show_rows(tuple(self._rows()))
        self.servers = await self._setup.local()
        self._searching = False
        self.show_rows(tuple(self._rows()))

    # ------------------------------------------------------------- typed ahead

    def on_key(self, event: events.Key) -> None:
        """A key that comes too early is kept; the first that does not takes the guard away."""
        if self._guard is None:
            hand_on(event, self)  # it was on its way here when the guard went
            return
        event.stop()
        event.prevent_default()
        if self._guard.readable and self._guard.nobody_types:
            self._let_answer()
            self.editor.post_message(events.Key(event.key, event.character))
        else:
            self._hold(event)

    def on_paste(self, event: events.Paste) -> None:
        """A paste is text."""
        if self._guard is not None:
            event.stop()
            self._guard.typed()
            self._held(self._early + event.text)

    def close(self, result: str | None) -> None:
        """Leave; what was typed too early is in the editor then."""
        self._let_answer()
        super().close(result)

    def _hold(self, event: events.Key) -> None:
        assert self._guard is not None
        match self.keymap.action(event.key, Context.COMPOSER):
            case Action.SUBMIT | Action.NEWLINE:
                self._held(f"{self._early}\n" if self._early else "")
            case None if event.is_printable and event.character:
                self._guard.typed()
                self._held(self._early + event.character)
            case _ if EDITING.get(event.key) == "delete_left":
                self._held(self._early[:-1])
            case _:
                pass

    def _held(self, text: str) -> None:
        self._early = text
        if text:
            self.say(f"Kept for the editor: {one_line(text, 200)}")

    def _let_answer(self) -> None:
        if self._guard is not None:
            self._guard = None
            self.set_focus(self.editor)
            if text := self._early.strip("\n"):
                self._keep(text)
