"""Which screen a terminal can carry."""

from __future__ import annotations

import subprocess
import sys
from typing import Literal

import pytest

from h2a_tui.screen_choice import screen_for


@pytest.mark.parametrize(
    ("wanted", "term", "size", "shown"),
    [
        ("app", "xterm-256color", (80, 24), "app"),
        ("app", "tmux-256color", (80, 24), "app"),
        ("app", "nobody-has-an-entry-for-this", (80, 24), "app"),
        ("app", "xterm-256color", (0, 0), "app"),
        ("inline", "xterm-256color", (80, 24), "inline"),
        ("app", "xterm-256color", (19, 24), "inline"),
        ("app", "xterm-256color", (80, 4), "inline"),
        ("app", "dumb", (80, 24), "plain"),
        ("inline", "dumb", (80, 24), "plain"),
        ("app", "", (80, 24), "plain"),
        ("app", "unknown", (80, 24), "plain"),
    ],
)
def test_what_is_shown(
    wanted: Literal["app", "inline"], term: str, size: tuple[int, int], shown: str
) -> None:
    assert screen_for(wanted, {"TERM": term}, size) == shown


def test_a_terminal_without_a_second_screen_gets_the_inline_mode() -> None:
    code = (
        "from h2a_tui.screen_choice import screen_for; print(screen_for('app', {'TERM': 'vt100'}, (80, 24)))"
    )
    # A process of its own: terminfo is read once in each.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "inline\n"
