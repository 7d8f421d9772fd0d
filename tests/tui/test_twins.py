"""What a terminal that is not UTF-8 is shown."""

from __future__ import annotations

import io
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from h2a_tui.twins import soften, twin


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf"])))
def test_a_twin_is_ascii_and_as_wide(text: str) -> None:
    assert twin(text).isascii()
    assert len(twin(text)) == sum(map(cell_len, text))


def test_lines_marks_and_quotes_keep_their_shape() -> None:
    assert twin("╭─ Keys ─╮ › “go on” … ✓ ▸") == '+- Keys -+ > "go on" ~ + >'
    assert twin("世界é") == "?????"


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", "+-> ?."), ("latin-1", "+-> é·"), ("utf-8", "╭─› é·")]
)
def test_a_stream_keeps_what_its_encoding_has(encoding: str, shown: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding)
    soften((stream, None))
    stream.write("╭─› é·")
    stream.flush()
    assert raw.getvalue().decode(encoding) == shown


def test_plain_text_has_no_twin_but_itself() -> None:
    assert twin(string.printable) == string.printable
