"""What is offered while one writes: files after `@`, commands after `/`, and keys that never eat a message."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_agent.events import JobItem, JobsChanged, Phase, Status
from h2a_tui.commands import COMMANDS
from h2a_tui.completion import Entry, mention_before, ranked, score
from h2a_tui.project_files import ProjectFiles
from support.chat_pilot import Chat, running_chat
from support.scripted_agent import ScriptedAgent

STREAMING = Status(Phase.STREAMING, 1)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in (
        "src/app.py",
        "src/apple.txt",
        "docs/map.md",
        "secret/app.py",
        "with space/a b.py",
        "bad\x1b.py",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / ".gitignore").write_text("secret/\n")
    return tmp_path


@asynccontextmanager
async def chat_in(project: Path) -> AsyncIterator[Chat]:
    async with running_chat(ScriptedAgent(project)) as chat:
        yield chat


async def offered(chat: Chat) -> None:
    await chat.until(lambda: chat.screen.composer.popup_open)
    await chat.drawn()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("@", (0, "")),
        ("see @src/ap", (4, "src/ap")),
        ('see @"a b', (4, "a b")),
        ('see @"a b"', None),
        ("me@example.org", None),
        ("@a b", None),
        ("no", None),
    ],
)
def test_mention_is_an_at_sign_that_begins_a_word(line: str, found: tuple[int, str] | None) -> None:
    assert mention_before(line) == found


@given(st.text(max_size=6), st.text(max_size=12))
def test_name_fits_exactly_when_it_has_the_letters_in_order(query: str, name: str) -> None:
    rest = iter(name.lower())
    assert (score(query, name) is not None) == all(letter in rest for letter in query.lower())


def test_exact_comes_before_beginning_before_inside_before_letters() -> None:
    names = ["x-m-o-d", "remod", "model", "mod"]
    assert [e.label for e in ranked("mod", ((n, Entry(n, n)) for n in names))] == [
        "mod",
        "model",
        "remod",
        "x-m-o-d",
    ]


async def test_file_is_found_by_letters_and_taken_as_a_path(project: Path) -> None:
    async with chat_in(project) as chat:
        await chat.type("see @app")
        await offered(chat)
        shown = [row.strip() for row in chat.rows() if "src/app" in row]
        assert shown == ["▸ src/app.py", "src/apple.txt"]
        assert "secret" not in chat.text()
        await chat.press("enter")
        assert chat.calls == []
        assert chat.draft == "see @src/app.py "
        await chat.press("enter")
        assert chat.calls == [("prompt", "see @src/app.py")]


async def test_arrows_choose_and_tab_takes_what_has_spaces_in_quotes(project: Path) -> None:
    async with chat_in(project) as chat:
        await chat.say(STREAMING)
        await chat.type("@py")
        await offered(chat)
        await chat.press("down", "tab")
        assert chat.draft == '@"with space/a b.py" '
        assert chat.calls == []
        assert "bad" not in chat.text()


async def test_escape_closes_the_list_only_and_then_stops_the_agent(project: Path) -> None:
    async with chat_in(project) as chat:
        await chat.say(STREAMING)
        await chat.type("@a")
        await offered(chat)
        assert "Enter take" in chat.text()
        await chat.press("escape")
        assert chat.calls == []
        assert chat.draft == "@a"
        await chat.press("p")
        assert not chat.screen.composer.popup_open
        await chat.press("escape")
        assert chat.calls == [("abort",)]
        await chat.type(" @map")
        await offered(chat)
        await chat.press("tab")
        assert chat.draft == "@ap @docs/map.md "


@pytest.mark.parametrize(
    ("key", "verb"), [("alt+enter", "follow-up"), ("ctrl+s", "nudge"), ("ctrl+q", "follow-up")]
)
async def test_other_sending_keys_send_what_is_written_list_or_not(
    project: Path, key: str, verb: str
) -> None:
    async with chat_in(project) as chat:
        await chat.say(STREAMING)
        await chat.type("@a")
        await offered(chat)
        await chat.press(key)
        assert chat.calls == [(verb, "@a")]
        assert not chat.screen.composer.popup_open


async def test_whole_path_offers_nothing_so_enter_sends(project: Path) -> None:
    async with chat_in(project) as chat:
        await chat.type("@src/app.py")
        await chat.until(lambda: chat.screen.composer._suggestions._search.done())
        await chat.press("enter")
        assert chat.calls == [("prompt", "@src/app.py")]


async def test_file_made_meanwhile_is_found_with_a_later_mention(project: Path) -> None:
    files = ProjectFiles(project)
    assert await files.matching("brandnew") == ()
    (project / "brandnew.py").write_text("")
    files._listed_at -= 60
    await files.matching("x")
    assert files._listing is not None
    await asyncio.wait([files._listing])
    assert [entry.text for entry in await files.matching("brandnew")] == ["@brandnew.py"]


async def test_hundred_thousand_files_are_searched_in_slices() -> None:
    files = ProjectFiles(Path("/nonexistent"))
    files._files = [f"src/part{n % 97}/module_{n}.py" for n in range(100_000)]
    files._found = ("", files._files)
    files._listed_at = time.monotonic() + 1000
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    first = await files.matching("mod")
    between = turns
    await files.matching("module_9999")
    assert len(files._found[1]) < 100  # going on to type looks only at what was found
    narrowed = await files.matching("module_99999")
    counting.cancel()
    assert len(first) == 50
    assert narrowed[0].text == "@src/part89/module_99999.py"
    assert between > 10  # others had their turn while it searched


async def test_commands_are_offered_with_their_help_and_enter_takes_then_runs() -> None:
    async with running_chat() as chat:
        await chat.type("/pau")
        assert any("▸ /pause" in row and "Stop before the next step" in row for row in chat.rows())
        await chat.press("enter")
        assert (chat.draft, chat.calls) == ("/pause", [])
        await chat.press("enter")
        assert chat.calls == [("pause",)]


async def test_list_leaves_a_small_screen_its_rows_and_scrolls_to_what_is_chosen() -> None:
    async with running_chat(size=(40, 12)) as chat:
        await chat.press("/", *["down"] * 4)
        shown = [row for row in chat.rows() if row.startswith((" ▸ /", "   /"))]
        assert len(shown) == 3
        assert shown[-1].startswith(f" ▸ /{COMMANDS[4].name}")
        await chat.press("up", "up", "up", "up", "up")
        assert any(row.startswith(" ▸ /quit") for row in chat.rows())


async def test_whole_command_in_one_burst_runs() -> None:
    async with running_chat() as chat:
        await chat.press_at_once(*"/pause", "enter")
        assert chat.calls == [("pause",)]


async def test_what_may_follow_a_command_is_offered_but_never_taken_unasked() -> None:
    async with running_chat() as chat:
        await chat.say(JobsChanged((JobItem(3, "make all", 0.0, True), JobItem(4, "old", 0.0, False))))
        await chat.type("/jobs ")
        assert any("stop 3" in row and "make all" in row for row in chat.rows())
        assert "stop 4" not in chat.text()
        await chat.press("tab", "enter")
        assert chat.calls == [("stop_job", 3)]
        await chat.type("/jobs s")
        await chat.press("enter")
        assert "/jobs lists them" in chat.text()
        assert chat.draft == "/jobs s"


async def test_unknown_command_gets_near_names() -> None:
    async with running_chat() as chat:
        await chat.type("/puase")
        await chat.press("escape", "enter")
        assert "No command /puase · did you mean /pause" in chat.rows()[-1]
