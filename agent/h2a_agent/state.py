"""What is true of an agent right now, as a pure function of its events.

`reduce(state, event) -> state` is all there is: a front end keeps a `State`, folds every event into it and
draws the result. It holds what a status line, a queue panel and an approval dialog need; the words of the
transcript are not in it (a front end folds those into a document of its own, block by block).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from h2a_agent.events import (
    AnyEvent,
    ApprovalAnswered,
    ApprovalRequested,
    CompactionEnded,
    CompactionStarted,
    CompactionSwitched,
    Done,
    Error,
    FileRestored,
    InputRestored,
    Interrupt,
    JobItem,
    JobsChanged,
    ModelChanged,
    PathChanged,
    Phase,
    QueueChanged,
    QueueItem,
    RetryScheduled,
    Settled,
    ShellStarted,
    Status,
    Thinking,
    TodoChanged,
    TodoItem,
    TokenStream,
    ToolCall,
    ToolOutput,
    ToolResult,
    Usage,
    UserInput,
)

__all__ = ["RunningTool", "State", "reduce"]

# The status word of each phase; while streaming, the kind of the last delta decides (`State.word`).
_WORDS: Final[Mapping[Phase, str]] = {
    Phase.IDLE: "ready",
    Phase.PREPARING: "thinking",
    Phase.STREAMING: "streaming",
    Phase.TOOLS: "tools",
    Phase.APPROVAL: "approval",
    Phase.RETRYING: "retrying",
    Phase.COMPACTING: "compacting",
    Phase.PAUSED: "paused",
    Phase.SETTLING: "ready",
}


@dataclass(frozen=True, slots=True)
class RunningTool:
    """A tool call that has no result yet. `started_at` is seconds since the epoch, 0 while it only forms."""

    call_id: str
    name: str
    title: str
    started_at: float = 0.0


@dataclass(frozen=True, slots=True)
class State:
    """An agent at one moment. `seq` is the last event folded in; times are seconds since the epoch.

    `run_began_usd` is what the session had cost when the run began (0: nothing, or unknown).
    """

    seq: int = 0
    phase: Phase = Phase.IDLE
    step: int = 0
    note: str = ""
    pausing: bool = False
    writing: bool = False
    run_started_at: float = 0.0
    run_began_usd: float = 0.0
    queue: tuple[QueueItem, ...] = ()
    queue_paused: bool = False
    tools: Mapping[str, RunningTool] = field(default_factory=lambda: MappingProxyType({}))
    approvals: tuple[ApprovalRequested, ...] = ()
    todos: tuple[TodoItem, ...] = ()
    retry: RetryScheduled | None = None
    jobs: tuple[JobItem, ...] = ()
    shells: tuple[str, ...] = ()
    usage: Usage | None = None
    error: Error | None = None
    settled: Settled | None = None
    chosen: ModelChanged | None = None

    @property
    def word(self) -> str:
        """The run's state as the one word the status line shows."""
        if self.phase is Phase.STREAMING and not self.writing:
            return "thinking"
        return _WORDS[self.phase]

    @property
    def busy(self) -> bool:
        """Is a run active, so that Enter steers instead of sending?"""
        return self.phase not in (Phase.IDLE, Phase.SETTLING)


def _with_tool(state: State, tool: RunningTool) -> Mapping[str, RunningTool]:
    return MappingProxyType({**state.tools, tool.call_id: tool})


def _without_tool(state: State, call_id: str) -> Mapping[str, RunningTool]:
    return MappingProxyType({k: v for k, v in state.tools.items() if k != call_id})


def _status(state: State, event: Status) -> State:
    starting = event.phase is not Phase.IDLE and not state.busy
    return replace(
        state,
        phase=event.phase,
        step=event.step or state.step,
        note=event.note,
        pausing=event.pausing,
        writing=state.writing and event.phase is state.phase,
        run_started_at=event.time if starting else state.run_started_at,
        run_began_usd=_cost_so_far(state) if starting else state.run_began_usd,
        settled=None if starting else state.settled,
        error=None if starting else state.error,
        retry=state.retry if event.phase is Phase.RETRYING else None,
    )


def _cost_so_far(state: State) -> float:
    return (state.usage and state.usage.cost_usd) or 0.0


def _tool_call(state: State, event: ToolCall) -> State:
    known = state.tools.get(event.call_id)
    if known is not None and event.stage == "forming":
        return state
    started = event.time if event.stage == "complete" else 0.0
    return replace(
        state, tools=_with_tool(state, RunningTool(event.call_id, event.name, event.title, started))
    )


def _done(state: State, event: Done) -> State:
    # Calls that never became whole will get no result.
    whole = {k: v for k, v in state.tools.items() if v.started_at}
    return replace(state, tools=MappingProxyType(whole), writing=False)


def reduce(state: State, event: AnyEvent) -> State:
    """`state` after `event`. Pure and total; the same event folded in again changes nothing that matters."""
    state = replace(state, seq=max(state.seq, event.seq))
    match event:
        case TokenStream():
            return state if state.writing else replace(state, writing=True)
        case Thinking():
            return replace(state, writing=False) if state.writing else state
        case (
            ToolOutput()
            | UserInput()
            | InputRestored()
            | PathChanged()
            | Interrupt()
            | CompactionStarted()
            | CompactionEnded()
            | FileRestored()
            | CompactionSwitched()
        ):
            return state
        case ToolCall():
            return _tool_call(state, event)
        case ToolResult():
            shells = tuple(one for one in state.shells if one != event.call_id)
            return replace(state, shells=shells, tools=_without_tool(state, event.call_id))
        case ShellStarted():
            return replace(state, shells=(*state.shells, event.shell_id))
        case TodoChanged():
            return replace(state, todos=event.items)
        case QueueChanged():
            return replace(state, queue=event.items, queue_paused=event.paused)
        case ApprovalRequested():
            others = tuple(a for a in state.approvals if a.call_id != event.call_id)
            return replace(state, approvals=(*others, event))
        case ApprovalAnswered():
            return replace(state, approvals=tuple(a for a in state.approvals if a.call_id != event.call_id))
        case Status():
            return _status(state, event)
        case ModelChanged():
            return replace(state, chosen=event)
        case JobsChanged():
            return replace(state, jobs=event.jobs)
        case RetryScheduled():
            return replace(state, retry=event)
        case Usage():
            return replace(state, usage=event)
        case Done():
            return _done(state, event)
        case Error():
            return replace(state, error=event)
        case Settled():
            # Nothing of a run outlives it.
            return replace(state, settled=event, tools=MappingProxyType({}), approvals=(), retry=None)
