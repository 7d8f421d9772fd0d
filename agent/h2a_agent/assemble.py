"""From settings to a working agent: which provider, which session, which folders.

Imports of what is heavy happen in here, when the part is made; a front end imports this file for free.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from h2a_agent.catalogue import DEMO, ProviderInfo
from h2a_agent.config import Settings
from h2a_agent.keys import Key
from h2a_agent.models import learn
from h2a_agent.paths import Paths, private_folder

if TYPE_CHECKING:
    from h2a_agent.agent import Agent
    from h2a_agent.providers.base import Provider
    from h2a_agent.session import Session

__all__ = ["Access", "as_chosen", "connect", "make_provider", "open_session", "running_agent"]

Access: TypeAlias = Literal["write", "fork", "look"]


def make_provider(settings: Settings, *, demo_tokens_per_s: float | None = None) -> Provider:
    """The provider that was chosen. The demo speaks at its reading speed unless told otherwise."""
    return connect(settings.provider, settings.key, settings.run.model, demo_tokens_per_s=demo_tokens_per_s)


def connect(
    info: ProviderInfo, key: Key | None, model: str, *, demo_tokens_per_s: float | None = None
) -> Provider:
    """A provider that talks to the server of `info` with `key`. Nothing is sent yet."""
    if info.name == DEMO.name:
        from h2a_agent.providers.demo import READING_SPEED, DemoProvider

        return DemoProvider(demo_tokens_per_s or READING_SPEED)
    from h2a_agent.providers.anthropic import AnthropicProvider

    learn(info.models)
    return AnthropicProvider(
        model,
        api_key=key.value if key else "",
        base_url=info.base_url,
        name=info.name,
        key_header=info.auth,
        key_source=key.source if key else "",
        thinks=info.thinking is not False,
        caches=info.cache_control is not False,
        counts=info.count_tokens is not False,
    )


def open_session(
    paths: Paths,
    workspace: Path,
    *,
    session_id: str = "",
    latest: bool = False,
    saved: bool = True,
    access: Access = "write",
    here: bool = False,
) -> Session:
    """The session whose id begins with `session_id`, the `latest` one of `workspace`, or a new one.

    A new one is written to disk unless `saved` is false. An old one is gone on with in its own folder, or `here`
    in `workspace`; or in a copy of its newest branch, which belongs to `workspace`; or it is only looked at.

    Raises:
        SessionError: there is no such session, it is not readable, or its folder is gone.
        JournalLocked: another process has it open.
        OSError: its file or folder cannot be used.
    """
    from h2a_agent.session import Session
    from h2a_agent.session_copy import fork_session
    from h2a_agent.session_files import find_session, latest_session, move_session, sessions_of

    folder = sessions_of(paths.sessions_dir, workspace)
    if not session_id and not latest:
        return Session.create(private_folder(folder), workspace) if saved else Session.unsaved(workspace)
    path = (
        find_session(paths.sessions_dir, session_id)
        if session_id
        else latest_session(paths.sessions_dir, workspace)
    )
    if access == "look":
        return Session.look_at(path)
    if access == "fork":
        return Session.open(fork_session(path, private_folder(folder), workspace))
    if here:
        return Session.open(path if path.parent == folder else move_session(path, folder), workspace)
    return _in_its_folder(Session.open(path), workspace)


def _in_its_folder(session: Session, workspace: Path) -> Session:
    """`session`, if its folder is there; what to do about another folder is said."""
    from h2a_agent.session_loading import SessionError

    its = session.workspace
    if not its.is_dir():
        session.close()
        raise SessionError(
            f"The folder of this session is gone: {its}. Go on in this folder with: h2a-chat -r {session.id} --here; "
            f"or in a copy with: h2a-chat --fork {session.id}"
        )
    if its.resolve() != workspace.resolve():
        session.notes = (
            *session.notes,
            f"This session works in {its}. With --here it goes on in this folder.",
        )
    return session


def as_chosen(settings: Settings, agent: Agent, following: Session) -> Settings:
    """`settings` for the session `following`, with what was chosen while `agent` ran: who answers, and how hard it thinks.

    The mode goes along within a folder. Elsewhere it is again the one that was set, but for `plan`: nobody who has
    chosen that expects changes.

    Raises:
        ConfigError: the key of the provider that was chosen is gone.
    """
    chosen = agent.settings
    same_folder = following.workspace.resolve() == agent.workspace.resolve()
    mode = chosen.mode if same_folder or chosen.mode == "plan" else settings.run.mode
    run = replace(settings.run, model=chosen.model, thinking=chosen.thinking, mode=mode)
    if agent.provider_name == settings.provider.name:
        return replace(settings, run=run)
    provider = settings.catalogue.get(agent.provider_name)
    key = settings.api_keys.find(provider)
    return replace(settings, provider=provider, key=key, run=run, fell_back=False)


@asynccontextmanager
async def running_agent(
    settings: Settings, paths: Paths, session: Session, provider: Provider, *, trusted: bool = False
) -> AsyncGenerator[Agent, None]:
    """An agent on `session`, in its folder, with all tools; closed at the end, with session and provider.

    `trusted` is false where nothing of the folder may be obeyed (`h2a_agent.trust`), nor its instruction files told to the
    model.

    The folder for long outputs is the session's own; it goes again when nothing came into it.

    Raises:
        OSError: that folder cannot be made.
    """
    from h2a_agent.agent import Agent
    from h2a_agent.context.prompt import SystemPrompt
    from h2a_agent.rule_file import add_allow_rule
    from h2a_agent.sandbox.trial import SessionSandbox
    from h2a_agent.tools import default_tools
    from h2a_agent.tools.undo import forget_stale

    spill_dir = private_folder(paths.spill_dir / session.id)
    forget_stale(spill_dir)
    own = (paths.config_dir, paths.sessions_dir)
    async with Agent(
        provider,
        session=session,
        settings=settings.run,
        tools=default_tools(),
        spill_dir=spill_dir,
        own_folders=own,
        sandbox=SessionSandbox(settings.sandbox, session.workspace, own=own, shown=(spill_dir,)),
        trusted=trusted,
        system_prompt=SystemPrompt(session.workspace, own=paths.config_dir, trusted=trusted),
        rules=settings.rules,
        save_rule=partial(add_allow_rule, paths.config_file),
    ) as agent:
        yield agent
    try:
        spill_dir.rmdir()
    except OSError:
        pass  # there is output in it, or somebody has removed it: both are fine
