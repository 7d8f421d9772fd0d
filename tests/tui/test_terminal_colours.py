"""A terminal's answers about its colours, cut anywhere and in the middle of what is typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_themes import Palette
from h2a_tui.terminal_colours import QUESTION, ColourAnswers


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def asked() -> tuple[ColourAnswers, Clock]:
    clock = Clock()
    answers = ColourAnswers(clock)
    answers.expect()
    return answers, clock


ANSWERS = [f"\x1b]4;{n};rgb:{n:02x}{n:02x}/0000/ffff\x1b\\" for n in range(16)]
GROUNDS = ["\x1b]10;rgb:d/d/d\x07", "\x1b]11;rgba:10/20/30/ff\x07"]
PALETTE = Palette("#dddddd", "#102030", {n: f"#{n:02x}00ff" for n in range(16)})
TYPED = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x1b\x07"), max_size=8)


@given(st.data())
def test_answers_are_taken_out_wherever_they_are_cut_and_what_is_typed_stays_in_order(
    data: st.DataObject,
) -> None:
    answers, _clock = asked()
    typed = data.draw(st.lists(TYPED, min_size=19, max_size=19))
    stream = "".join(word + answer for word, answer in zip(typed, [*ANSWERS, *GROUNDS, ""], strict=True))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream) - 1), max_size=12)))
    came, palettes = "", []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        text, palette = answers.take(stream[begin:end])
        came += text
        palettes += [palette] if palette else []
    assert came == "".join(typed)
    assert palettes == [PALETTE]


def test_the_question_asks_for_all_and_for_the_background_last() -> None:
    assert QUESTION.count("?") == 18
    assert QUESTION.endswith("\x1b]11;?\x1b\\")


def test_what_a_terminal_does_not_say_stays_open() -> None:
    answers, _clock = asked()
    assert answers.take("\x1b]4;3;rgb:ff/ff/00\x07\x1b]11;rgb:0/0/0\x07") == (
        "",
        Palette("", "#000000", {3: "#ffff00"}),
    )


@pytest.mark.parametrize(
    "beginning", ["\x1b", "\x1b]", "\x1b]1", "\x1b]4;1;rgb:ff/0", "\x1b]11;rgb:0/0/0\x1b"]
)
def test_what_only_looks_like_the_beginning_of_an_answer_is_given_back_after_a_moment(beginning: str) -> None:
    answers, clock = asked()
    assert answers.take("x" + beginning) == ("x", None)
    clock.now += 0.05
    assert answers.take("") == ("", None)
    clock.now += 0.06
    assert answers.take("") == (beginning, None)
    assert answers.take("") == ("", None)


@pytest.mark.parametrize(
    "typed", ["\x1b[A", "\x1bx", "\x1b\r", "\x1b]8;;x\x07", "\x1b]52;c;aGk=\x07", "plain"]
)
def test_other_sequences_pass_at_once(typed: str) -> None:
    answers, _clock = asked()
    assert answers.take(typed) == (typed, None)


def test_nothing_is_held_back_unasked_or_when_answers_are_complete_or_overdue() -> None:
    answers = ColourAnswers(Clock())
    assert answers.take("\x1b") == ("\x1b", None)
    answers, clock = asked()
    answers.take(GROUNDS[1])
    assert answers.take("\x1b") == ("\x1b", None)
    answers, clock = asked()
    answers.take("\x1b]1")
    clock.now += 60
    assert answers.take("0") == ("\x1b]10", None)


def test_it_can_be_asked_again() -> None:
    answers, _clock = asked()
    answers.take("".join([*ANSWERS, *GROUNDS]))
    answers.expect()
    assert answers.take("\x1b]11;rgb:f/f/f\x07") == ("", Palette("", "#ffffff", {}))
