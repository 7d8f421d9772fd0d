"""Which scene is played at a moment, and how it begins and ends: how an interruption is taken up, what to try next."""

from __future__ import annotations

import re
from typing import Final

from h2a_agent.providers.base import Request
from h2a_agent.providers.demo.moment import Moment, read_moment
from h2a_agent.providers.demo.parts import Break, Call, Part, Say, Scene
from h2a_agent.providers.demo.phrases import and_list, quote
from h2a_agent.providers.demo.script import OPENING, ORDERS, PICTURE, PUZZLED, WORDS
from h2a_agent.providers.demo.summary import is_order_to_summarise, summary

__all__ = ["answer_to"]

_FEW_WORDS: Final = 8
_INTRODUCTION: Final = "*(I am the demo: a script, not a language model.)*\n\n"

# In this order: a fact that makes the hint needless, and the hint.
_HINTS: Final[tuple[tuple[str, str], ...]] = (
    (
        "steer",
        "type `long`. While I talk, write `short` and press **Enter**, mid-sentence. I stop at once.",
    ),
    (
        "queued",
        "type `count` and, while it runs, write `table` and press **Alt+Enter**. It waits until I am done.",
    ),
    ("write", "type `write`. I make a small file, and you see every line before you say yes."),
    ("abort", "type `long` again and press **Esc**. Everything stops, and nothing is lost."),
    (
        "nudged",
        "type `count`, then `list files` with **Ctrl+S**: it goes in at the next step and stops nothing.",
    ),
    ("connection", "type `break`. My connection snaps in the middle of a sentence. Watch what happens."),
    (
        "rearranged",
        "queue two messages with **Alt+Enter**, then press **Alt+Up**: edit, reorder or withdraw them.",
    ),
)
_LAST_HINT: Final = "type `model` to put a real model in my place. You have seen all my tricks."


def answer_to(request: Request) -> list[Part]:
    """What the demo does at this point of the conversation: what it thinks and says, then what it calls."""
    if is_order_to_summarise(request):
        return summary(request)
    moment = read_moment(request)
    scene, subject = _choose(moment)
    turn = scene.turns[min(moment.turn, len(scene.turns) - 1)]
    parts = [*_taken_up(moment, scene), *turn(moment, subject)]
    missing = {part.name for part in parts if isinstance(part, Call)} - moment.tools
    if missing:
        parts = [part for part in parts if not (isinstance(part, Call) and part.name in missing)]
        parts.append(Say(f"\n\n(Now I would call {and_list(sorted(missing))}, but have no such tool here.)"))
    if not any(isinstance(part, Call | Break) for part in parts):
        parts.append(Say(_hint(moment)))
    # Calls close a message, so whatever else there is goes before them.
    return sorted(parts, key=lambda part: isinstance(part, Call))


# ------------------------------------------------------------ choosing the answer


def _choose(moment: Moment) -> tuple[Scene, str]:
    """The scene of the user's latest words, and what its pattern found in them."""
    if moment.images and not moment.words:
        return PICTURE, ""
    few = len(moment.words.split()) <= _FEW_WORDS
    for scene in (*ORDERS, *WORDS) if few else ORDERS:
        if found := re.search(scene.pattern, moment.words, re.IGNORECASE | re.DOTALL):
            return scene, (found.groupdict().get("subject") or "").strip()
    return (OPENING if moment.first else PUZZLED), ""


def _taken_up(moment: Moment, scene: Scene) -> list[Part]:
    """The first words of an answer: who speaks, or how the user came in from the side."""
    if moment.turn:
        return []
    said = f"“{quote(moment.words)}”"
    if moment.also:
        said = f"“{quote(moment.also[-1])}” and {said}; a script can follow only one, so I take the last"
    words = f"{moment.cut_words} word{'s' * (moment.cut_words != 1)}"
    if moment.first:
        return [Say(_INTRODUCTION)] if scene.turns is not OPENING.turns else []
    if moment.steered_in_tools:
        return [Say(f"**Steered.** {_stopped(moment)} You said {said}.\n\n")]
    if moment.results and not moment.cut:
        return [Say(f"Right at the step boundary, nothing cut: {said}.\n\n")]
    match moment.cut:
        case "steer":
            return [Say(f"**Steered.** You cut me after {words}; I still have them. You said {said}.\n\n")]
        case "abort":
            return [Say(f"Back again. You stopped me after {words}, and they still stand.\n\n")]
        case "crash":
            return [Say(f"The program ended in the middle of my answer, {words} in. They were kept.\n\n")]
        case _:
            return []


def _stopped(moment: Moment) -> str:
    for result in moment.results:
        if after := re.match(r"Stopped after [\d.]+ s", result.text):
            tail = result.lines[-1] if len(result.lines) > 1 else ""
            kept = f" Its last line, `{quote(tail)}`, is kept." if tail else ""
            return f"`{result.name}` {after[0].lower()}.{kept}"
    return "What had not begun was not begun."


def _hint(moment: Moment) -> str:
    """What to try next: the first thing not yet done or hinted at."""
    fresh = (text for fact, text in _HINTS if fact not in moment.done and text not in moment.said)
    return f"\n\n> **Next:** {next(fresh, _LAST_HINT)}\n"
