"""Finding sessions: by what was said, in all folders, and as a list that knows what a person asks of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from h2a_agent.content import ImageBlock, TextBlock, ThinkingBlock, ToolUseBlock
from h2a_agent.journal import JournalLocked
from h2a_agent.session import Session, SessionError
from h2a_agent.session_files import delete_session, find_session, list_sessions, move_session, session_info
from h2a_agent.session_search import search_sessions
from support.saved_sessions import Script


def found(root: Path, wanted: str, **how: object) -> list[tuple[str, list[tuple[str, str]]]]:
    """Titles, with speaker and snippet of each hit."""
    return [
        (one.info.title, [(hit.speaker, hit.snippet) for hit in one.hits])
        for one in search_sessions(root / "sessions", wanted, **how)  # type: ignore[arg-type]
    ]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two folders with a session each; the younger one first in every list."""
    old = Script(tmp_path, tmp_path / "a")
    old.ask("Where is the Parser?")
    old.answer(
        ThinkingBlock("It hides.", "sig"),
        TextBlock("In Größe.py"),
        ToolUseBlock("c", "grep", {"p": ["def parse"]}),
    )
    old.result("c", "12: def parse(text)\n13:   \x1b[31mred")
    os.utime(old.close(), (1, 1))
    young = Script(tmp_path, tmp_path / "b")
    young.ask("Draw it", ImageBlock("image/png", "UGFyc2Vy"))
    young.answer("A picture of " + "the parser " * 40)
    young.close()
    return tmp_path


def test_words_are_found_whoever_said_them_in_every_folder_the_newest_first(root: Path) -> None:
    results = found(root, "pARSEr")
    assert [title for title, _ in results] == ["Draw it", "Where is the Parser?"]
    assert results[1][1] == [("you", "Where is the Parser?")]
    assert [speaker for speaker, _ in found(root, "hides")[0][1]] == ["agent"]
    assert [speaker for speaker, _ in found(root, "def parse")[0][1]] == ["agent", "tool"]
    assert [title for title, _ in found(root, "größe")] == ["Where is the Parser?"]


def test_a_search_can_be_a_regular_expression_and_of_one_folder(root: Path) -> None:
    assert [title for title, _ in found(root, r"pars(er)?\W*\?", regex=True)] == ["Where is the Parser?"]
    assert [title for title, _ in found(root, "parser", workspace=root / "b")] == ["Draw it"]
    with pytest.raises(SessionError, match="no regular expression"):
        found(root, "(", regex=True)
    with pytest.raises(SessionError, match="nothing to look for"):
        found(root, "")


def test_pictures_are_not_searched_and_what_is_not_there_is_not_found(root: Path) -> None:
    assert found(root, "UGFyc2Vy") == []
    assert found(root, "nowhere said") == []


def test_a_snippet_is_one_safe_line_around_the_match(root: Path) -> None:
    [(_, [(_, snippet)])] = found(root, "[31m")
    assert "\x1b" not in snippet
    assert "\n" not in snippet
    long = found(root, "picture")[0][1][0][1]
    assert len(long) < 200
    assert long.endswith("…")


def test_a_search_finds_around_damage_and_ends_when_it_is_told_to(root: Path) -> None:
    path = list_sessions(root / "sessions")[1].path
    path.write_bytes(path.read_bytes().replace(b"Where", b"Whxre"))
    assert len(found(root, "hides")) == 1
    asked = iter([True, True, False])
    assert found(root, "parser", go_on=lambda: next(asked)) == []


def test_a_name_and_a_label_are_found_too(root: Path) -> None:
    session = Session.open(list_sessions(root / "sessions")[0].path)
    session.rename("Sketches")
    session.label(session.history.head, "good one")
    session.close()
    assert [title for title, _ in found(root, "sketch")] == ["Sketches"]
    assert found(root, "good one")[0][1] == [("label", "good one")]


# -------------------------------------------------------------------- lists


def test_a_list_knows_name_labels_messages_and_cost(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask("one")
    script.session.label(script.answer("first", model="claude-sonnet-5-5").id, "here")
    script.session.rename("A name")
    info = session_info(script.close())
    assert info is not None
    assert (info.title, info.name, info.labels, info.messages) == ("A name", "A name", ("here",), 2)
    assert info.cost_usd
    assert find_session(tmp_path / "sessions", "a NAME") == script.path


def test_messages_of_a_session_that_crashed_are_counted(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask('{"n":1,"type":"user"')
    script.answer("first")
    info = session_info(script.crash())
    assert info is not None
    assert (info.messages, info.cost_usd) == (2, None)


def test_a_session_that_was_only_opened_is_not_written_to(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask("one")
    script.answer("first")
    before = script.close().read_bytes()
    Session.open(script.path).close()
    assert script.path.read_bytes() == before


def test_a_deleted_session_is_in_the_trash_and_in_no_list(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask("one")
    with pytest.raises(JournalLocked):
        delete_session(tmp_path / "sessions", script.path)
    path = script.close()
    before = path.read_bytes()
    trashed = delete_session(tmp_path / "sessions", path)
    assert trashed.read_bytes() == before
    assert list_sessions(tmp_path / "sessions") == []
    assert not path.exists()


def test_a_session_moves_to_another_folder_only_when_nobody_has_it_open(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask("one")
    with pytest.raises(JournalLocked):
        move_session(script.path, tmp_path / "other")
    moved = move_session(script.close(), tmp_path / "other")
    session = Session.open(moved, tmp_path / "other")
    session.close()
    assert Session.look_at(moved).workspace == tmp_path / "other"
