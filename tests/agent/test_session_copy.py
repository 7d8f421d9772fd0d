"""Forks, clones and imports: new files that hold what they say, and an original nobody touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from h2a_agent.content import TextBlock, ToolUseBlock
from h2a_agent.events import Kind, Outcome
from h2a_agent.history import ToolEntry
from h2a_agent.record_lines import encode_record, read_journal
from h2a_agent.session import Session, SessionError
from h2a_agent.session_copy import clone_session, fork_session, import_session
from h2a_agent.session_files import session_info
from support.saved_sessions import Script, said


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Two branches, labels on both, a name."""
    script = Script(tmp_path)
    one = script.ask("one")
    script.answer("first")
    script.ask("two")
    script.session.label(script.answer("second").id, "end")
    script.session.branch(one.id)
    script.session.label(script.answer("other").id, "side")
    script.session.rename("A name")
    return script


def test_a_fork_holds_the_path_to_its_point_under_an_id_of_its_own(script: Script, tmp_path: Path) -> None:
    point = next(n for n in script.session.history.nodes if n.id == script.session.find_node("end").id)
    before = script.path.read_bytes()
    made = fork_session(script.path, tmp_path / "elsewhere", tmp_path, point.id)
    assert script.path.read_bytes() == before, "and that while the original is open"
    fork = Session.open(made)
    assert said(fork) == ["one", "first", "two", "second"]
    assert fork.history.path == script.session.history.path_to(point.id), "ids stay"
    assert (fork.labels, fork.name) == ({point.id: "end"}, "A name")
    assert fork.workspace == tmp_path
    assert fork.id == made.stem != script.session.id
    fork.close()
    script.close()


def test_a_clone_holds_every_branch(script: Script, tmp_path: Path) -> None:
    clone = Session.open(clone_session(script.path, tmp_path / "x", tmp_path))
    assert list(clone.history.nodes) == list(script.session.history.nodes)
    assert clone.history.head == script.session.history.head
    assert clone.labels == script.session.labels
    clone.close()
    script.close()


def test_a_list_knows_a_copy_as_well_as_its_original(script: Script, tmp_path: Path) -> None:
    original = session_info(script.close())
    copy = session_info(clone_session(script.path, tmp_path / "x", tmp_path))
    assert original is not None
    assert copy is not None
    assert (copy.title, copy.messages, copy.labels, copy.cost_usd) == (
        original.title,
        original.messages,
        original.labels,
        original.cost_usd,
    )


def test_what_waits_and_what_streams_stays_with_the_original(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask("one")
    script.session.inbox.put(Kind.FOLLOW_UP, [TextBlock("later")])
    script.session._stream_of = (1, 0, "m")
    script.session._stream.append("words under way")
    script.session.flush_stream()
    fork = Session.open(fork_session(script.path, tmp_path / "x", tmp_path))
    assert said(fork) == ["one"]
    assert len(fork.inbox) == 0
    fork.close()
    script.close()


def test_a_call_that_was_under_way_has_an_unknown_outcome_in_the_fork(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask("one")
    call = ToolUseBlock("a", "bash", {"command": "make"})
    script.answer(call)
    script.session.intend(call)
    fork = Session.open(fork_session(script.path, tmp_path / "x", tmp_path))
    last = fork.history.last
    assert isinstance(last, ToolEntry)
    assert last.outcome is Outcome.UNKNOWN
    assert "copied while the call was under way" in last.text
    fork.close()
    script.close()


def test_records_of_unknown_types_are_carried_over(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask("one")
    path = script.crash()
    path.write_bytes(path.read_bytes() + encode_record(50, {"type": "weather", "sky": "blue"}))
    for copy in (fork_session, clone_session, import_session):
        kinds = [r.get("type") for r in read_journal(copy(path, tmp_path / copy.__name__, tmp_path)).records]
        assert "weather" in kinds


def test_an_import_has_everything_and_keeps_its_id_where_that_is_free(script: Script, tmp_path: Path) -> None:
    source = script.close()
    other = tmp_path / "other-machine" / "folder"
    made = import_session(source, other, tmp_path)
    assert made.stem == script.session.id
    again = import_session(source, other, tmp_path)
    assert again.stem != script.session.id
    for path in (made, again):
        session = Session.open(path)
        assert list(session.history.nodes) == list(script.session.history.nodes)
        assert session.workspace == tmp_path
        assert session.id == path.stem
        session.close()


def test_ids_of_format_1_survive_an_import(tmp_path: Path) -> None:
    old = Path(__file__).parent / "formats" / "version-1.jsonl"
    damaged = tmp_path / "old.jsonl"
    damaged.write_bytes(b"".join(old.read_bytes().splitlines(keepends=True)[2:]))  # its first prompt is gone
    expected = Session.look_at(damaged)
    session = Session.open(import_session(damaged, tmp_path / "in" / "x", tmp_path))
    ids = [node.id for node in expected.history.path]
    assert [node.id for node in session.history.path][: len(ids)] == ids
    session.close()


def test_an_id_from_a_foreign_file_names_no_path(tmp_path: Path) -> None:
    hostile = tmp_path / "x.jsonl"
    header = {"type": "session", "version": 2, "id": "../../../evil", "workspace": "/"}
    hostile.write_bytes(encode_record(1, header))
    made = import_session(hostile, tmp_path / "sessions" / "x", tmp_path)
    assert made.parent == tmp_path / "sessions" / "x"
    assert "evil" not in made.name


def test_a_copy_that_cannot_be_written_leaves_nothing(script: Script, tmp_path: Path) -> None:
    source = script.close()
    with pytest.raises(OSError, match="File name too long"):
        fork_session(source, tmp_path / ("x" * 300), tmp_path)
    with pytest.raises(SessionError, match="no entry 'nope'"):
        fork_session(source, tmp_path / "y", tmp_path, "nope")
    noise = tmp_path / "noise.jsonl"
    noise.write_text("hello\n")
    with pytest.raises(SessionError, match="no readable session"):
        clone_session(noise, tmp_path / "y", tmp_path)
    assert not (tmp_path / "y").exists()


def test_copies_are_for_their_owner_only(script: Script, tmp_path: Path) -> None:
    made = clone_session(script.close(), tmp_path / "x", tmp_path)
    assert made.stat().st_mode & 0o777 == 0o600
    assert list(made.parent.iterdir()) == [made]
