"""A conversation in lines: `--plain`, and `ACCESSIBLE=1` for those who use a screen reader.

It is a client like the app: a line typed while the agent works steers it, `/queue` and `/next` let it wait, a question is
read out whole and answered with a letter. Nothing is ever redrawn, so it works in any terminal, through any pipe and in
a log. Reading and speaking are separate tasks: however slowly the words are read, a line is heard at once.
"""

from __future__ import annotations

import asyncio
import select
import signal
import sys
from collections.abc import Coroutine
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from h2a_agent.bus import Subscription
from h2a_agent.events import (
    ApprovalAnswered,
    ApprovalRequested,
    Decision,
    Settled,
    TokenStream,
)
from h2a_agent.safe_text import one_line, without_surrogates
from h2a_agent.tools.supervisor import guardian
from h2a_queue import H2AQueue
from h2a_tui.commands import parse_command
from h2a_tui.exit_codes import BY_SIGNAL, FAILED, OK, UNGUARDED
from h2a_tui.plain import nobody
from h2a_tui.plain_commands import PLAIN_COMMANDS
from h2a_tui.spoken import Spoken, question_lines
from h2a_tui.streams import first_of, lines_of, stdin, stdout

if TYPE_CHECKING:
    from h2a_agent.agent import Agent
    from h2a_agent.model_choice import ModelChoice

__all__ = ["PlainChat", "talk"]

_LINE_LIMIT: Final = 4 * 1024 * 1024  # bytes
_ANSWERS: Final = {
    "y": Decision.ALLOW,
    "yes": Decision.ALLOW,
    "a": Decision.ALLOW_SESSION,
    "always": Decision.ALLOW_SESSION,
    "n": Decision.REJECT,
    "no": Decision.REJECT,
}


async def talk(agent: Agent, models: ModelChoice, prompt: str = "", notice: str = "") -> int:
    """Talk until the input ends or `/quit`; returns the exit code. `prompt` is said first, `notice` before it.

    Raises:
        OSError: stdout cannot be written any more.
    """
    chat = PlainChat(agent, models)
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, chat.on_signal, number)
    if (ours := guardian()) is not None:
        ours.watch(partial(chat.leave, UNGUARDED))
    try:
        return await chat.run(prompt, notice)
    except* OSError as several:
        raise first_of(several) from None
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
        if ours is not None:
            ours.unwatch()


