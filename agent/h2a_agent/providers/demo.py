"""The scripted model of a machine without a key: a small player for the scenes of `demo_script`.

It is a provider like any other, in-process. It keeps nothing between requests: what to say follows from the
request alone (`demo_moment`), so it may be cut, resumed, forked or repeated at any point, and any valid
request gets a sensible answer. It streams at the speed a person reads along with; its token counts are
estimates, and it says plainly that it is not a language model.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import AsyncGenerator, Iterable
from typing import TYPE_CHECKING, Final

from h2a_agent.content import ImageBlock, TextBlock, ThinkingBlock, ToolResultBlock, ToolUseBlock
from h2a_agent.providers.base import (
    ArgumentsDelta,
    BlockStarted,
    BlockStopped,
    Failed,
    FailureKind,
    MessageStarted,
    MessageStopped,
    ProviderEvent,
    Request,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    TokenUsage,
    UsageReported,
)
from h2a_agent.providers.demo_moment import Moment, read_moment
from h2a_agent.providers.demo_phrases import and_list, quote
from h2a_agent.providers.demo_script import (
    OPENING,
    ORDERS,
    PICTURE,
    PUZZLED,
    WORDS,
    Break,
    Call,
    Part,
    Say,
    Scene,
    Think,
)

if TYPE_CHECKING:
    from h2a_agent.providers.base import Provider

__all__ = ["READING_SPEED", "DemoProvider"]

READING_SPEED: Final = 80.0  # tokens per second; a bit faster than most people read

_CHARS_PER_TOKEN: Final = 4
_TOKENS_PER_IMAGE: Final = 1_500
_FEW_WORDS: Final = 8
_JITTER: Final = 0.5  # of a pause, up and down
_PIECE: Final = re.compile(r"\s*\S{1,12}|\s+")
_SIGNATURE: Final = "demo"

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


class DemoProvider:
    """The demo as a provider. `tokens_per_s` is its speed; None: as fast as it is read."""

    name = "demo"
    model = "demo"

    def __init__(self, tokens_per_s: float | None = READING_SPEED) -> None:
        self._tokens_per_s = tokens_per_s
        self._random = random.Random()

    async def stream(self, request: Request) -> AsyncGenerator[ProviderEvent, None]:
        """Answer `request` with the scene it calls for."""
        used = TokenUsage(input_tokens=_tokens_of(request))
        yield MessageStarted(self.model, used)
        parts = answer_to(request)
        spent_chars, limit_chars = 0, request.max_tokens * _CHARS_PER_TOKEN
        stop_reason = "tool_use" if any(isinstance(part, Call) for part in parts) else "end_turn"
        for event, chars, pace in _events(parts):
            if isinstance(event, Failed):
                yield event
                return
            if spent_chars + chars > limit_chars:
                stop_reason = "max_tokens"
                break
            spent_chars += chars
            await self._pause(chars, pace)
            yield event
        yield UsageReported(TokenUsage(used.input_tokens, -(-spent_chars // _CHARS_PER_TOKEN)))
        yield MessageStopped(stop_reason)

    async def warm_up(self) -> None:
        """Nothing to load."""

    async def aclose(self) -> None:
        """Nothing to let go of."""

    async def _pause(self, chars: int, pace: float) -> None:
        if self._tokens_per_s is None or not chars:
            await asyncio.sleep(0)
            return
        seconds = chars / _CHARS_PER_TOKEN / self._tokens_per_s * pace
        await asyncio.sleep(seconds * self._random.uniform(1 - _JITTER, 1 + _JITTER))


def answer_to(request: Request) -> list[Part]:
    """What the demo does at this point of the conversation: what it thinks and says, then what it calls."""
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


# ------------------------------------------------------------------- playing it


def _events(parts: Iterable[Part]) -> Iterable[tuple[ProviderEvent, int, float]]:
    """The parts as events, each with its size in characters and its pace. Neighbouring words share a block."""
    index = -1
    open_text = False
    for part in parts:
        if open_text and not isinstance(part, Say | Break):
            yield BlockStopped(index), 0, 1.0
            open_text = False
        match part:
            case Say(text, pace):
                if not open_text:
                    index += 1
                    open_text = True
                    yield BlockStarted(index, "text"), 0, 1.0
                for piece in _pieces(text):
                    yield TextDelta(index, piece), len(piece), pace
            case Think(text):
                index += 1
                yield BlockStarted(index, "thinking"), 0, 1.0
                for piece in _pieces(text):
                    yield ThinkingDelta(index, piece), len(piece), 1.0
                yield SignatureDelta(index, _SIGNATURE), 0, 1.0
                yield BlockStopped(index), 0, 1.0
            case Call(name, arguments):
                index += 1
                yield BlockStarted(index, "tool_use", id=_call_id(), name=name), 0, 1.0
                for piece in _pieces(json.dumps(arguments, ensure_ascii=False)):
                    yield ArgumentsDelta(index, piece), len(piece), 1.0
                yield BlockStopped(index), 0, 1.0
            case Break(message):
                yield Failed(FailureKind.INTERRUPTED, message), 0, 1.0
    if open_text:
        yield BlockStopped(index), 0, 1.0


def _pieces(text: str) -> list[str]:
    return _PIECE.findall(text)


def _call_id() -> str:
    return f"demo_{random.getrandbits(64):016x}"


def _tokens_of(request: Request) -> int:
    """An estimate: four characters a token, and a usual picture's price."""
    chars = len(request.system) + sum(
        len(spec.name) + len(spec.description) + len(json.dumps(spec.schema)) for spec in request.tools
    )
    images = 0
    for message in request.messages:
        more_chars, more_images = _size(message.content)
        chars, images = chars + more_chars, images + more_images
    return -(-chars // _CHARS_PER_TOKEN) + images * _TOKENS_PER_IMAGE


def _size(content: Iterable[object]) -> tuple[int, int]:
    chars = images = 0
    for block in content:
        match block:
            case TextBlock(text) | ThinkingBlock(text):
                chars += len(text)
            case ToolUseBlock(_, name, arguments):
                chars += len(name) + len(json.dumps(dict(arguments), ensure_ascii=False))
            case ToolResultBlock(_, inner):
                inner_chars, inner_images = _size(inner)
                chars, images = chars + inner_chars, images + inner_images
            case ImageBlock():
                images += 1
    return chars, images


if TYPE_CHECKING:

    def _fits(provider: DemoProvider) -> Provider:
        return provider
