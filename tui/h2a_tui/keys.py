"""From the terminal's bytes to keys: what Textual 8.2 reads wrongly, put right.

Terminals send Alt+Enter in four ways, and the most common one, `ESC CR`, is read as plain Enter by Textual:
a follow-up would steer. So the parser is subclassed in the two places where it turns sequences into keys:

    ESC CR, ESC LF          legacy Alt+Enter                       alt+enter, at once
    ESC x                   Alt with a letter                      alt+x, at once
    ESC TAB, ESC ^X, ESC BS Alt with a control character           alt+tab, alt+ctrl+x, alt+backspace
    ESC CSI A (B, C, D ...) Alt+Up in rxvt and old iTerm2          alt+up, not escape and up
    CSI 7 ^, SS3 b ...      Ctrl+Home, Ctrl+Down ... in rxvt       what they are there
    CSI 27 ; m ; c ~        xterm's modifyOtherKeys                as CSI c ; m u
    CSI c:s:b ; m:e ; t u   kitty with sub-fields                  read; releases (e = 3) are ignored
    CSI 13 ; 3 ; 13 u       kitty with a control character as text alt+enter
    CSI 57441 u             Shift, Ctrl ... alone                  nothing
    CSI of no known kind    a terminal's late answer               ignored, never typed

Nothing is held back without a clock: an ESC that turns out to be alone is reported when Textual's own
escape delay has passed.

`KeyDriver` reads the terminal with this parser. It also asks for modifyOtherKeys, which is the only
extended mode tmux honours, for kitty's alternate keys, without which Ctrl+C does not arrive from a Cyrillic keyboard, and
whether kitty's protocol is spoken at all (`KeyProtocol` is the answer). It wakes up when a lone ESC is due instead of up to 100 ms later, asks for the terminal's colours when it is told to,
and tells the guardian whether the terminal is ours, so that it knows whether it has to be put back when we die.

The private names used here are Textual's `XTermParser._sequence_to_key_events`, `_timeout_time` and
`LinuxDriver._writer_thread`; a test fails when one of them moves.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import termios
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._keyboard_protocol import MODIFIER_FUNCTIONAL_KEYS
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size
from textual.keys import Keys
from textual.message import Message

from h2a_agent.tools.supervisor import guardian
from h2a_themes import Palette
from h2a_tui.bursts import Bursts
from h2a_tui.handover import Handover
from h2a_tui.key_sequences import plain_sequence
from h2a_tui.terminal_colours import QUESTION, ColourAnswers

if TYPE_CHECKING:
    from collections.abc import Generator

    from textual._parser import Peek1, Read1

__all__ = ["HandedOn", "KeyDriver", "KeyParser", "KeyProtocol", "LiteralKeyDriver", "TerminalColours"]

# What Option and a digit write on a Mac; a terminal that sends ESC for Option has been told to send Alt.
_OPTION_CHARACTERS: Final = frozenset(
    sequence for sequence, keys in ANSI_SEQUENCES_KEYS.items() if isinstance(keys, str) and len(sequence) == 2
)
_ALT_ENTER: Final = frozenset({"\x1b\r", "\x1b\n"})
# What may follow ESC as the start of a longer sequence: CSI, SS3, OSC, DCS, PM, APC, SOS, SS2.
_INTRODUCERS: Final = frozenset("[O]P^_XN")
_WHOLE_CSI: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-Z\\-~]")
# Sequences in CSI form that the base parser looks at after keys: mouse, mode reports, window size.
_NOT_KEYS: Final = re.compile(r"\x1b\[(?:[<M]|\?[\d;]*\$y|[\d;]*M|48;|[IO]\Z|20[01]~)")
# Keys that rxvt sends with ESC in front when Alt is held.
_ALT_MOVES: Final = frozenset(
    {"up", "down", "left", "right", "home", "end", "pageup", "pagedown", "insert", "delete"}
    | {f"f{number}" for number in range(1, 13)}
)
# What the base parser takes for other keys, most of it from rxvt; and function keys it takes for control characters.
_OTHERS: Final[Mapping[str, str]] = {
    "\x00": "ctrl+space",
    "\x1b\t": "alt+tab",
    "\x1b\x08": "alt+backspace",
    "\x1bOb": "ctrl+down",
    "\x1b[7^": "ctrl+home",
    "\x1b[8^": "ctrl+end",
    **{f"\x1b[{code}~": f"f{number}" for number, code in enumerate((25, 26, 28, 29, 31, 32, 33, 34), 13)},
}
_HELD: Final = MODIFIER_FUNCTIONAL_KEYS | {"caps_lock", "num_lock", "scroll_lock"}


# modifyOtherKeys; to what Textual asks of kitty's protocol (25) its alternate keys (4); is it spoken, and, because there is
# no answer when it is not, which attributes the terminal has: that everyone answers, in order.
_ASK: Final = "\x1b[>4;1m\x1b[=4;2u\x1b[?u\x1b[c"
_KITTY_ANSWER: Final = re.compile(r"\x1b\[\?\d+u")
_ATTRIBUTES: Final = re.compile(r"\x1b\[\?[\d;]*c")


class KeyProtocol(Message):
    """The terminal has said whether it speaks kitty's keyboard protocol."""

    def __init__(self, kitty: bool) -> None:
        super().__init__()
        self.kitty = kitty


