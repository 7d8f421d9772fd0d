"""The question whether a folder may be obeyed: who can answer it, and what typing ahead cannot do."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from h2a_tui.keymap import Keymap
from h2a_tui.trust_answering import Answer
from h2a_tui.trust_question import TrustQuestion
from h2a_tui.typing_guard import READABLE_S, TYPING_PAUSE_S
from support.snapshots import look_at


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
