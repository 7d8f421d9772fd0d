"""A command from a program as a call of the agent, and what came of it as a reply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, get_args

from h2a_agent.protocol.commands import (
    Abort,
    AcceptSummary,
    Answer,
    AnyCommand,
    Branch,
    Compact,
    DropSummary,
    Edit,
    FollowUp,
    GetContext,
    GetState,
    Nudge,
    Pause,
    Promote,
    Prompt,
    ReadJob,
    Redo,
    Reorder,
    Resume,
    SetMode,
    SetModel,
    SetThinking,
    Shell,
    Steer,
    StopJob,
    StopShell,
    Undo,
    Withdraw,
)
from h2a_agent.protocol.obey_session import obey_about_session
from h2a_agent.protocol.replies import Ack, ContextReply, JobReply, Reply, StateReply
from h2a_agent.protocol.session_commands import Export, FindSessions, SessionCommand
from h2a_agent.protocol.values import tag
from h2a_agent.refusals import REFUSALS, reason_of
from h2a_agent.safe_text import one_line

if TYPE_CHECKING:
    from h2a_agent.agent import Agent
    from h2a_agent.model_choice import ModelChoice

__all__ = ["TAKES_ITS_TIME", "obey"]

TAKES_ITS_TIME: Final = (SetModel, StopJob, GetContext, FindSessions, Export)
"""Commands that wait for something; the others are done before the next one is looked at."""

_ABOUT_SESSIONS: Final = get_args(SessionCommand)
_DELIVERED: Final = "no such item waits; it may have been delivered already"
_NOT_ASKED: Final = (
    "no such question is open, or its digest is another; it may have been answered or withdrawn"
)


_NO_SUMMARY: Final = "there is no summary for which this is not so already"


async def obey(
    agent: Agent, models: ModelChoice, command: AnyCommand, switch: Callable[[str], None]
) -> Reply:
    """Do what `command` says. Whatever comes to nothing is said in the reply; nothing is raised.

    `switch` opens the session of an id, or raises, and lets it be the next.
    """
    try:
        if isinstance(command, _ABOUT_SESSIONS):
            return await obey_about_session(agent, models, command, switch)
        return await _obey(agent, models, command)
    except REFUSALS as refused:
        return _ack(command, ok=False, note=reason_of(refused))


async def _obey(agent: Agent, models: ModelChoice, command: AnyCommand) -> Reply:
    match command:
        case Prompt() | Steer() | Nudge() | FollowUp():
            return _ack(command, item_id=_say(agent, command))
        case Withdraw(item_id):
            return _done(command, agent.withdraw(item_id), _DELIVERED, item_id)
        case Edit(item_id):
            return _done(
                command,
                agent.edit(item_id, command.blocks),
                f"{_DELIVERED}, or nothing is left of it",
                item_id,
            )
        case Reorder(item_id, offset):
            return _done(
                command, agent.reorder(item_id, offset), f"{_DELIVERED}, or it is there already", item_id
            )
        case Promote(item_id, kind):
            return _done(command, agent.promote(item_id, kind), _DELIVERED, item_id)
        case Answer(call_id, decision, note, digest, changed):
            done = agent.answer(call_id, decision, note, digest=digest, changed=changed)
            return _done(command, done, _NOT_ASKED)
        case Compact(instructions, preview, item_id):
            made = agent.compact(instructions, preview=preview, item_id=item_id or None)
            return _ack(command, item_id=made)
        case AcceptSummary():
            return _done(command, agent.accept_summary(), _NO_SUMMARY)
        case DropSummary():
            return _done(command, agent.drop_summary(), _NO_SUMMARY)
        case Branch(entry):
            agent.branch(entry)
        case Shell(words, private):
            return _ack(command, item_id=agent.shell(words, private=private))
        case StopShell():
            agent.stop_shell()
        case ReadJob():
            return _job(agent, command)
        case StopJob(number):
            return _done(command, await agent.jobs.stop(number), f"no job {number} runs")
        case GetContext():
            return await _context(agent, command)
        case SetModel(model):
            return _ack(command, note=await models.choose(model))
        case SetThinking(level):
            return _ack(command, note=models.set_thinking(level))
        case SetMode(mode):
            agent.configure(mode=mode)
        case Abort():
            agent.abort()
        case Pause():
            agent.pause()
        case Resume():
            agent.resume()
        case Undo():
            agent.undo()
        case Redo():
            agent.redo()
        case GetState():
            return StateReply(agent.state, command.id)
    return _ack(command)


def _say(agent: Agent, command: Prompt | Steer | Nudge | FollowUp) -> str:
    """Say it; the item's id.

    Raises:
        ValueError: there is nothing in it.
    """
    verbs = {Prompt: agent.prompt, Steer: agent.steer, Nudge: agent.nudge, FollowUp: agent.follow_up}
    return verbs[type(command)](command.blocks, item_id=command.item_id or None)


def _ack(command: AnyCommand, *, ok: bool = True, item_id: str = "", note: str = "") -> Ack:
    return Ack(tag(type(command)), command.id, ok, item_id, note)


def _done(command: AnyCommand, done: bool, otherwise: str, item_id: str = "") -> Ack:
    return _ack(command, ok=done, item_id=item_id, note="" if done else otherwise)


async def _context(agent: Agent, command: GetContext) -> ContextReply:
    found = await agent.context()
    shares = tuple(replace(share, name=one_line(share.name)) for share in found.shares)
    return ContextReply(shares, found.total, found.window, found.counted, command.id)


def _job(agent: Agent, command: ReadJob) -> Reply:
    found = agent.jobs.read(command.number)
    if found is None:
        return _ack(command, ok=False, note=f"there is no job {command.number}")
    job, text = found
    return JobReply(job.number, job.command, text, job.running, job.exit_code, command.id)
