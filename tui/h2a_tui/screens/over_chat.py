"""Every screen that stands over the chat: which one is shown for what, and what becomes of the answer.

Each closes with Escape and leaves the draft in the editor as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from h2a_agent.model_choice import ModelChoice
from h2a_agent.session_loading import SessionError
from h2a_tui import session_slash
from h2a_tui.keymap import Keymap
from h2a_tui.keys import KeyDriver
from h2a_tui.model_commands import model_command, use_model
from h2a_tui.overlays import Choice
from h2a_tui.screens.filter_picker import FilterPicker
from h2a_tui.screens.help import HelpScreen
from h2a_tui.screens.keys_screen import KeysScreen
from h2a_tui.screens.model_picker import ModelPicker
from h2a_tui.screens.page import PageScreen
from h2a_tui.screens.picker import PickerScreen
from h2a_tui.screens.session_picker import SessionPicker
from h2a_tui.screens.settings_editor import SettingsEditor
from h2a_tui.screens.theme_picker import ThemePicker
from h2a_tui.settings_change import SettingsChange
from h2a_tui.terminal_question import ask_while_read
from h2a_tui.theme_choice import ThemeChoice
from h2a_tui.theme_command import choose_theme, theme_command
from h2a_tui.typed_ahead import TypedAhead, below
from h2a_tui.typing_guard import TypingGuard

if TYPE_CHECKING:
    from rich.table import Table

    from h2a_agent.session_search import Found
    from h2a_tui.screens.actions import ChatActions
    from h2a_tui.screens.chat import ChatScreen

__all__ = ["OverChat"]


class OverChat:
    """Shows them for one chat. `actions` is what commands use of the chat."""

    def __init__(self, chat: ChatScreen, actions: ChatActions, keymap: Keymap) -> None:
        self._chat = chat
        self._actions = actions
        self._keymap = keymap
        self._settings = SettingsChange(actions.settings.listed, actions.client, actions.settings.config_file)

    def show_help(self) -> None:
        """Show keys and commands."""
        _ = self._chat.app.push_screen(HelpScreen(self._keymap))  # it mounts by itself

    def show_page(self, title: str, content: Table | Text) -> PageScreen:
        """Show something to read."""
        page = PageScreen(title, content, self._keymap)
        _ = self._chat.app.push_screen(page)  # it mounts by itself
        return page

    def pick(
        self, title: str, choices: Sequence[Choice], chosen_is: Callable[[str], object], *, chosen: int = 0
    ) -> None:
        """Ask for one of a few; a `SessionError` of what is done with the choice is said."""
        self._show(PickerScreen(title, choices, self._keymap, chosen=chosen), chosen_is)

    def find_row(
        self, title: str, choices: Sequence[Choice], chosen_is: Callable[[str], object], *, chosen: str = ""
    ) -> None:
        """The same for one of many."""
        self._show(FilterPicker(title, choices, self._keymap, chosen=chosen), chosen_is)

    def _show(self, picker: PickerScreen, chosen_is: Callable[[str], object]) -> None:
        def take(chosen: str | None) -> None:
            if chosen is not None:
                try:
                    chosen_is(chosen)
                except SessionError as error:
                    self._actions.notice(str(error))

        _ = self._chat.app.push_screen(picker, take)  # it mounts by itself

    def pick_theme(self, names: Sequence[str], themes: ThemeChoice) -> None:
        """Show the themes to choose from, each as it looks."""
        picker = ThemePicker(names, themes, self._keymap, self._actions.notice)

        def take(name: str | None) -> None:
            if name is None:
                themes.end_preview()
            else:
                self._actions.work(choose_theme(self._actions, themes, name, save=picker.saves))

        _ = self._chat.app.push_screen(picker, take)  # it mounts by itself

    def pick_model(self, models: ModelChoice) -> None:
        """Show the models to choose from."""

        async def show() -> None:
            picker = ModelPicker(models, await models.overview(), self._keymap)

            def take(chosen: str | None) -> None:
                if chosen is not None:
                    provider, _, model = chosen.partition("/")
                    choice = models.take(provider, model, save=picker.saves)
                    self._actions.work(use_model(self._actions, choice))

            _ = self._chat.app.push_screen(picker, take)  # it mounts by itself

        self._actions.work(show())

    def pick_session(self, found: Sequence[Found], wanted: str, here: bool) -> None:
        """Show sessions to go on with."""
        picker = SessionPicker(self._actions.client.sessions, found, self._keymap, wanted=wanted, here=here)
        self._show(picker, lambda chosen: session_slash.resume(self._actions, chosen))

    def edit_settings(self, name: str) -> None:
        """Show the settings; those that have a list of their own lead there."""

        def take(chosen: str | None) -> None:
            if chosen == "theme":
                theme_command(self._actions, "")
            elif chosen is not None:
                model_command(self._actions, "")

        _ = self._chat.app.push_screen(SettingsEditor(self._settings, self._keymap, chosen=name), take)

    def try_keys(self) -> None:
        """Show what the terminal sends for each key, and what that does."""
        _ = self._chat.app.push_screen(KeysScreen(self._keymap))  # it mounts by itself

    def show_doctor(self) -> None:
        """Show what this machine and this terminal have, and what to do about what they lack."""
        from h2a_tui.doctor import rows_in_chat, two_columns

        page = self.show_page("Doctor", Text("Looking …"))

        async def look() -> None:
            driver = self._chat.app._driver  # noqa: SLF001 (Textual has no public way to it)
            kitty = await ask_while_read(driver) if isinstance(driver, KeyDriver) else None
            page.show(
                two_columns(
                    await rows_in_chat(
                        self._chat.doctor, self._chat.client, self._chat.models, self._keymap, kitty=kitty
                    )
                )
            )

        self._actions.work(look())

    def setup(self, models: ModelChoice, *, first: bool = False) -> None:
        """Ask who shall answer. At the `first` start somebody may be typing while the question comes up."""
        from h2a_tui.screens.asker import ScreenAsker
        from h2a_tui.setup_flow import SetupFlow

        chat, notice = self._chat, self._actions.notice
        early = TypedAhead(self._keymap, TypingGuard(), below(chat.composer)) if first else None
        flow = SetupFlow(models, ScreenAsker(self._keymap, chat.app.push_screen_wait, early), notice)

        async def ask() -> None:
            outcome = await flow.run()
            if outcome.says:
                notice(outcome.says)
            if outcome.chosen:
                await chat.client.warm_up()

        self._actions.work(ask())
