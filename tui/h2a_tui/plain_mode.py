"""`--plain`: conversations in lines, one session after another, until the input ends or somebody leaves."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from h2a_agent.agent import Agent
    from h2a_agent.config import Settings
    from h2a_agent.paths import Paths
    from h2a_agent.session import Session
    from h2a_tui.plain_chat import Talked
    from h2a_tui.settings import ScreenSettings
    from h2a_tui.streams import InputLines

__all__ = ["talk_plainly"]


def talk_plainly(
    args: argparse.Namespace,
    settings: Settings,
    screen: ScreenSettings,
    paths: Paths,
    open_first: Callable[[], Session],
    notice: str,
) -> int:
    """Talk as the flags say, beginning with `notice`; returns the exit code."""

    async def run() -> int:
        from h2a_agent.assemble import as_chosen, make_provider, running_agent
        from h2a_tui.plain_chat import LINE_LIMIT
        from h2a_tui.streams import InputLines, stdin
        from h2a_tui.trace_flag import traced
        from h2a_tui.vouching import is_vouched_for, not_trusted

        lines = InputLines(stdin(), LINE_LIMIT)
        now, session, prompt, before = settings, open_first(), args.prompt or "", notice
        async with traced(args.trace) as trace:
            while True:
                trusted = bool(is_vouched_for(paths, session.workspace, vouch=args.trust))
                said = [before, "" if trusted else not_trusted(session.workspace)]
                provider = make_provider(now)
                async with running_agent(now, paths, session, provider, trusted=trusted) as agent:
                    trace(agent)
                    talked = await _talk(
                        agent, now, screen, paths, lines, prompt, "\n".join(filter(None, said))
                    )
                    if talked.switch_to is None:
                        return talked.exit_code
                    now, session, prompt = as_chosen(now, agent, talked.switch_to), talked.switch_to, ""
                    before = f"You had said: {talked.draft}" if talked.draft else ""

    return asyncio.run(run())


async def _talk(
    agent: Agent,
    settings: Settings,
    screen: ScreenSettings,
    paths: Paths,
    lines: InputLines,
    prompt: str,
    notice: str,
) -> Talked:
    from h2a_agent.assemble import connect, open_session
    from h2a_agent.model_choice import ModelChoice
    from h2a_tui.plain_chat import talk

    def open_by_id(session_id: str) -> Session:
        return open_session(paths, Path.cwd(), session_id=session_id)

    models = ModelChoice(agent, settings.catalogue, settings.api_keys, paths.config_file, connect)
    return await talk(agent, models, screen, lines, open_by_id, prompt=prompt, notice=notice)
