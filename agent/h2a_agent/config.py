"""What the user has set, from where it counts most: flag, then environment, then `config.toml`, then default.

The one configuration file is the user's own. A repository's files are never read as configuration: whoever
wrote them could point the program at a server of theirs. No key stands in it: keys come from the environment
or are kept apart (`keys.py`), and each goes where it belongs. `ANTHROPIC_API_KEY` goes to Anthropic or to the
server of `ANTHROPIC_BASE_URL`, `H2A_API_KEY` to whichever server was chosen at the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from h2a_agent.catalogue import DEMO, Catalogue, ProviderInfo
from h2a_agent.config_error import ConfigError
from h2a_agent.config_file import read_file
from h2a_agent.keys import NO_KEYS, Key, Keys
from h2a_agent.paths import Paths
from h2a_agent.run_settings import RunSettings
from h2a_agent.sandbox.settings import SandboxSettings

if TYPE_CHECKING:
    from h2a_agent.permission.rules import Rules

__all__ = ["ConfigError", "Settings", "load", "load_providers"]

_DEFAULT: Final = "anthropic"
_URL_VARIABLE: Final = "ANTHROPIC_BASE_URL"
_URL_KEY: Final = "ANTHROPIC_API_KEY"
_ANY_KEY: Final = "H2A_API_KEY"
_FROM_ENVIRONMENT: Final[Mapping[str, str]] = {"model": "H2A_MODEL", "base_url": _URL_VARIABLE}
_RUN_KEYS: Final = (
    "max_tokens",
    "thinking",
    "steering_mode",
    "follow_up_mode",
    "on_abort",
    "running_tools",
    "mode",
    "auto_compact",
    "reserve_tokens",
    "keep_tokens",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that was set, checked.

    `provider` is the chosen one where it was chosen to be, `key` the one that is meant for it.
    `fell_back` is true when nobody chose the demo: there is just neither a key nor an address. `theme` is ""
    for the default. `screen` is what shows a conversation: the app, or the terminal's own scrollback. `title`, `progress`, `notifications` and `bell` are what the terminal is told besides. `keys` replaces keys of the keymap's actions, by the action's name. `catalogue` and
    `api_keys` hold the other providers one may change to. `places` says where each value was set that was. `rules` are the user's permission rules, None where the
    file has none.
    """

    provider: ProviderInfo
    run: RunSettings
    key: Key | None = None
    fell_back: bool = False
    theme: str = ""
    screen: Literal["app", "inline"] = "app"
    enter: Literal["steer", "next-step"] = "steer"
    alt_enter: Literal["follow-up", "newline"] = "follow-up"
    editing: Literal["emacs", "vim"] = "emacs"
    mouse: bool = True
    title: bool = True
    progress: bool = True
    notifications: bool = True
    bell: bool = True
    diffs: Literal["side-by-side", "unified"] = "side-by-side"
    paste_burst: bool = True
    images: bool = True
    reduced_motion: bool = False
    direct: bool = True
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rules: Rules | None = None
    catalogue: Catalogue = field(default_factory=Catalogue, repr=False, compare=False)
    api_keys: Keys = field(default=NO_KEYS, repr=False, compare=False)
    sandbox: SandboxSettings = field(default_factory=SandboxSettings)
    places: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def api_key(self) -> str:
        """The key's value, "" where there is none."""
        return self.key.value if self.key else ""


class _Given(NamedTuple):
    """A value, where it was written, and how much that counts (0 most)."""

    value: Any
    place: str
    rank: int


_COMMAND_LINE: Final = 0
_ENVIRONMENT: Final = 1
_FILE: Final = 2


