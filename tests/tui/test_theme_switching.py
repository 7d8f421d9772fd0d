"""Another theme while the program runs: by command, by its looks, by editing its file."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path

import pytest
from rich.style import Style

from h2a_agent.events import Phase, Status, TokenStream
from h2a_themes import Palette, load, names
from h2a_themes.palette import XTERM
from h2a_tui import themed_app
from h2a_tui.keys import TerminalColours
from h2a_tui.screens.page import PageScreen
from h2a_tui.screens.theme_picker import ThemePicker
from h2a_tui.theme_choice import ThemeChoice, resolve
from support.chat_pilot import Chat, running_chat
from support.theme_scene import SIZE, colours_of_scene, play_scene, styled_rows

SNAPSHOTS = Path(__file__).with_name("theme_snapshots")


@asynccontextmanager
async def chat_wearing(
    name: str, folder: Path | None = None, *, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Chat]:
    config_file = None if folder is None else folder / "config.toml"
    async with running_chat(size=size, themes=ThemeChoice(name, folder, config_file)) as chat:
        yield chat


async def enter(chat: Chat, line: str) -> None:
    await chat.type(line)
    await chat.press("enter")


def worn(chat: Chat) -> str:
    return chat.app.dressed.name


def grounds(chat: Chat) -> set[str]:
    """The grounds of everything on the screen."""
    return {
        style.bgcolor.name for row in styled_rows(chat) for _text, style in row if style and style.bgcolor
    }


def own_theme(folder: Path, base: str = "dark", name: str = "mine", **changes: str) -> Path:
    """A theme file in `folder`: `base` with `changes`, written as an editor does, by replacing it."""
    text = (resources.files("h2a_themes") / f"{base}.toml").read_text().replace(f'name = "{base}"\n', "")
    for token, colour in changes.items():
        text = text.replace("[colors]\n", f'[colors]\n{token} = "{colour}"\n')
        text = "\n".join(
            line for line in text.split("\n") if not line.startswith(f"{token} = ") or colour in line
        )
    new = folder / f"{name}.new"
    new.write_text(text)
    return new.replace(folder / f"{name}.toml")


# ------------------------------------------------------------------ everything


async def rows_in(name: str, *before: str) -> list[list[tuple[str, Style | None]]]:
    """The scene in theme `name`, after it was drawn in those `before`."""
    async with chat_wearing([*before, name][0], size=SIZE) as chat:
        chat.screen.status_line._clock = lambda: 0.0
        await play_scene(chat)
        for other in [*before, name][1:]:
            await chat.app.themes.choose(other)
            await chat.settle()
        return styled_rows(chat)


@pytest.mark.parametrize("name", ["light", "nord", "sixteen"])
async def test_a_switch_leaves_nothing_of_the_old_colours(name: str) -> None:
    """Also what was drawn long ago: the screen is the same as if it had never been any other."""
    assert await rows_in(name, "dark", "gruvbox-light") == await rows_in(name)


async def test_what_was_out_of_sight_has_the_new_colours_when_it_comes_up() -> None:
    async with chat_wearing("dark", size=(80, 30)) as chat:
        await play_scene(chat)
        await chat.press("ctrl+home")
        await chat.press("ctrl+end")
        await chat.app.themes.choose("light")
        await chat.settle()
        await chat.press("ctrl+home")
        assert "Why is the parser slow?" in chat.text()
        assert load("light").background in grounds(chat)
        assert not grounds(chat) & {load("dark").background, load("dark").code_background}


@pytest.mark.parametrize("name", [*names(), "terminal"])
async def test_the_scene_has_these_colours(name: str) -> None:
    """To take new snapshots: UPDATE_SNAPSHOTS=1 pytest tests/tui/test_theme_switching.py, then look at the change."""
    themes = ThemeChoice("dark")
    if name == "terminal":
        await themes.told(XTERM)
    await themes.choose(name)
    async with running_chat(size=SIZE, themes=themes) as chat:
        await play_scene(chat)
        text = "\n".join(colours_of_scene(chat)) + "\n"
    snapshot = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(text)
    assert text == snapshot.read_text()


# ----------------------------------------------------------------- the command


async def test_theme_with_a_name_switches_at_once_also_while_the_agent_works() -> None:
    async with chat_wearing("dark") as chat:
        await chat.say(Status(Phase.STREAMING, 1), TokenStream(1, 0, "Once upon"))
        await enter(chat, "/theme nord")
        await chat.until(lambda: "Theme nord" in chat.rows()[-1])
        await chat.until(lambda: load("dark").background not in grounds(chat))
        assert worn(chat) == "nord"
        assert load("nord").background in grounds(chat)
        await chat.say(TokenStream(1, 0, " a time"))
        assert "Once upon a time" in chat.text()
        assert load("dark").background not in grounds(chat)
        assert chat.draft == ""
        assert chat.calls == []


async def test_theme_save_keeps_it_for_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('# mine\nenter = "steer"\n')
    async with chat_wearing("dark", tmp_path) as chat:
        await enter(chat, "/theme light/nord --save")
        await chat.until(lambda: "from now on" in chat.rows()[-1])
    assert (tmp_path / "config.toml").read_text() == '# mine\nenter = "steer"\ntheme = "light/nord"\n'


async def test_theme_save_alone_keeps_the_one_that_is_worn(tmp_path: Path) -> None:
    async with chat_wearing("dracula", tmp_path) as chat:
        await enter(chat, "/theme --save")
        await chat.until(lambda: "from now on" in chat.rows()[-1])
    assert (tmp_path / "config.toml").read_text() == 'theme = "dracula"\n'


async def test_a_theme_that_does_not_exist_is_said_with_what_there_is() -> None:
    async with chat_wearing("dark", size=(100, 30)) as chat:
        await enter(chat, "/theme solarised-dark")
        await chat.until(lambda: "did you mean solarized-dark?" in chat.text())
        assert isinstance(chat.app.screen, PageScreen)
        assert worn(chat) == "dark"


async def test_settings_that_cannot_be_changed_are_said(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("theme = \n")
    async with chat_wearing("dark", tmp_path, size=(100, 30)) as chat:
        await enter(chat, "/theme nord --save")
        await chat.until(lambda: "TOML:" in chat.text())  # wherever the path makes the line break
        assert isinstance(chat.app.screen, PageScreen)
        assert worn(chat) == "nord"


async def test_theme_completes_to_the_name_of_a_theme() -> None:
    async with chat_wearing("dark", size=(100, 40)) as chat:
        await chat.type("/theme drac")
        await chat.press("tab", "enter")
        await chat.until(lambda: worn(chat) == "dracula")


async def test_typing_in_the_list_finds_a_theme() -> None:
    async with chat_wearing("dark", size=(100, 40)) as chat:
        await open_picker(chat)
        await chat.type("grlig")
        await chat.until(lambda: worn(chat) == "gruvbox-light")
        await chat.press("escape")
        await chat.until(lambda: worn(chat) == "dark")


# ------------------------------------------------------------------ by its looks


async def open_picker(chat: Chat) -> None:
    await enter(chat, "/theme")
    await chat.until(lambda: isinstance(chat.app.screen, ThemePicker))
    await chat.drawn()


async def look_at(chat: Chat, key: str, name: str) -> None:
    await chat.press(key)
    await chat.until(lambda: worn(chat) == name)
    await chat.drawn()


async def test_moving_the_bar_shows_each_theme_and_escape_brings_the_old_one_back() -> None:
    async with chat_wearing("dark", size=(100, 40)) as chat:
        await open_picker(chat)
        assert "dark  ●" in chat.text()
        await look_at(chat, "down", "dracula")
        await look_at(chat, "down", "gruvbox-dark")
        await chat.until(lambda: load("dark").background not in grounds(chat))
        assert load("gruvbox-dark").background in grounds(chat)
        await chat.press("escape")
        await chat.until(lambda: worn(chat) == "dark")
        await chat.until(lambda: load("gruvbox-dark").background not in grounds(chat))
        assert chat.app.themes.name == "dark"


async def test_enter_keeps_the_theme_that_is_looked_at(tmp_path: Path) -> None:
    async with chat_wearing("dark", tmp_path, size=(100, 40)) as chat:
        await open_picker(chat)
        await look_at(chat, "up", "colour-blind-light")
        await chat.press("enter")
        await chat.until(lambda: chat.app.themes.name == "colour-blind-light")
        await chat.drawn()
        assert worn(chat) == "colour-blind-light"
    assert not (tmp_path / "config.toml").exists()


async def test_the_save_key_keeps_and_saves_it(tmp_path: Path) -> None:
    async with chat_wearing("dark", tmp_path, size=(100, 40)) as chat:
        await open_picker(chat)
        await look_at(chat, "down", "dracula")
        await chat.press("ctrl+s")
        await chat.until(lambda: "from now on" in chat.rows()[-1])
    assert (tmp_path / "config.toml").read_text() == 'theme = "dracula"\n'


async def test_escape_at_once_after_a_move_does_not_leave_the_theme_that_was_still_being_read() -> None:
    async with chat_wearing("dark", size=(100, 40)) as chat:
        await open_picker(chat)
        await chat.press_at_once("down", "down", "escape")
        await chat.until(lambda: not isinstance(chat.app.screen, ThemePicker))
        await chat.settle()
        assert worn(chat) == "dark"


async def test_a_theme_of_ones_own_is_in_the_list_and_a_broken_one_says_what_is_wrong(tmp_path: Path) -> None:
    own_theme(tmp_path, name="aaa")
    own_theme(tmp_path, name="aab", text="nothing")
    async with chat_wearing("aaa", tmp_path, size=(140, 40)) as chat:
        await open_picker(chat)
        await chat.press("down")
        await chat.until(lambda: "aab.toml: colors.text: 'nothing' is no colour" in chat.text())
        assert worn(chat) == "aaa"


# --------------------------------------------------------------------- its file


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(themed_app, "_LOOK_S", 0.01)
    monkeypatch.setattr(themed_app, "_SETTLE_S", 0.0)


@pytest.mark.usefixtures("at_once")
async def test_an_edited_theme_is_shown_and_a_broken_one_leaves_the_last_good_one(tmp_path: Path) -> None:
    own_theme(tmp_path)
    async with chat_wearing("mine", tmp_path, size=(140, 24)) as chat:
        own_theme(tmp_path, background="#123456")
        await chat.until(lambda: "#123456" in grounds(chat))
        own_theme(tmp_path, background="#12345")
        await chat.until(lambda: "mine.toml: colors.background: '#12345' is no colour" in chat.rows()[-1])
        assert "#123456" in grounds(chat)
        (tmp_path / "mine.toml").unlink()
        await chat.until(lambda: "mine: no such theme" in chat.rows()[-1])
        own_theme(tmp_path, background="#654321")
        await chat.until(lambda: "#654321" in grounds(chat))


@pytest.mark.usefixtures("at_once")
async def test_only_the_file_of_the_theme_that_is_worn_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    stamp: Callable[[Path], object] = themed_app._stamp

    def counted(file: Path) -> object:
        looked.append(file.name)
        return stamp(file)

    monkeypatch.setattr(themed_app, "_stamp", counted)
    own_theme(tmp_path)
    own_theme(tmp_path, name="other")
    async with chat_wearing("mine", tmp_path) as chat:
        read = chat.app.themes.theme
        await chat.until(lambda: len(looked) > 4)
        assert chat.app.themes.theme is read, "an unchanged file is not read again"
        await chat.app.themes.choose("other")
        await chat.until(lambda: looked[-1] == "other.toml")
        at = len(looked)
        await chat.until(lambda: len(looked) > at + 2)
        assert set(looked[at:]) == {"other.toml"}
        await chat.app.themes.choose("dark")
        await chat.settle()
        assert not [worker for worker in chat.app.workers if worker.group == "theme-file"]


# ---------------------------------------------------------------- the terminal


def test_names_that_depend_on_the_terminal() -> None:
    white, black = Palette(background="#ffffff"), Palette(background="#000000")
    unknown = Palette()
    assert [resolve("light/dark", None, p).name for p in (white, black, unknown)] == ["light", "dark", "dark"]
    assert [resolve("nord/light", None, p).name for p in (white, black)] == ["light", "nord"]
    assert resolve("terminal", None, unknown) == load("sixteen")
    assert resolve("terminal", None, black).name == "terminal"
    assert resolve("terminal/light", None, XTERM).background == "#000000"


async def test_the_terminals_answer_changes_what_depends_on_it_and_nothing_else() -> None:
    for name, then in (("light/dark", "light"), ("nord", "nord"), ("terminal", "terminal")):
        async with chat_wearing(name) as chat:
            chat.app.post_message(TerminalColours(Palette("#111111", "#fdfdfd")))
            await chat.until(lambda then=then: worn(chat) == then)  # type: ignore[misc]
            await chat.settle()
            assert (worn(chat), chat.app.themes.name) == (then, name)
