"""The front end for programs: one JSON object a line on stdout and, where asked for, commands on stdin.

    stdin ──▶ lines ──▶ commands ──▶ Agent ──▶ events (h2A queue, BLOCK) ──┐
                            └──────▶ replies (h2A queue) ──────────────────┴──▶ stdout

A reader that is slow holds the run back, because its queue of events does (`h2a_agent.bus`); commands are obeyed all the
same, and their replies wait in a queue of their own. Only when `_REPLIES_AHEAD` of those are unread are no more commands
read. A reply comes after the events its command has made, so whoever has read it knows what followed.

A program may go on in another session (`switch_session`): this one is ended as by an abort, and the rest of the commands
is for an agent on the other, which says `hello`.

The end of stdin means: finish what is due, then leave. Nobody can answer a question or end a pause after that, so
questions are answered with no, and a paused run is stopped; what waits stays in the session.
"""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING, Final, NamedTuple

from h2a_agent.bus import Subscription
from h2a_agent.events import (
    ApprovalRequested,
    Decision,
    Settled,
)
from h2a_agent.protocol.commands import AnyCommand
from h2a_agent.protocol.lines import AnyOutput, command_of, line_of
from h2a_agent.protocol.obey import TAKES_ITS_TIME, obey
from h2a_agent.protocol.replies import AnyReply, InputError
from h2a_agent.protocol.trace import hello
from h2a_queue import Backpressure, H2AQueue
from h2a_tui.exit_codes import FAILED, OK, UNREAD, USAGE
from h2a_tui.folded import Folded
from h2a_tui.input_over import finish, stop
from h2a_tui.plain import nobody
from h2a_tui.signals import Signals, signals_abort
from h2a_tui.streams import InputLines, Out, first_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from h2a_agent.agent import Agent
    from h2a_agent.content import UserBlock
    from h2a_agent.model_choice import ModelChoice
    from h2a_agent.session import Session

__all__ = ["LINE_LIMIT", "Served", "answer_as_json", "serve_program"]

_EVENTS_AHEAD: Final = 200  # events a reader may be behind before the run waits for it
_REPLIES_AHEAD: Final = 1000
LINE_LIMIT: Final = 32 * 1024 * 1024  # bytes; a message with several pictures fits
_QUICKLY_PARSED: Final = 65_536  # bytes; a longer line is parsed in a thread
_TOO_LONG: Final = f"a line is at most {LINE_LIMIT // 1024 // 1024} MB long"


class Served(NamedTuple):
    """How it went: the exit code, and the session to go on in, if the program wants another."""

    exit_code: int
    switch_to: Session | None = None


async def serve_program(
    agent: Agent,
    models: ModelChoice,
    prompt: Sequence[UserBlock],
    commands: InputLines | None,
    output: Out,
    open_session: Callable[[str], Session],
    *,
    going_on: bool = False,
) -> Served:
    """Send `prompt` if there is one, obey `commands` to their end, write everything to `output`.

    `open_session` opens the session of an id. When another one is wanted, the rest of `commands` is for that; it is
    `going_on` then.

    Raises:
        OSError: `output` cannot be written, other than for want of a reader.
    """
    program = _Program(agent, models, output, open_session, going_on=going_on)
    async with signals_abort(agent) as signals:
        try:
            await program.run(prompt, commands, signals)
        except* BrokenPipeError:
            program.unread = True
        except* OSError as several:
            raise first_of(several) from None
    if signals.caught or program.unread:
        program.stay()
    return Served(signals.caught or program.exit_code, program.switch_to)


class _Reply(NamedTuple):
    """A reply that is due once event `after` is written."""

    after: int
    reply: AnyReply


