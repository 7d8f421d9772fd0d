"""Textual reads its timings and the terminal's colours when it is first imported or run: prepare them before that."""

import os

from h2a_tui import environment

environment.prepare(os.environ)
os.environ["TEXTUAL_COLOR_SYSTEM"] = "truecolor"  # whatever runs the tests
for name in ("TMUX", "STY", "ZELLIJ", "TERM_PROGRAM", "KITTY_WINDOW_ID"):
    os.environ.pop(name, None)
os.environ.pop("NO_COLOR", None)