class HandedOn(Message):
    """Whatever the terminal sends is kept for the next app from now on. Every key before that came before this."""


class TerminalColours(Message):
    """The terminal has said what its colours are."""

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self.palette = palette


class KeyParser(XTermParser):
    """Textual's parser with the table of this file's docstring.

    Only the step from a sequence to keys is replaced, and what comes out is looked at once more; reading,
    splitting and timing stay Textual's, so a sequence may arrive in any number of pieces.
    """

    _feeding = False
    _kitty_answered = False
    kitty: bool | None = None
    """Does the terminal speak kitty's protocol? None until it has answered."""

    @property
    def deadline(self) -> float | None:
        """When `tick` has something to do, on the monotonic clock; None: not before more input."""
        return self._timeout_time

    def parse(self, token_callback: Callable[[Message], object]) -> Generator[Read1 | Peek1, str, None]:
        """Parse as the base does, joining `ESC` and the sequence of a moving key to one key."""
        held: list[Message] = []

        def on_token(token: Message) -> None:
            if _is_bare_escape(token) and self._feeding:
                # Reported because a second ESC followed: it may be the Alt of a sequence. The second one
                # has a clock, so this waits no longer than that.
                held.append(token)
                return
            if held and isinstance(token, events.Key) and token.key.rpartition("+")[2] in _ALT_MOVES:
                held.pop()
                token = events.Key(_with_alt(token.key), None)
            for earlier in held:
                token_callback(earlier)
            held.clear()
            token_callback(token)

        return super().parse(on_token)

    def feed(self, data: str) -> Iterable[Message]:
        """Parse `data`; an empty string is the end."""
        self._feeding = bool(data)
        try:
            yield from super().feed(data)
        finally:
            self._feeding = False

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        if sequence in _ALT_ENTER:
            return (events.Key("alt+enter", None),)
        if sequence in _OTHERS:
            return (events.Key(_OTHERS[sequence], None),)
        if sequence in _OPTION_CHARACTERS or (
            len(sequence) == 2 and sequence[1] < " " and sequence[1] != "\x1b"
        ):
            return [
                events.Key(_with_alt(key.key), None) for key in super()._sequence_to_key_events(sequence[1])
            ]
        plain = plain_sequence(sequence)
        if plain is None:
            return (events.Key(Keys.Ignore, sequence),)
        keys = [_named(key) for key in super()._sequence_to_key_events(plain, alt=alt)]
        if keys:
            return [key if _is_key(key) else events.Key(Keys.Ignore, sequence) for key in keys]
        if len(sequence) == 2 and sequence[1].isprintable() and sequence[1] not in _INTRODUCERS:
            return [
                events.Key(_with_alt(key.key), None) for key in super()._sequence_to_key_events(sequence[1])
            ]
        if _WHOLE_CSI.fullmatch(sequence) and not _NOT_KEYS.match(sequence):
            self._hear(sequence)
            return (events.Key(Keys.Ignore, sequence),)
        return ()

    def _hear(self, answer: str) -> None:
        if _KITTY_ANSWER.fullmatch(answer):
            self._kitty_answered = True
        elif _ATTRIBUTES.fullmatch(answer):
            self.kitty = self._kitty_answered


def _is_bare_escape(token: Message) -> bool:
    return isinstance(token, events.Key) and token.key == "escape" and token.character == "\x1b"


def _is_key(key: events.Key) -> bool:
    """Not a modifier alone, nor a code the base parser has taken for a control character."""
    return key.key not in _HELD and (len(key.key) > 1 or key.key.isprintable())


def _with_alt(name: str) -> str:
    if len(name) == 1 and name.isupper():
        return f"alt+shift+{name.lower()}"
    *modifiers, key = name.split("+")
    return "+".join([*sorted({*modifiers, "alt"}), key])


def _named(key: events.Key) -> events.Key:
    """`key` without a character when it is a command: one that nothing is bound to must not be typed."""
    command = "+" in key.key and not key.key.startswith("shift+") and len(key.key) > 1
    return events.Key(key.key, None) if command and key.character is not None else key


def _tell_guardian(*, taken: bool) -> None:
    if (ours := guardian()) is not None:
        ours.terminal_taken(taken)


def _in_foreground(descriptor: int) -> bool:
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return True  # the terminal is gone, so nobody else has it


