"""One table: complete, free of conflicts, and the only place where a key is named."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import h2a_tui
from h2a_tui.commands import COMMANDS, find_command, parse_command
from h2a_tui.help_table import help_table
from h2a_tui.keymap import KEYMAP, Action, Context, Keymap, key_label


def test_no_key_means_two_things_in_one_context() -> None:
    counts = Counter((row.context, key) for row in KEYMAP for key in row.keys)
    assert [pair for pair, count in counts.items() if count > 1] == []


def test_every_action_has_a_key_and_says_what_it_does() -> None:
    assert {row.action for row in KEYMAP} == set(Action)
    assert all(row.keys and row.label and row.help and not row.help.endswith(".") for row in KEYMAP)


def test_no_key_is_compared_anywhere_else() -> None:
    folder = Path(h2a_tui.__file__).parent
    own = [*folder.glob("*.py"), *folder.glob("screens/*.py"), *folder.glob("widgets/*.py")]
    compares = re.compile(r"event\.key\s*(?:==|!=|in\b|not in\b)|case \"(?:enter|escape|ctrl)")
    found = [path.name for path in own if compares.search(path.read_text("utf-8"))]
    assert found == []


def test_alt_enter_as_new_line_keeps_the_other_follow_up_keys() -> None:
    keymap = Keymap(alt_enter="newline")
    assert keymap.action("alt+enter", Context.COMPOSER) is Action.NEWLINE
    assert keymap.action("ctrl+q", Context.COMPOSER) is Action.FOLLOW_UP
    assert keymap.label(Action.FOLLOW_UP) == "Ctrl+Q"


def test_override_replaces_keys_and_an_empty_one_unbinds() -> None:
    keymap = Keymap(overrides={Action.NUDGE: ("f5",), Action.PAUSE_RESUME: ()})
    assert keymap.action("f5", Context.COMPOSER) is Action.NUDGE
    assert keymap.action("ctrl+s", Context.COMPOSER) is None
    assert keymap.label(Action.PAUSE_RESUME) == ""


def test_first_context_that_knows_a_key_wins() -> None:
    keymap = Keymap()
    assert keymap.action("alt+up", Context.QUEUE, Context.GLOBAL) is Action.QUEUE_EARLIER
    assert keymap.action("alt+up", Context.COMPOSER, Context.GLOBAL) is Action.FOCUS_QUEUE


def test_labels_are_written_as_people_write_keys() -> None:
    written = [key_label(key) for key in ("alt+enter", "ctrl+s", "f8", "s", "pageup", "alt+up", "escape")]
    assert written == ["Alt+Enter", "Ctrl+S", "F8", "s", "PgUp", "Alt+↑", "Esc"]


def test_help_names_every_key_and_command() -> None:
    table = help_table(Keymap())
    shown = {str(cell).strip() for column in table.columns for cell in column.cells}
    for row in KEYMAP:
        if row.context is not Context.HELP:
            assert row.help in shown
            assert ", ".join(map(key_label, row.keys)) in shown
    for command in COMMANDS:
        assert command.help in shown


def test_command_is_a_slash_and_a_plain_word_and_nothing_else() -> None:
    for text in ("/usr/bin/x does what?", " /help", "see /help", "/", "//", "/Help", "/2", "a/b", "/tmp/x"):
        assert parse_command(text) is None, text
    line = parse_command("/queue then run\nthe tests\n")
    assert line is not None
    assert (line.name, line.argument) == ("queue", "then run\nthe tests")
    assert find_command("help") is not None
    assert find_command("nope") is None