class PlainChat:
    """One conversation in lines. Commands use `agent`, `models` and `notice`."""

    def __init__(self, agent: Agent, models: ModelChoice) -> None:
        self.agent = agent
        self.models = models
        self._from_terminal = sys.stdin.isatty()
        self._spoken = Spoken(stdout(), with_prompts=not self._from_terminal)
        self._notices: H2AQueue[str] = H2AQueue(max_size=None)
        self._questions: list[ApprovalRequested] = []
        self._read_out: ApprovalRequested | None = None  # the question that has been read out whole
        self._somebody_to_ask = True
        self._last = "completed"
        self._leave = asyncio.Event()
        self._code: int | None = None
        self._listeners: asyncio.TaskGroup

    async def run(self, prompt: str, notice: str) -> int:
        """Everything, in order; the exit code."""
        events = self.agent.subscribe()
        with closing(events):
            async with asyncio.TaskGroup() as speakers:
                speakers.create_task(self._speak(events))
                speakers.create_task(self._speak_notices())
                self._greet(notice)
                if prompt.strip():
                    self.agent.prompt(prompt)
                async with asyncio.TaskGroup() as self._listeners:
                    reading = self._listeners.create_task(self._read())
                    await self._leave.wait()
                    reading.cancel()
                if self._code is None:  # the input has ended: what is due is still done
                    await self.agent.settled()
                elif self.agent.busy:
                    self.agent.abort()
                    await self.agent.settled()
                self._say_where_it_is()
                self._notices.close()
                events.close()
        if self._code is not None:
            return self._code
        return OK if self._from_terminal or self._last == "completed" else FAILED

    # -------------------------------------------------------- what commands use

    def notice(self, text: str) -> None:
        """Say something, in its turn."""
        self._notices.enqueue_nowait(text)

    def work(self, job: Coroutine[Any, Any, None]) -> None:
        """Let `job` go on while lines are heard."""
        self._listeners.create_task(job)

    def leave(self, code: int = OK) -> None:
        """Stop what runs, and end."""
        self._code = code
        self._leave.set()

    def on_signal(self, number: int) -> None:
        """Ctrl+C stops the run, and leaves when none is active; other signals leave."""
        if number == signal.SIGINT and self.agent.busy:
            self.agent.abort()
        else:
            self.leave(BY_SIGNAL + number)

    # ----------------------------------------------------------------- hearing

    async def _read(self) -> None:
        held: list[str] = []
        async for number, data in lines_of(stdin(), _LINE_LIMIT):
            if data is None:
                self.notice(f"Line {number} is too long and was not sent. Put it into a file and name that.")
                continue
            line = without_surrogates(data.decode("utf-8", "replace").removesuffix("\r"))
            if not held and line.startswith("/"):
                self._hear(line)
                continue
            goes_on = line.endswith("\\")
            held.append(line.removesuffix("\\"))
            if not goes_on and not (self._from_terminal and _more_is_there()):
                self._hear("\n".join(held))
                held.clear()
        if held:
            self._hear("\n".join(held))
        self._somebody_to_ask = False
        for question in self.agent.state.approvals:
            self.agent.answer(question.call_id, Decision.REJECT, nobody(question))
        self._leave.set()

    def _hear(self, text: str) -> None:
        """Take what was typed: an answer, a command or a message."""
        if not text.strip() or self._answers(text):
            return
        line = parse_command(text)
        if line is None:
            working = self.agent.busy
            self.agent.steer(text)
            if working:
                self.notice("Steering.")
        elif (command := PLAIN_COMMANDS.get(line.name)) is None:
            self.notice(f"There is no command /{line.name}. /help lists them.")
        else:
            command.run(self, line.argument)

    def _answers(self, text: str) -> bool:
        """Answer the question that was read out, if `text` does; anything else is a message, which steers."""
        question = self._read_out
        if question is None:
            return False
        letter, _, why = text.strip().partition(" ")
        decision = _ANSWERS.get(letter.lower())
        if decision is None or (why and decision is not Decision.REJECT):
            return False
        return self.agent.answer(question.call_id, decision, why.strip(), digest=question.digest)

    # ---------------------------------------------------------------- speaking

    def _greet(self, notice: str) -> None:
        agent = self.agent
        self.notice(f"h2a-chat, {agent.provider_name}/{agent.model}, in {agent.workspace}.")
        for line in filter(None, (notice, *agent.session_notes)):
            self.notice(line)
        said = [event.text for event in agent.replay() if isinstance(event, TokenStream)]
        if said:
            self.notice(f"This session goes on. It ended with: {one_line(said[-1], 200)}")
        self.notice(
            "Type a message and press Enter. While it works, a line steers it. /help lists the commands."
        )

    async def _speak_notices(self) -> None:
        async for line in self._notices:
            await self._spoken.note(line)

    async def _speak(self, events: Subscription) -> None:
        async for event in events:
            await self._spoken.show(event)
            match event:
                case ApprovalRequested() if not self._somebody_to_ask:
                    self.agent.answer(event.call_id, Decision.REJECT, nobody(event))
                case ApprovalRequested():
                    self._questions.append(event)
                    await self._ask()
                case ApprovalAnswered(call_id=call_id):
                    self._questions = [q for q in self._questions if q.call_id != call_id]
                    if self._read_out is not None and self._read_out.call_id == call_id:
                        self._read_out = None
                    await self._ask()
                case Settled(reason=reason):
                    self._last = reason
                case _:
                    pass

    async def _ask(self) -> None:
        """Read out the first open question, one at a time; it can be answered when it has been read."""
        if self._questions and self._read_out is None:
            question = self._questions[0]
            await self._spoken.note("\n".join(question_lines(question)))
            self._read_out = question

    def _say_where_it_is(self) -> None:
        if self.agent.session_path is not None:
            self.notice(f"To go on: h2a-chat --plain -r {self.agent.session_id}")


def _more_is_there() -> bool:
    """Has the terminal more lines already? Then they were pasted, and belong together."""
    return bool(select.select([sys.stdin], [], [], 0)[0])
