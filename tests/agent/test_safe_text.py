"""Hostile text: nothing that a terminal obeys gets through, and nothing a person wrote gets lost."""

from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_agent.safe_text import AnsiStripper, one_line, safe_text, safe_value, without_surrogates

DANGEROUS = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
ALLOWED = set("\n\t\u200c\u200d")


@given(st.text(st.characters(codec=None)))
def test_no_dangerous_character_survives(text: str) -> None:
    left = {c for c in safe_text(text) if unicodedata.category(c) in DANGEROUS} - ALLOWED
    assert not left


@given(st.text(st.characters(codec=None)), st.text(st.characters(codec=None)))
def test_pieces_are_as_safe_as_the_whole(a: str, b: str) -> None:
    assert safe_text(a) + safe_text(b) == safe_text(a + b)


@given(st.text(st.characters(categories=["L", "N", "P", "S", "M", "Zs"])))
def test_ordinary_text_is_untouched(text: str) -> None:
    assert safe_text(text) == text


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J", "␛[2J"),
        ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
        ("\x9b31m", "⟨009B⟩31m"),
        ("a\rb", "a␍b"),
        ("rm \u202efdp.exe", "rm ⟨202E⟩fdp.exe"),
        ("a\u200bb\U000e0041", "a⟨200B⟩b⟨E0041⟩"),
        ("\ud83d", "\ufffd"),
        ("👩\u200d💻 é ß 日本 ✓\u00ad", "👩\u200d💻 é ß 日本 ✓⟨00AD⟩"),
    ],
)
def test_hostile_characters_become_visible(hostile: str, shown: str) -> None:
    assert safe_text(hostile) == shown


def test_a_line_is_one_line_and_no_longer_than_asked() -> None:
    assert one_line("a\n\n b\tc", 10) == "a b c"
    assert one_line("x" * 50, 10) == "x" * 9 + "…"


def test_every_string_of_a_value_is_made_safe() -> None:
    assert safe_value({"\x1b": ["\x07", {"a": "\x00"}], "n": 1}) == {"␛": ["␇", {"a": "␀"}], "n": 1}


def test_lone_surrogates_are_replaced_and_pairs_stay() -> None:
    assert without_surrogates("a\ud83db🙂") == "a\ufffdb🙂"


COLOURED = (
    "plain \x1b[1;31mred\x1b[0m \x1b]0;title\x07 \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ \x1b(B \x1bM"
    " 10%\r20%\r\nend \x1bP1$q\x1b\\ \x9b1m é"
)
PLAIN = "plain red  link   10%\n20%\nend   é"


@given(st.lists(st.integers(0, len(COLOURED)), max_size=12))
def test_sequences_are_stripped_however_the_output_is_cut(cuts: list[int]) -> None:
    stripper = AnsiStripper()
    edges = [0, *sorted(cuts), len(COLOURED)]
    out = "".join(stripper.feed(COLOURED[a:b]) for a, b in itertools.pairwise(edges)) + stripper.flush()
    assert out == PLAIN


def test_an_endless_sequence_is_not_held_back_for_ever() -> None:
    stripper = AnsiStripper()
    held = stripper.feed("\x1b]" + "x" * 10_000)
    assert len(held) > 5_000


@given(st.text(), st.text(alphabet="ab \n\té“世\u00a0\u202e\x1b"))
def test_a_text_as_a_whole_is_what_its_characters_are_one_by_one(any_text: str, mixed: str) -> None:
    for text in (any_text, mixed):
        assert safe_text(text) == "".join(safe_text(char) for char in text)
