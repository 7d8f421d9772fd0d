"""Every list of the inline mode: which one is shown for what, and what becomes of the choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from h2a_agent.model_choice import ModelChoice
from h2a_agent.session_loading import SessionError
from h2a_themes import ThemeError
from h2a_tui.inline.asker import InlineAsker
from h2a_tui.inline.picking import Picking
from h2a_tui.inline.settings_list import SettingsList
from h2a_tui.model_commands import model_command, use_model
from h2a_tui.overlays import Choice
from h2a_tui.settings_change import SettingsChange
from h2a_tui.setup_flow import SetupFlow
from h2a_tui.theme_choice import ThemeChoice
from h2a_tui.theme_command import choose_theme, theme_command
from h2a_tui.typed_ahead import TypedAhead, below
from h2a_tui.typing_guard import TypingGuard

if TYPE_CHECKING:
    from h2a_tui.inline.actions import InlineActions
    from h2a_tui.inline.chat import InlineChat

__all__ = ["Lists"]


class Lists:
    """Shows them in one chat. `actions` is what commands use of the chat."""

    def __init__(self, chat: InlineChat, actions: InlineActions) -> None:
        self._keyboard = chat.keyboard
        self._chat = chat
        self._actions = actions
        settings = chat.settings
        self._settings = SettingsChange(settings.listed, chat.client, settings.config_file)

    def pick(
        self, title: str, choices: Sequence[Choice], chosen_is: Callable[[str], object], *, chosen: int = 0
    ) -> None:
        """Ask for one row; a `SessionError` of what is done with the choice is said."""

        def take(chosen_id: str | None) -> None:
            self._close()
            if chosen_id is not None:
                try:
                    chosen_is(chosen_id)
                except SessionError as error:
                    self._actions.notice(str(error))

        self._keyboard.pick(Picking(title, choices, take, chosen=chosen))

    def pick_model(self, models: ModelChoice) -> None:
        """Show the models of everybody who can be asked."""

        async def ask() -> None:
            known = [
                f"{view.name}/{model}"
                for view in await models.overview()
                if view.usable
                for model in view.models
            ]
            names = known if models.current in known else [models.current, *known]
            choices = [Choice(name, name, "●" if name == models.current else "") for name in names]
            self.pick("Model", choices, take, chosen=names.index(models.current))

        def take(name: str) -> None:
            self._actions.work(use_model(self._actions, models.choose(name)))

        self._actions.work(ask())

    def edit_settings(self, name: str) -> None:
        """Show the settings, beginning at `name`; those that have a list of their own lead there."""

        def elsewhere(chosen: str) -> None:
            if chosen == "theme":
                theme_command(self._actions, "")
            else:
                model_command(self._actions, "")

        self._keyboard.pick(SettingsList(self._chat, self._settings, elsewhere, chosen=name))

    def pick_theme(self, names: Sequence[str], themes: ThemeChoice) -> None:
        """Show the themes; the live rows wear the one that is looked at."""

        def take(name: str | None) -> None:
            self._close()
            if name is None:
                themes.end_preview()
            else:
                self._actions.work(choose_theme(self._actions, themes, name, save=False))

        def look(name: str) -> None:
            self._actions.work(self._preview(themes, name))

        choices = [Choice(name, name, "●" if name == themes.name else "") for name in names]
        current = names.index(themes.name) if themes.name in names else 0
        self._keyboard.pick(Picking("Theme", choices, take, chosen=current, looked=look))

    def set_up(self, models: ModelChoice, *, first: bool) -> None:
        """Ask who shall answer. At the `first` start somebody may be typing while the question comes up."""
        chat = self._chat
        if first:
            self._keyboard.early = TypedAhead(chat.keymap, TypingGuard(), below(chat.composer))
        flow = SetupFlow(models, InlineAsker(chat), self._actions.notice)

        async def ask() -> None:
            outcome = await flow.run()
            if outcome.says:
                chat.tell(outcome.says)
            if outcome.chosen:
                await chat.client.warm_up()

        self._actions.work(ask())

    async def _preview(self, themes: ThemeChoice, name: str) -> None:
        if self._keyboard.picking is None:
            return  # closed by a key that came right behind
        try:
            await themes.preview(name)
        except ThemeError as error:
            self._actions.notice(error.short)

    def _close(self) -> None:
        self._keyboard.pick(None)
