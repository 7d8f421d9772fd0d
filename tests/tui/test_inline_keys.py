"""The inline mode's key reader: every key of the keymap, in every encoding, cut into pieces anywhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_tui.inline.key_reader import Focus, Input, Key, KeyReader, Paste
from h2a_tui.keymap import EDITING, Keymap
from support.terminal_keys import ENCODINGS, Encoding, encode

ESCAPE_S = 0.025
KEYS = sorted({key for row in Keymap().rows for key in row.keys} | set(EDITING))
NAMED = {"slash": "/", "left_square_bracket": "[", "right_square_bracket": "]"}


def read(*pieces: str, apart_s: float = 0.001) -> list[Input]:
    """What the reader makes of `pieces` that come one after the other, and of the silence after them."""
    reader, found, now = KeyReader(ESCAPE_S), list[Input](), 0.0
    for piece in pieces:
        found += [*reader.late(now), *reader.feed(piece, now)]
        now += apart_s
    return [*found, *reader.late(now + 10)]


def names(inputs: list[Input]) -> list[str]:
    return [one.name for one in inputs if isinstance(one, Key)]


def sent(key: str) -> Iterator[tuple[str, Encoding]]:
    """`key` as each terminal that can send it does."""
    for encoding in ENCODINGS:
        with contextlib.suppress(ValueError):
            yield encode(NAMED.get(key, key), encoding).decode(), encoding


CASES = [(key, data, encoding) for key in KEYS for data, encoding in sent(key)]


def test_every_key_can_be_sent_by_some_terminal() -> None:
    assert {key for key, _, _ in CASES} == set(KEYS)


@pytest.mark.parametrize(("key", "data"), [case[:2] for case in CASES], ids=[f"{k}-{e}" for k, _, e in CASES])
def test_every_key_cut_anywhere(key: str, data: str) -> None:
    for cut in range(len(data) + 1):
        assert names(read(data[:cut], data[cut:])) == [key], (data, cut)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("\x1b\r", ["alt+enter"]),
        ("\x1b\n", ["alt+enter"]),
        ("\x1b\x1b\r", ["escape", "alt+enter"]),
        ("\x1b\x1b[A", ["alt+up"]),
        ("\x1b\x1b", ["escape", "escape"]),
        ("\x1bOM", ["enter"]),
        ("\x1b[13;2u", ["shift+enter"]),
        ("\x1b[27;2;13~", ["shift+enter"]),
        ("\x1b[27;5;13~", ["ctrl+enter"]),
        ("\x1b[13;67u", ["alt+enter"]),
        ("\x1b[13;3:1u", ["alt+enter"]),
        ("\x1b[13;3:3u", []),
        ("\x1b[57414;3u", ["alt+enter"]),
        ("\x1b[[A", ["f1"]),
        ("\x1b[24;80R", []),
        ("\x1b[?2026;2$y", []),
        ("\x1b]11;rgb:1c/1c/1c\x1b\\a", ["a"]),
        ("\x1b[99999999u", []),
        ("é👩‍👩‍👧", ["é", "woman", "zero_width_joiner", "woman", "zero_width_joiner", "girl"]),
    ],
)
def test_sequences_of_all_kinds_of_terminals(data: str, expected: list[str]) -> None:
    assert names(read(data)) == expected


def test_an_escape_is_reported_when_nothing_has_followed_in_time() -> None:
    reader = KeyReader(ESCAPE_S)
    assert reader.feed("\x1b", 1.0) == []
    assert reader.deadline == pytest.approx(1.0 + ESCAPE_S)
    assert reader.late(1.0 + ESCAPE_S / 2) == []
    assert reader.late(1.0 + ESCAPE_S) == [Key("escape")]
    assert reader.deadline is None


def test_a_paste_in_any_pieces_is_one_paste() -> None:
    data = "\x1b[200~one\n\x1b[31mtwo\x1b[201~x"
    for cut in range(len(data) + 1):
        assert read(data[:cut], data[cut:]) == [Paste("one\n\x1b[31mtwo"), Key("x", "x")]


def test_focus_is_no_key() -> None:
    assert read("\x1b[I\x1b[O") == [Focus(True), Focus(False)]


@given(st.text(alphabet="\x1b[O]\r;:0123456789~uABMR?<\x07\\a ", max_size=40))
def test_nothing_a_terminal_sends_breaks_it_or_is_waited_for_without_a_clock(data: str) -> None:
    reader = KeyReader(ESCAPE_S)
    pasting = "\x1b[200~" in data
    reader.feed(data, 0.0)
    reader.late(100.0)
    assert pasting or reader.deadline is None
    assert pasting or reader.feed("k", 101.0)[-1:] == [Key("k", "k")]
