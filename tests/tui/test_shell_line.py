"""`!cmd` and `!!cmd` in the editor."""

from __future__ import annotations

import pytest

from h2a_agent.events import Outcome, Phase, ShellStarted, Status, ToolOutput, ToolResult
from h2a_tui.shell_line import ShellLine, parse_shell
from support.chat_pilot import running_chat


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("!ls -l", ShellLine("ls -l", private=False)),
        ("! ls", ShellLine("ls", private=False)),
        ("!!env", ShellLine("env", private=True)),
        ("!for x in 1 2; do\necho $x\ndone", ShellLine("for x in 1 2; do\necho $x\ndone", private=False)),
        ("!", None),
        ("!! ", None),
        (" !ls", None),
        ("wow!", None),
    ],
)
def test_exclamation_mark_in_front_makes_a_command(text: str, line: ShellLine | None) -> None:
    assert parse_shell(text) == line


@pytest.mark.parametrize("key", ["enter", "alt+enter", "ctrl+s", "tab"])
async def test_every_sending_key_runs_it_at_once_also_while_the_agent_works(key: str) -> None:
    async with running_chat() as chat:
        await chat.say(Status(Phase.STREAMING, 1))
        await chat.type("!ls")
        await chat.press(key)
        assert chat.calls == [("shell", "ls", False)]
        assert chat.draft == ""
        await chat.press("up")
        assert chat.draft == "!ls"


async def test_border_says_what_is_written() -> None:
    async with running_chat() as chat:
        await chat.press("!")
        assert "the model reads it" in chat.text()
        await chat.press("!")
        assert "the model never sees it" in chat.text()
        await chat.press("backspace", "backspace")
        assert "run a command" not in chat.text()


async def test_escape_stops_the_command_first_and_then_the_agent() -> None:
    async with running_chat() as chat:
        await chat.say(Status(Phase.STREAMING, 1))
        await chat.type("!!sleep 60")
        await chat.press("enter")
        await chat.settle()
        assert chat.calls == [("shell", "sleep 60", True)]
        assert "Esc stop command" in chat.text()
        await chat.press("escape")
        await chat.settle()
        await chat.press("escape")
        assert chat.calls[1:] == [("stop_shell",), ("abort",)]
        await chat.until(lambda: "stopped after 0.1 s · private" in chat.text())


async def test_output_is_shown_as_it_comes_and_the_result_in_its_place() -> None:
    async with running_chat() as chat:
        await chat.say(ShellStarted("s1", "make"), ToolOutput("s1", "building\n"))
        assert "! make" in chat.text().replace("!  ", "! ")
        assert "│ building" in chat.text()
        await chat.say(ToolResult("s1", Outcome.FAILED, "error: no rule", "exit 2, 1 line"))
        await chat.until(lambda: "│ error: no rule" in chat.text())
        assert "│ building" not in chat.text()
