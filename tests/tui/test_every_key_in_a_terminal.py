"""Every row of the table of keys through a real terminal and the real app, in every context, in every encoding.

The rows come from the table: a key that is new in it is pressed here without further ado, and a context that is new has to
get a way to it in `WAYS`. Keys are looked up and told, but do nothing, so that all of a context can be pressed one after
the other; what they do is the matter of other tests.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest

from h2a_tui.keymap import KEYMAP, Action, Context, Keymap
from support.pty_rig import Terminal
from support.scripted_app import ScriptedApp
from support.terminal_keys import ENCODINGS, Encoding, encode

NEVER = "10000"  # milliseconds before an ESC counts as alone: pieces are pieces, however slow the machine
ASK = "ApprovalRequested('c1', 'bash', 'ls', 'ls', 'command', '', '/w', editable='ls')"

Way = Callable[[ScriptedApp], Callable[[], None]]


def simply(*there: str, seen: str, back: tuple[str, ...], gone: str = "") -> Way:
    """To a context with keys, where `seen` is on the screen, and back with keys."""

    def go(app: ScriptedApp) -> Callable[[], None]:
        app.terminal.press(*there)
        app.terminal.wait_for(seen)

        def leave() -> None:
            app.terminal.press(*back)
            app.terminal.wait_gone(gone or seen)

        return leave

    return go


def to_list(command: str, *seen: str) -> Way:
    """To a list that is closed with Escape, and with Enter to one above it; each shows what is `seen`. And back."""

    def go(app: ScriptedApp) -> Callable[[], None]:
        app.terminal.press(*command)
        for words in seen:
            app.terminal.press("enter")
            app.terminal.wait_for(words)

        def leave() -> None:
            for words in reversed(seen):  # as a key of its own: with NEVER a lone ESC is not yet one
                app.terminal.press("escape", encoding="kitty")
                app.terminal.wait_gone(words)

        return leave

    return go


def stay(_app: ScriptedApp) -> Callable[[], None]:
    return lambda: None


def to_popup(app: ScriptedApp) -> Callable[[], None]:
    app.terminal.press(*"/the")
    # The list is there before the last letter is, and a letter that comes after `listen` would be told.
    app.terminal.wait_for(lambda: {"/the", "/theme"} <= set(app.terminal.screen_text().split()))

    def leave() -> None:
        app.terminal.press("ctrl+u")
        app.terminal.wait_gone("/theme")

    return leave


def to_queue(*keys: str, seen: str) -> Way:
    def go(app: ScriptedApp) -> Callable[[], None]:
        app.terminal.press("a", "alt+enter")
        app.terminal.wait_for("Waiting · 1")
        app.terminal.press("alt+up")
        app.terminal.wait_for("Enter edit")
        app.terminal.press(*keys)
        app.terminal.wait_for(seen)

        def leave() -> None:
            app.terminal.press(*keys)
            app.terminal.wait_for("Enter edit")
            app.script("agent.deliver_all()")
            app.terminal.wait_gone("Waiting · 1")
            app.terminal.wait_for("Enter steer")

        return leave

    return go


def to_question(*keys: str, seen: str) -> Way:
    def go(app: ScriptedApp) -> Callable[[], None]:
        app.say("Status(Phase.APPROVAL, 1)", ASK)
        app.terminal.wait_for("May bash run?")
        app.terminal.press("f2")
        app.terminal.wait_for("Esc back")
        for key in keys:
            app.terminal.press_until("ctrl+u", "f2", key, shown=seen)

        def leave() -> None:
            app.say("ApprovalAnswered('c1', Decision.REJECT)", "Status(Phase.STREAMING, 1)")
            app.terminal.wait_gone("May bash run?")

        return leave

    return go


WAYS: dict[Context, Way] = {
    Context.COMPOSER: stay,
    Context.GLOBAL: stay,
    Context.POPUP: to_popup,
    Context.QUEUE: to_queue(seen="Enter edit"),
    Context.QUEUE_EDIT: to_queue("enter", seen="Enter save"),
    Context.APPROVAL: to_question(seen=""),
    Context.REASON: to_question("r", seen="Why not?"),
    Context.CHANGE: to_question("e", seen="Enter allow this"),
    Context.FIND: simply("f3", seen="Find in the conversation", back=("f3",)),
    Context.READING: simply("f4", seen="Enter fold", back=("f4",)),
    Context.HELP: simply("f1", seen="In the editor", back=("q",)),
    Context.LIST: simply(*"/mode full", "enter", seen="Run everything", back=("q",)),
    Context.FILTER: to_list("/theme", "Ctrl+S save"),
    Context.ASK: to_list("/settings max_tokens", "Type to find", "Enter answer"),
}
# Asked before there is a chat: below. Of the screen that tries keys the one key is Escape, twice: test_keys_command.
ELSEWHERE = {Context.TRUST, Context.KEYS}


def keys_of(context: Context, encoding: Encoding, *, alone: bool) -> dict[str, bytes]:
    """The keys of a context's rows, and what a terminal sends for each; without a lone ESC unless `alone`."""
    keys = {}
    for key in (key for row in KEYMAP if row.context is context for key in row.keys):
        with contextlib.suppress(ValueError):
            data = encode(key, encoding)
            if alone or data != b"\x1b":
                keys[key] = data
    return keys


