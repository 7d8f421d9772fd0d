"""A command from a program as a call of the agent, and what came of it as a reply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from h2a_agent.config_error import ConfigError
from h2a_agent.protocol.commands import (
    Abort,
    Answer,
    AnyCommand,
    Edit,
    FollowUp,
    GetState,
    Nudge,
    Pause,
    Promote,
    Prompt,
    Redo,
    Reorder,
    Resume,
    SetMode,
    SetModel,
    SetThinking,
    Steer,
    StopJob,
    Undo,
    Withdraw,
)
from h2a_agent.protocol.replies import Ack, StateReply
from h2a_agent.protocol.values import tag

if TYPE_CHECKING:
    from h2a_agent.agent import Agent
    from h2a_agent.model_choice import ModelChoice

__all__ = ["TAKES_ITS_TIME", "obey"]

TAKES_ITS_TIME: Final = (SetModel, StopJob)
"""Commands that wait for something; the others are done in the tick they are obeyed in."""

_DELIVERED: Final = "no such item waits; it may have been delivered already"
_NOT_ASKED: Final = (
    "no such question is open, or its digest is another; it may have been answered or withdrawn"
)


async def obey(agent: Agent, models: ModelChoice, command: AnyCommand) -> Ack | StateReply:
    """Do what `command` says. Whatever comes to nothing is said in the reply; nothing is raised."""
    try:
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
            case StopJob(number):
                return _done(command, await agent.stop_job(number), f"no job {number} runs")
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
    except (ValueError, ConfigError) as refused:
        return _ack(command, ok=False, note=str(refused))
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
