"""The question whether a folder may be obeyed: who can answer it, and what typing ahead cannot do."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from textual.pilot import Pilot

from h2a_tui.keymap import Keymap
from h2a_tui.trust_answering import Answer
from h2a_tui.trust_question import TrustQuestion
from h2a_tui.typing_guard import READABLE_S, TYPING_PAUSE_S
from support.pty_rig import Terminal
from support.snapshots import look_at

START_S: Final = 40.0


class Clock:
    """Time that passes when a test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def ask(
    clock: Clock, folder: str = "/home/ann/project", things: tuple[str, ...] = ("AGENTS.md",)
) -> TrustQuestion:
    return TrustQuestion(Path(folder), things, Keymap(), clock=clock)


async def readable(pilot: Pilot[Answer], clock: Clock) -> None:
    await pilot.pause()
    clock.now += READABLE_S


async def test_down_and_enter_trust(clock: Clock) -> None:
    question = ask(clock)
    async with question.run_test() as pilot:
        await readable(pilot, clock)
        await pilot.press("down", "enter")
    assert question.return_value is Answer.TRUST


async def test_enter_alone_looks_without_trusting(clock: Clock) -> None:
    question = ask(clock)
    async with question.run_test() as pilot:
        await readable(pilot, clock)
        await pilot.press("enter")
    assert question.return_value is Answer.LOOK


async def test_leaving_by_key_or_by_the_last_answer(clock: Clock) -> None:
    for keys in (["ctrl+c"], ["ctrl+d"], ["up", "enter"]):
        question = ask(clock)
        async with question.run_test() as pilot:
            await readable(pilot, clock)
            await pilot.press(*keys)
        assert question.return_value is Answer.QUIT


async def test_what_was_typed_ahead_is_no_answer(clock: Clock) -> None:
    question = ask(clock)
    async with question.run_test() as pilot:
        await pilot.press("down", *"try it", "enter", "y", "enter")
        assert question.return_value is None
        clock.now += READABLE_S
        await pilot.press("a", "enter")
        assert question.return_value is None, "text has just come, so this Enter belongs to it"
        clock.now += TYPING_PAUSE_S
        await pilot.press("enter")
    assert question.return_value is Answer.LOOK, "the arrow key came before there was anything to read"


async def test_what_was_typed_ahead_is_shown_and_kept(clock: Clock) -> None:
    question = ask(clock)
    async with question.run_test() as pilot:
        await pilot.press(*"try itt", "backspace", "enter", *"now")
        await pilot.pause()
        assert "Kept for the editor: try it now" in "\n".join(look_at(question).rows)


async def test_pressing_enter_again_and_again_gets_through(clock: Clock) -> None:
    question = ask(clock)
    async with question.run_test() as pilot:
        for _ in range(4):
            await pilot.press("enter")
            clock.now += READABLE_S / 2
        await pilot.pause()
    assert question.return_value is Answer.LOOK


async def test_names_of_a_hostile_folder_cannot_draw(clock: Clock) -> None:
    question = ask(clock, "/tmp/\x1b[2Jevil\u202e", ("AGENTS.md", "git hooks"))
    async with question.run_test() as pilot:
        await pilot.pause()
        shown = "\n".join(look_at(question).rows)
    assert "AGENTS.md, git hooks" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


@pytest.fixture(params=["app", "inline"])
def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    (tmp_path / "AGENTS.md").write_text("obey me")
    argv = [sys.executable, "-m", "h2a_tui", "--demo", *(["--inline"] if request.param == "inline" else [])]
    with Terminal.spawn(argv, env={"H2A_HOME": str(tmp_path / "home")}, cwd=tmp_path) as terminal:
        terminal.wait_for("Look only", START_S)
        yield terminal


def test_what_is_typed_at_the_question_is_in_the_editor_behind_it(terminal: Terminal) -> None:
    terminal.type_text("say it")
    terminal.wait_for("Kept for the editor: say it")
    while "Do you trust" in terminal.screen_text():  # text has just come
        terminal.press("enter")
        with contextlib.suppress(AssertionError):
            terminal.wait_gone("Do you trust", 3.0)
    terminal.wait_for("› say it", START_S)


def test_what_is_typed_right_behind_the_answer_is_lost_neither_in_the_app_that_asks_nor_between_two(
    terminal: Terminal, tmp_path: Path
) -> None:
    terminal.press_until("down", shown="› Trust it")
    terminal.press_until("up", shown="› Look only")
    terminal.type_text("\rsay")  # read by whoever asks
    terminal.type_text(" it\r")  # by nobody: a terminal given back meanwhile would make Enter a new line
    terminal.wait_for("May bash run?", START_S)  # the demo, which has been asked something
    (session,) = (tmp_path / "home").glob("**/sessions/**/*.jsonl")
    assert '"say it"' in session.read_text()
