"""The inline mode in a real terminal: bytes in at one end, calls of the agent out at the other, rows in between."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from support.pty_rig import modes_left_on
from support.scripted_app import ScriptedApp
from support.terminal_keys import ENCODINGS, Encoding

STREAMING = "Status(Phase.STREAMING, 1)"
QUESTION = (
    "Status(Phase.APPROVAL, 1)",
    "ApprovalRequested('c1', 'bash', 'npm test', 'npm test --workspace all\\nrm -rf build', 'command', 'runs a command', '/home/space')",
)


@pytest.fixture
def app() -> Iterator[ScriptedApp]:
    """Streaming, with an empty editor and queue."""
    with ScriptedApp.start(inline=True, env={"ESCDELAY": "25"}) as app:
        app.say(STREAMING, "TokenStream(1, 0, 'Once upon a time')")
        app.terminal.wait_for("Once upon a time")
        yield app


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_key_that_sends_calls_its_verb_in_every_encoding(app: ScriptedApp, encoding: Encoding) -> None:
    for key, verb in (
        ("enter", "steer"),
        ("alt+enter", "follow-up"),
        ("ctrl+q", "follow-up"),
        ("tab", "follow-up"),
        ("ctrl+s", "nudge"),
    ):
        app.terminal.press("o", "k", key, encoding=encoding)
        assert app.next_call() == [verb, "ok"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_queue_is_edited_where_it_stands(app: ScriptedApp, encoding: Encoding) -> None:
    terminal = app.terminal

    def press(*keys: str) -> None:
        terminal.press(*keys, encoding=encoding)

    press("b", "alt+enter")
    assert app.next_call() == ["follow-up", "b"]
    press("c", "alt+enter")
    assert app.next_call() == ["follow-up", "c"]
    terminal.wait_for("Waiting · 2")
    press("alt+up")
    terminal.wait_for("▸ 2 ↳ follow-up  c")
    press("alt+up")
    assert app.next_call()[0::2] == ["reorder", -1]
    for key, kind in (("s", "steer"), ("n", "nudge"), ("f", "follow-up")):
        press(key)
        assert app.next_call()[0::2] == ["promote", kind]
    press("enter")
    terminal.wait_for("edit the waiting message")
    press("d", "enter")
    assert app.next_call()[0::2] == ["edit", "cd"]
    terminal.wait_for("follow-up  cd")
    press("delete")
    assert app.next_call()[0] == "withdraw"
    terminal.wait_for("› cd")
    press("escape")
    press("escape")
    assert app.next_call() == ["abort"]


def test_escape_alone_stops_and_alt_enter_in_two_pieces_does_not(app: ScriptedApp) -> None:
    app.terminal.press("escape")
    assert app.next_call() == ["abort"]
    app.terminal.type_text("later")
    app.terminal.wait_for("› later")
    app.terminal.write(b"\x1b")
    app.terminal.write(b"\r")
    assert app.next_call() == ["follow-up", "later"]


def test_keys_of_ones_own_hold() -> None:
    with ScriptedApp.start(inline=True, alt_enter="newline") as app:
        app.say(STREAMING)
        app.terminal.wait_for("thinking")
        app.terminal.press("a", "alt+enter", "b", "enter")
        assert app.next_call() == ["steer", "a\nb"]


def test_what_is_finished_goes_above_once_and_in_order(app: ScriptedApp) -> None:
    app.say(
        "TokenStream(1, 0, ', there was.\\n\\nSecond.\\n\\n')",
        "ToolCall(1, 1, 'a', 'bash', 'complete', '', {'command': 'make'}, 'make')",
        "ToolCall(1, 2, 'b', 'bash', 'complete', '', {'command': 'lint'}, 'lint')",
        "Done(1, 'tool_use')",
        "ToolResult('b', Outcome.OK, 'no complaints', 'exit 0')",
    )
    app.terminal.wait_for("no complaints")
    app.say("ToolResult('a', Outcome.OK, 'it is built', 'exit 0')", "UserInput('i9', Kind.STEER, 'and now?')")
    app.terminal.wait_for("and now?")
    text = app.terminal.whole_text()
    words = ["Once upon a time, there was.", "Second.", "it is built", "no complaints", "↯ steer", "and now?"]
    assert [text.count(word) for word in words] == [1] * len(words), text
    assert sorted(words, key=text.index) == words


def test_a_command_of_ones_own_is_written_when_it_ends_and_holds_nothing_up(app: ScriptedApp) -> None:
    app.say(
        "ShellStarted('s1', 'make slow')",
        "ToolOutput('s1', 'compiling')",
        "TokenStream(1, 1, 'Meanwhile.\\n\\nAnd on.\\n\\n')",
        "Done(1, 'end_turn')",
    )
    app.terminal.wait_for("And on.")
    app.terminal.wait_for("make slow")  # live rows come back once all that is final is written
    text = app.terminal.screen_text()
    assert text.index("And on.") < text.index("make slow"), "it still runs, so it is live"
    app.say("ToolResult('s1', Outcome.OK, 'built', 'exit 0')")
    app.terminal.wait_for("│ built")
    text = app.terminal.whole_text()
    assert [text.count(words) for words in ("Meanwhile.", "And on.", "make slow", "compiling")] == [
        1,
        1,
        1,
        0,
    ]


def test_code_is_written_line_by_line_and_once(app: ScriptedApp) -> None:
    app.say("TokenStream(1, 0, '\\n\\n```python\\n')")
    for n in range(150):
        app.say(f"TokenStream(1, 0, 'line_{n} = {n}\\n')")
    app.terminal.wait_for(lambda: "line_0 = 0" in app.terminal.whole_text())
    app.say("TokenStream(1, 0, 'last = 1')")
    app.terminal.wait_for("last = 1")
    app.say("TokenStream(1, 0, '\\n```\\n\\nAfter.\\n\\n')", "Done(1, 'end_turn')")
    app.terminal.wait_for("After.")
    lines = [line.strip("│ ") for line in app.terminal.whole_text().split("\n")]
    assert [line for line in lines if line.startswith("line_")] == [f"line_{n} = {n}" for n in range(150)]
    assert lines.count("last = 1") == 1


def test_a_folded_result_is_written_whole_on_demand(app: ScriptedApp) -> None:
    app.say(
        "ToolCall(1, 1, 'a', 'bash', 'complete', '', {'command': 'seq 90'}, 'seq 90')",
        "Done(1, 'tool_use')",
        "ToolResult('a', Outcome.OK, '\\n'.join(f'row {n}' for n in range(90)), 'exit 0')",
    )
    app.terminal.wait_for("▸")
    assert "row 40" not in app.terminal.whole_text()
    app.terminal.press("ctrl+o")
    app.terminal.wait_for(lambda: "row 40" in app.terminal.whole_text())


def test_a_prompt_that_comes_back_is_in_the_editor_and_its_end_is_told(app: ScriptedApp) -> None:
    app.say("UserInput('i1', Kind.PROMPT, 'never mind')", "InputRestored(('never mind',), ('i1',))")
    app.terminal.wait_for("› never mind")
    app.terminal.wait_for("taken back")


def test_another_branch_is_told_and_its_last_words_are_shown(app: ScriptedApp) -> None:
    past = "(UserInput('p1', Kind.PROMPT, 'the first question', seq=1), TokenStream(1, 0, 'Its answer.', seq=2), Done(1, 'end_turn', seq=3))"
    app.say(f"PathChanged('e1', {past})")
    app.terminal.wait_for("the conversation goes on from here")
    app.terminal.wait_for("Its answer.")
    assert "the first question" in app.terminal.screen_text()


def test_another_theme_is_worn_from_now_on(app: ScriptedApp) -> None:
    app.terminal.type_text("/theme dracula\r")
    app.terminal.wait_for("Theme dracula")
    app.say("TokenStream(1, 0, '\\n\\n## Heading\\n\\nmore\\n\\n')")
    app.terminal.wait_for("Heading")
    from h2a_themes import load
    from h2a_themes.colours import rgb

    app.terminal.wait_output("38;2;{};{};{}".format(*rgb(load("dracula").heading)).encode())


def test_help_is_written_and_pages_do_not_stop_anything(app: ScriptedApp) -> None:
    app.terminal.press("f1")
    app.terminal.wait_for(lambda: "Deliver at the next step" in app.terminal.whole_text())
    app.terminal.type_text("go on\r")
    assert app.next_call() == ["steer", "go on"]


def test_a_question_is_written_whole_and_answered_by_a_letter_that_stands_alone(app: ScriptedApp) -> None:
    app.say(*QUESTION)
    app.terminal.wait_for("y allow")
    assert "rm -rf build" in app.terminal.screen_text()
    assert "in /home/space · runs a command" in app.terminal.screen_text()
    app.terminal.press("y")
    assert app.next_call()[:3] == ["answer", "c1", "allow"]
    app.terminal.wait_gone("May bash run? ")


def test_words_typed_at_a_question_are_a_message(app: ScriptedApp) -> None:
    app.say(*QUESTION)
    app.terminal.wait_for("y allow")
    app.terminal.type_text("yes but")
    app.terminal.wait_for("› yes but")
    app.terminal.press("enter")
    assert app.next_call() == ["steer", "yes but"]


def test_a_question_is_rejected_with_a_reason_or_changed(app: ScriptedApp) -> None:
    app.say(
        "Status(Phase.APPROVAL, 1)",
        "ApprovalRequested('c2', 'bash', 'make', 'make', 'command', 'why', '/x', editable='make')",
    )
    app.terminal.wait_for("e edit")
    app.terminal.press("r")
    app.terminal.wait_for("why not?")
    app.terminal.press("escape")
    app.terminal.wait_for("e edit")
    app.terminal.press("e")
    app.terminal.wait_for("› make")
    app.terminal.type_text(" all")
    app.terminal.press("enter")
    assert app.next_call() == ["answer", "c2", "allow with changes", "", "make all"]


def test_slash_commands_lists_and_shell_lines(app: ScriptedApp) -> None:
    terminal = app.terminal
    terminal.type_text("/queue and then tests\r")
    assert app.next_call() == ["follow-up", "and then tests"]
    terminal.type_text("/pau")
    terminal.wait_for("▸ /pause")
    terminal.press("enter", "enter")
    assert app.next_call() == ["pause"]
    terminal.type_text("/mode full\r")
    terminal.wait_for("Run everything without asking?")
    terminal.type_text("full")
    terminal.wait_for("▸ full")
    terminal.press("enter")
    assert app.next_call() == ["configure", "full"]
    terminal.type_text("!make -j\r")
    assert app.next_call() == ["shell", "make -j", False]


def test_files_are_offered_after_an_at_sign(app: ScriptedApp) -> None:
    app.script("(agent.workspace / 'parser.py').write_text('x')")
    app.terminal.type_text("look at @pars")
    app.terminal.wait_for("▸ parser.py")
    app.terminal.press("tab")
    app.terminal.wait_for("› look at @parser.py")


def test_a_long_paste_is_a_tag_that_is_sent_whole(app: ScriptedApp) -> None:
    app.terminal.paste("x" * 5000)
    app.terminal.wait_for("[paste #1 · 5,000 chars]")
    app.terminal.press("enter")
    assert app.next_call() == ["steer", "x" * 5000]


def test_a_paste_with_line_ends_sends_nothing(app: ScriptedApp) -> None:
    app.terminal.paste("one\ntwo")
    app.terminal.wait_for("two")
    app.terminal.press("enter")
    assert app.next_call() == ["steer", "one\ntwo"]


def test_earlier_messages_come_back_and_are_found(app: ScriptedApp) -> None:
    app.terminal.type_text("the parser\r")
    assert app.next_call()[0] == "steer"
    app.terminal.type_text("the lexer\r")
    assert app.next_call()[0] == "steer"
    app.terminal.press("up", "up")
    app.terminal.wait_for("› the parser")
    app.terminal.press("down", "down", "ctrl+r")
    app.terminal.wait_for("search earlier messages")
    app.terminal.type_text("the")
    app.terminal.wait_for("▸ the lexer")
    app.terminal.press("down")
    app.terminal.wait_for("▸ the parser")
    app.terminal.press("enter")
    app.terminal.wait_for("› the parser")


@pytest.mark.parametrize(
    "sizes", [[(40, 24), (100, 40), (20, 8), (80, 24)], [(60, 12), (61, 11), (62, 10), (120, 30)]]
)
def test_resizing_while_it_streams_duplicates_and_loses_nothing(
    app: ScriptedApp, sizes: list[tuple[int, int]]
) -> None:
    app.terminal.type_text("a draft")
    app.terminal.wait_for("› a draft")
    for number, size in enumerate(sizes):
        app.say(f"TokenStream(1, 0, ' mark{number}a\\n\\nmark{number}b')")
        app.terminal.resize(*size)
    app.say(
        "TokenStream(1, 0, '\\n\\n')", "Done(1, 'end_turn')", "Settled('completed')", "Status(Phase.IDLE, 1)"
    )
    words = [f"mark{number}{part}" for number in range(len(sizes)) for part in "ab"]
    words += ["› a draft", "● ready", "F1 help"]

    def counts() -> dict[str, int]:
        text = app.terminal.whole_text()
        return {word: text.count(word) for word in words}

    once = dict.fromkeys(words, 1)
    app.terminal.wait_for(lambda: counts() == once)


def test_twenty_columns_are_enough() -> None:
    with ScriptedApp.start(inline=True, size=(20, 10)) as app:
        app.say(STREAMING, "TokenStream(1, 0, 'A sentence that is longer than the row.')")
        app.terminal.wait_for("longer than the")
        app.terminal.type_text("a message that is longer than a row")
        app.terminal.wait_for("longer than a ro")
        app.terminal.press("enter")
        assert app.next_call() == ["steer", "a message that is longer than a row"]


def test_a_burst_of_text_is_all_there(app: ScriptedApp) -> None:
    app.say("TokenStream(1, 0, '\\n\\n')")
    app.script("say(*[TokenStream(1, 0, f'word{n}. ' + '\\n\\n' * (n % 20 == 19)) for n in range(20_000)])")
    app.say("Done(1, 'end_turn')", "Settled('completed')", "Status(Phase.IDLE, 1)")
    app.terminal.wait_for("word19999.", timeout_s=40)
    app.terminal.wait_for("● ready", timeout_s=40)
    words = app.terminal.whole_text().split()
    assert [word for word in words if word.startswith("word")] == [f"word{n}." for n in range(20_000)]


def test_ctrl_z_gives_the_terminal_back_and_fg_returns(app: ScriptedApp) -> None:
    terminal = app.terminal
    terminal.type_text("half a")
    terminal.wait_for("› half a")
    terminal.press("ctrl+z")
    terminal.wait_stopped()
    terminal.wait_gone("› half a")
    terminal.wait_for(lambda: modes_left_on(bytes(terminal.output)) == {})
    os.kill(terminal.process.pid, signal.SIGCONT)
    terminal.wait_for("› half a")
    terminal.press("enter")
    assert app.next_call() == ["steer", "half a"]


def test_left_it_leaves_the_conversation_and_nothing_else(app: ScriptedApp) -> None:
    app.terminal.press("ctrl+d")
    assert app.terminal.wait_exit() == 0
    assert modes_left_on(bytes(app.terminal.output)) == {}
    text = app.terminal.whole_text()
    assert text.count("Once upon a time") == 1, "also what was still being written"
    assert "Say what to do" not in text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_by_its_own_door(app: ScriptedApp, number: signal.Signals) -> None:
    os.kill(app.terminal.process.pid, number)
    assert app.terminal.wait_exit() == 128 + number
    assert modes_left_on(bytes(app.terminal.output)) == {}


def test_a_terminal_that_goes_ends_it(app: ScriptedApp) -> None:
    app.terminal.hang_up()
    assert app.terminal.process.wait(10) in (128 + signal.SIGHUP, -signal.SIGHUP)


def test_a_fault_writes_its_report_and_the_person_reads_where(app: ScriptedApp) -> None:
    app.script("chat.work(chat.client.stop_job('no number'[99:][0]))")
    assert app.terminal.wait_exit() == 1
    assert "h2a-chat has stopped because of a fault of its own." in app.terminal.whole_text()
    assert [path.name[:6] for path in app.log_dir.iterdir()] == ["crash-"]
    assert modes_left_on(bytes(app.terminal.output)) == {}


@pytest.mark.parametrize(
    ("env", "has", "has_not"),
    [
        ({}, b"38;2;", b"38;5;"),
        ({"COLORTERM": ""}, b"38;5;", b"38;2;"),
        ({"TERM": "xterm", "COLORTERM": ""}, b"\x1b[", b"38;"),
        ({"NO_COLOR": "1"}, b"\x1b[1", b"38;"),
    ],
)
def test_colours_are_those_the_terminal_has(env: dict[str, str], has: bytes, has_not: bytes) -> None:
    with ScriptedApp.start(inline=True, env=env) as app:
        app.say(STREAMING, "TokenStream(1, 0, '# Title')")
        app.terminal.wait_for("Title")
        assert has in app.terminal.output
        assert has_not not in app.terminal.output


def test_vims_keys_edit_and_reach_earlier_messages() -> None:
    with ScriptedApp.start(inline=True, editing="vim", env={"ESCDELAY": "25"}) as app:
        terminal = app.terminal
        terminal.wait_for("INSERT")
        terminal.type_text("one two three")
        terminal.wait_for("one two three")
        terminal.press("escape")
        terminal.wait_for("NORMAL")
        terminal.type_text("bcwfour")
        terminal.wait_for("› one two four")
        terminal.wait_for("INSERT")
        terminal.press("escape")
        terminal.wait_for("NORMAL")
        terminal.type_text("u")
        terminal.wait_for("› one two three")
        terminal.type_text("0dw")
        terminal.wait_for("› two three")
        terminal.press("enter")
        assert app.next_call() == ["prompt", "two three"]
        terminal.wait_for("INSERT")
        terminal.press("escape")
        terminal.wait_for("NORMAL")
        terminal.type_text("k")
        terminal.wait_for("› two three")
        terminal.type_text("0vex")
        terminal.wait_for("›  three")
        terminal.type_text("cc/vim")
        terminal.wait_for("› /vim")
        terminal.press("enter")
        terminal.wait_gone("INSERT")
