"""Which rows stand below the conversation, in what order, and which of them give way on a screen of few rows."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rich.style import Style

from h2a_agent.events import TodoStatus
from h2a_agent.safe_text import one_line
from h2a_tui.inline.foot import Painter
from h2a_tui.inline.picking import Picking
from h2a_tui.inline.terminal import Size
from h2a_tui.keymap import Action, Context
from h2a_tui.verbs import hints

if TYPE_CHECKING:
    from h2a_tui.inline.chat import InlineChat

__all__ = ["brief_rows", "foot_rows"]

_MOST_PROMPT_ROWS: Final = 8
_BRIEF: Final = 19  # cells
_CHOOSING: Final = frozenset({Context.QUEUE, Context.QUEUE_EDIT})
# Screens with fewer rows than this do without:
_AIR, _PANELS, _HINTS, _STATUS = 11, 7, 6, 3


def foot_rows(chat: InlineChat, painter: Painter, screen_rows: int) -> list[str]:
    """All of them; the prompt is always there."""
    state, now, share = chat.state, time.time(), max(1, screen_rows // 4)
    rows = [""] if screen_rows >= _AIR else []
    if screen_rows >= _PANELS and _has_todos(chat):
        rows += painter.todos(state.todos, unfolded=chat.todos_unfolded, most=share)
    choosing = chat.keyboard.focus in _CHOOSING
    if screen_rows >= _PANELS or choosing:
        rows += painter.queue(
            chat.queue,
            paused=state.queue_paused,
            choosing=choosing,
            most=share,
            now=now,
            key=chat.keymap.label(Action.PAUSE_RESUME),
        )
    if asked := chat.asking.asked:
        rows.append(painter.row((asked, painter.styles.rich("status_approval") + Style(bold=True))))
    below = painter.prompt(chat.keyboard.editor, max(1, min(_MOST_PROMPT_ROWS, screen_rows // 3)))
    below += _keys_rows(chat, painter, screen_rows)
    if screen_rows >= (_STATUS if chat.keyboard.picking is None else _HINTS):
        below.append(painter.status(state, chat.facts, chat.said, now, chat.glyph_frame))
    if chat.keyboard.picking is not None:
        rows += _question_rows(chat, painter, chat.keyboard.picking, screen_rows, screen_rows - len(below))
    else:
        rows += _list_rows(chat, painter, screen_rows)
    rows += below
    return rows[-screen_rows:]


def brief_rows(chat: InlineChat, painter: Painter, screen: Size) -> list[str]:
    """What is shown while the window is being resized: so little that no terminal has to wrap it anew."""
    brief = replace(painter, width=max(1, min(_BRIEF, screen.columns - 1)))
    rows = brief.prompt(chat.keyboard.editor, 1)
    if screen.rows >= _STATUS:
        rows.append(brief.status(chat.state, chat.facts, "", time.time(), chat.glyph_frame))
    return rows


def _has_todos(chat: InlineChat) -> bool:
    left = any(item.status is not TodoStatus.DONE for item in chat.state.todos)
    return bool(chat.state.todos) and (left or chat.state.busy)


def _keys_rows(chat: InlineChat, painter: Painter, screen_rows: int) -> list[str]:
    """What the keys do."""
    picking = chat.keyboard.picking
    if picking is not None and screen_rows < _HINTS:
        return []  # what is asked needs the rows
    if ways := _ways(chat):
        return painter.wrapped(ways)  # none of them may be cut off
    if screen_rows < _HINTS:
        return []
    vim = chat.keyboard.vim.state if chat.keyboard.vim is not None else None
    shown = hints(chat.keyboard.context, chat.state, chat.keymap, chat.settings.enter, vim)
    return [painter.hints(shown, f"{vim.mode.value} {vim.keys}".rstrip() if vim is not None else "")]


def _question_rows(
    chat: InlineChat, painter: Painter, picking: Picking, screen_rows: int, room: int
) -> list[str]:
    """What a list or a line is for, what is the matter with it, and what can be chosen, in at most `room` rows."""
    about = picking.about
    if (early := chat.keyboard.early) is not None:
        early.shown()
        about = f"Kept for the editor: {early.text}" if early.text else about
    picking.offered.limit_to(screen_rows)
    offered = painter.offered(picking.offered, max(1, screen_rows // 4))
    room = max(1, room - len(offered)) - 1
    if picking.trouble:
        words = painter.fitting(picking.trouble, painter.styles.warning, room)
    else:
        # The rows of a list keep their place while the mark moves.
        words = painter.fitting(about, painter.styles.muted, min(1, room) if offered else room)
    return [painter.row((one_line(picking.title), painter.styles.accent)), *words, *offered]


def _list_rows(chat: InlineChat, painter: Painter, screen_rows: int) -> list[str]:
    """A line that says what is written where that is no message, and what can be taken."""
    title = _title(chat)
    rows = [painter.row((title, painter.styles.accent))] if title else []
    offered = chat.composer.offered
    offered.limit_to(screen_rows)
    if chat.keyboard.focus is Context.COMPOSER:
        rows += painter.offered(offered, max(1, screen_rows // 4))
    return rows


def _ways(chat: InlineChat) -> str:
    """What the keys do where that has a line of its own."""
    if chat.keyboard.picking is not None:
        return chat.keyboard.picking.ways
    return chat.trying.ways_out if chat.keyboard.focus is Context.KEYS else chat.asking.answers


def _title(chat: InlineChat) -> str:
    match chat.keyboard.focus:
        case Context.QUEUE_EDIT:
            return "edit the waiting message"
        case Context.KEYS:
            return "Press keys to see what your terminal sends for them, and what they do in the editor"
        case Context.REASON:
            return "why not?"
        case Context.CHANGE:
            return "change it, then allow it"
        case _:
            return chat.composer.mode.value
