"""The front end without a terminal: an agent's events as lines, written once and never again.

It is a client like the app. `answer_once` serves `-p`: the answer on stdout, everything else on stderr.
`play_demo` is what runs where there is no terminal at all: one scripted conversation with a steer and a
follow-up in it, and at the end the figures of the h2A queue through which every event came.

No line holds an escape sequence, and the text of events has been made safe where the event was made.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Final

from h2a_agent.bus import Subscription
from h2a_agent.content import UserBlock
from h2a_agent.events import (
    AnyEvent,
    ApprovalAnswered,
    ApprovalRequested,
    CompactionEnded,
    Decision,
    Done,
    Error,
    Interrupt,
    Kind,
    Outcome,
    Phase,
    RetryScheduled,
    Settled,
    ShellStarted,
    Status,
    TokenStream,
    ToolCall,
    ToolResult,
    UserInput,
)
from h2a_agent.safe_text import one_line
from h2a_queue import QueueStats
from h2a_tui.exit_codes import FAILED, OK
from h2a_tui.signals import signals_abort
from h2a_tui.streams import Out, stderr, stdout

if TYPE_CHECKING:
    from h2a_agent.agent import Agent

__all__ = ["Lines", "answer_once", "nobody", "play_demo"]

_SPEAKERS: Final = {
    Kind.PROMPT: "you",
    Kind.STEER: "steer",
    Kind.NUDGE: "next step",
    Kind.FOLLOW_UP: "follow-up",
    Kind.COMPACT: "compact",
}
_NOBODY: Final = "nobody is there to ask; --mode edits or --mode full allows more"
_RULE: Final = ", and so does {} in permissions.allow of config.toml"


def nobody(question: ApprovalRequested) -> str:
    """Why `question` is answered with no where nobody can be asked, and what would allow it."""
    return _NOBODY + (_RULE.format(question.rule) if question.rule else "")


class Lines:
    """Writes events: the model's words to `words`, everything else as lines to `notes`.

    `with_user` also writes what the user said; without it the output of one prompt is the answer alone.
    """

    def __init__(self, words: Out, notes: Out, *, with_user: bool = False) -> None:
        self._words = words
        self._notes = notes
        self._with_user = with_user
        self._block: tuple[int, int] | None = None
        self._something_above = False
        self._mid_line = False
        self._titles: dict[str, str] = {}

    async def show(self, event: AnyEvent) -> None:
        """Write what `event` has to say, if anything."""
        match event:
            case TokenStream(step=step, block=block, text=text):
                if self._block != (step, block):
                    await self._new_block((step, block))
                await self._words.write(text)
                self._mid_line = not text.endswith("\n")
            case UserInput(kind=kind, text=text):
                if self._with_user:
                    await self.note(f"\n{_SPEAKERS[kind]}> " + text.replace("\n", "\n    "))
                    self._something_above = True
            case ToolCall(stage="complete", call_id=call_id, name=name, title=title):
                self._titles[call_id] = f"{name}: {title}" if title else name
            case ShellStarted(shell_id=shell_id, command=command):
                self._titles[shell_id] = f"! {command}"
            case ToolResult():
                await self.note(self._tool_line(event))
            case ApprovalRequested(call_id=call_id, reason=reason):
                await self.note(f"? {self._titles.get(call_id, event.tool)} ({one_line(reason)})")
            case ApprovalAnswered(decision=decision, note=note):
                await self.note(f"  {decision.value}" + (f": {note}" if note else ""))
            case Interrupt(cause=cause):
                await self.note("-- cut here by a steer --" if cause == "steer" else "-- stopped --")
            case RetryScheduled():
                again = f"Again in {event.wait_s:.1f} s ({event.attempt} of {event.limit})."
                await self.note(f"! {_sentence(event.reason)} {again}")
            case CompactionEnded():
                await self.note(f"⋯ {_compacted(event)}")
            case Error():
                await self.note(f"! {_sentence(event.message)} {event.advice}".rstrip())
            case Done():
                await self.end_line()
            case _:
                pass

    async def note(self, line: str) -> None:
        """A line that is not the model's."""
        await self.end_line()
        await self._notes.write(f"{line}\n")

    async def end_line(self) -> None:
        """Finish the line the model's words stand in, if they stand in one."""
        if self._mid_line:
            self._mid_line = False
            await self._words.write("\n")

    async def _new_block(self, block: tuple[int, int]) -> None:
        await self.end_line()
        if self._something_above:
            await self._words.write("\n")
        self._block = block
        self._something_above = True

    def _tool_line(self, result: ToolResult) -> str:
        title = self._titles.pop(result.call_id, "tool")
        time = f" ({result.elapsed_s:.1f} s)" if result.elapsed_s else ""
        brief = result.brief if result.outcome is not Outcome.STOPPED else result.outcome.value
        outcome = "ok" if result.outcome is Outcome.OK else result.outcome.value
        said = f", {brief}" if brief and brief != outcome else ""
        return f"· {one_line(title)} … {outcome}{said}{time}"


