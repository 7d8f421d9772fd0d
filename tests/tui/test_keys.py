"""Bytes to keys: every encoding of every key that means something here, in one piece and in any pieces.

The parser is the real one; what a terminal may do to the pieces is done to it. `test_keys_in_a_terminal.py` sends
the same bytes through a real pty.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual._xterm_parser import XTermParser
from textual.drivers._writer_thread import WriterThread
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from h2a_tui.key_names import needs_protocol
from h2a_tui.keymap import EDITING, KEYMAP
from h2a_tui.keys import KeyDriver, KeyParser
from support.terminal_keys import ENCODINGS, Encoding, encode, kitty_forms

# What terminals send that no table of ours builds: keys.md's rows, by name of the terminal that sends them.
ROWS: dict[str, tuple[str, list[str]]] = {
    "enter": ("\r", ["enter"]),
    "ctrl+j": ("\n", ["ctrl+j"]),
    "legacy alt+enter": ("\x1b\r", ["alt+enter"]),
    "VS Code alt+enter": ("\x1b\n", ["alt+enter"]),
    "kitty alt+enter": ("\x1b[13;3u", ["alt+enter"]),
    "kitty shift+enter": ("\x1b[13;2u", ["shift+enter"]),
    "kitty ctrl+enter": ("\x1b[13;5u", ["ctrl+enter"]),
    "kitty enter": ("\x1b[13u", ["enter"]),
    "kitty keypad enter": ("\x1b[57414u", ["enter"]),
    "kitty keypad alt+enter": ("\x1b[57414;3u", ["alt+enter"]),
    "alt+enter with caps lock": ("\x1b[13;67u", ["alt+enter"]),
    "alt+enter with num lock": ("\x1b[13;131u", ["alt+enter"]),
    "modifyOtherKeys alt+enter": ("\x1b[27;3;13~", ["alt+enter"]),
    "modifyOtherKeys shift+enter": ("\x1b[27;2;13~", ["shift+enter"]),
    "modifyOtherKeys ctrl+enter": ("\x1b[27;5;13~", ["ctrl+enter"]),
    "modifyOtherKeys ctrl+c": ("\x1b[27;5;99~", ["ctrl+c"]),
    "alt+enter with text": ("\x1b[13;3;13u", ["alt+enter"]),
    "enter with text": ("\x1b[13;;13u", ["enter"]),
    "press sub-field": ("\x1b[13;3:1u", ["alt+enter"]),
    "repeat sub-field": ("\x1b[97;1:2;97u", ["a"]),
    "release is nothing": ("\x1b[13;3:3u", []),
    "release of an arrow is nothing": ("\x1b[1;1:3A", []),
    "alternate key sub-field": ("\x1b[13:13;3u", ["alt+enter"]),
    "shifted alternate key": ("\x1b[97:65;2;65u", ["A"]),
    "kitty escape": ("\x1b[27u", ["escape"]),
    "kitty letter": ("\x1b[97;;97u", ["a"]),
    "alt+up": ("\x1b[1;3A", ["alt+up"]),
    "alt+down": ("\x1b[1;3B", ["alt+down"]),
    "rxvt alt+up": ("\x1b\x1b[A", ["alt+up"]),
    "rxvt alt+down": ("\x1b\x1b[B", ["alt+down"]),
    "rxvt alt+up, application mode": ("\x1b\x1bOA", ["alt+up"]),
    "escape before alt+enter": ("\x1b\x1b\r", ["escape", "alt+enter"]),
    "keypad enter, application mode": ("\x1bOM", ["enter"]),
    "macOS alt+left": ("\x1bb", ["ctrl+left"]),
    "alt and a digit types nothing": ("\x1b0", ["alt+0"]),
    "alt and a sign types nothing": ("\x1b=", ["alt+equals_sign"]),
    "alt+backspace": ("\x1b\x7f", ["ctrl+w"]),
    "legacy alt+a": ("\x1ba", ["alt+a"]),
    "alt+space types nothing": ("\x1b ", ["alt+space"]),
    "shift+tab": ("\x1b[Z", ["shift+tab"]),
    "alt+tab changes no mode": ("\x1b\t", ["alt+tab"]),
    "alt+ctrl+x cuts nothing": ("\x1b\x18", ["alt+ctrl+x"]),
    "alt+ctrl+c": ("\x1b\x03", ["alt+ctrl+c"]),
    "alt+backspace as ^H": ("\x1b\x08", ["alt+backspace"]),
    "ctrl+space": ("\x00", ["ctrl+space"]),
    "rxvt home": ("\x1b[7~", ["home"]),
    "rxvt ctrl+home": ("\x1b[7^", ["ctrl+home"]),
    "rxvt ctrl+end": ("\x1b[8^", ["ctrl+end"]),
    "rxvt ctrl+up": ("\x1bOa", ["ctrl+up"]),
    "rxvt ctrl+down": ("\x1bOb", ["ctrl+down"]),
    "rxvt shift+up": ("\x1b[a", ["shift+up"]),
    "rxvt alt+pageup": ("\x1b\x1b[5~", ["alt+pageup"]),
    "rxvt alt+ctrl+up": ("\x1b\x1bOa", ["alt+ctrl+up"]),
    "rxvt alt+delete": ("\x1b\x1b[3~", ["alt+delete"]),
    "rxvt alt+f1": ("\x1b\x1b[11~", ["alt+f1"]),
    "older ctrl+up": ("\x1bO5A", ["ctrl+up"]),
    "older alt+f1": ("\x1bO3P", ["alt+f1"]),
    "older ctrl+right": ("\x1b[5C", ["ctrl+right"]),
    "f13": ("\x1b[25~", ["f13"]),
    "kitty ctrl+c on a Cyrillic keyboard": ("\x1b[1089::99;5u", ["ctrl+c"]),
    "kitty letter on a Cyrillic keyboard": ("\x1b[1089::99;;1089u", ["с"]),
    "kitty shift alone": ("\x1b[57441;2u", []),
    "kitty caps lock alone": ("\x1b[57358;65u", []),
    "win32 input mode, a letter": ("\x1b[65;30;97;1;0;1_", []),
    "win32 input mode, a release": ("\x1b[65;30;97;0;0;1_", []),
    "an answer of the terminal": ("\x1b[?62;22c", []),
    "a late kitty answer": ("\x1b[?25u", []),
    "win32 input mode": ("\x1b[13;28;13;1;2;1_", []),
    "a character beyond Unicode": ("\x1b[1114112;3u", []),
    "a lone surrogate": ("\x1b[55296;;55296u", []),
}


def keys_of(messages: Iterable[Message]) -> list[str]:
    return [message.key for message in messages if isinstance(message, events.Key)]


def read(*pieces: str) -> list[str]:
    """The keys of `pieces` fed one after the other, then the clock running out, then the end."""
    parser = KeyParser()
    keys: list[str] = []
    for piece in pieces:
        keys += keys_of(parser.feed(piece))
    if parser.deadline is not None:
        parser._timeout_time = 0.0
        keys += keys_of(parser.tick())
    return keys


def splits(data: str) -> Iterator[tuple[str, ...]]:
    yield (data,)
    yield tuple(data)
    for at in range(1, len(data)):
        yield data[:at], data[at:]


@pytest.mark.parametrize("name", ROWS)
def test_sequence_in_any_pieces_gives_the_same_keys(name: str) -> None:
    data, expected = ROWS[name]
    for pieces in splits(data):
        assert read(*pieces) == expected, pieces


@pytest.mark.parametrize("name", ROWS)
def test_sequence_inside_a_burst_leaves_the_text_around_it(name: str) -> None:
    data, expected = ROWS[name]
    assert read(f"x{data}y") == ["x", *expected, "y"]


def bound_keys() -> Iterator[tuple[str, Encoding, str]]:
    """Every key of the tables, as every terminal sends it that can."""
    for key in sorted({key for row in KEYMAP for key in row.keys} | set(EDITING)):
        for encoding in ENCODINGS:
            with contextlib.suppress(ValueError):
                yield key, encoding, encode(key, encoding).decode()


# In bytes some keys are one key: Ctrl+H is Backspace, Alt+B is Ctrl+Left. Both are bound to the same.
SAME = {"ctrl+h": {"backspace"}, "alt+b": {"ctrl+left"}, "alt+f": {"ctrl+right"}}
SAME |= {"alt+backspace": {"ctrl+w"}, "alt+d": {"ctrl+delete"}, "alt+delete": {"ctrl+delete"}}


@pytest.mark.parametrize(("key", "encoding", "data"), list(bound_keys()))
def test_every_bound_key_arrives_under_its_name(key: str, encoding: Encoding, data: str) -> None:
    for pieces in splits(data):
        (name,) = read(*pieces)
        assert name == key or name in SAME.get(key, ()), (pieces, name)


@pytest.mark.parametrize(("key", "encoding", "data"), list(bound_keys()))
def test_every_bound_key_is_found_in_a_burst_of_text(key: str, encoding: Encoding, data: str) -> None:
    if data == "\x1b":
        return  # before a letter that is Alt
    first, name, *rest = read(f"ö{data}ö")
    assert (first, rest) == ("ö", ["ö"])
    assert name == key or name in SAME.get(key, ()), name


def test_every_bound_key_is_tried_in_every_encoding_that_has_it() -> None:
    """A key that is new in the table is tried above, or this says for lack of which bytes it is not."""
    tried = {(key, encoding) for key, encoding, _ in bound_keys()}
    for key in {key for row in KEYMAP for key in row.keys} | set(EDITING):
        assert (key, "kitty") in tried
        assert (key, "modify-other-keys") in tried
        assert ((key, "legacy") in tried) or needs_protocol(key), key


@pytest.mark.parametrize("key", sorted({key for row in KEYMAP for key in row.keys} | set(EDITING)))
def test_every_form_of_a_key_in_kittys_protocol_is_that_key(key: str) -> None:
    forms = kitty_forms(key)
    assert forms
    for form in forms:
        data = form.decode()
        for pieces in splits(data):
            assert read(*pieces) == [key], pieces
        release = data.replace(":1", ":3", 1)
        if ":1" in data.partition(";")[2]:
            assert read(release) == []


def test_alt_enter_is_reported_without_waiting_for_the_clock() -> None:
    parser = KeyParser()
    assert keys_of(parser.feed("\x1b")) == []
    assert keys_of(parser.feed("\r")) == ["alt+enter"]
    assert parser.deadline is None


def test_lone_escape_is_reported_by_the_clock_and_not_before() -> None:
    parser = KeyParser()
    assert keys_of(parser.feed("\x1b")) == []
    assert parser.deadline is not None
    parser._timeout_time = 0.0
    assert keys_of(parser.tick()) == ["escape"]


def test_two_escapes_are_two_and_neither_waits_for_another_key() -> None:
    assert read("\x1b\x1b") == ["escape", "escape"]


def test_escape_then_mouse_stay_in_order() -> None:
    parser = KeyParser()
    seen = [type(m).__name__ for m in parser.feed("\x1b\x1b[<0;3;4M")]
    assert seen == ["Key", "MouseDown"]


def test_command_key_nobody_binds_types_nothing() -> None:
    parser = KeyParser()
    for data in ("\x1b[27;5;99~", "\x1bx", "\x1b[99;5u", "\x1b[120;9u"):
        for message in parser.feed(data):
            assert isinstance(message, events.Key)
            assert not message.is_printable, data


def test_paste_with_an_enter_inside_is_one_paste() -> None:
    parser = KeyParser()
    paste, key = parser.feed("\x1b[200~one\rtwo\x1b[201~\r")
    assert isinstance(paste, events.Paste)
    assert paste.text == "one\rtwo"
    assert isinstance(key, events.Key)


def test_mouse_paste_focus_and_reports_are_still_read() -> None:
    parser = KeyParser()
    data = "\x1b[I\x1b[<64;10;5M\x1b[?2026;2$y\x1b[12;40R\x1b[O"
    assert [type(m).__name__ for m in parser.feed(data)] == [
        "AppFocus",
        "MouseScrollUp",
        "TerminalSupportsSynchronizedOutput",
        "CursorPosition",
        "AppBlur",
    ]


@given(st.text(alphabet="\x1b[];:?<>=$0123456789uU~ABRMOmcty\rq \x00\x7f\x9b", max_size=60))
def test_no_bytes_make_the_parser_fail(data: str) -> None:
    read(data)


@given(st.lists(st.sampled_from([data for data, _ in ROWS.values()]), max_size=6), st.data())
def test_cutting_a_stream_of_keys_anywhere_changes_nothing(rows: list[str], data: st.DataObject) -> None:
    """Cuts fall anywhere but before an ESC: there the clock decides, not the bytes."""
    stream = "-".join(rows)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=4)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert read(*(p for p in pieces if p)) == read(stream)


def test_private_names_of_textual_are_where_we_use_them() -> None:
    """Fails when Textual moves what `keys.py` reaches into; read its docstring, then its source."""
    assert list(inspect.signature(XTermParser._sequence_to_key_events).parameters) == [
        "self",
        "sequence",
        "alt",
    ]
    assert "self._sequence_to_key_events" in inspect.getsource(XTermParser.parse)
    assert "read1(constants.ESCAPE_DELAY)" in inspect.getsource(XTermParser.parse)
    assert "_timeout_time" in vars(XTermParser())
    assert "self.run_input_thread()" in inspect.getsource(LinuxDriver._run_input_thread)
    assert "_writer_thread" in inspect.getsource(LinuxDriver.start_application_mode)
    assert "self._queue: Queue" in inspect.getsource(WriterThread.__init__)
    assert issubclass(KeyDriver, LinuxDriver)
