"""The Textual application: wiring and nothing else.

Events come from the agent through a h2A queue of this app's own, are folded into a `State`, and go to the
chat screen in batches; keys go the other way as calls of the agent.
"""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, ClassVar

from rich.console import RenderableType
from rich.segment import Segments
from rich.text import Text
from textual import events, on
from textual.app import App
from textual.binding import BindingType
from textual.screen import Screen
from textual.worker import WorkerFailed

from h2a_agent.model_choice import ModelChoice
from h2a_agent.state import State, reduce
from h2a_themes import Theme
from h2a_tui.attention import Attention, call_for
from h2a_tui.client import Client, Switch
from h2a_tui.crash import crash_message, write_crash_report
from h2a_tui.handover import Handover
from h2a_tui.key_tips import TIP_S, KeyTips
from h2a_tui.keys import KeyDriver, KeyProtocol, LiteralKeyDriver
from h2a_tui.screens.chat import ChatScreen
from h2a_tui.settings import ScreenSettings
from h2a_tui.terminal_facts import TmuxKeys, ask_tmux, terminal_facts
from h2a_tui.theme_choice import ThemeChoice
from h2a_tui.themed_app import ThemedApp
from h2a_tui.transcript.preview import Gallery
from h2a_tui.transcript.widget import Transcript

if TYPE_CHECKING:
    from h2a_tui.doctor import Doctor

__all__ = ["H2AApp"]


