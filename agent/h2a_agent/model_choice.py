"""Which model answers, and the change to another while the agent works: `/model` and `/thinking` for any front end.

What is chosen holds from the next step on. Nothing is looked up in the network to choose: a name is taken as
it is, and lists of names only help to find it.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, get_args

from h2a_agent.catalogue import DEMO, Catalogue, ProviderInfo
from h2a_agent.config_edit import set_keys
from h2a_agent.config_error import ConfigError
from h2a_agent.config_file import read_file
from h2a_agent.keys import Key, Keys
from h2a_agent.local_servers import NoList, list_models
from h2a_agent.models import ModelInfo, model_info
from h2a_agent.provider_setup import ProviderSetup
from h2a_agent.providers.base import Provider
from h2a_agent.run_settings import RunSettings, ThinkingLevel

__all__ = ["LEVELS", "ModelChoice", "ProviderView"]

LEVELS: Final[tuple[ThinkingLevel, ...]] = get_args(ThinkingLevel)


class Switchable(Protocol):
    """What is changed: an `Agent`."""

    @property
    def model(self) -> str: ...
    @property
    def provider_name(self) -> str: ...
    @property
    def settings(self) -> RunSettings: ...
    def use(self, provider: Provider, model: str) -> None: ...
    def configure(self, **changes: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class ProviderView:
    """One provider as a list shows it: its models as far as they are known, and what is the matter with it.

    One that is not `usable` lacks its key (`keyless`) or does not run.
    """

    name: str
    models: tuple[str, ...]
    trouble: str = ""
    usable: bool = True
    keyless: bool = False


class ModelChoice:
    """The choice for one agent. `connect` makes a provider: information, key, model. `setup` is for who has none yet."""

    def __init__(
        self,
        agent: Switchable,
        catalogue: Catalogue,
        keys: Keys,
        config_file: Path,
        connect: Callable[[ProviderInfo, Key | None, str], Provider],
    ) -> None:
        self._agent = agent
        self._catalogue = catalogue
        self._keys = keys
        self._config_file = config_file
        self._connect = connect
        self.setup = ProviderSetup(catalogue, keys, config_file)
        self._lists: dict[str, tuple[str, ...]] = {}
        self._troubles: dict[str, str] = {}

    @property
    def current(self) -> str:
        """Provider and model that answer now, as one would name them."""
        return f"{self._agent.provider_name}/{self._agent.model}"

    @property
    def names(self) -> tuple[str, ...]:
        """Models that are known without asking anybody, as one would name them."""
        return tuple(f"{info.name}/{model}" for info in self._all() for model in self._known(info))

    @property
    def thinking(self) -> ThinkingLevel:
        """How hard the model thinks."""
        return self._agent.settings.thinking

    async def key_source(self) -> str:
        """Where the key of whoever answers now comes from, in a word or two."""
        key = await self.setup.key(self._info_now())
        return f"from {key.source}" if key is not None else "none"

    async def choose(self, reference: str, *, save: bool = False) -> str:
        """Let the model named `reference` answer from the next step on; returns a line that says so.

        With `save` it is also what the program starts with from now on.

        Raises:
            ConfigError: there is no such provider, it lacks its key, or a model has to be named; nothing changed.
        """
        info, model = self._meant(reference)
        return await self._take(info, model, save=save)

    async def take(self, provider: str, model: str, *, save: bool = False) -> str:
        """As `choose`, for a model out of a provider's list: nothing has to be guessed."""
        return await self._take(self._catalogue.get(provider), model, save=save)

    async def _take(self, info: ProviderInfo, model: str, *, save: bool) -> str:
        key = await self._key(info)
        if save:
            await asyncio.to_thread(self._save, info.name, model)
        if info.name == self._agent.provider_name:
            self._agent.configure(model=model)
        else:
            self._agent.use(self._connect(info, key, model), model)
        return f"{info.name}/{model} answers from the next step on{self._doubt(info.name, model)}"

    def set_thinking(self, level: str) -> str:
        """Let the model think at `level` from the next step on; returns a line that says so.

        Raises:
            ConfigError: there is no such level.
        """
        if level not in LEVELS:
            raise ConfigError(f"There is no level {level[:20]!r}; there are: {', '.join(LEVELS)}.")
        self._agent.configure(thinking=level)
        if self._info_now().thinking is False:
            return f"Thinking {level} · {self._agent.provider_name} does not heed it"
        return f"Thinking {level} from the next step on"

    async def overview(self) -> list[ProviderView]:
        """Every provider with the models known of it so far; those that can be used come first."""
        views = await asyncio.gather(*(self._view(info) for info in self._all()))
        return sorted(views, key=lambda view: (view.name != self._agent.provider_name, not view.usable))

    async def refresh(self, answered: Callable[[], None] = lambda: None) -> None:
        """Ask every provider that can be used for its models; what goes wrong stands in the overview.

        `answered` is called after each of them.
        """

        async def ask(info: ProviderInfo) -> None:
            await self._ask(info)
            answered()

        await asyncio.gather(*(ask(info) for info in self._all() if info.name != DEMO.name))

    def facts(self, provider: str, model: str) -> ModelInfo:
        """What is known of a model's window and price; a local server's have no price."""
        info = self._catalogue.get(provider)
        if info.local:
            return info.models.get(model, ModelInfo.of({}))
        return info.models.get(model) or model_info(model)

    async def find_keys(self) -> None:
        """Find every key there is, whoever it is for: whatever takes keys out of a text then knows them all.

        Raises:
            ConfigError: one cannot be read, and so not be taken out.
        """
        for info in self._all():
            await asyncio.to_thread(self._keys.find, info)

    async def near(self) -> tuple[str, ...]:
        """Names like the current model's, from its provider's own list; for when there is no such model."""
        await self._ask(self._info_now())
        return self._near(self._agent.provider_name, self._agent.model)

    # ------------------------------------------------------------ private

    def _all(self) -> list[ProviderInfo]:
        return [self._catalogue.get(name) for name in self._catalogue.names]

    def _info_now(self) -> ProviderInfo:
        return self._catalogue.get(self._agent.provider_name)

    def _meant(self, reference: str) -> tuple[ProviderInfo, str]:
        """Provider and model of `reference`.

        Raises:
            ConfigError: that is not clear.
        """
        now = self._agent.provider_name
        if reference in self._lists.get(now, ()):
            return self._info_now(), reference
        name, model = self._catalogue.split(reference, now)
        if name == now and (meant := self._catalogue.mistyped(reference)):
            raise ConfigError(
                f"There is no provider {reference.partition('/')[0]!r}; did you mean {meant!r}?"
            )
        if name == now == DEMO.name and model != DEMO.model:
            having = [name for name, models in self._lists.items() if model in models]
            if len(having) != 1:
                raise ConfigError(f"No known provider has a model {reference!r}: name it as PROVIDER/NAME.")
            name = having[0]
        info = self._catalogue.get(name)
        model = DEMO.model if name == DEMO.name else model or info.model
        if not model:
            raise ConfigError(f"{name} has no default model: name one, as {name}/NAME.")
        return info, model

    async def _key(self, info: ProviderInfo) -> Key | None:
        """The key for `info`, None where it needs none; in a thread, because a keyring may take its time.

        Raises:
            ConfigError: it needs one, or the one there is cannot be used.
        """
        key = await asyncio.to_thread(self._keys.find, info)
        if key is None and not info.local:
            ways = f"h2a-chat key set {info.name}"
            ways += f", or set {info.key_env} and start again" if info.key_env else ""
            raise ConfigError(f"There is no key for {info.name}: {ways}.")
        return key

    async def _view(self, info: ProviderInfo) -> ProviderView:
        models = self._known(info)
        try:
            await self._key(info)
        except ConfigError:
            trouble = f"no key: h2a-chat key set {info.name}"
            return ProviderView(info.name, models, trouble, usable=False, keyless=True)
        trouble = self._troubles.get(info.name, "")
        return ProviderView(info.name, models, trouble, usable=not (info.local and trouble))

    def _known(self, info: ProviderInfo) -> tuple[str, ...]:
        listed = self._lists.get(info.name)
        return listed or tuple(dict.fromkeys([*filter(None, [info.model]), *info.models]))

    async def _ask(self, info: ProviderInfo) -> None:
        try:
            self._lists[info.name] = await list_models(info, await self._key(info))
            self._troubles.pop(info.name, None)
        except (NoList, ConfigError) as trouble:
            self._troubles[info.name] = str(trouble)

    def _near(self, name: str, model: str) -> tuple[str, ...]:
        return tuple(difflib.get_close_matches(model, self._lists.get(name, ()), n=3, cutoff=0.4))

    def _doubt(self, name: str, model: str) -> str:
        """A word of warning where the provider's list does not have the model."""
        if name not in self._lists or model in self._lists[name]:
            return ""
        near = self._near(name, model)
        return f" · it lists no such model{': ' + ', '.join(near) if near else ''}"

    def _save(self, name: str, model: str) -> None:
        if "base_url" in read_file(self._config_file):
            raise ConfigError(f"{self._config_file} sets base_url; change provider and model there by hand.")
        set_keys(self._config_file, {"provider": name, "model": model})
