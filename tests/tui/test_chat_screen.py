"""The screen as a whole: what stands where, at every size, over a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from textual.screen import ModalScreen

from h2a_agent.events import (
    AnyEvent,
    ApprovalRequested,
    Done,
    Kind,
    Phase,
    Settled,
    Status,
    TokenStream,
    Usage,
    UserInput,
)
from h2a_tui import environment
from h2a_tui.app import H2AApp
from h2a_tui.settings import ScreenSettings
from support.chat_pilot import running_chat
from support.scripted_agent import ScriptedAgent

SIZES = [(80, 24), (120, 40), (200, 60), (20, 5), (10, 3), (1, 1)]
RUN: list[AnyEvent] = [
    Status(Phase.PREPARING, 1),
    UserInput("i1", Kind.PROMPT, "Fix the parser"),
    Status(Phase.STREAMING, 1),
    TokenStream(1, 0, "I will look at the parser first."),
    Usage("opus-9", 1, 2, 3, 4, 23_100, 200_000, 0.4213),
]
QUESTION = ApprovalRequested(
    "c1", "bash", "npm test", "npm test\n" * 40, "command", "it runs a command", "/work"
)


async def test_idle_screen_at_80_columns() -> None:
    async with running_chat() as chat:
        assert chat.rows()[-5:] == [
            "╭──────────────────────────────────────────────────────────────────────────────╮",
            "│ › Say what to do                                                             │",
            "╰──────────────────────────────────────────────────────────────────────────────╯",
            " Enter send · Alt+Enter send · Shift+Enter new line · F1 help",
            " ● ready                     ask · sandbox not tried · scripted-1 · /home/space",
        ]


async def test_everything_at_once_at_80_columns() -> None:
    async with running_chat() as chat:
        await chat.say(*RUN)
        await chat.type("also the tests")
        await chat.press("alt+enter")
        await chat.say(Status(Phase.APPROVAL, 1), QUESTION)
        await chat.type("draft")
        rows = chat.rows()
        assert rows[-8:-2] == [
            "╰──────────────────────────────────────────────────────────────────────────────╯",
            " Waiting · 1",
            "   1 ↳ follow-up  also the tests                                            now",
            "╭──────────────────────────────────────────────────────────────────────────────╮",
            "│ › draft                                                                      │",
            "╰──────────────────────────────────────────────────────────────────────────────╯",
        ]
        assert "May bash run?" in chat.text()
        assert "F2 to answer" in rows[-9]


@pytest.mark.parametrize("size", SIZES)
async def test_whole_run_at_every_size_keeps_composer_and_status_on_screen(size: tuple[int, int]) -> None:
    async with running_chat(size=size) as chat:
        await chat.say(*RUN)
        await chat.press("a", "alt+enter")
        await chat.say(Status(Phase.APPROVAL, 1), QUESTION)
        await chat.press("x", "f2", "alt+up", "enter", "escape", "escape", "f1", "escape")
        await chat.say(Done(1, "end_turn"), Status(Phase.IDLE), Settled("completed"))
        rows = chat.rows()
        assert len(rows) == size[1]
        if size[1] >= 3:
            assert rows[-1].strip().startswith("●")
            assert any("› x" in row for row in rows[-5:])


async def test_small_screen_shows_the_question_and_the_composer() -> None:
    async with running_chat(size=(30, 8)) as chat:
        await chat.say(*RUN, Status(Phase.APPROVAL, 1), QUESTION)
        text = chat.text()
        assert "May bash run?" in text
        assert "npm test" in text
        assert "› Say what to do" in text
        assert "approval" in text


async def test_resumed_session_shows_its_past_and_remembers_its_messages() -> None:
    past = [UserInput("i1", Kind.PROMPT, "Fix the parser"), TokenStream(1, 0, "Done."), Done(1, "end_turn")]
    async with running_chat(ScriptedAgent(past=past)) as chat:
        await chat.until(lambda: "Fix the parser" in chat.screen.transcript.plain_text())
        assert "Done." in chat.screen.transcript.plain_text()
        await chat.press("up")
        assert chat.draft == "Fix the parser"


async def test_waiting_items_of_a_resumed_session_are_there_and_held() -> None:
    agent = ScriptedAgent()
    agent.say(Status(Phase.STREAMING, 1))
    agent.follow_up("later")
    agent.hold()
    agent.say(Status(Phase.IDLE))
    async with running_chat(agent) as chat:
        assert "Waiting · 1  ‖ paused" in chat.text()


async def test_f1_and_help_show_every_key_and_go_away() -> None:
    async with running_chat(size=(100, 70)) as chat:
        for keys in (["f1"], [*"/help", "enter"]):
            await chat.press(*keys)
            assert isinstance(chat.app.screen, ModalScreen)
            assert "Queue a follow-up for when the agent has finished" in chat.text()
            await chat.press("escape")
            assert not isinstance(chat.app.screen, ModalScreen)
        assert chat.calls == []


async def test_new_lines_below_are_announced_until_the_reader_is_back_at_the_end() -> None:
    async with running_chat() as chat:
        await chat.say(Status(Phase.STREAMING, 1), TokenStream(1, 0, "line\n\n" * 60))
        await chat.press("pageup")
        await chat.say(TokenStream(1, 0, "more\n\n" * 10))
        await chat.until(lambda: "new below · Ctrl+End" in chat.text())
        await chat.press("ctrl+end")
        await chat.until(lambda: "below" not in chat.text())


async def test_f8_pauses_a_run_resumes_a_paused_one_and_says_when_there_is_none() -> None:
    async with running_chat() as chat:
        await chat.press("f8")
        assert "Nothing is running" in chat.rows()[-1]
        await chat.say(Status(Phase.STREAMING, 1))
        await chat.press("f8")
        await chat.say(Status(Phase.PAUSED, 1))
        await chat.press("f8")
        assert chat.calls == [("pause",), ("resume",)]


@pytest.mark.parametrize(
    ("command", "said"), [("/pause", "Nothing is running"), ("/resume", "Nothing is paused")]
)
async def test_a_command_that_has_nothing_to_pause_or_resume_says_so(command: str, said: str) -> None:
    async with running_chat() as chat:
        await chat.type(command)
        await chat.press("enter")
        await chat.until(lambda: said in chat.rows()[-1])


async def test_agent_is_warmed_up_after_the_first_frame() -> None:
    async with running_chat() as chat:
        await chat.until(lambda: chat.agent.warm_ups == 1)


async def test_events_while_help_is_open_are_drawn_underneath() -> None:
    async with running_chat() as chat:
        await chat.press("f1")
        await chat.say(*RUN)
        await chat.press("escape")
        assert "streaming" in chat.rows()[-1]


async def test_fault_ends_the_app_with_code_1_and_a_report(tmp_path: Path) -> None:
    agent = ScriptedAgent()
    app = H2AApp(agent, ScreenSettings(log_dir=tmp_path / "logs"))

    async def fail() -> None:
        async with app.run_test() as pilot:
            app.call_later(lambda: 1 / 0)
            await pilot.pause()

    with pytest.raises(ZeroDivisionError):
        await fail()
    await agent.aclose()
    assert app.return_code == 1
    (report,) = (tmp_path / "logs").iterdir()
    assert "ZeroDivisionError" in report.read_text("utf-8")


def test_environment_is_prepared_without_overruling_the_user() -> None:
    local: dict[str, str] = {}
    environment.prepare(local)
    assert local == {"ESCDELAY": "25", "TEXTUAL_FPS": "240"}
    remote = {"SSH_CONNECTION": "1.2.3.4"}
    environment.prepare(remote)
    assert remote["ESCDELAY"] == "100"
    chosen = {"ESCDELAY": "7", "TEXTUAL_FPS": "30", "SSH_TTY": "/dev/pts/1"}
    environment.prepare(chosen)
    assert (chosen["ESCDELAY"], chosen["TEXTUAL_FPS"]) == ("7", "30")


def test_environment_module_does_not_import_textual() -> None:
    command = "import sys, h2a_tui.environment; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0