def load(paths: Paths, flags: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """The settings under these flags (None: not given), this environment and the user's file.

    Raises:
        ConfigError: a value is not allowed, the file cannot be read, there is no such provider, or the chosen
            one lacks its key or a model.
    """
    given = {
        key: _Given(value, "the command line", _COMMAND_LINE)
        for key, value in flags.items()
        if value is not None
    }
    for setting, name in _FROM_ENVIRONMENT.items():
        if value := environ.get(name, "").strip():
            given.setdefault(setting, _Given(value, name, _ENVIRONMENT))
    file = read_file(paths.config_file)
    catalogue, api_keys = Catalogue(file.pop("providers", None)), Keys(paths.keys_dir, environ)
    for setting, value in file.items():
        given.setdefault(setting, _Given(value, str(paths.config_file), _FILE))
    if "base_url" in given:
        _check_url(given["base_url"])

    provider, model, key, fell_back = _Choice(given, file, catalogue, api_keys, environ).made()
    values = {name: one.value for name, one in given.items() if name not in ("provider", "model", "base_url")}
    if (level := values.pop("sandbox_level", None)) is not None:
        values["sandbox"] = replace(values.get("sandbox", SandboxSettings()), level=level)
    run = RunSettings(model, **{name: values.pop(name) for name in _RUN_KEYS if name in values})
    return Settings(
        provider,
        run,
        key=key,
        fell_back=fell_back,
        catalogue=catalogue,
        api_keys=api_keys,
        places={name: one.place for name, one in given.items()},
        **values,
    )


def load_providers(paths: Paths, environ: Mapping[str, str]) -> tuple[Catalogue, Keys]:
    """All providers and the keys for them, whichever is chosen.

    Raises:
        ConfigError: the file cannot be used.
    """
    return Catalogue(read_file(paths.config_file).get("providers")), Keys(paths.keys_dir, environ)


# ------------------------------------------------------- which provider and model


class _Choice:
    """Which provider, where, with which model and key; made once from all that was given."""

    def __init__(
        self,
        given: Mapping[str, _Given],
        file: Mapping[str, Any],
        catalogue: Catalogue,
        keys: Keys,
        environ: Mapping[str, str],
    ) -> None:
        self._given = given
        self._file = file
        self._catalogue = catalogue
        self._keys = keys
        self._any_key, self._url_key = (environ.get(name, "").strip() for name in (_ANY_KEY, _URL_KEY))

    def made(self) -> tuple[ProviderInfo, str, Key | None, bool]:
        """Provider, model, key, and whether it is the demo because nothing was set.

        Raises:
            ConfigError: there is no such provider, or it lacks its key or a model.
        """
        named, model = self._named()
        address = self._address(named)
        if named is None and address is None and not self._has_key():
            return DEMO, DEMO.model, None, True
        provider = self._catalogue.get(*((named.value, named.place) if named else (_DEFAULT,)))
        if provider is DEMO:
            return DEMO, DEMO.model, None, False
        if address is not None:
            provider = self._moved(provider, address)
        if self._any_key:
            self._keys.give(provider, self._any_key, _ANY_KEY)
        key = self._keys.find(provider)
        if key is None and not provider.local:
            raise ConfigError(_no_key(provider, moved=address is not None))
        if not (model := model or provider.model):
            name = provider.name
            raise ConfigError(f"Provider {name!r} has no default model: name one, as in --model {name}/NAME.")
        return provider, model, key, False

    def _named(self) -> tuple[_Given | None, str]:
        """The provider that was named, and the model without it.

        `provider/model` names the provider, too. A provider set in a place that counts as much or more takes
        the whole as its model's name, because many have slashes in them.
        """
        provider, model = self._given.get("provider"), self._given.get("model")
        if model is None:
            return provider, ""
        if provider is None:
            name, rest = self._catalogue.split(model.value) if "/" in model.value else ("", model.value)
            if not name and "base_url" not in self._given and self._catalogue.mistyped(model.value):
                self._catalogue.get(model.value.partition("/")[0], model.place)
            return (model._replace(value=name) if name else None), rest
        if provider.rank < model.rank == _FILE and provider.value != self._file_is_for():
            return provider, ""
        name, rest = self._catalogue.split(model.value, provider.value)
        if name == provider.value:
            return provider, rest
        if model.rank < provider.rank:
            return model._replace(value=name), rest
        return provider, model.value

    def _address(self, named: _Given | None) -> _Given | None:
        """The `base_url` that is meant for the chosen provider: one may have been written for another."""
        address = self._given.get("base_url")
        if address is None or address.rank == _COMMAND_LINE:
            return address
        meant_for = _DEFAULT if address.place == _URL_VARIABLE else self._file_is_for()
        return address if meant_for == (named.value if named else _DEFAULT) else None

    def _file_is_for(self) -> str:
        """Whose model and address the file sets, also where it does not say."""
        return str(
            self._file.get("provider") or self._catalogue.split(self._file.get("model", ""), _DEFAULT)[0]
        )

    def _has_key(self) -> bool:
        """Is there a key for whom nobody named? Nothing is read for it when there can be none."""
        if self._any_key or self._url_key:
            return True
        return self._keys.may_be_kept and self._keys.find(self._catalogue.get(_DEFAULT)) is not None

    def _moved(self, provider: ProviderInfo, address: _Given) -> ProviderInfo:
        """The provider at `address`, from now on; the environment's key goes to the environment's address."""
        moved = provider.at(address.value.rstrip("/"))
        self._catalogue.fix(moved)
        if address.place == _URL_VARIABLE and self._url_key:
            self._keys.give(moved, self._url_key, _URL_KEY)
        return moved


def _no_key(provider: ProviderInfo, *, moved: bool) -> str:
    ways = f"set {provider.key_env or _ANY_KEY}"
    if not moved:
        ways += f", run h2a-chat key set {provider.name}"
    return (
        f"There is no API key for provider {provider.name!r} ({provider.origin}): {ways}, "
        "name a local server with --base-url, or try --demo."
    )


def _check_url(given: _Given) -> None:
    try:
        parts = urlsplit(given.value)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ConfigError(
            f"{given.place}: base_url must be an http or https address such as http://localhost:11434, "
            f"not {given.value!r}."
        )
