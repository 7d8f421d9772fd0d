"""The one handle on an agent: commands go in here, events come out of `subscribe`.

Every verb is synchronous: it reserves its place in the inbox in the tick of the key press, returns the
item's id, and waits for nothing. The run loop is the agent's own task; nobody else touches it, the provider
or the journal.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from h2a_agent.bus import EventBus, Subscription
from h2a_agent.content import TextBlock, UserBlock
from h2a_agent.events import (
    AnyEvent,
    Decision,
    Error,
    FileRestored,
    InputRestored,
    JobItem,
    JobsChanged,
    Kind,
    ModelChanged,
    Phase,
    QueueChanged,
    Settled,
    Status,
)
from h2a_agent.history import AssistantEntry
from h2a_agent.inbox import Boundary
from h2a_agent.loop import run_until_settled
from h2a_agent.permission import Permission
from h2a_agent.prompt import system_prompt
from h2a_agent.providers.base import Provider, ToolSpec
from h2a_agent.redact import redact
from h2a_agent.replay import events_of
from h2a_agent.retry import RetryPolicy
from h2a_agent.run import Approval, Run, Toolbox
from h2a_agent.run_settings import RunSettings
from h2a_agent.safe_text import one_line, safe_text
from h2a_agent.session import Session
from h2a_agent.spending import Spending
from h2a_agent.state import State, reduce
from h2a_agent.todos import todos_of
from h2a_agent.tool_runner import title_of
from h2a_agent.tools.base import Tool, ToolContext
from h2a_agent.user_shell import UserShell
from h2a_queue import Backpressure, Coalesce

__all__ = ["Agent"]

CLOSE_DEADLINE_S: Final = 5.0
_log: Final = logging.getLogger("h2a_agent")


class Agent:
    """An agent on one session. Made inside a running event loop; used as an async context manager or closed.

    `provider` gives the answers, `session` holds what was said, `tools` are what the model may call in
    `workspace`; output too long for the model goes to files in `spill_dir`. Calls that touch `own_folders`
    (settings, sessions) are asked about even where files may be edited.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        session: Session,
        settings: RunSettings,
        tools: Iterable[Tool[Any]] = (),
        workspace: Path | None = None,
        spill_dir: Path | None = None,
        own_folders: Iterable[Path] = (),
        retry: RetryPolicy | None = None,
    ) -> None:
        self._provider = provider
        self._retired: list[Provider] = []  # no longer asked; perhaps still answering
        self._farewells: set[asyncio.Task[None]] = set()
        self._session = session
        self._settings = settings
        self._retry = retry or RetryPolicy()
        self._bus = EventBus()
        self._state = State(todos=todos_of(session.history.entries))
        self._spending = Spending()
        self._run: Run | None = None
        self._task: asyncio.Task[None] | None = None
        self._last = Settled("completed")
        self._errands: set[asyncio.Task[None]] = set()
        self._closing = False
        self.workspace: Final = workspace or session.workspace
        by_name = {tool.name: tool for tool in tools}
        self._toolbox = Toolbox(
            tools=by_name,
            permission=Permission(own=tuple(own_folders)),
            workspace=self.workspace,
            spill_dir=spill_dir or Path(tempfile.gettempdir()),
            specs=tuple(
                ToolSpec(t.name, t.description, t.params.model_json_schema()) for t in by_name.values()
            ),
        )
        self._shell = UserShell(self._bus, self._shell_context, session.append)
        for entry in session.history.entries:
            if isinstance(entry, AssistantEntry) and entry.usage.context_tokens:
                self._spending.add(entry.model, entry.usage)
        self._bus.tap(self._fold)
        self._toolbox.jobs.changed = self._jobs_changed
        session.on_queue_changed = self._queue_changed
        session.on_trouble = self._not_saved
        session.on_recovered = self._saved_again
        if len(session.inbox):
            self._queue_changed()

    # ------------------------------------------------------------ saying things

    def prompt(self, content: str | Sequence[UserBlock], *, item_id: str | None = None) -> str:
        """Send a message. While a run is active it is delivered before the next request, interrupting nothing.

        Returns the item's id; an `item_id` that was accepted before changes nothing (a client's retry).

        Raises:
            ValueError: the message is empty.
        """
        return self._accept(Kind.PROMPT, content, item_id)

    def steer(self, content: str | Sequence[UserBlock], *, item_id: str | None = None) -> str:
        """Deliver a message now: the stream is cut, pending calls are cleared, running ones end by policy.

        When no run is active it is simply sent. Returns and raises as `prompt`.
        """
        known = item_id is not None and self._session.inbox.state_of(item_id) is not None
        item = self._accept(Kind.STEER if self._under_way else Kind.PROMPT, content, item_id)
        if not known:
            self._interrupt_to_steer()
        return item

    def nudge(self, content: str | Sequence[UserBlock], *, item_id: str | None = None) -> str:
        """Deliver a message at the next step, after the tools of the present one. Returns and raises as `prompt`."""
        return self._accept(Kind.NUDGE if self._under_way else Kind.PROMPT, content, item_id)

    def follow_up(self, content: str | Sequence[UserBlock], *, item_id: str | None = None) -> str:
        """Deliver a message when the run would otherwise end. Returns and raises as `prompt`."""
        return self._accept(Kind.FOLLOW_UP if self.busy else Kind.PROMPT, content, item_id)

    # -------------------------------------------------------- what still waits

    def withdraw(self, item_id: str) -> bool:
        """Take a waiting item out; its text comes back as `InputRestored`. False when it was delivered already."""
        item = self._session.inbox.withdraw(item_id)
        if item is None:
            return False
        self._bus.publish(InputRestored((safe_text(item.text),), (), (item.content,)))
        return True

    def edit(self, item_id: str, content: str | Sequence[UserBlock]) -> bool:
        """Change what a waiting item says. False when it was delivered already, or would be empty."""
        return self._session.inbox.edit(item_id, _blocks(content))

    def reorder(self, item_id: str, offset: int) -> bool:
        """Move a waiting item `offset` places later among its kind (negative: earlier)."""
        return self._session.inbox.reorder(item_id, offset)

    def promote(self, item_id: str, kind: Kind) -> bool:
        """Make a waiting item a steer (delivered now), a nudge or a follow-up. False when it was delivered already."""
        if not self._session.inbox.convert(item_id, kind):
            return False
        if kind is Kind.STEER:
            self._interrupt_to_steer()
        self._start()
        return True

    # ------------------------------------------------------------ the run

    def abort(self) -> None:
        """Stop the run: stream and tools end truthfully, waiting items follow the `on_abort` setting."""
        if self._run is not None and self._run.ending == "completed":
            self._run.interrupt("abort")

    def pause(self) -> None:
        """Stop before the next step; the stream in flight finishes. Nothing happens when no run is active."""
        if self._run is not None:
            self._run.pause()

    def resume(self) -> None:
        """Go on after a pause, and let held items of the queue be delivered again."""
        if self._session.inbox.paused:
            self._session.inbox.release()
            self._queue_changed()
        if self._run is not None:
            self._run.resume()
        self._start()

    def answer(self, call_id: str, decision: Decision, note: str = "") -> bool:
        """Answer an approval question. False when it is no longer open; only the run itself can withdraw one."""
        question = self._toolbox.questions.get(call_id)
        if question is None or question.done() or decision is Decision.WITHDRAWN:
            return False
        question.set_result(Approval(decision, note))
        return True

    def undo(self) -> None:
        """Put the file that `edit` or `write` changed last back to what it held; `FileRestored` tells how it went.

        Again for the change before that. A file that has changed since is left alone. Works at any time.
        """
        self._restore(redo=False)

    def redo(self) -> None:
        """Make the change again that `undo` took back last; `FileRestored` tells how it went."""
        self._restore(redo=True)

    def shell(self, command: str, *, private: bool = False) -> str:
        """Run a command of the user's now; returns its id. The model reads of it with its next request, unless `private`.

        Raises:
            ValueError: the command is empty.
        """
        if not command.strip():
            raise ValueError("an empty command was not run")
        return self._shell.start(command, private=private)

    def stop_shell(self) -> None:
        """End the user's own commands that run."""
        self._shell.stop()

    async def stop_job(self, number: int) -> bool:
        """End the background command `number`; False when it has ended already, or there is none."""
        job = self._toolbox.jobs.get(number)
        if job is None or job.over.is_set():
            return False
        await self._toolbox.jobs.stop(job)
        return True

    # ------------------------------------------------------------ looking

    def subscribe(
        self,
        *types: type[AnyEvent],
        policy: Backpressure | Coalesce[AnyEvent] | None = None,
        max_size: int = 1000,
        late: bool = False,
    ) -> Subscription:
        """A h2A queue of this agent's events (of `types`, or all); see `EventBus.subscribe`."""
        return self._bus.subscribe(*types, policy=policy, max_size=max_size, late=late)

    def replay(self) -> list[AnyEvent]:
        """The session's past as events, for a front end that opens on a resumed session."""
        tools = self._toolbox.tools
        return events_of(self._session.history.entries, lambda name, args: title_of(tools, name, dict(args)))

    @property
    def state(self) -> State:
        """What is true right now, as every front end that folds the events would have it."""
        return self._state

    @property
    def busy(self) -> bool:
        """Is a run active, so that a steer interrupts instead of sending?"""
        return self._run is not None and self._run.phase is not Phase.SETTLING

    @property
    def settings(self) -> RunSettings:
        """How the agent runs."""
        return self._settings

    def configure(self, **changes: Any) -> None:
        """Change settings; they hold from the next step on."""
        before, self._settings = self._settings, replace(self._settings, **changes)
        if (before.model, before.thinking) != (self._settings.model, self._settings.thinking):
            self._say_model()

    def use(self, provider: Provider, model: str) -> None:
        """Let `provider` answer with `model` from the next step on. The agent closes the one before.

        That one is closed when its last stream has ended: at once, or before the next step's begins.
        """
        if provider is not self._provider:
            self._retired.append(self._provider)
            self._provider = provider
        self._settings = replace(self._settings, model=model)
        self._say_model()
        if self._run is None:
            self._close_retired()

    @property
    def session_id(self) -> str:
        """The session's id, for resuming it."""
        return self._session.id

    @property
    def session_path(self) -> Path | None:
        """The session's file once something is in it; None when nothing is written."""
        return self._session.path if self._session.saved else None

    @property
    def session_notes(self) -> tuple[str, ...]:
        """What a person should know of how the session was opened, such as damage that was skipped."""
        return self._session.notes

    @property
    def model(self) -> str:
        """The model asked for."""
        return self._settings.model

    @property
    def mode(self) -> str:
        """What runs without asking."""
        return self._settings.mode

    @property
    def provider_name(self) -> str:
        """Where answers come from."""
        return self._provider.name

    # ------------------------------------------------------------ its life

    async def warm_up(self) -> None:
        """Load what the first request would wait for; called after a front end's first frame."""
        await self._provider.warm_up()

    async def settled(self) -> Settled:
        """Wait until no run is active and nothing is due; returns how the last run ended."""
        while self._task is not None:
            await asyncio.wait([self._task])
        return self._last

    async def aclose(self) -> None:
        """End the run, put everything on disk, let go of session and provider. What waits stays in the session.

        The run ends as by an abort, so that every tool call gets its truthful result; if it does not end
        within `CLOSE_DEADLINE_S`, it is cancelled.
        """
        self._closing = True  # what is still said goes into the session, and no run begins
        if self._run is not None:
            self._run.closing = True
            self.abort()
        await self._shell.aclose()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=CLOSE_DEADLINE_S)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._errands:
            await asyncio.wait(self._errands)
        await asyncio.to_thread(self._toolbox.files.undo.forget)
        await self._toolbox.jobs.end()
        self._bus.close()
        self._session.close()
        self._close_retired()
        await asyncio.gather(self._provider.aclose(), *self._farewells)

    async def __aenter__(self) -> Agent:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.aclose()

    # ------------------------------------------------------------ private

    def _accept(self, kind: Kind, content: str | Sequence[UserBlock], item_id: str | None) -> str:
        item = self._session.inbox.put(kind, _blocks(content), item_id)
        if item is None:
            assert item_id is not None
            return item_id
        if self._run is not None:
            self._run.resume()
        self._start()
        return item.id

    @property
    def _under_way(self) -> bool:
        """Has the run begun its first step? Before that there is nothing to steer, and the prompt goes first."""
        return self._run is not None and self._run.step is not None and self._run.phase is not Phase.SETTLING

    def _interrupt_to_steer(self) -> None:
        if self._run is not None and self._under_way:
            self._run.interrupt("steer")

    def _start(self) -> None:
        if self._task is None and not self._closing and self._session.inbox.due(Boundary.RUN_END):
            self._run = self._new_run()
            self._task = asyncio.get_running_loop().create_task(self._work(self._run), name="h2a run")

    def _new_run(self) -> Run:
        return Run(
            self._session,
            self._provider_of_step,
            self._toolbox,
            self._bus,
            settings=lambda: self._settings,
            system=lambda: system_prompt(self.workspace, self._settings.mode),
            spending=self._spending,
            retry=self._retry,
        )

    async def _work(self, run: Run) -> None:
        """Run until nothing is due any more: what came in while a run settled begins the next."""
        try:
            while True:
                self._last = await run_until_settled(run)
                if run.closing or not self._session.inbox.due(Boundary.RUN_END):
                    return
                self._run = run = self._new_run()
        except Exception as error:  # noqa: BLE001  a bug of ours: the session stays usable, the person hears of it
            _log.exception("the run failed")
            inbox = self._session.inbox
            inbox.give_back(item.id for item in inbox.waiting())
            inbox.hold()
            self._queue_changed()
            self._bus.publish(
                Error(
                    "internal",
                    one_line(redact(f"{error!r}"), 300),
                    "The session is safe; send again to go on.",
                    fatal=True,
                )
            )
            self._bus.publish(Status(Phase.IDLE))
            self._last = Settled("failed", run.steps)
            self._bus.publish(self._last)
        finally:
            self._run = self._task = None
            self._close_retired()

    def _provider_of_step(self) -> Provider:
        """Who answers the step that begins; nobody else is answering any more."""
        self._close_retired()
        return self._provider

    def _close_retired(self) -> None:
        while self._retired:
            task = asyncio.get_running_loop().create_task(self._retired.pop().aclose())
            self._farewells.add(task)
            task.add_done_callback(self._farewells.discard)

    def _say_model(self) -> None:
        settings = self._settings
        self._bus.publish(ModelChanged(self._provider.name, settings.model, settings.thinking))

    def _restore(self, *, redo: bool) -> None:
        if self._closing:
            return
        task = asyncio.get_running_loop().create_task(self._restored(redo), name="h2a undo")
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def _restored(self, redo: bool) -> None:
        from h2a_agent.tools.change import restore
        from h2a_agent.tools.disk import FileProblem

        toolbox = self._toolbox
        try:
            done = await restore(toolbox.files, self.workspace, toolbox.spill_dir, redo=redo)
        except FileProblem as problem:
            self._bus.publish(FileRestored(redo, problem=safe_text(problem.text)))
        else:
            diff = done.diff
            event = FileRestored(redo, one_line(done.name, 200), diff.brief, safe_text(diff.shown))
            self._bus.publish(event)

    def _shell_context(self) -> ToolContext:
        toolbox = self._toolbox
        return ToolContext(toolbox.workspace, toolbox.spill_dir, jobs=toolbox.jobs)

    def _fold(self, event: AnyEvent) -> None:
        self._state = reduce(self._state, event)

    def _jobs_changed(self) -> None:
        running = self._toolbox.jobs.running
        items = (
            JobItem(job.number, one_line(job.command, 200), job.started_at, job in running, job.exit_code)
            for job in self._toolbox.jobs.all
        )
        self._bus.publish(JobsChanged(tuple(items)))

    def _queue_changed(self) -> None:
        inbox = self._session.inbox
        self._bus.publish(QueueChanged(inbox.snapshot(), inbox.paused))

    def _saved_again(self) -> None:
        if self._run is not None:
            self._run.say("saved again")
        else:
            self._bus.publish(Status(Phase.IDLE, 0, "saved again"))

    def _not_saved(self, reason: str) -> None:
        self._bus.publish(
            Error(
                "session",
                f"The session is not being saved: {one_line(reason)}",
                "Free some space; saving resumes by itself.",
            )
        )


def _blocks(content: str | Sequence[UserBlock]) -> tuple[UserBlock, ...]:
    return (TextBlock(content),) if isinstance(content, str) else tuple(content)
