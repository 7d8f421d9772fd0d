"""Sessions: what was said survives, in order, whatever ended the process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from h2a_agent.content import ImageBlock, TextBlock, ToolUseBlock
from h2a_agent.events import Kind, Outcome
from h2a_agent.history import AssistantEntry, RetractEntry, ToolEntry, UserEntry
from h2a_agent.inbox import Boundary, ItemState
from h2a_agent.journal import JournalLocked
from h2a_agent.providers.base import TokenUsage
from h2a_agent.session import Session, SessionError
from h2a_agent.session_files import find_session, latest_session, list_sessions, sessions_of


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return sessions_of(tmp_path / "sessions", tmp_path)


def say(session: Session, kind: Kind, text: str) -> str:
    item = session.inbox.put(kind, [TextBlock(text)])
    assert item is not None
    return item.id


def deliver(session: Session, boundary: Boundary = Boundary.RUN_END) -> None:
    session.deliver(session.inbox.claim(boundary), 1.0)


def answer(
    step: int, *blocks: TextBlock | ToolUseBlock, stop: str = "end_turn", cut: str = ""
) -> AssistantEntry:
    return AssistantEntry(step, blocks, stop, "m", TokenUsage(1, 2), 2.0, cut)  # type: ignore[arg-type]


def crash_and_open(session: Session) -> Session:
    """Reopen the file as another process would find it: nothing of `session` is flushed or closed in order."""
    assert session.path is not None
    assert session._journal is not None
    os.close(session._journal._fd)  # the kernel does this to a killed process
    session._journal._fd = -1
    return Session.open(session.path)


def test_a_session_in_which_nothing_was_said_leaves_no_file(home: Path, tmp_path: Path) -> None:
    session = Session.create(home, tmp_path)
    session.close()
    assert not home.exists()


def test_history_comes_back_as_it_was(home: Path, tmp_path: Path) -> None:
    session = Session.create(home, tmp_path)
    say(session, Kind.PROMPT, "hello \ud83d there")
    session.inbox.put(Kind.STEER, [ImageBlock("image/png", "aGk=")])
    deliver(session)
    session.append(answer(1, TextBlock("hi"), ToolUseBlock("c1", "read", {"path": "a"}), stop="tool_use"))
    session.append(
        ToolEntry("c1", Outcome.OK, "text", "1 line", 0.5, 3.0, (ImageBlock("image/png", "aGk="),), "diff")
    )
    session.append(answer(2, TextBlock("partial"), stop="", cut="steer"))
    session.append(RetractEntry(("x",), 4.0))
    session.close()
    assert session.path is not None
    again = Session.open(session.path)
    assert again.history.entries == session.history.entries
    assert again.id == session.id
    assert again.workspace == tmp_path
    again.close()


def test_waiting_items_come_back_in_order_with_kind_and_are_held(home: Path, tmp_path: Path) -> None:
    session = Session.create(home, tmp_path)
    say(session, Kind.PROMPT, "go")
    deliver(session)
    follow_up = say(session, Kind.FOLLOW_UP, "later")
    say(session, Kind.STEER, "now")
    moved = say(session, Kind.FOLLOW_UP, "first")
    session.inbox.reorder(moved, -1)
    session.inbox.edit(follow_up, [TextBlock("later, edited")])
    session.inbox.claim(Boundary.STEP)
    again = crash_and_open(session)
    assert [(i.kind, i.text) for i in again.inbox.waiting()] == [
        (Kind.STEER, "now"),
        (Kind.FOLLOW_UP, "first"),
        (Kind.FOLLOW_UP, "later, edited"),
    ]
    assert again.inbox.paused
    assert not again.inbox.due(Boundary.RUN_END)
    again.inbox.release()
    assert again.inbox.due(Boundary.STEP)
    again.close()


def test_a_delivered_or_withdrawn_item_does_not_come_back(home: Path, tmp_path: Path) -> None:
    session = Session.create(home, tmp_path)
    delivered = say(session, Kind.PROMPT, "go")
    deliver(session)
    withdrawn = say(session, Kind.FOLLOW_UP, "no")
    session.inbox.withdraw(withdrawn)
    again = crash_and_open(session)
    assert len(again.inbox) == 0
    assert again.inbox.state_of(delivered) is ItemState.DELIVERED
    assert again.inbox.state_of(withdrawn) is ItemState.WITHDRAWN
    assert again.inbox.put(Kind.PROMPT, [TextBlock("go")], delivered) is None
    again.close()


async def test_the_words_of_a_stream_survive_and_are_marked_as_cut_by_a_crash(
    home: Path, tmp_path: Path
) -> None:
    session = Session.create(home, tmp_path)
    say(session, Kind.PROMPT, "go")
    deliver(session)
    session.stream_text(1, 0, "m", "Once upon ")
    session.stream_text(1, 0, "m", "a time")
    session.flush_stream()
    session.stream_text(1, 2, "m", "Second block")
    session.flush_stream()
    again = crash_and_open(session)
    last = again.history.last
    assert isinstance(last, AssistantEntry)
    assert last.content == (TextBlock("Once upon a time"), TextBlock("Second block"))
    assert last.cut == "crash"
    once_more = crash_and_open(again)
    assert once_more.history.entries == again.history.entries, "the ending is written once"
    once_more.close()


async def test_streamed_words_reach_the_file_by_themselves(home: Path, tmp_path: Path) -> None:
    import asyncio

    session = Session.create(home, tmp_path)
    session.stream_text(1, 0, "m", "words")
    async with asyncio.timeout(10):
        while session.path is None or not session.path.exists() or b"words" not in session.path.read_bytes():
            await asyncio.sleep(0.01)
    session.close()


async def test_a_committed_answer_is_not_doubled_by_its_streamed_words(home: Path, tmp_path: Path) -> None:
    session = Session.create(home, tmp_path)
    say(session, Kind.PROMPT, "go")
    deliver(session)
    session.stream_text(1, 0, "m", "Hello")
    session.flush_stream()
    session.stream_text(1, 0, "m", " world")
    session.append(answer(1, TextBlock("Hello world")))
    session.flush_stream()
    again = crash_and_open(session)
    assert [type(e) for e in again.history.entries] == [UserEntry, AssistantEntry]
    again.close()


def test_calls_cut_by_a_crash_get_truthful_results_and_are_never_run_again(
    home: Path, tmp_path: Path
) -> None:
    session = Session.create(home, tmp_path)
    say(session, Kind.PROMPT, "go")
    deliver(session)
    calls = [ToolUseBlock(f"c{i}", "bash", {"command": "x"}) for i in range(3)]
    session.append(answer(1, *calls, stop="tool_use"))
    session.intend(calls[0])
    session.append(ToolEntry("c0", Outcome.OK, "done", "ok", 1.0, 3.0))
    session.intend(calls[1])
    again = crash_and_open(session)
    results = {e.call_id: e.outcome for e in again.history.entries if isinstance(e, ToolEntry)}
    assert results == {"c0": Outcome.OK, "c1": Outcome.UNKNOWN, "c2": Outcome.NOT_STARTED}
    assert again.history.open_calls() == ()
    again.close()


def test_damage_is_skipped_and_said(home: Path, tmp_path: Path) -> None:
    session = Session.create(home, tmp_path)
    for text in ("one", "two", "three"):
        say(session, Kind.PROMPT, text)
        deliver(session)
    session.close()
    assert session.path is not None
    session.path.write_bytes(session.path.read_bytes().replace(b'"two"', b'"tw\x00"'))
    again = Session.open(session.path)
    users = [e.content[0] for e in again.history.entries if isinstance(e, UserEntry)]
    assert users == [TextBlock("one"), TextBlock("three")]
    assert "damaged" in again.notes[0]
    again.close()


def test_a_second_opener_is_refused(home: Path, tmp_path: Path) -> None:
    session = Session.create(home, tmp_path)
    say(session, Kind.PROMPT, "x")
    assert session.path is not None
    with pytest.raises(JournalLocked):
        Session.open(session.path)
    session.close()


def test_a_file_that_is_no_session_or_newer_is_refused_with_a_reason(tmp_path: Path) -> None:
    noise = tmp_path / "x.jsonl"
    noise.write_text("hello\n")
    with pytest.raises(SessionError, match="no readable session"):
        Session.open(noise)
    from h2a_agent.journal import encode_record

    newer = tmp_path / "y.jsonl"
    newer.write_bytes(encode_record(1, {"type": "session", "version": 99, "id": "A", "workspace": "/"}))
    with pytest.raises(SessionError, match="newer"):
        Session.open(newer)


def test_an_unsaved_session_writes_nothing(tmp_path: Path) -> None:
    session = Session.unsaved(tmp_path)
    say(session, Kind.PROMPT, "x")
    deliver(session)
    session.close()
    assert list(tmp_path.iterdir()) == []
    assert len(session.history) == 1


def test_sessions_are_found_by_folder_by_age_and_by_the_beginning_of_their_id(tmp_path: Path) -> None:
    root = tmp_path / "sessions"
    made = []
    for n, folder in enumerate(("a", "a", "b")):
        workspace = tmp_path / folder
        workspace.mkdir(exist_ok=True)
        session = Session.create(sessions_of(root, workspace), workspace)
        say(session, Kind.PROMPT, f"prompt {n}\nmore")
        deliver(session)
        session.close()
        assert session.path is not None
        os.utime(session.path, (n, n))
        made.append(session)
    assert [info.title for info in list_sessions(root, tmp_path / "a")] == ["prompt 1 more", "prompt 0 more"]
    assert len(list_sessions(root)) == 3
    assert latest_session(root, tmp_path / "a") == made[1].path
    assert find_session(root, made[2].id.lower()) == made[2].path
    with pytest.raises(SessionError, match="no session"):
        find_session(root, "ZZZ")
    with pytest.raises(SessionError, match="3 sessions begin"):
        find_session(root, made[0].id[:3])
    with pytest.raises(SessionError, match="no session of this folder"):
        latest_session(root, tmp_path)


def test_a_session_whose_file_could_not_be_made_is_saved_whole_once_it_can(tmp_path: Path) -> None:
    blocked = tmp_path / "sessions"
    blocked.write_text("a file where the folder should be")
    session = Session.create(blocked, tmp_path)
    heard: list[str] = []
    session.on_trouble = lambda _reason: heard.append("trouble")
    session.on_recovered = lambda: heard.append("recovered")
    for word in ("one", "two"):
        session.inbox.put(Kind.PROMPT, (TextBlock(word),))
    assert heard == ["trouble"]
    assert not session.saved
    blocked.unlink()
    session.inbox.put(Kind.PROMPT, (TextBlock("three"),))
    assert heard == ["trouble", "recovered"]
    assert session.path is not None
    session.close()
    again = Session.open(session.path)
    assert [item.text for item in again.inbox.waiting()] == ["one", "two", "three"]
    again.close()