class _Program:
    """One program at the other end."""

    def __init__(
        self,
        agent: Agent,
        models: ModelChoice,
        output: Out,
        open_session: Callable[[str], Session],
        *,
        going_on: bool,
    ) -> None:
        self._agent = agent
        self._models = models
        self._output = output
        self._open_session = open_session
        self.switch_to: Session | None = None
        self._whole_lines = asyncio.Lock()
        self._replies: H2AQueue[_Reply] = H2AQueue(max_size=_REPLIES_AHEAD)
        self._written = 0  # the number of the last event on stdout
        self._progress = asyncio.Event()
        self._somebody_to_ask = False
        self._understood, self._misunderstood = int(going_on), 0
        self._last: Settled | None = None
        self.unread = False  # nobody reads the output any more

    @property
    def exit_code(self) -> int:
        """How it went: by the last run, or by the input when there was none in it."""
        if self.unread:
            return UNREAD
        if self._last is not None:
            return OK if self._last.reason == "completed" else FAILED
        return USAGE if self._misunderstood and not self._understood else OK

    def stay(self) -> None:
        """Let go of the session that was to be next."""
        if self.switch_to is not None:
            self.switch_to.close()
            self.switch_to = None

    async def run(self, prompt: Sequence[UserBlock], commands: InputLines | None, signals: Signals) -> None:
        """Everything, in order; returns when the last line is written.

        Raises:
            ExceptionGroup: of OSError: `output` cannot be written.
        """
        self._somebody_to_ask = commands is not None
        events = self._agent.subscribe(policy=Backpressure.BLOCK, max_size=_EVENTS_AHEAD)
        self._written = self._agent.state.seq
        with closing(events):
            async with asyncio.TaskGroup() as writers:
                writers.create_task(self._write_all(events))
                if prompt:
                    self._agent.prompt(prompt)
                await self._until_over(commands, signals)
                events.close()
                self._replies.close()

    async def _until_over(self, commands: InputLines | None, signals: Signals) -> None:
        """Until the commands have ended and nothing is due, or a signal came and the run has settled."""
        async with asyncio.TaskGroup() as tasks:
            signal_came = tasks.create_task(signals.came.wait())
            work = tasks.create_task(self._work(commands, tasks))
            await asyncio.wait((signal_came, work), return_when=asyncio.FIRST_COMPLETED)
            signal_came.cancel()
            work.cancel()
        if signals.caught:
            await stop(self._agent)

    async def _work(self, commands: InputLines | None, tasks: asyncio.TaskGroup) -> None:
        if commands is not None:
            await self._read(commands, tasks)
            if self.switch_to is not None:
                self._agent.configure(on_abort="keep")
                await stop(self._agent)
                return
            self._somebody_to_ask = False
            for question in self._agent.state.approvals:
                self._agent.answer(question.call_id, Decision.REJECT, nobody(question))
        await finish(self._agent)

    # ------------------------------------------------------------------ in

    async def _read(self, commands: InputLines, tasks: asyncio.TaskGroup) -> None:
        """Obey to the end of the input, or of what is for this session."""
        async for number, data in commands:
            if data is None:
                command: AnyCommand | InputError = InputError(number, "the line is too long", _TOO_LONG)
            elif not data.strip():
                continue
            elif len(data) > _QUICKLY_PARSED:
                command = await asyncio.to_thread(command_of, data, number)
            else:
                command = command_of(data, number)
            if isinstance(command, InputError):
                self._misunderstood += 1
                await self._reply(command)
            else:
                self._understood += 1
                if isinstance(command, TAKES_ITS_TIME):  # and nothing behind it waits for it
                    tasks.create_task(self._obey(command))
                else:
                    await self._obey(command)
                    if self.switch_to is not None:
                        return

    async def _obey(self, command: AnyCommand) -> None:
        await self._reply(await obey(self._agent, self._models, command, self._switch))

    def _switch(self, session_id: str) -> None:
        self.switch_to = self._open_session(session_id)

    async def _reply(self, reply: AnyReply) -> None:
        await self._replies.enqueue(_Reply(self._agent.state.seq, reply))

    # ----------------------------------------------------------------- out

    async def _write_all(self, events: Subscription) -> None:
        await self._write(hello(self._agent))
        async with asyncio.TaskGroup() as both:
            both.create_task(self._write_events(events))
            both.create_task(self._write_replies())

    async def _write_events(self, events: Subscription) -> None:
        async for event in events:
            await self._write(event)
            self._written = event.seq
            self._progress.set()
            if isinstance(event, Settled):
                self._last = event
            elif isinstance(event, ApprovalRequested) and not self._somebody_to_ask:
                self._agent.answer(event.call_id, Decision.REJECT, nobody(event))

    async def _write_replies(self) -> None:
        async for after, reply in self._replies:
            while self._written < after:
                self._progress.clear()
                await self._progress.wait()
            await self._write(reply)

    async def _write(self, message: AnyOutput) -> None:
        async with self._whole_lines:
            await self._output.write(line_of(message))


# ------------------------------------------------------------------ one line


async def answer_as_json(agent: Agent, prompt: Sequence[UserBlock], output: Out) -> int:
    """Send `prompt` and write one line when the run has settled: the answer and how it ended. The exit code.

    Raises:
        OSError: `output` cannot be written.
    """
    folded, exit_code = Folded(), FAILED
    events = agent.subscribe()
    with closing(events):
        async with signals_abort(agent) as signals:
            agent.prompt(prompt)
            async for event in events:
                folded.add(event)
                if isinstance(event, ApprovalRequested):
                    agent.answer(event.call_id, Decision.REJECT, nobody(event))
                elif isinstance(event, Settled):
                    break
            result = folded.result(agent.session_id)
            try:
                await output.write(line_of(result))
            except BrokenPipeError:
                return UNREAD
            exit_code = OK if result.reason == "completed" else FAILED
    return signals.caught or exit_code