def _compacted(event: CompactionEnded) -> str:
    if not event.ok:
        return f"no summary: {event.reason}; the conversation is as it was"
    return f"conversation summarised: {event.tokens_before:,} to {event.tokens_after:,} tokens"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


async def _until_settled(events: Subscription, lines: Lines) -> AsyncGenerator[AnyEvent, None]:
    """Every event of the run, after it has been written; the last one is `Settled`."""
    async for event in events:
        await lines.show(event)
        yield event
        if isinstance(event, Settled):
            return


async def answer_once(agent: Agent, prompt: Sequence[UserBlock]) -> int:
    """Send `prompt`, write the answer to stdout and notes to stderr; the exit code says how it ended.

    Questions are answered with no, because nobody is there to ask.

    Raises:
        OSError: stdout or stderr cannot be written any more. The run goes on; closing the agent ends it.
    """
    lines = Lines(stdout(), stderr())
    ended = Settled("failed")
    with closing(agent.subscribe()) as events:
        async with signals_abort(agent) as signals, aclosing(_until_settled(events, lines)) as happened:
            for note in agent.session_notes:
                await lines.note(f"! {note}")
            agent.prompt(prompt)
            async for event in happened:
                match event:
                    case ApprovalRequested(call_id=call_id):
                        agent.answer(call_id, Decision.REJECT, nobody(event))
                    case Status(phase=Phase.PAUSED):
                        agent.abort()  # a limit, and nobody is there to wait for its end
                    case Settled():
                        ended = event
                    case _:
                        pass
            if ended.reason != "completed":
                await lines.note(_what_is_kept(agent))
    return signals.caught or (OK if ended.reason == "completed" else FAILED)


def _what_is_kept(agent: Agent) -> str:
    if agent.session_path is None:
        return "The session was not saved, so the prompt is not kept."
    return f"Your prompt is kept in session {agent.session_id}. Go on with: h2a-chat -r {agent.session_id}"


# ------------------------------------------------------------------- the demo

_PROMPT: Final = "Show me around."
_FOLLOW_UP: Final = "list files"
_STEER: Final = "short, please"
_STEER_AT: Final = "in the middle of"


async def play_demo(agent: Agent) -> int:
    """Play one conversation with the demo provider to stdout, as a person at the keys would have it.

    While the first tools run a follow-up is queued, and the long answer is steered away in mid-sentence.
    Returns the exit code; raises as `answer_once`.
    """
    lines = Lines(stdout(), stdout(), with_user=True)
    said = ""
    queued = steered = False
    with closing(agent.subscribe()) as events:
        async with signals_abort(agent) as signals, aclosing(_until_settled(events, lines)) as happened:
            agent.prompt(_PROMPT)
            async for event in happened:
                match event:
                    case ToolResult() if not queued:
                        queued = True
                        agent.follow_up(_FOLLOW_UP)
                        await lines.note(f"+ Alt+Enter: “{_FOLLOW_UP}” waits in the queue")
                    case ApprovalRequested(call_id=call_id):
                        agent.answer(call_id, Decision.ALLOW, digest=event.digest)
                    case TokenStream(text=text) if not steered:
                        said += text
                        if _STEER_AT in said:
                            steered = True
                            agent.steer(_STEER)
                    case _:
                        pass
            await lines.note(_figures(events.stats))
    return signals.caught or OK


def _figures(stats: QueueStats) -> str:
    return (
        "\nEvery event above came through one h2A queue:\n"
        f"  {stats.total_enqueued} events in, {stats.total_dequeued} out, {stats.merged_messages} merged, "
        f"{stats.dropped_messages} dropped, {stats.current_size} left\n"
        f"  {stats.fast_path_hits} went straight to the waiting reader, "
        f"at most {stats.max_size_seen} waited, {stats.buffer_swaps} buffer swaps"
    )
