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
from collections.abc import Callable, Coroutine
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from h2a_agent.bus import Subscription
from h2a_agent.events import ApprovalAnswered, ApprovalRequested, Decision, Settled, TokenStream
from h2a_agent.safe_text import one_line, without_surrogates
from h2a_agent.tools.supervisor import guardian
from h2a_queue import H2AQueue
from h2a_tui.commands import parse_command
from h2a_tui.exit_codes import BY_SIGNAL, FAILED, OK, UNGUARDED
from h2a_tui.input_over import finish, stop
from h2a_tui.plain import nobody
from h2a_tui.plain_commands import PLAIN_COMMANDS
from h2a_tui.plain_desk import PlainDesk
from h2a_tui.plain_questions import Questions
from h2a_tui.shell_line import parse_shell
from h2a_tui.signals import last_lines
from h2a_tui.spoken import Spoken
from h2a_tui.streams import InputLines, first_of, stdout

if TYPE_CHECKING:
    from h2a_agent.agent import Agent
    from h2a_agent.model_choice import ModelChoice
    from h2a_agent.session import Session
    from h2a_tui.settings import ScreenSettings

__all__ = ["LINE_LIMIT", "PlainChat", "Talked", "talk"]

LINE_LIMIT: Final = 4 * 1024 * 1024  # bytes


class Talked(NamedTuple):
    """How a conversation ended: the exit code, and the session to go on in, with what is to be said there."""

    exit_code: int
    switch_to: Session | None = None
    draft: str = ""


async def talk(
    agent: Agent,
    models: ModelChoice,
    settings: ScreenSettings,
    lines: InputLines,
    open_session: Callable[[str], Session],
    *,
    prompt: str = "",
    notice: str = "",
) -> Talked:
    """Talk until `lines` end, `/quit`, or another session is wanted. `prompt` is said first, `notice` before it.

    `open_session` opens the session of an id.

    Raises:
        OSError: stdout cannot be written any more.
    """
    chat = PlainChat(agent, models, settings, lines, open_session)
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, chat.on_signal, number)
    if (ours := guardian()) is not None:
        ours.watch(partial(chat.leave, UNGUARDED))
    try:
        async with last_lines(chat.left, agent):
            await chat.run(prompt, notice)
    except* OSError as several:
        raise first_of(several) from None
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
        if ours is not None:
            ours.unwatch()
    return Talked(chat.exit_code, chat.desk.switch_to, chat.desk.draft)


