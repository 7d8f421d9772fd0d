"""The question whether a folder may be obeyed, among the rows of the shell."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from rich.style import Style
from rich.text import Text

from h2a_agent.safe_text import one_line
from h2a_themes import Palette
from h2a_tui.inline.ansi import Ink
from h2a_tui.inline.key_reader import Input, Key, Paste
from h2a_tui.inline.live_area import LiveArea
from h2a_tui.inline.terminal import InlineTerminal
from h2a_tui.keymap import Keymap
from h2a_tui.theme import styles_of
from h2a_tui.theme_choice import ThemeChoice
from h2a_tui.trust_answering import Answer, TrustAnswering

__all__ = ["ask_for_trust"]


async def ask_for_trust(
    folder: Path, things: Sequence[str], keymap: Keymap, themes: ThemeChoice, terminal: InlineTerminal
) -> Answer:
    """Ask, and wait for the answer; `Answer.QUIT` also when the terminal goes. `things` are what in `folder` wants to be obeyed.

    The terminal stays taken, and what was typed before the question and during it is kept.
    """
    answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    answering = TrustAnswering(keymap)
    ink = Ink(os.environ)
    styles = styles_of(ink.theme(themes.theme, Palette()))

    def answer(one: Answer) -> None:
        if not answered.done():
            answered.set_result(one)
            terminal.keep()  # at once: what is read together with the answer is no part of it
            terminal.keep_behind(answering.kept)

    def received(what: Input) -> None:
        match what:
            case Key(name, text):
                if (one := answering.press(name, text)) is not None:
                    answer(one)
            case Paste(text):
                answering.pasted(text)
            case _:
                pass
        draw()

    def draw() -> None:
        text = Text.assemble(
            ("Do you trust this folder?\n", styles.page + Style(bold=True)),
            f"{one_line(str(folder))}\n",
            f"It holds {one_line(', '.join(things))}. Whoever wrote that can tell the agent what to do.\n\n",
        )
        for row, chosen in answering.rows():
            text.append(f"{row}\n", Style(bold=True) if chosen else None)
        text.append(answering.words(), styles.dim)
        rows = ink.rendered(text, max(1, terminal.size.columns - 1), styles.page)
        live.draw(rows[-terminal.size.rows :])

    live = LiveArea(terminal.write)
    terminal.lost = lambda: answer(Answer.QUIT)
    terminal.take()
    try:
        draw()
        terminal.divert(received)
        answering.shown()
        return await answered
    finally:
        live.clear()
        terminal.keep()
