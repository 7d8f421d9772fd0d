"""The demo: what is said of it, and how it is played where there is no terminal and nothing was asked for."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

from h2a_tui.print_mode import PLAIN_DEMO_TOKENS_PER_S
from h2a_tui.usage import UsageError

if TYPE_CHECKING:
    from h2a_agent.paths import Paths

__all__ = ["FELL_BACK", "ON_SCREEN", "play_demo_as_lines"]

ON_SCREEN: Final = "This is the demo: a script, not a language model. /setup chooses who answers."
FELL_BACK: Final = (
    "No API key and no server is set, so this is the demo: a script, not a language model. For a model set "
    "ANTHROPIC_API_KEY, run h2a-chat key set NAME, or give --model ollama/NAME or --base-url."
)


def play_demo_as_lines(args: argparse.Namespace, paths: Paths) -> int:
    """Play the conversation; returns the exit code.

    Raises:
        UsageError: something was asked for, which takes a terminal.
    """
    if args.prompt is not None or args.latest or args.resume or args.fork:
        raise UsageError("there is no terminal here; for one answer use: h2a-chat -p PROMPT")
    print(
        "No terminal here, so this is the demo, played as lines. For one answer use: h2a-chat -p PROMPT",
        flush=True,
    )

    async def run() -> int:
        from h2a_agent.assemble import make_provider, open_session, running_agent
        from h2a_agent.catalogue import DEMO
        from h2a_agent.config import Settings
        from h2a_agent.run_settings import RunSettings
        from h2a_tui.plain import play_demo
        from h2a_tui.vouching import is_vouched_for

        settings = Settings(DEMO, RunSettings("demo"))
        session = open_session(paths, Path.cwd(), saved=False)
        provider = make_provider(settings, demo_tokens_per_s=PLAIN_DEMO_TOKENS_PER_S)
        trusted = bool(is_vouched_for(paths, session.workspace, vouch=args.trust))
        async with running_agent(settings, paths, session, provider, trusted=trusted) as agent:
            return await play_demo(agent)

    return asyncio.run(run())
