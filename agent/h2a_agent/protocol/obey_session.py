"""A program's command about sessions as a call of `Agent.sessions`, and what came of it as a reply."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from h2a_agent.protocol.replies import (
    Ack,
    CopyReply,
    ExportReply,
    FoundSession,
    PastReply,
    Reply,
    SessionReply,
    SessionsReply,
    TreeReply,
)
from h2a_agent.protocol.session_commands import (
    Clone,
    Export,
    FindSessions,
    Fork,
    GetPast,
    GetSession,
    GetTree,
    Label,
    Rename,
    SessionCommand,
    SwitchSession,
)
from h2a_agent.protocol.values import tag

if TYPE_CHECKING:
    from h2a_agent.agent import Agent
    from h2a_agent.model_choice import ModelChoice
    from h2a_agent.session_search import Found

__all__ = ["obey_about_session"]


async def obey_about_session(
    agent: Agent, models: ModelChoice, command: SessionCommand, switch: Callable[[str], None]
) -> Reply:
    """Do what `command` says; `switch` opens the session of an id and lets it be the next.

    Raises:
        One of `REFUSALS`: it comes to nothing.
    """
    sessions, mark = agent.sessions, command.id
    match command:
        case GetSession():
            return _session(agent, command)
        case GetPast():
            return PastReply(tuple(agent.replay()), mark)
        case GetTree():
            return TreeReply(tuple(sessions.tree()), mark)
        case Label(label, entry):
            sessions.label(entry, label)
        case Rename(name):
            sessions.rename(name)
        case Fork(entry):
            draft = sessions.text_of(entry) if entry else ""
            return CopyReply(await sessions.fork(entry), draft, mark)
        case Clone():
            return CopyReply(await sessions.clone(), id=mark)
        case SwitchSession(session):
            switch(await sessions.locate(session))
        case FindSessions(text, limit):
            found = await sessions.find(text, limit=limit)
            return SessionsReply(tuple(map(_found, found)), mark)
        case Export(path):
            return await _export(agent, models, command, path)
    return Ack(tag(type(command)), mark)


def _session(agent: Agent, command: GetSession) -> SessionReply:
    return SessionReply(
        agent.session_id,
        agent.sessions.name,
        os.fspath(agent.session_path or ""),
        os.fspath(agent.workspace),
        agent.sessions.read_only,
        agent.provider_name,
        agent.settings,
        agent.sandbox.summary if agent.sandbox else "",
        command.id,
    )


def _found(found: Found) -> FoundSession:
    info = found.info
    return FoundSession(
        info.id,
        os.fspath(info.path),
        os.fspath(info.workspace),
        info.modified,
        info.title,
        info.name,
        info.labels,
        info.messages,
        info.cost_usd,
        found.count,
        found.hits,
    )


async def _export(agent: Agent, models: ModelChoice, command: Export, path: str) -> ExportReply:
    from h2a_agent.export.redact import secrets_of
    from h2a_agent.tools.supervisor import whole_environment

    await models.find_keys()
    exported = await agent.sessions.export(agent.workspace / path, secrets_of(whole_environment()))
    return ExportReply(os.fspath(exported.path), exported.redacted, command.id)
