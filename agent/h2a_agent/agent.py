"""The one handle on an agent: commands go in here, events come out of `subscribe`.

Every verb is synchronous: it reserves its place in the inbox in the tick of the key press, returns the
item's id, and waits for nothing. The run loop is the agent's own task; nobody else touches it, the provider
or the journal.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from h2a_agent.briefing import Briefing
from h2a_agent.bus import EventBus, Subscription
from h2a_agent.compaction import Order
from h2a_agent.compactor import switch_summary
from h2a_agent.content import ImageBlock, TextBlock, UserBlock, plain_text
from h2a_agent.context.breakdown import Breakdown, context_breakdown
from h2a_agent.context.prompt import SystemPrompt
from h2a_agent.events import (
    AnyEvent,
    Decision,
    Error,
    InputRestored,
    Kind,
    ModelChanged,
    PathChanged,
    Phase,
    QueueChanged,
    Settled,
    Status,
    Usage,
)
from h2a_agent.file_undo import FileUndo
from h2a_agent.history import AssistantEntry, Node, UserEntry
from h2a_agent.inbox import ItemState
from h2a_agent.job_verbs import JobVerbs
from h2a_agent.models import model_info
from h2a_agent.permission import Permission
from h2a_agent.permission.rules import Rules
from h2a_agent.providers.base import Provider, ToolSpec
from h2a_agent.providers.current import CurrentProvider
from h2a_agent.replay import events_of
from h2a_agent.request import RequestBuilder
from h2a_agent.retry import RetryPolicy
from h2a_agent.run import Run, Toolbox
from h2a_agent.run_settings import RunSettings
from h2a_agent.runner import Runner
from h2a_agent.safe_text import one_line, safe_text
from h2a_agent.sandbox.sandbox import Sandbox
from h2a_agent.sandbox.settings import SandboxSettings
from h2a_agent.sandbox.trial import SessionSandbox
from h2a_agent.session import ReadOnlySession, Session
from h2a_agent.session_verbs import SessionVerbs
from h2a_agent.spending import spending_of
from h2a_agent.state import State, reduce
from h2a_agent.todos import todos_of
from h2a_agent.tool_runner import title_of
from h2a_agent.tools.base import Tool
from h2a_agent.trust import at_most_ask
from h2a_agent.user_shell import UserShell
from h2a_queue import Backpressure, Coalesce

__all__ = ["Agent"]


class Agent:
    """An agent on one session. Made inside a running event loop; used as an async context manager or closed.

    `provider` gives the answers, `session` holds what was said, `tools` are what the model may call in
    `workspace`; output too long for the model goes to files in `spill_dir`. Calls that touch `own_folders`
    (settings, sessions) are asked about even where files may be edited. `sandbox` holds commands in; without
    one they run as they are. `trusted` is false where the workspace holds what a repository wants obeyed and
    nobody vouches for it: then the mode is never above "ask". `system_prompt` is what the model is
    told first.
    `rules` are the user's own; `save_rule` (called in a thread) keeps one they make at a question.
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
        rules: Rules | None = None,
        save_rule: Callable[[str], None] | None = None,
        retry: RetryPolicy | None = None,
        sandbox: SessionSandbox | None = None,
        trusted: bool = True,
        system_prompt: SystemPrompt | None = None,
    ) -> None:
        self._provider = CurrentProvider(provider)
        self._session = session
        self._settings = settings
        self.trusted: Final = trusted
        self._retry = retry or RetryPolicy()
        self._bus = EventBus()
        self._state = State(todos=todos_of(session.history.entries))
        self._spending = spending_of(session.history, session.spent)
        self._requests = RequestBuilder()
        self._runner = Runner(session, self._bus, self._new_run, self._run_ended)
        self._leaving_for: tuple[Node, int] | None = (
            None  # where to branch once the run has ended, and a mark
        )
        self.workspace: Final = workspace or session.workspace
        self.sessions: Final = SessionVerbs(session)
        by_name = {tool.name: tool for tool in tools}
        self._toolbox = Toolbox(
            tools=by_name,
            permission=Permission(own=tuple(own_folders), rules=rules),
            save_rule=save_rule,
            workspace=self.workspace,
            spill_dir=spill_dir or Path(tempfile.gettempdir()),
            sandbox=sandbox or SessionSandbox(SandboxSettings(level="off"), self.workspace),
            specs=tuple(
                ToolSpec(t.name, t.description, t.params.model_json_schema()) for t in by_name.values()
            ),
        )
        self._briefing = Briefing(
            system_prompt or SystemPrompt(self.workspace), self._toolbox, lambda: self.settings
        )
        self._file_undo = FileUndo(self._toolbox, self._bus)
        self.jobs: Final = JobVerbs(self._toolbox.jobs, self._bus)
        self._shell = UserShell(self._toolbox, session, self._bus)
        self._state = replace(self._state, usage=self._last_usage())
        self._bus.tap(self._fold)
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
            ReadOnlySession: the session is only looked at.
        """
        return self._accept(Kind.PROMPT, content, item_id)

    def steer(self, content: str | Sequence[UserBlock], *, item_id: str | None = None) -> str:
        """Deliver a message now: the stream is cut, pending calls are cleared, running ones end by policy.

        When no run is active it is simply sent. Returns and raises as `prompt`.
        """
        known = item_id is not None and self._session.inbox.state_of(item_id) is not None
        item = self._accept(Kind.STEER if self._runner.under_way else Kind.PROMPT, content, item_id)
        if not known:
            self._runner.steer()
        return item

    def nudge(self, content: str | Sequence[UserBlock], *, item_id: str | None = None) -> str:
        """Deliver a message at the next step, after the tools of the present one. Returns and raises as `prompt`."""
        return self._accept(Kind.NUDGE if self._runner.under_way else Kind.PROMPT, content, item_id)

    def follow_up(self, content: str | Sequence[UserBlock], *, item_id: str | None = None) -> str:
        """Deliver a message when the run would otherwise end. Returns and raises as `prompt`."""
        return self._accept(Kind.FOLLOW_UP if self.busy else Kind.PROMPT, content, item_id)

    # -------------------------------------------------------- what still waits

    def withdraw(self, item_id: str) -> bool:
        """Take a waiting item out; its text comes back as `InputRestored`. False when it was delivered already."""
        claimed = self._session.inbox.state_of(item_id) is ItemState.CLAIMED
        item = self._session.inbox.withdraw(item_id)
        if item is None:
            return False
        self._bus.publish(InputRestored((safe_text(item.text),), (), (item.content,)))
        if claimed and item.kind is Kind.COMPACT and self._runner.run is not None:
            self._runner.run.end_compaction()
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
            self._runner.steer()
        self._runner.start()
        return True

    # ------------------------------------------------------------ making room

    def compact(self, instructions: str = "", *, preview: bool = False, item_id: str | None = None) -> str:
        """Have the older part of the conversation summarised, as soon as the run is between two steps.

        It waits in line with the messages: what is sent later goes after it. `instructions` say what the summary should
        look after; a `preview` does not count until `accept_summary`. Returns the item's id.
        """
        return self._accept(Kind.COMPACT, Order("", instructions.strip(), preview).words, item_id)

    def accept_summary(self) -> bool:
        """Let the newest summary count: a preview, or one that was undone. False when there is none."""
        return self._switch_summary(counts=True)

    def drop_summary(self) -> bool:
        """Take the newest summary back, whether it is a preview or counts: the conversation is told whole again.

        False when there is none, or it was taken back before.
        """
        return self._switch_summary(counts=False)

    async def context(self) -> Breakdown:
        """What the next request consists of, in tokens, counted by the provider where it counts."""
        entries, base = self._session.history.entries, self._briefing.request()
        await self._requests.catch_up(entries, base)
        request = self._requests.build(entries, base).request
        counted = await self._provider.now.count_tokens(request)
        window = model_info(request.model).context_window
        return await asyncio.to_thread(
            context_breakdown, self._briefing.parts(), request.tools, entries, window, counted
        )

    def pictures(self, source: str) -> tuple[ImageBlock, ...]:
        """The pictures of a message, by its item's id, or of a tool's result, by its call's.

        None before it is in the history, which a result is when all calls of its step have ended.
        """
        return self._session.history.pictures(source)

    # ------------------------------------------------------------ the run

    def abort(self) -> None:
        """Stop the run: stream and tools end truthfully, waiting items follow the `on_abort` setting."""
        self._runner.abort()

    def pause(self) -> None:
        """Stop before the next step; the stream in flight finishes. Nothing happens when no run is active."""
        self._runner.pause()

    def resume(self) -> None:
        """Go on after a pause, and let held items of the queue be delivered again."""
        if self._session.inbox.paused:
            self._session.inbox.release()
            self._queue_changed()
        self._runner.resume()
        self._runner.start()

    def answer(
        self,
        call_id: str,
        decision: Decision,
        note: str = "",
        *,
        digest: str = "",
        changed: str | None = None,
    ) -> bool:
        """Answer an approval question; only the run itself can withdraw one.

        Whatever allows needs the `digest` of the question that was shown; `changed` is its `editable` text as the
        user has changed it. With `REJECT_AND_STEER` the `note` is delivered as a steering message. False when the
        question is no longer open, or the answer is to something else.

        Raises:
            ValueError: the changed text does not fit the tool. The question stays open.
        """
        question = self._toolbox.questions.get(call_id)
        steers = decision is Decision.REJECT_AND_STEER
        if steers and not note.strip():
            return self.answer(call_id, Decision.REJECT)
        if question is None or not question.answer(decision, note, digest, changed):
            return False
        if steers:
            self.steer(note)
        return True

    def branch(self, entry_id: str) -> None:
        """Go back to an entry: what comes next hangs below it, and what is left stays in the session.

        A message of the user's comes back into the editor to be said anew (`InputRestored`). A run is aborted
        first, truthfully, on the branch it belongs to. What waits in the queue stays, held. `PathChanged` tells
        the screens.

        Raises:
            SessionError: there is no such entry (the beginning of its id, or its label, will do), or the session
                is only looked at.
        """
        if self._session.read_only:
            raise ReadOnlySession(self._session.id)
        target = self._session.find_node(entry_id), self._session.inbox.mark()
        if (run := self._runner.run) is None:
            self._go_to(*target)
            return
        self._leaving_for = target
        run.closing = True  # what waits stays in the session
        self.abort()

    def undo(self) -> None:
        """Put the file that `edit` or `write` changed last back to what it held; `FileRestored` tells how it went.

        Again for the change before that. A file that has changed since is left alone. Works at any time.
        """
        self._file_undo.begin(redo=False)

    def redo(self) -> None:
        """Make the change again that `undo` took back last; `FileRestored` tells how it went."""
        self._file_undo.begin(redo=True)

    def shell(self, command: str, *, private: bool = False) -> str:
        """Run a command of the user's now; returns its id. The model reads of it with its next request, unless `private`.

        Raises:
            ValueError: the command is empty.
            ReadOnlySession: the session is only looked at, and what came of the command could not be kept.
        """
        return self._shell.start(command, private=private)

    def stop_shell(self) -> None:
        """End the user's own commands that run."""
        self._shell.stop()

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
        return self._runner.busy

    @property
    def settings(self) -> RunSettings:
        """How the agent runs."""
        return self._settings if self.trusted else at_most_ask(self._settings)

    def configure(self, **changes: Any) -> None:
        """Change settings; they hold from the next step on."""
        before, self._settings = self._settings, replace(self._settings, **changes)
        if _choice(before) != _choice(self._settings):
            self._say_model()

    def use(self, provider: Provider, model: str) -> None:
        """Let `provider` answer with `model` from the next step on. The agent closes the one before.

        That one is closed when its last stream has ended: at once, or before the next step's begins.
        """
        self._provider.use(provider)
        self._settings = replace(self._settings, model=model)
        self._say_model()
        if self._runner.run is None:
            self._provider.close_retired()

    @property
    def session_id(self) -> str:
        """The session's id, for resuming it."""
        return self._session.id

    @property
    def session_path(self) -> Path | None:
        """The session's file once something is in it; None when nothing is written, or not all of it."""
        return self._session.path if self._session.saved else None

    @property
    def unsaved(self) -> int:
        """How many records the disk had not taken when the agent was closed."""
        return self._session.lost

    @property
    def session_notes(self) -> tuple[str, ...]:
        """What a person should know of how the session was opened, such as damage that was skipped."""
        return self._session.notes

    @property
    def model(self) -> str:
        """The model asked for."""
        return self.settings.model

    @property
    def mode(self) -> str:
        """What runs without asking."""
        return self.settings.mode

    @property
    def sandbox(self) -> Sandbox | None:
        """What holds commands in; None as long as nothing has been tried."""
        return self._toolbox.sandbox.known

    @property
    def provider_name(self) -> str:
        """Where answers come from."""
        return self._provider.now.name

    # ------------------------------------------------------------ its life

    async def warm_up(self) -> None:
        """Load what the first request would wait for; called after a front end's first frame.

        The sandbox is tried, too, which starts programs: in a folder nobody vouches for only when a command is to run.
        """
        sandbox = [self._toolbox.sandbox.get()] if self.trusted else []
        await asyncio.gather(self._provider.now.warm_up(), self._briefing.refresh(), *sandbox)

    async def settled(self) -> Settled:
        """Wait until no run is active and nothing is due; returns how the last run ended."""
        return await self._runner.settled()

    async def aclose(self) -> None:
        """End the run, put everything on disk, let go of session and provider. What waits stays in the session.

        The run ends as by an abort, so that every tool call gets its truthful result; if it does not end
        within some seconds, it is cancelled.
        """
        await self._runner.aclose()
        await self._shell.aclose()
        await self._file_undo.aclose()
        await self._toolbox.jobs.end()
        await self._toolbox.sandbox.aclose()
        self._bus.close()
        self._session.close()
        await self._provider.aclose()

    async def __aenter__(self) -> Agent:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.aclose()

    # ------------------------------------------------------------ private

    def _accept(self, kind: Kind, content: str | Sequence[UserBlock], item_id: str | None) -> str:
        if self._session.read_only:
            raise ReadOnlySession(self._session.id)
        item = self._session.inbox.put(kind, _blocks(content), item_id)
        if item is None:
            assert item_id is not None
            return item_id
        if kind is not Kind.COMPACT:
            self._runner.resume()
        self._runner.start()
        return item.id

    def _new_run(self) -> Run:
        return Run(
            self._session,
            self._provider.of_step,
            self._toolbox,
            self._bus,
            settings=lambda: self.settings,
            base_request=self._briefing.request,
            refresh=self._briefing.refresh,
            spending=self._spending,
            retry=self._retry,
            requests=self._requests,
        )

    def _switch_summary(self, *, counts: bool) -> bool:
        switched = switch_summary(self._session, Run.now(), counts=counts)
        if switched is None:
            return False
        self._bus.publish(switched)
        if self._state.usage is not None:
            self._bus.publish(replace(self._state.usage, context_tokens=switched.context_tokens))
        return True

    def _run_ended(self) -> None:
        self._provider.close_retired()
        if self._leaving_for is not None:
            target, self._leaving_for = self._leaving_for, None
            self._go_to(*target)
            self._runner.start()

    def _go_to(self, node: Node, mark: int) -> None:
        session = self._session
        session.branch(session.history.before(node))
        if len(session.inbox):
            session.inbox.hold(mark)  # said to another branch: a person decides whether it holds for this one
            self._queue_changed()
        self._bus.publish(PathChanged(session.history.head, (*self.replay(), *self._shell.running)))
        if (usage := self._last_usage()) is not None:
            self._bus.publish(usage)
        if isinstance(node.entry, UserEntry):
            content = node.entry.content
            self._bus.publish(InputRestored((safe_text(plain_text(content)),), (), (content,)))

    def _last_usage(self) -> Usage | None:
        """What the last answer of the conversation used, with what the session has cost."""
        for entry in reversed(self._session.history.entries):
            if isinstance(entry, AssistantEntry) and entry.usage.context_tokens:
                return self._spending.event(entry.model, entry.usage)
        return None

    def _say_model(self) -> None:
        settings = self._settings
        self._bus.publish(
            ModelChanged(self._provider.now.name, settings.model, settings.thinking, self.settings.mode)
        )

    def _fold(self, event: AnyEvent) -> None:
        self._state = reduce(self._state, event)

    def _queue_changed(self) -> None:
        inbox = self._session.inbox
        self._bus.publish(QueueChanged(inbox.snapshot(), inbox.paused))

    def _saved_again(self) -> None:
        if self._runner.run is not None:
            self._runner.run.say("saved again")
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


def _choice(settings: RunSettings) -> tuple[str, str, str]:
    """What `ModelChanged` tells of."""
    return settings.model, settings.thinking, settings.mode


def _blocks(content: str | Sequence[UserBlock]) -> tuple[UserBlock, ...]:
    return (TextBlock(content),) if isinstance(content, str) else tuple(content)