class KeyDriver(LinuxDriver):
    """Textual's driver with `KeyParser`, modifyOtherKeys, and a write queue that never blocks the loop."""

    written = 0  # bytes since the start
    direct = True  # may rows be written past Textual's compositor?
    greeting = ""  # sent whenever the terminal is taken over,
    farewell = ""  # and whenever it is given back
    listener: Callable[[bytes], None] | None = None  # hears what comes in, in the thread that reads
    finds_pastes: ClassVar[bool] = True  # also where the terminal does not mark them

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._answers = ColourAnswers()
        self._handover: Handover | None = getattr(self._app, "handover", None)
        self._kitty: bool | None = None

    @property
    def flow_control(self) -> bool:
        """Does the terminal line keep Ctrl+S and Ctrl+Q to itself, although it was asked not to?"""
        try:
            return bool(termios.tcgetattr(self.fileno)[0] & termios.IXON)
        except (OSError, termios.error):
            return False

    @property
    def size_now(self) -> Size:
        """The terminal's size at this moment."""
        return Size(*self._get_terminal_size())

    def ask_colours(self) -> None:
        """Ask for the terminal's colours; `TerminalColours` is the answer, if there is one."""
        self._answers.expect()
        self.write(QUESTION)
        self.flush()

    @property
    def waiting(self) -> int | None:
        """How many writes the terminal has not taken yet; None: it is not ours, or for Textual alone to write to."""
        writer = self._writer_thread
        if not self.direct or writer is None or not writer.is_alive():
            return None
        return writer._queue.qsize()  # noqa: SLF001 (there is no other way in)

    def write(self, data: str) -> None:
        """Send `data`, counted."""
        self.written += len(data) if data.isascii() else len(data.encode("utf-8", "replace"))
        super().write(data)

    def start_application_mode(self) -> None:
        """Take the terminal over."""
        _tell_guardian(taken=True)
        taken_over = self._handover if self._handover is not None and self._handover.under_way else None
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if taken_over is not None:
            self.attrs_before = taken_over.attributes
        if self._writer_thread is not None:
            # A terminal that stops reading (tmux copy mode, a stalled line) must not stop keys and timers.
            self._writer_thread._queue.maxsize = 0  # noqa: SLF001 (there is no other way in)
            self.write(_ASK + self.greeting)
            self.flush()

    def stop_application_mode(self) -> None:
        """Give the terminal back as it was."""
        if self._writer_thread is not None:
            self.write("\x1b[>4;0m" + self.farewell)
            if self._mouse_pixels:
                self.write("\x1b[?1016l")
        hands_on = self._hands_on
        if hands_on and self._handover is not None:
            self._handover.attributes = self.attrs_before
        if hands_on or not _in_foreground(self.fileno):
            self.attrs_before = None  # whoever has the terminal now has set it up for themselves
        super().stop_application_mode()
        if not hands_on:
            _tell_guardian(taken=False)

    def disable_input(self) -> None:
        """Read no more; what waits to be read is thrown away, or left to the next app."""
        if not self._hands_on:
            super().disable_input()
        elif not self.exit_event.is_set():
            signal.signal(signal.SIGWINCH, signal.SIG_DFL)
            self._disable_mouse_support()
            self.exit_event.set()
            if self._key_thread is not None:
                self._key_thread.join()

    @property
    def _hands_on(self) -> bool:
        return self._handover is not None and self._handover.under_way

    def run_input_thread(self) -> None:
        """Read keys until the driver stops."""
        decode = getincrementaldecoder("utf-8")("replace").decode
        parser = KeyParser(self._debug)
        bursts = Bursts()

        def process(messages: Iterable[Any]) -> None:
            for message in messages:
                self.process_message(message)

        if self._hands_on and self._handover is not None:  # it is handed on to us
            while not self._handover.listening.wait(0.1):
                if self.exit_event.is_set():
                    return
            for kept in self._handover.take():
                if isinstance(kept, bytes):
                    self._feed(decode(kept), parser, process)
                else:
                    process([kept])
        told = False
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if self._hands_on and not told:
                    told = True
                    process([HandedOn()])
                due = parser.deadline
                wait_s = 0.1 if due is None else min(0.1, max(0.0, due - monotonic()))
                if selector.select(wait_s):
                    data = os.read(self.fileno, 4096)
                    if not data:
                        break
                    if self._hands_on and self._handover is not None:
                        self._handover.keep(data)
                        continue
                    if self.listener is not None:
                        self.listener(data)
                    text = decode(data)
                    pasted = bursts.is_paste(text, monotonic())  # looks at every piece
                    if pasted and self.finds_pastes and parser.deadline is None:
                        process([events.Paste(text)])
                    elif text:
                        self._feed(text, parser, process)
                self._feed("", parser, process)
                process(parser.tick())
        for _message in parser.feed(""):
            pass  # what a closing terminal leaves unfinished is nobody's key

    def _feed(self, text: str, parser: KeyParser, process: Callable[[Iterable[Any]], None]) -> None:
        typed, palette = self._answers.take(text)
        if palette is not None:
            process([TerminalColours(palette)])
        if typed:
            process(parser.feed(typed))
            if parser.kitty is not None and parser.kitty is not self._kitty:
                self._kitty = parser.kitty
                process([KeyProtocol(parser.kitty)])


class LiteralKeyDriver(KeyDriver):
    """Takes whatever is not marked as a paste for keys."""

    finds_pastes: ClassVar[bool] = False
