"""What the bottom line says of a run, as text: the state's word, and facts that give way to a narrow line.

A fact has one or more forms, each with its rank. While the facts are too long together, the form of the lowest
rank is taken away, and the fact's next, shorter one stands in its place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from rich.cells import cell_len

from h2a_agent.events import Phase, Usage
from h2a_agent.sandbox.sandbox import Sandbox
from h2a_agent.state import State
from h2a_tui import format as fmt

__all__ = ["SEPARATOR", "Fact", "Facts", "facts_shown", "sandbox_word", "state_glyph", "state_line"]

Tone: TypeAlias = Literal["", "warning", "error"]
SEPARATOR: Final = " · "
_BAR_CELLS: Final = 6
_SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_STANDING: Final = "◆"
_GLYPHS: Final[Mapping[Phase, str]] = {
    Phase.IDLE: "●",
    Phase.SETTLING: "●",
    Phase.APPROVAL: "?",
    Phase.RETRYING: "↻",
    Phase.PAUSED: "‖",
}
_NEARLY_FULL: Final = 0.7
_FULL: Final = 0.9


@dataclass(frozen=True, slots=True)
class Facts:
    """What the line says that no event has changed. `branch` is "" outside of a repository."""

    model: str
    mode: str
    workspace: Path
    thinking: str = ""
    sandbox: str = ""
    branch: str = ""


class Fact(NamedTuple):
    """One fact as it is shown."""

    text: str
    tone: Tone = ""


class _Form(NamedTuple):
    """One way to say a fact. The lowest `rank` gives way first."""

    rank: int
    text: str


_Candidate: TypeAlias = tuple[Tone, tuple[_Form, ...]]


def sandbox_word(sandbox: Sandbox | None) -> str:
    """The level that holds commands in; None is one that was not tried yet."""
    return "not tried" if sandbox is None else sandbox.level.title


# ------------------------------------------------------------------- the state


def state_glyph(state: State, frame: int | None) -> str:
    """A sign for the state; while something goes on one that turns with `frame`, or stands still without one."""
    return _GLYPHS.get(state.phase) or (_STANDING if frame is None else _SPINNER[frame % len(_SPINNER)])


def state_line(state: State, now: float) -> str:
    """The state's word with what belongs to it: what it waits for, how long it has run, why."""
    if not state.busy:
        return state.word
    since = fmt.duration(now - state.run_started_at) if state.run_started_at else ""
    detail = _detail(state, now)
    parts = [f"{state.word} {detail}", since] if detail else [f"{state.word} {since}".rstrip()]
    return SEPARATOR.join(part for part in (*parts, state.note) if part)


def _detail(state: State, now: float) -> str:
    match state.phase:
        case Phase.RETRYING | Phase.COMPACTING if state.retry is not None:
            left = state.retry.time + state.retry.wait_s - now
            wait = f"in {fmt.duration(math.ceil(left))} ({state.retry.attempt} of {state.retry.limit})"
            return wait if state.phase is Phase.RETRYING else f"again {wait}"
        case Phase.COMPACTING if state.usage is not None:
            return f"{fmt.tokens(state.usage.context_tokens)} tokens"
        case Phase.TOOLS if len(state.tools) > 1:
            return f"({len(state.tools)})"
    return ""


# ------------------------------------------------------------------- the facts


def facts_shown(state: State, facts: Facts, width: int) -> list[Fact]:
    """What is worth knowing, as much of it as fits into `width` cells."""
    shown = [candidate for candidate in _candidates(state, facts) if candidate[1]]
    while shown and _length(shown) > width:
        least = min(range(len(shown)), key=lambda index: shown[index][1][0].rank)
        tone, forms = shown[least]
        shown[least : least + 1] = [(tone, forms[1:])] if len(forms) > 1 else []
    return [Fact(forms[0].text, tone) for tone, forms in shown]


def _length(shown: Sequence[_Candidate]) -> int:
    return sum(cell_len(forms[0].text) for _tone, forms in shown) + len(SEPARATOR) * (len(shown) - 1)


def _candidates(state: State, facts: Facts) -> list[_Candidate]:
    """All facts, in the order shown."""
    usage, waiting = state.usage, len(state.queue)
    running = sum(job.running for job in state.jobs)
    chosen = state.chosen
    model, thinking = (chosen.model, chosen.thinking) if chosen else (facts.model, facts.thinking)
    mode = (chosen and chosen.mode) or facts.mode
    return [
        _fact((11, f"queue {waiting}" if waiting else "")),
        _fact((10, f"jobs {running}" if running else "")),
        _fact((12, mode), tone="warning" if mode == "full" else ""),
        _fact((6, f"sandbox {facts.sandbox}" if facts.sandbox else ""), tone=_sandbox_tone(facts.sandbox)),
        _context(usage),
        _fact((3, _tokens(usage))),
        _fact((2, _cache(usage))),
        _cost(state),
        _fact((8, model)),
        _fact((4, f"thinking {thinking}" if thinking else "")),
        _fact((5, f"⎇ {facts.branch}" if facts.branch else "")),
        _fact((1, fmt.folder(facts.workspace))),
    ]


def _fact(*forms: tuple[int, str], tone: Tone = "") -> _Candidate:
    return tone, tuple(_Form(rank, text) for rank, text in forms if text)


def _sandbox_tone(word: str) -> Tone:
    return "warning" if word in ("none", "off") else ""


def _context(usage: Usage | None) -> _Candidate:
    """How full the model's window is; how large the last request was where the window is unknown."""
    if usage is None:
        return _fact()
    used, window = usage.context_tokens, usage.context_window
    if not window:
        return _fact((9, f"ctx {fmt.tokens(used)}"))
    share = used / window
    filled = min(_BAR_CELLS, math.ceil(share * _BAR_CELLS))
    bar = "▰" * filled + "▱" * (_BAR_CELLS - filled)
    percent = fmt.percent(used, window)
    tone: Tone = "error" if share > _FULL else "warning" if share > _NEARLY_FULL else ""
    return _fact(
        (0, f"ctx {bar} {percent} of {fmt.tokens(window)}"),
        (1, f"ctx {bar} {percent}"),
        (13 if tone else 9, f"ctx {percent}"),  # a window that fills up must not go unseen
        tone=tone,
    )


def _prompt_tokens(usage: Usage) -> int:
    return usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens


def _tokens(usage: Usage | None) -> str:
    """What the last request sent and what came back."""
    return "" if usage is None else f"↑{fmt.tokens(_prompt_tokens(usage))} ↓{fmt.tokens(usage.output_tokens)}"


def _cache(usage: Usage | None) -> str:
    """Which part of the last prompt the provider had in its cache."""
    if usage is None or not usage.cache_read_tokens + usage.cache_write_tokens:
        return ""
    return f"cache {100 * usage.cache_read_tokens // _prompt_tokens(usage)}%"


def _cost(state: State) -> _Candidate:
    """What the run has cost so far, of what the session has."""
    total = state.usage.cost_usd if state.usage else None
    if total is None:
        return _fact()
    before = state.run_began_usd
    both = f"{fmt.money(max(0.0, total - before))} of {fmt.money(total)}" if before else ""
    return _fact((3, both), (7, fmt.money(total)))
