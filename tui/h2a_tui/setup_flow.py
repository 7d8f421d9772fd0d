"""From "no model" to the first answer: choose who answers, give a key where one is wanted, choose a model, keep it.

Each question is a screen of its own; going back from one leads to the first. Whatever goes wrong is said there, and
nothing but the key and the choice is kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from textual.screen import Screen

from h2a_agent.catalogue import DEMO as DEMO_PROVIDER
from h2a_agent.catalogue import ProviderInfo
from h2a_agent.config_error import ConfigError
from h2a_agent.model_choice import ModelChoice
from h2a_agent.provider_setup import Trial, Verdict
from h2a_tui.keymap import Keymap
from h2a_tui.overlays import Choice, Trouble
from h2a_tui.screens.ask import AskScreen
from h2a_tui.screens.filter_picker import FilterPicker
from h2a_tui.screens.picker import PickerScreen
from h2a_tui.screens.setup import ADDRESS, DEMO, PROVIDER, SERVER, SetupScreen
from h2a_tui.typing_guard import TypingGuard

__all__ = ["SetupFlow"]

Result = TypeVar("Result")
Ask = Callable[[Screen[Any]], Awaitable[Any]]

_NOT_NOW: Final = "This is the demo, a script. /setup chooses a model"


class SetupFlow:
    """One person's way through the questions. `ask` shows a screen and returns what came of it."""

    def __init__(self, models: ModelChoice, keymap: Keymap, ask: Ask, notice: Callable[[str], None]) -> None:
        self._models = models
        self._setup = models.setup
        self._keymap = keymap
        self._ask = ask
        self._notice = notice
        self._kept = ""  # where a key was kept on the way

    async def run(
        self, *, guard: TypingGuard | None = None, keep: Callable[[str], None] = lambda text: None
    ) -> bool:
        """Ask until something is chosen; False when the person would rather not now.

        With a `guard`, what is typed before the first question can be read goes to `keep`.
        """
        trouble = ""
        while True:
            screen = SetupScreen(self._setup, self._keymap, trouble=trouble, guard=guard, keep=keep)
            chosen = await self._ask(screen)
            guard = None
            if chosen is None:
                if self._models.current.startswith(f"{DEMO_PROVIDER.name}/"):
                    self._notice(_NOT_NOW)
                return False
            try:
                said = await self._follow(chosen, screen)
            except (ConfigError, OSError) as error:
                trouble = str(error)
            else:
                trouble = ""
                if said:
                    self._notice(said)
                    return True

    async def _follow(self, chosen: str, screen: SetupScreen) -> str:
        """What is said when the choice is made; "" to ask again."""
        self._kept = ""
        if chosen == DEMO:
            await self._models.take(DEMO_PROVIDER.name, DEMO_PROVIDER.model, save=True)
            return "The demo answers from now on · /setup chooses a model"
        if chosen == ADDRESS:
            return await self._by_address()
        if chosen.startswith(SERVER):
            name = chosen.removeprefix(SERVER)
            models = next(server.models for server in screen.servers if server.provider == name)
            return await self._with_model(name, "", models)
        name = chosen.removeprefix(PROVIDER)
        info = next(info for info in self._setup.keyed() if info.name == name)
        trial = await self._with_key(info)
        return "" if trial is None else await self._with_model(info.name, info.model, trial.models)

    async def _by_address(self) -> str:
        url = await self._ask(
            AskScreen(
                "Another server",
                self._keymap,
                about="The address of a server that speaks the Messages API.",
                placeholder="http://localhost:8080",
                check=self._check_address,
                busy="Asking it …",
            )
        )
        if not url:
            return ""
        info = self._setup.server(url)
        trial = await self._with_key(info)
        if trial is None:
            return ""
        await self._setup.keep_server(info)
        return await self._with_model(info.name, info.model, trial.models)

    async def _check_address(self, url: str) -> Trouble | None:
        try:
            info = self._setup.server(url)
        except ConfigError as error:
            return Trouble(str(error))
        trial = await self._setup.try_key(info, "")
        unreachable = trial.verdict is Verdict.UNREACHABLE
        return Trouble(trial.says, may_stand=True) if unreachable else None

    # --------------------------------------------------------------------- key

    async def _with_key(self, info: ProviderInfo) -> Trial | None:
        """What the server says to the key there is, or to one that is given now; None: the person goes back."""
        key = await self._setup.key(info)
        why = ""
        if key is not None or info.local:
            self._notice(f"Asking {info.origin} …")
            trial = await self._setup.try_key(info, key.value if key else "")
            if trial.verdict is Verdict.UNREACHABLE:
                return trial if await self._goes_on(trial) else None
            if trial.verdict is not Verdict.REFUSED:
                return trial
            why = f"It refuses the key of {key.source}. " if key else "It wants a key. "
        return await self._new_key(info, why)

    async def _goes_on(self, trial: Trial) -> bool:
        choices = [Choice("back", "Back"), Choice("on", "Go on all the same")]
        return bool(await self._ask(PickerScreen(trial.says, choices, self._keymap)) == "on")

    async def _new_key(self, info: ProviderInfo, why: str) -> Trial | None:
        tried: dict[str, Trial] = {}

        async def check(value: str) -> Trouble | None:
            if not value:
                return Trouble("Paste the key, or type it")
            try:
                trial = tried[value] = await self._setup.try_key(info, value)
            except ConfigError as error:
                return Trouble(str(error))
            if trial.verdict in (Verdict.ACCEPTED, Verdict.UNPROVEN):
                return None
            return Trouble(f"✗ {trial.says}", may_stand=True)

        value = await self._ask(
            AskScreen(
                f"Key for {info.name}",
                self._keymap,
                about=f"{why}Paste or type your key; it is not shown, is kept for you alone, "
                f"and goes to {info.origin} only.",
                placeholder="the key",
                secret=True,
                check=check,
                busy=f"Asking {info.origin} …",
            )
        )
        if value is None:
            return None
        self._kept = await self._setup.keep_key(info, value)
        return tried[value]

    # ------------------------------------------------------------------- model

    async def _with_model(self, provider: str, default: str, models: Sequence[str]) -> str:
        model = await self._which_model(provider, default, models)
        if not model:
            return ""
        await self._models.take(provider, model, save=True)
        kept = f" · the key is kept: {self._kept}" if self._kept else ""
        return f"{provider}/{model} answers from now on{kept}"

    async def _which_model(self, provider: str, default: str, models: Sequence[str]) -> str:
        if default and (not models or default in models):
            return default
        if len(models) == 1:
            return models[0]
        if models:
            rows = [Choice(name, name) for name in models]
            title = f"Which model of {provider}?"
            return await self._ask(FilterPicker(title, rows, self._keymap)) or ""
        about = f"{provider} does not say which models it has: write the name of one."
        return await self._ask(AskScreen("Which model?", self._keymap, about=about)) or ""
