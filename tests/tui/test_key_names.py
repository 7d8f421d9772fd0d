"""Names of keys: as people write them, and as terminals can or cannot send them."""

from __future__ import annotations

import contextlib
import string

import pytest
from textual.keys import _character_to_key

from h2a_tui.key_names import key_name, needs_protocol
from h2a_tui.keymap import EDITING, KEYMAP
from support.terminal_keys import encode

BOUND = sorted({key for row in KEYMAP for key in row.keys} | set(EDITING))


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Ctrl+S", "ctrl+s"),
        ("Option+Return", "alt+enter"),
        ("shift+ctrl+Left", "ctrl+shift+left"),
        ("Ctrl+Alt+x", "alt+ctrl+x"),
        ("esc", "escape"),
        ("PgUp", "pageup"),
        ("F5", "f5"),
        ("f20", "f20"),
        ("A", "A"),
        ("shift+a", "A"),
        ("alt+A", "alt+a"),
        ("/", "slash"),
        ("+", "plus"),
        ("ctrl++", "ctrl+plus"),
        (" ", "space"),
        ("Strg+S", None),
        ("ctrl+", None),
        ("ctrl+ctrl+a", None),
        ("entre", None),
        ("f99", None),
        ("", None),
    ],
)
def test_key_is_known_however_people_write_it(written: str, name: str | None) -> None:
    assert key_name(written) == name


def test_every_key_of_the_tables_is_written_as_its_name() -> None:
    assert {key: key_name(key) for key in BOUND} == {key: key for key in BOUND}


def test_signs_have_the_names_the_parser_gives_them() -> None:
    for sign in string.punctuation:
        assert key_name(sign) == {"|": "vertical_line"}.get(sign, _character_to_key(sign)), sign


def test_what_old_terminals_cannot_send_is_what_needs_a_protocol() -> None:
    """Both ways, over all keys of ours: what has no bytes of its own there, and nothing else."""
    for key in BOUND:
        sends = False
        with contextlib.suppress(ValueError):
            sends = bool(encode(key))
        if key != "ctrl+h":  # it is sent, but as Backspace
            assert needs_protocol(key) is not sends, key


@pytest.mark.parametrize(
    "key", ["super+a", "ctrl+i", "ctrl+1", "ctrl+enter", "alt+tab", "alt+shift+o", "f13"]
)
def test_keys_that_are_others_in_bytes_need_a_protocol(key: str) -> None:
    assert needs_protocol(key)
