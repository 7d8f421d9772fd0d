"""An inline chat from its first row to its last, with what may end it from outside."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from h2a_agent.events import Error
from h2a_agent.tools.supervisor import guardian
from h2a_tui.crash import crash_message, write_crash_report
from h2a_tui.exit_codes import BY_SIGNAL, UNGUARDED
from h2a_tui.inline.chat import InlineChat, Left

__all__ = ["show_inline"]


async def show_inline(
    chat: InlineChat,
    *,
    prompt: str = "",
    draft: str = "",
    notice: str = "",
    errors: Sequence[Error] = (),
) -> Left:
    """Run `chat` until it is left, by its own door also when a signal or the guardian's end asks for it.

    A fault of ours is written to a file, and the person reads where.
    """
    loop = asyncio.get_running_loop()
    handlers: dict[signal.Signals, Callable[[], None]] = {
        signal.SIGTERM: partial(chat.leave, BY_SIGNAL + signal.SIGTERM),
        signal.SIGHUP: partial(chat.leave, BY_SIGNAL + signal.SIGHUP),
        signal.SIGWINCH: chat.screen.resized,
        signal.SIGTSTP: chat.suspend,
    }
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    if (ours := guardian()) is not None:
        ours.watch(partial(chat.leave, UNGUARDED))
    try:
        left = await chat.run(prompt, draft, notice, errors)
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
        if ours is not None:
            ours.unwatch()
    if left.fault is not None:
        report: Path | None = await asyncio.to_thread(write_crash_report, left.fault, chat.settings.log_dir)
        print(crash_message(report, chat.client.session_path))  # noqa: T201 (the terminal is the shell's again)
    return left
