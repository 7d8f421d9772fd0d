"""The list of models: who answers from the next step on, and how hard it thinks.

What is known is shown at once. Then the servers are asked, and each one's models come in when it has answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from textual import work

from h2a_agent.config_error import ConfigError
from h2a_agent.model_choice import LEVELS, ModelChoice, ProviderView
from h2a_agent.models import ModelInfo
from h2a_tui import format as fmt
from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.overlays import Choice, Note, Row
from h2a_tui.screens.filter_picker import FilterPicker

__all__ = ["ModelPicker", "model_facts", "model_rows"]

Facts = Callable[[str, str], ModelInfo]


class ModelPicker(FilterPicker):
    """Returns `provider/model`; `saves` says whether it is for the next starts, too. Levels are changed at once."""

    def __init__(self, models: ModelChoice, views: Sequence[ProviderView], keymap: Keymap) -> None:
        rows = tuple(model_rows(views, models.current, models.facts))
        super().__init__("", rows, keymap, chosen=models.current, placeholder="Type to find a model")
        self.saves = False
        self._models = models
        self._show_level()

    def begin(self) -> None:
        """Ask the servers what they have."""
        super().begin()
        self.run_worker(self._models.refresh(self._answered), name="models")

    def keys_line(self) -> str:
        """What the keys do."""
        less, more = (
            self.keymap.label(action, Context.FILTER) for action in (Action.LIST_LESS, Action.LIST_MORE)
        )
        keys = self.keymap.hints(Context.FILTER, Action.LIST_CHOOSE, Action.LIST_SAVE, Action.LIST_CLOSE)
        return f"{less} {more} thinking · {keys}"

    def footer(self, chosen: str) -> str:
        """What the model's window holds, and what it costs."""
        provider, _, model = chosen.partition("/")
        facts = model_facts(self._models.facts(provider, model), long=True)
        return f"{chosen} · {facts}" if facts else chosen

    def act(self, action: Action) -> bool:
        """Choose and save, think less or harder, besides what every list does."""
        match action:
            case Action.LIST_SAVE:
                self.saves = True
                return super().act(Action.LIST_CHOOSE)
            case Action.LIST_LESS:
                self._think(-1)
            case Action.LIST_MORE:
                self._think(1)
            case _:
                return super().act(action)
        return True

    def _think(self, step: int) -> None:
        level = LEVELS[min(max(0, LEVELS.index(self._models.thinking) + step), len(LEVELS) - 1)]
        try:
            self.say(self._models.set_thinking(level))
        except ConfigError as error:
            self.say(str(error))
        self._show_level()

    def _show_level(self) -> None:
        now = self._models.thinking
        levels = " ".join(f"[{level}]" if level == now else level for level in LEVELS)
        self.set_title(f"Model · thinking {levels}")

    def _answered(self) -> None:
        if self.is_attached:
            self._show()

    @work(group="show", exclusive=True)
    async def _show(self) -> None:
        views = await self._models.overview()
        self.show_rows(tuple(model_rows(views, self._models.current, self._models.facts)))


def model_rows(views: Sequence[ProviderView], current: str, facts: Facts) -> Iterator[Row]:
    """The models under their providers, the current one marked; then, a row each, what cannot be used and why."""
    for view in views:
        if not view.usable:
            continue
        yield Note(view.name, heading=True)
        names = view.models
        if current.partition("/")[0] == view.name and (now := current.partition("/")[2]) not in names:
            names = (now, *names)
        for model in names:
            full = f"{view.name}/{model}"
            mark = "●" if full == current else " "
            yield Choice(full, f"{mark} {model}", model_facts(facts(view.name, model)), full=full)
        if view.trouble:
            yield Note(f"  {view.trouble}")
    for view in views:
        if not view.usable and not view.keyless:
            yield Note(f"{view.name}: {view.trouble}")
    if keyless := ", ".join(view.name for view in views if view.keyless):
        yield Note(f"/setup gives a key to: {keyless}")


def model_facts(info: ModelInfo, *, long: bool = False) -> str:
    """`1.0M · $3/$15`: the window in tokens, US dollars per million tokens in and out; what is unknown is left out."""
    window = fmt.tokens(info.context_window) if info.context_window else ""
    price = f"${info.price.input:g}/${info.price.output:g}" if info.price is not None else ""
    if long:
        window = f"window {window} tokens" if window else ""
        price = f"{price} per million tokens in/out" if price else ""
    return " · ".join(filter(None, (window, price)))
