"""From "no model" to the first answer: choose who answers, give a key where one is wanted, choose a model, keep it.

Going back from a question leads to the first one. Whatever goes wrong is said there, and nothing but the key and the
choice is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from h2a_agent.catalogue import DEMO as DEMO_PROVIDER
from h2a_agent.catalogue import ProviderInfo
from h2a_agent.config_error import ConfigError
from h2a_agent.model_choice import ModelChoice
from h2a_agent.provider_setup import Trial, Verdict
from h2a_tui.overlays import Asker, Choice, Line, Trouble
from h2a_tui.who_answers import ADDRESS, DEMO, PROVIDER, SERVER, WhoAnswers

__all__ = ["Outcome", "SetupAsker", "SetupFlow"]

_NOT_NOW: Final = "This is the demo, a script. /setup chooses a model"


class SetupAsker(Asker, Protocol):
    """Asks the first question, too."""

    async def ask_who(self, who: WhoAnswers) -> str | None:
        """The answer of `who`, which looks around while it is asked."""
        ...


class Outcome(NamedTuple):
    """Was something chosen, and what is there to say about it?"""

    chosen: bool
    says: str


class SetupFlow:
    """One person's way through the questions. `notice` says what is going on between two of them."""

    def __init__(self, models: ModelChoice, ask: SetupAsker, notice: Callable[[str], None]) -> None:
        self._models = models
        self._setup = models.setup
        self._ask = ask
        self._notice = notice
        self._kept = ""  # where a key was kept on the way

    async def run(self) -> Outcome:
        """Ask until something is chosen, or the person would rather not now."""
        trouble = ""
        while True:
            who = WhoAnswers(self._setup, trouble=trouble)
            chosen = await self._ask.ask_who(who)
            if chosen is None:
                is_demo = self._models.current.startswith(f"{DEMO_PROVIDER.name}/")
                return Outcome(False, _NOT_NOW if is_demo else "")
            try:
                said = await self._follow(chosen, who)
            except (ConfigError, OSError) as error:
                trouble = str(error)
            else:
                trouble = ""
                if said:
                    return Outcome(True, said)

    async def _follow(self, chosen: str, who: WhoAnswers) -> str:
        """What is said when the choice is made; "" to ask again."""
        self._kept = ""
        if chosen == DEMO:
            await self._models.take(DEMO_PROVIDER.name, DEMO_PROVIDER.model, save=True)
            return "The demo answers from now on · /setup chooses a model"
        if chosen == ADDRESS:
            return await self._by_address()
        if chosen.startswith(SERVER):
            name = chosen.removeprefix(SERVER)
            return await self._with_model(name, "", who.models_of(name))
        name = chosen.removeprefix(PROVIDER)
        info = next(info for info in self._setup.keyed() if info.name == name)
        trial = await self._with_key(info)
        return "" if trial is None else await self._with_model(info.name, info.model, trial.models)

    async def _by_address(self) -> str:
        url = await self._ask.write(
            Line(
                "Another server",
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
            self._notice("")  # it has answered
            if trial.verdict is Verdict.UNREACHABLE:
                return trial if await self._goes_on(trial) else None
            if trial.verdict is not Verdict.REFUSED:
                return trial
            why = f"It refuses the key of {key.source}. " if key else "It wants a key. "
        return await self._new_key(info, why)

    async def _goes_on(self, trial: Trial) -> bool:
        choices = [Choice("back", "Back"), Choice("on", "Go on all the same")]
        return await self._ask.choose(trial.says, choices) == "on"

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

        value = await self._ask.write(
            Line(
                f"Key for {info.name}",
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
            return await self._ask.find(title, rows) or ""
        about = f"{provider} does not say which models it has: write the name of one."
        return await self._ask.write(Line("Which model?", about=about)) or ""
