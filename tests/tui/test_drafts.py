"""What is being written outlives the program, and may be written in an editor of one's own."""

from __future__ import annotations

import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from h2a_agent import redact
from h2a_agent.events import InputRestored
from h2a_tui.drafts import DraftFile
from h2a_tui.external_editor import EditorFailed, editor_command
from support.chat_pilot import running_chat
from support.pty_rig import Terminal
from support.scripted_app import ScriptedApp


@pytest.fixture
def session(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "01SESSION.jsonl"


def begun(session: Path) -> Path:
    """A session in which something was said."""
    session.parent.mkdir(exist_ok=True)
    session.write_text("{}\n")
    return session


def test_last_state_comes_back_and_the_file_is_the_users_alone(session: Path) -> None:
    draft = DraftFile(begun(session))
    draft.save("one")
    draft.save("one two\nand ö \ud800")
    draft.close()
    assert DraftFile(session).load() == "one two\nand ö \ud800"
    assert stat.S_IMODE(session.with_suffix(".draft").stat().st_mode) == 0o600


def test_torn_state_gives_the_one_before(session: Path) -> None:
    draft = DraftFile(begun(session))
    draft.save("whole")
    draft.save("torn")
    draft.close()
    file = session.with_suffix(".draft")
    file.write_bytes(file.read_bytes()[:-5])
    again = DraftFile(session)
    assert again.load() == "whole"
    again.save("after")
    assert DraftFile(session).load() == "after"


def test_sent_or_emptied_leaves_no_file_nor_does_a_key(
    session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redact, "_forms", set())
    monkeypatch.setattr(redact, "_pattern", None)
    redact.remember("sk-very-secret")
    draft = DraftFile(begun(session))
    for end in (draft.remove, lambda: draft.save(" \n"), lambda: draft.save("with sk-very-secret")):
        draft.save("text")
        end()
        assert not session.with_suffix(".draft").exists()


def test_many_states_do_not_pile_up(session: Path) -> None:
    draft = DraftFile(begun(session))
    for n in range(2000):
        draft.save("x" * 100 + str(n))
    assert session.with_suffix(".draft").stat().st_size < 100_000
    assert DraftFile(session).load().endswith("x1999")


def test_draft_of_a_session_that_never_began_goes_to_the_next_and_only_when_its_writer_is_gone(
    session: Path,
) -> None:
    lost = DraftFile(session.with_name("01LOST.jsonl"))
    lost.save("never sent")
    begun(session)
    assert DraftFile(session).load() == ""  # a session that has begun has a draft of its own or none
    new = DraftFile(session.with_name("02NEW.jsonl"))
    assert new.load() == ""
    lost.close()
    assert new.load() == "never sent"
    assert new.load() == ""
    assert not session.with_name("01LOST.draft").exists()


async def test_draft_is_on_disk_soon_after_a_key_and_gone_when_sent(session: Path) -> None:
    file = begun(session).with_suffix(".draft")
    async with running_chat(draft_for=session) as chat:
        await chat.type("half a tho")
        await chat.until(file.exists)
        assert DraftFile(session).load().startswith("half")
        await chat.press("enter")
        assert not file.exists()
        await chat.type("next")
    assert DraftFile(session).load() == "next"


async def test_draft_comes_back_above_what_was_typed_meanwhile_pastes_whole(session: Path) -> None:
    text = "line\n" * 2000
    DraftFile(begun(session)).save(text)
    async with running_chat(draft_for=session) as chat:
        await chat.until(lambda: chat.draft)
        assert chat.draft.startswith("[paste #1")
        await chat.press("enter")
        assert chat.calls == [("prompt", text)]


async def test_draft_that_came_back_is_gone_once_it_is_sent(session: Path) -> None:
    DraftFile(begun(session)).save("left over")
    async with running_chat(draft_for=session) as chat:
        await chat.until(lambda: chat.draft)
        await chat.press("enter")
        assert not session.with_suffix(".draft").exists()
    assert DraftFile(session).load() == ""


async def test_search_under_way_does_not_become_the_draft(session: Path) -> None:
    async with running_chat(draft_for=begun(session)) as chat:
        await chat.type("real")
        await chat.press("ctrl+r", "q")
    assert DraftFile(session).load() == "real"


def test_editor_is_what_the_user_has_set() -> None:
    assert editor_command({"VISUAL": "code --wait", "EDITOR": "ed"}) == ["code", "--wait"]
    assert editor_command({"VISUAL": " ", "EDITOR": "ed"}) == ["ed"]
    with pytest.raises(EditorFailed):
        editor_command({"EDITOR": "'"})


def editor(folder: Path, script: str) -> str:
    """An editor that is a Python program; its file is `path`."""
    file = folder / "editor.py"
    file.write_text(f"import os, sys\npath = sys.argv[1]\n{script}\n")
    return f"{sys.executable} {file}"


def test_text_goes_to_the_editor_and_comes_back_while_the_agent_goes_on(tmp_path: Path) -> None:
    script = (
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"  # Python misses one on its way into input()
        "text = open(path).read()\n"
        "print('EDITING', oct(os.stat(path).st_mode & 0o777), text, flush=True)\n"
        "word = input()\n"
        "open(path, 'w').write(text + ' and ' + word + '\\n')"
    )
    with ScriptedApp.start(env={"VISUAL": editor(tmp_path, script), "TMPDIR": str(tmp_path)}) as app:
        terminal = app.terminal
        terminal.type_text("draft")
        terminal.wait_for("› draft")
        terminal.press("ctrl+g")
        terminal.wait_for("EDITING 0o600 draft")
        app.say("Status(Phase.STREAMING, 1)", "TokenStream(1, 0, 'Once upon a time')")
        terminal.write(b"\x03")  # the editor's, not ours
        terminal.wait_for("› draft")
        terminal.wait_for("text kept")
        terminal.wait_for("Once upon a time")
        mark = len(terminal.output)
        terminal.press("ctrl+g")
        terminal.wait_for(lambda: b"EDITING" in terminal.output[mark:])
        terminal.write(b"more\r")
        terminal.wait_for("› draft and more")
        terminal.press("enter")
        assert app.next_call() == ["steer", "draft and more"]
        assert [path.name for path in tmp_path.glob("h2a-message-*")] == []


async def test_what_came_back_while_the_text_was_edited_elsewhere_is_kept() -> None:
    async with running_chat() as chat:
        await chat.type("draft")
        await chat.say(InputRestored(("returned",)))
        chat.screen.composer.take_back("draft", "edited")
        assert chat.draft == "returned\nedited"


def test_draft_survives_kill_9(tmp_path: Path) -> None:
    env = {"H2A_HOME": str(tmp_path), "HOME": str(tmp_path)}
    argv = [sys.executable, "-m", "h2a_tui", "--demo"]

    def start() -> Terminal:
        return Terminal.spawn(
            argv, env={**env, "PYTHONPATH": os.pathsep.join(sys.path)}, cwd=tmp_path, size=(90, 30)
        )

    with start() as terminal:
        terminal.wait_for("Say what to do")
        terminal.type_text("half a thought")
        terminal.wait_for("› half a thought")
        terminal.wait_for(lambda: list(tmp_path.glob("sessions/*/*.draft")))
        os.kill(terminal.process.pid, signal.SIGKILL)
    with start() as terminal:
        terminal.wait_for("› half a thought")
