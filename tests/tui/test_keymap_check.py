"""Keys of a person's own: refused with a sentence that helps, or taken, and what may surprise is said."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from h2a_tui.help_table import help_table
from h2a_tui.keymap import KEYMAP, Action, Context, Keymap
from h2a_tui.keymap_check import BadKeys, keymap_notes, read_keys
from support.pty_rig import Terminal


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"folow-up": ["f5"]}, "unknown action 'folow-up'; did you mean 'follow-up'?"),
        ({"follow-up": ["entre"]}, "follow-up: there is no key 'entre'; keys are written like ctrl+s"),
        ({"follow-up": [""]}, "follow-up: there is no key ''"),
        ({"nudge": ["x"]}, "nudge: 'x' is typed where one writes"),
        ({"nudge": ["space"]}, "nudge: 'space' is typed where one writes"),
        ({"find": ["/"]}, "find: 'slash' is typed where one writes"),
        ({"submit": []}, "submit needs a key"),
        ({"escape": []}, "escape needs a key"),
        ({"list-close": []}, "list-close needs a key"),
        ({"nudge": ["f5"], "follow-up": ["F5"]}, "F5 cannot be both follow-up and nudge in the editor"),
        ({"help": ["f5"], "hud": ["f5"]}, "F5 cannot be both help and hud anywhere"),
    ],
)
def test_what_cannot_be_meant_is_refused(written: dict[str, list[str]], said: str) -> None:
    with pytest.raises(BadKeys) as refused:
        read_keys(written)
    assert str(refused.value).startswith(said)


def test_keys_are_read_however_they_are_written() -> None:
    assert read_keys({"nudge": ["Ctrl+Shift+Up", "F5"], "hud": [], "allow": ["Y"]}) == {
        Action.NUDGE: ("ctrl+shift+up", "f5"),
        Action.HUD: (),
        Action.ALLOW: ("Y",),
    }


def test_the_keys_as_they_come_can_be_written_into_the_file() -> None:
    usual: dict[str, list[str]] = {}
    for row in KEYMAP:
        usual.setdefault(row.action, list(row.keys))
    for action, keys in usual.items():
        contexts = {row.context for row in KEYMAP if row.action == action}
        if len(contexts) == 1:
            read_keys({action: keys})
    assert keymap_notes(Keymap()) == ()
    assert keymap_notes(Keymap(alt_enter="newline")) == ()


def notes(**written: list[str]) -> tuple[str, ...]:
    return keymap_notes(
        Keymap(overrides=read_keys({name.replace("_", "-"): keys for name, keys in written.items()}))
    )


def test_ones_own_key_wins_and_what_has_lost_it_is_said() -> None:
    keymap = Keymap(overrides=read_keys({"nudge": ["ctrl+r"]}))
    assert keymap.action("ctrl+r", Context.COMPOSER) is Action.NUDGE
    assert keymap_notes(keymap) == ("history-search has no key: Ctrl+R is nudge",)
    assert notes(nudge=["ctrl+q"]) == ()  # the follow-up has Alt+Enter left
    assert notes(hud=[]) == ()


def test_a_key_that_comes_only_from_some_terminals_is_said() -> None:
    (note,) = notes(nudge=["ctrl+enter"])
    assert note.startswith("nudge: Ctrl+Enter comes only from terminals with an extended keyboard protocol")
    assert notes(nudge=["ctrl+enter", "f5"]) == ()


def test_enter_without_a_meaning_is_said() -> None:
    assert "Enter does nothing in the editor" in notes(submit=["f5"])
    assert "Enter does nothing in the editor" not in notes(submit=["f5"], newline=["enter"])


def test_a_key_that_is_another_in_the_editor_is_said() -> None:
    assert notes(help=["ctrl+r"]) == ("help: in the editor Ctrl+R is history-search",)
    assert notes(nudge=["f6"]) == ("show-jobs: in the editor F6 is nudge",)


def test_help_begins_with_what_may_surprise() -> None:
    table = help_table(Keymap(overrides=read_keys({"nudge": ["f6"]})))
    assert next(iter(table.columns[1].cells)) == "show-jobs: in the editor F6 is nudge"


def start(home: Path, text: str) -> Terminal:
    (home / "config.toml").write_text(text)
    argv = [sys.executable, "-m", "h2a_tui", "--demo"]
    return Terminal.spawn(argv, size=(100, 30), env={"H2A_HOME": os.fspath(home)}, cwd=home)


def test_the_program_does_not_start_with_keys_that_cannot_be_meant(tmp_path: Path) -> None:
    with start(tmp_path, '[keys]\nfollow-up = ["entre"]\n') as terminal:
        assert terminal.wait_exit() == 2
        said = terminal.screen_text().replace("\n", "")
        assert "config.toml: keys: follow-up: there is no key 'entre'" in said
        assert "Traceback" not in said


def test_the_first_page_says_what_may_surprise(tmp_path: Path) -> None:
    with start(tmp_path, '[keys]\nnudge = ["F6"]\n') as terminal:
        terminal.wait_for("show-jobs: in the editor F6 is nudge")
        terminal.press("ctrl+d")
        assert terminal.wait_exit() == 0
