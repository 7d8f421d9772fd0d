"""Which colours the program sends to terminals of every kind, and what it makes of theirs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from h2a_themes import load
from h2a_themes.colours import rgb
from support.pty_rig import Terminal

TRUECOLOR = {"COLORTERM": "truecolor"}
TERMINAL = {"10": "d0d0d0", "11": "101820"} | {
    f"4;{number}": f"{number * 16:02x}8080" for number in range(16)
}


@contextmanager
def running(
    home: Path, *args: str, colours: Mapping[str, str] | None = None, **env: str
) -> Iterator[Terminal]:
    argv = [sys.executable, "-m", "h2a_tui", "--demo", "--no-session", *args]
    with Terminal.spawn(
        argv, env={"H2A_HOME": str(home), "COLORTERM": "", **env}, cwd=home, colours=colours
    ) as terminal:
        terminal.wait_for("ready")
        yield terminal


def ground(colour: str) -> bytes:
    return b"48;2;%d;%d;%d" % rgb(colour)


def colour_codes(output: bytes) -> set[str]:
    """The kinds of colours that were asked for: `own`, `16`, `256`, `true`."""
    kinds = set()
    for sequence in re.findall(rb"\x1b\[([\d;]*)m", output):
        codes = iter(sequence.decode().split(";"))
        for code in codes:
            if code in ("38", "48"):
                kinds.add({"5": "256", "2": "true"}[next(codes)])
                break  # what follows are its numbers
            if re.fullmatch(r"[349][0-7]|10[0-7]", code):
                kinds.add("16")
    return kinds


def wait_drawn(terminal: Terminal) -> None:
    """A conversation has been drawn, with a table, tools and a question."""
    terminal.type_text("Show me around.")
    terminal.press("enter")
    terminal.wait_for("May bash run?")


@pytest.mark.parametrize(
    ("env", "kinds"),
    [
        ({"TERM": "xterm-256color", **TRUECOLOR}, {"true"}),
        ({"TERM": "xterm-256color"}, {"256"}),
        ({"TERM": "xterm"}, {"16"}),
        ({"TERM": "xterm-256color", "NO_COLOR": "1", **TRUECOLOR}, set()),
        ({"TERM": "xterm", "NO_COLOR": "1"}, set()),
    ],
    ids=["truecolor", "256", "16", "no-color", "no-color-16"],
)
def test_a_terminal_gets_only_colours_it_knows(tmp_path: Path, env: dict[str, str], kinds: set[str]) -> None:
    with running(tmp_path, "--theme", "nord", **env) as terminal:
        wait_drawn(terminal)
        assert colour_codes(bytes(terminal.output)) == kinds


@pytest.mark.parametrize(
    ("background", "theme"), [("fafafa", "light"), ("202020", "dark"), ("804040", "dark")]
)
def test_without_a_choice_the_theme_suits_the_terminals_background(
    tmp_path: Path, background: str, theme: str
) -> None:
    with running(tmp_path, colours={"11": background}, **TRUECOLOR) as terminal:
        terminal.wait_output(ground(load(theme).background))
        assert "Say what to do" in terminal.screen_text(), "the answer has not been typed"


def test_a_terminal_that_does_not_answer_gets_the_dark_half_of_the_pair(tmp_path: Path) -> None:
    with running(tmp_path, "--theme", "catppuccin-latte/nord", colours={"0": ""}, **TRUECOLOR) as terminal:
        terminal.type_text("hello")
        terminal.wait_for("› hello")
        assert ground(load("nord").background) in terminal.output
        assert ground(load("catppuccin-latte").background) not in terminal.output


def test_the_theme_terminal_has_the_terminals_colours(tmp_path: Path) -> None:
    with running(tmp_path, "--theme", "terminal", colours=TERMINAL, **TRUECOLOR) as terminal:
        terminal.wait_output(ground("#101820"))
        terminal.wait_output(b"38;2;208;208;208")
        assert "Say what to do" in terminal.screen_text()


def test_what_is_typed_between_the_answers_is_kept(tmp_path: Path) -> None:
    with running(tmp_path, "--theme", "terminal", colours={"0": ""}, **TRUECOLOR) as terminal:
        terminal.write(b"a\x1b]4;1;rgb:ff/00")
        terminal.write(b"/00\x07b\x1b]11;rgb:0000/2b2b/3636\x1b")
        terminal.write(b"\\c")
        terminal.wait_for("› abc")
        terminal.wait_output(ground("#002b36"))


def test_a_program_that_wears_a_fixed_theme_asks_nothing(tmp_path: Path) -> None:
    with running(tmp_path, "--theme", "nord", **TRUECOLOR) as terminal:
        assert b"\x1b]11;?" not in terminal.output


def test_sixteen_colours_show_a_stand_in_and_say_so(tmp_path: Path) -> None:
    with running(tmp_path, "--theme", "nord", TERM="xterm") as terminal:
        terminal.type_text("/theme dracula")
        terminal.press("enter")
        terminal.wait_for("Theme dracula (this terminal has 16 colours: sixteen)")


def test_without_colour_the_chosen_row_of_a_list_is_underlined(tmp_path: Path) -> None:
    with running(tmp_path, NO_COLOR="1") as terminal:
        terminal.type_text("/theme")
        terminal.press("enter")
        terminal.wait_for("catppuccin-latte")
        terminal.press("down")

        def chosen() -> list[str]:
            with terminal.screen() as screen:
                rows = [(screen.display[y], screen.buffer[y]) for y in range(screen.lines)]
                return [text for text, row in rows if any(row[x].underscore for x in range(screen.columns))]

        terminal.wait_for(lambda: len(chosen()) == 1)
        before = chosen()
        terminal.press("down")
        terminal.wait_for(lambda: chosen() not in ([], before))