class H2AApp(ThemedApp[Switch], inherit_bindings=False):
    """Shows one agent until it is left, perhaps for another session. The return code is 1 when the program failed, else 0; the agent is the caller's to close."""

    BINDINGS: ClassVar[list[BindingType]] = []  # the keymap has them all
    ENABLE_COMMAND_PALETTE = False
    TITLE: str | None = "h2a-chat"

    def __init__(
        self,
        client: Client,
        settings: ScreenSettings,
        themes: ThemeChoice | None = None,
        *,
        notice: str = "",
        models: ModelChoice | None = None,
        first_run: bool = False,
        doctor: Doctor | None = None,
        handover: Handover | None = None,
    ) -> None:
        """`themes` is what `/theme` chooses from; without one the dark theme is worn.

        `notice` stands on the first page, until something is said. `models` is what `/model` chooses from; at the
        `first_run` it is asked at once who shall answer. `doctor` knows what `/doctor` tells. `handover` is how the terminal
        comes from another app, and goes on to one.
        """
        super().__init__(
            themes or ThemeChoice("dark"), KeyDriver if settings.paste_burst else LiteralKeyDriver
        )
        self.handover = handover
        self._client = client
        self._settings = settings
        self._first_run = first_run
        self.chat = ChatScreen(
            client,
            settings,
            Transcript(theme=self.dressed, side_by_side=settings.diffs == "side-by-side"),
            notice,
            models,
            self.themes,
            lambda: self._events.stats,
            doctor,
        )
        if settings.images:
            drawn = self.console.color_system in ("256", "truecolor") and not self.no_color
            self.chat.transcript.gallery = Gallery(client.pictures, drawn=drawn)
        self._key_tips = KeyTips(settings.keymap(), settings.tips_file, self._say_tip)
        self._kitty: bool | None = None
        self._tmux: TmuxKeys | None = None
        self._attention = Attention(self._tell_terminal, settings.signals, os.environ, client.workspace)
        # In one tick, so that nothing falls between what was and what comes.
        self._past, self._first_state, self._events = client.replay(), client.state, client.subscribe()

    def get_default_screen(self) -> Screen[None]:
        """The chat is the only screen there is to come back to."""
        return self.chat

    def dress(self, theme: Theme) -> None:
        """Recolour what is painted without a style sheet."""
        self.chat.transcript.set_theme(theme)

    def say_of_theme(self, text: str) -> None:
        """Say it in the status line."""
        self.chat.notice(text)

    def exit(
        self, result: Switch | None = None, return_code: int = 0, message: RenderableType | None = None
    ) -> None:
        """Leave; for another session the terminal stays as it is, and every key that was read before reaches the editor."""
        if result is not None:
            self.hand_over(result)
        else:
            super().exit(result, return_code, message)

    def on_mount(self) -> None:
        """Listen to the agent; everything slow comes after the first frame."""
        self._take_terminal()
        self._learn_keys()
        self.app_resume_signal.subscribe(self, self._repaint, immediate=True)
        self.run_worker(self._read_events(), name="events")
        if self._first_run:
            self.chat.set_up()
        self.call_after_refresh(self._after_first_frame)

    async def on_event(self, event: events.Event) -> None:
        """Hand an event on; how long a key takes to be seen is measured from here, while somebody wants to know."""
        await super().on_event(event)
        if isinstance(event, events.Key) and self.focused is not None:
            self.chat.hud.saw_key(event, self.focused)

    def _repaint(self, _app: App[Switch]) -> None:
        """Back from Ctrl+Z the terminal is empty, and of what it showed only what changes would be sent."""
        self.screen.refresh()
        self._attention.show(self.chat.state, anew=True)

    def _take_terminal(self) -> None:
        driver = self._driver
        if isinstance(driver, KeyDriver):
            driver.direct = self._settings.direct
            driver.greeting, driver.farewell = self._attention.greeting, self._attention.farewell
            driver.write(driver.greeting)
        self._attention.show(self._first_state)

    # ------------------------------------------------ keys that do not arrive

    @on(KeyProtocol)
    def _terminal_has_said_its_keys(self, said: KeyProtocol) -> None:
        self._kitty = said.kitty
        self._learn_keys()

    def _learn_keys(self) -> None:
        """Show keys that arrive, as far as that is known by now."""
        flow_control = isinstance(self._driver, KeyDriver) and self._driver.flow_control
        facts = terminal_facts(os.environ, kitty=self._kitty, tmux=self._tmux, flow_control=flow_control)
        if facts != self._key_tips.facts:
            self._key_tips.facts = facts
            self.chat.prefer_keys(facts.arrives)

    async def _ask_about_keys(self) -> None:
        await self._key_tips.load()
        self._tmux = await ask_tmux(os.environ, self._client.workspace)
        self._learn_keys()
        self._give_tip()

    def _give_tip(self) -> None:
        if self._key_tips.see(self.chat.state):
            self.run_worker(self._key_tips.keep(), name="tip")

    def _say_tip(self, line: str) -> None:
        self.chat.notice(line, TIP_S)

    # -------------------------------------------------------------- the terminal

    def _tell_terminal(self, sequence: str) -> None:
        """Send what is no part of the screen; without a terminal of ours nothing."""
        if isinstance(self._driver, KeyDriver):
            self._driver.write(sequence)
            self._driver.flush()

    def on_unmount(self) -> None:
        """Want no more events."""
        self._events.close()

    async def _read_events(self) -> None:
        """Draw the past, then whatever happens. Ends when the agent is closed."""
        state: State = self._first_state
        self.chat.show_past(self._past, state)
        self._past = []
        while events := await self._events.batch():
            for event in events:
                state = reduce(state, event)
            self.chat.show(state, events)
            self._attention.show(state)
            self._give_tip()
            if not self.app_focus and (call := call_for(state, events)):
                self._attention.call(call)

    def _after_first_frame(self) -> None:
        """Load what the first message would wait for, then keep the collector away from what stays for good."""
        if self.handover is not None:
            self.handover.listening.set()
        self.run_worker(self._warm_up(), name="warm-up")
        self.run_worker(self._ask_about_keys(), name="keys")

    async def _warm_up(self) -> None:
        await self._client.warm_up()
        self.chat.show_status()  # the sandbox has been tried
        gc.collect()
        gc.freeze()
        gc.enable()

    def _fatal_error(self) -> None:
        """Leave after a fault: the traceback goes to a file, the person reads where."""
        error: BaseException | None = self._exception
        if isinstance(error, WorkerFailed):
            error = error.error
        report = write_crash_report(error, self._settings.log_dir) if error is not None else None
        message = Text(crash_message(report, self._client.session_path))
        self._exit_renderables.append(Segments(self.console.render(message, self.console.options)))
        self._close_messages_no_wait()