class PlainChat:
    """One conversation in lines. Commands use its `desk`."""

    def __init__(
        self,
        agent: Agent,
        models: ModelChoice,
        settings: ScreenSettings,
        lines: InputLines,
        open_session: Callable[[str], Session],
    ) -> None:
        self.agent = agent
        self._lines = lines
        self._from_terminal = sys.stdin.isatty()
        self._spoken = Spoken(stdout(), with_prompts=not self._from_terminal)
        self._notices: H2AQueue[str] = H2AQueue(max_size=None)
        self._questions = Questions(agent, self._spoken.note)
        self._somebody_to_ask = True
        self._last = "completed"
        self.left = asyncio.Event()
        self._code: int | None = None
        self._listeners: asyncio.TaskGroup
        self.desk = PlainDesk(
            agent,
            models,
            settings,
            self._questions,
            open_session,
            self.say,
            self.leave,
            self._spawn,
        )

    @property
    def exit_code(self) -> int:
        """How it went."""
        if self._code is not None:
            return self._code
        return OK if self._from_terminal or self._last == "completed" else FAILED

    async def run(self, prompt: str, notice: str) -> None:
        """Everything, in order.

        Raises:
            ExceptionGroup: of OSError: stdout cannot be written.
        """
        events = self.agent.subscribe()
        with closing(events):
            async with asyncio.TaskGroup() as speakers:
                speakers.create_task(self._speak(events))
                speakers.create_task(self._speak_notices())
                self._greet(notice)
                if prompt.strip():
                    self.agent.prompt(prompt)
                await self._until_over()
                self._say_where_it_is()
                self._notices.close()
                events.close()

    async def _until_over(self) -> None:
        """Until somebody leaves, or the lines have ended and what is due is done; nothing runs any more."""
        async with asyncio.TaskGroup() as self._listeners:
            leaving = self._listeners.create_task(self.left.wait())
            hearing = self._listeners.create_task(self._hear_to_the_end())
            await asyncio.wait((leaving, hearing), return_when=asyncio.FIRST_COMPLETED)
            leaving.cancel()
            hearing.cancel()
        if self._code is not None:
            if self.desk.switch_to is not None:
                self.agent.configure(on_abort="keep")
            await stop(self.agent)

    def say(self, text: str) -> None:
        """Say something, in its turn."""
        self._notices.enqueue_nowait(text)

    def leave(self, code: int = OK) -> None:
        """Stop what runs, and end."""
        self._code = code
        self.left.set()

    def on_signal(self, number: int) -> None:
        """Ctrl+C stops what runs, and leaves when nothing does; other signals leave."""
        if number == signal.SIGINT and (self.agent.busy or self.agent.state.shells):
            self.agent.abort()
            self.agent.stop_shell()
        else:
            self.leave(BY_SIGNAL + number)

    def _spawn(self, job: Coroutine[Any, Any, None]) -> None:
        self._listeners.create_task(job)

    # ----------------------------------------------------------------- hearing

    async def _hear_to_the_end(self) -> None:
        await self._read()
        await finish(self.agent)

    async def _read(self) -> None:
        held: list[str] = []
        async for number, data in self._lines:
            if data is None:
                self.say(f"Line {number} is too long and was not sent. Put it into a file and name that.")
                continue
            line = without_surrogates(data.decode("utf-8", "replace").removesuffix("\r"))
            goes_on = line.endswith("\\")
            held.append(line.removesuffix("\\"))
            pasted = self._from_terminal and not held[0].startswith(("/", "!")) and _more_is_there()
            if not goes_on and not pasted:
                self._hear("\n".join(held))
                held.clear()
                await self.desk.finish_started()
                if self.left.is_set():
                    return  # the lines that follow are for whoever comes next
        if held:
            self._hear("\n".join(held))
            await self.desk.finish_started()
        self._somebody_to_ask = False
        for question in self.agent.state.approvals:
            self.agent.answer(question.call_id, Decision.REJECT, nobody(question))

    def _hear(self, text: str) -> None:
        """Take what was typed: a choice, an answer, a command or a message."""
        if not text.strip() or self.desk.chooses(text):
            return
        if (said := self._questions.answer(text)) is not None:
            if said:
                self.say(said)
            return
        self.desk.attempt(partial(self._do, text))

    def _do(self, text: str) -> None:
        line = parse_command(text)
        if (shell := parse_shell(text)) is not None:
            self.agent.shell(shell.command, private=shell.private)
        elif line is None:
            working = self.agent.busy
            self.agent.steer(text)
            if working:
                self.say("Steering.")
        elif (command := PLAIN_COMMANDS.get(line.name)) is None:
            self.say(f"There is no command /{line.name}. /help lists them.")
        else:
            command.run(self.desk, line.argument)

    # ---------------------------------------------------------------- speaking

    def _greet(self, notice: str) -> None:
        agent = self.agent
        self.say(f"h2a-chat, {agent.provider_name}/{agent.model}, in {agent.workspace}.")
        for line in filter(None, (notice, *agent.session_notes)):
            self.say(line)
        said = [event.text for event in agent.replay() if isinstance(event, TokenStream)]
        if said:
            self.say(f"This session goes on. It ended with: {one_line(said[-1], 200)}")
        self.say(
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
                    await self._questions.ask(event)
                case ApprovalAnswered(call_id=call_id):
                    await self._questions.closed(call_id)
                case Settled(reason=reason):
                    self._last = reason
                case _:
                    pass

    def _say_where_it_is(self) -> None:
        if self.agent.session_path is not None and self.desk.switch_to is None:
            self.say(f"To go on: h2a-chat --plain -r {self.agent.session_id}")


def _more_is_there() -> bool:
    """Has the terminal more lines already? Then they were pasted, and belong together."""
    return bool(select.select([sys.stdin], [], [], 0)[0])
