"""Secrets leave no text, whatever dress they wear; everything else stays as it is."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_agent import redact as module
from h2a_agent.redact import REDACTED, redact, remember

KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=60)


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    known = set(module._forms), module._pattern
    yield
    module._forms.clear()
    module._forms.update(known[0])
    module._pattern = known[1]


@given(KEYS, st.binary(max_size=20), st.binary(max_size=20))
def test_no_form_of_a_secret_is_left(key: str, before: bytes, after: bytes) -> None:
    remember(key)
    around = before + key.encode() + after
    for text in (
        f"x{key}y",
        repr(key.encode()),
        json.dumps({"key": key}),
        f"https://host/?key={quote(key, safe='')}",
        base64.b64encode(around).decode(),
        base64.urlsafe_b64encode(around).decode(),
    ):
        clean = redact(text)
        assert key not in clean
        assert REDACTED in clean
        # So much of it is gone that the rest does not give it back.
        assert len(clean) - len(REDACTED) <= len(text) - len(key)


def test_other_text_is_untouched_and_a_short_value_hides_no_words() -> None:
    remember("sk-live-0123456789")
    remember("key")
    assert redact("the key of the keyring") == "the key of the keyring"
    assert redact("Bearer sk-live-0123456789\n") == f"Bearer {REDACTED}\n"


def test_one_secret_in_another_is_taken_out_whole() -> None:
    remember("sk-live-0123456789")
    remember("sk-live-0123456789-and-more")
    assert redact("(sk-live-0123456789-and-more)") == f"({REDACTED})"