def told(app: ScriptedApp, count: int, before: str | None = None) -> list[tuple[str, str]]:
    """The next `count` keys and what the table says of each; where `before` is a key, one may be asked about twice."""
    found: list[tuple[str, str]] = []
    while len(found) < count:
        kind, key, _contexts, action = app.next_call()
        assert kind == "key"
        if before is None or key != before:
            found.append((key, action))
        before = None if before is None else key
    return found


@pytest.fixture
def app() -> Iterator[ScriptedApp]:
    with ScriptedApp.start(env={"ESCDELAY": NEVER}) as app:
        app.say("Status(Phase.STREAMING, 1)", "TokenStream(1, 0, 'Once upon a time')")
        app.terminal.wait_for("streaming")
        yield app


def next_of(app: ScriptedApp, name: str) -> None:
    """Go over the calls that a way has made, to the one called `name`."""
    while app.next_call()[0] != name:
        pass


def test_every_context_has_a_way_to_it() -> None:
    assert set(WAYS) | ELSEWHERE == set(Context)
    assert {row.context for row in KEYMAP} <= set(Context)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_key_in_every_context_whole_in_bytes_and_in_one_burst(
    app: ScriptedApp, encoding: Encoding
) -> None:
    for context, way in WAYS.items():
        leave = way(app)
        app.script("listen()")
        next_of(app, "listening")
        keys = keys_of(context, encoding, alone=False)
        expected = [(key, Keymap().action(key, context) or "") for key in keys]
        assert all(action for _, action in expected)

        stream = b"".join(keys.values())
        last = list(keys)[-1] if context is Context.LIST else None
        for data in keys.values():
            app.terminal.write(data)
        assert told(app, len(keys), last) == expected, (context, "whole")
        for byte in stream:
            app.terminal.write(bytes([byte]))
        assert told(app, len(keys), last) == expected, (context, "byte by byte")
        app.terminal.write(stream)
        assert told(app, len(keys), last) == expected, (context, "burst")

        app.script("obey_keys()")
        next_of(app, "obeying")
        leave()


def test_a_lone_escape_of_an_old_terminal_is_escape_in_every_context_that_has_it() -> None:
    with ScriptedApp.start(env={"ESCDELAY": "25"}) as app:
        app.say("Status(Phase.STREAMING, 1)", "TokenStream(1, 0, 'Once upon a time')")
        app.terminal.wait_for("streaming")
        for context in {row.context for row in KEYMAP if "escape" in row.keys} - ELSEWHERE:
            leave = WAYS[context](app)
            app.script("listen()")
            next_of(app, "listening")
            app.terminal.write(b"\x1b")
            assert told(app, 1) == [("escape", Keymap().action("escape", context))]
            app.script("obey_keys()")
            next_of(app, "obeying")
            leave()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_keys_of_the_question_about_a_folder(tmp_path: Path, encoding: Encoding) -> None:
    rows = {row.action: row.keys for row in KEYMAP if row.context is Context.TRUST}
    (tmp_path / "AGENTS.md").write_text("obey me")
    env = {"H2A_HOME": str(tmp_path / "home"), "ESCDELAY": NEVER}
    argv = [sys.executable, "-m", "h2a_tui", "--demo"]

    for quit_key in rows[Action.TRUST_QUIT]:
        with Terminal.spawn(argv, env=env, cwd=tmp_path) as terminal:
            terminal.wait_for("Look only")
            for down, up in product(rows[Action.TRUST_NEXT], rows[Action.TRUST_PREVIOUS]):
                terminal.press_until(down, shown="› Trust it", encoding=encoding)
                terminal.press_until(up, shown="› Look only", encoding=encoding)
            terminal.press(quit_key, encoding=encoding)
            terminal.wait_exit()
    with Terminal.spawn(argv, env=env, cwd=tmp_path) as terminal:
        terminal.wait_for("Look only")
        terminal.press_until(*rows[Action.TRUST_ANSWER], shown="Say what to do", encoding=encoding)
