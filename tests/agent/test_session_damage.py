"""Old and damaged files: every one opens, nothing intact is lost, nothing is overwritten, and it is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from h2a_agent.content import TextBlock, ToolUseBlock
from h2a_agent.events import Kind
from h2a_agent.history import AssistantEntry
from h2a_agent.inbox import ItemState
from h2a_agent.providers.base import TokenUsage
from h2a_agent.record_lines import encode_record, read_journal
from h2a_agent.session import FORMAT_VERSION, Session, SessionError
from support.saved_sessions import Script, said

FORMATS = Path(__file__).parent / "formats"
IN_A_FOLDER = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None
)


# ------------------------------------------------------------- old formats


def test_a_session_of_format_1_opens_as_it_was(tmp_path: Path) -> None:
    path = Path(shutil.copy(FORMATS / "version-1.jsonl", tmp_path))
    session = Session.open(path)
    assert session.notes == ()
    assert said(session) == [
        "What does this project do? ß \ud83d",
        "I look.",
        "In one sentence.",
        "It says",
        "taken back",
        "Go on.",
        "Hello, this was streaming.",
    ]
    last = session.history.last
    assert isinstance(last, AssistantEntry)
    assert last.cut == "crash"
    assert [item.text for item in session.inbox.waiting()] == ["then the tests"]
    assert session.inbox.state_of("01M8EYDJANYZ2GJ6CV0D9HKF0C") is ItemState.WITHDRAWN
    session.close()


def test_ids_of_format_1_stay_the_same_so_that_a_branch_can_begin_in_old_entries(tmp_path: Path) -> None:
    path = Path(shutil.copy(FORMATS / "version-1.jsonl", tmp_path))
    session = Session.open(path)
    old = session.history.path[0]
    session.branch(old.id)
    session.label(old.id, "start")
    session.append(AssistantEntry(9, (TextBlock("anew"),), "end_turn", "m", TokenUsage(), 1.0))
    session.close()
    again = Session.open(path)
    assert said(again)[1:] == ["anew"]
    assert again.labels == {old.id: "start"}
    assert len(again.history.nodes) == 11
    again.close()


def test_an_old_file_that_was_gone_on_with_says_so_to_older_programs(tmp_path: Path) -> None:
    """They read entries as a list; a branch would be mixed into it."""
    path = Path(shutil.copy(FORMATS / "version-1.jsonl", tmp_path))
    before = path.read_bytes()
    Session.open(path).close()
    assert path.read_bytes().startswith(before)
    headers = [r["version"] for r in read_journal(path).records if r["type"] == "session"]
    assert headers == [1, FORMAT_VERSION]


def test_a_file_of_a_newer_format_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    newer = encode_record(1, {"type": "session", "version": FORMAT_VERSION + 1, "id": "A", "workspace": "/"})
    path.write_bytes(newer + b"torn")
    for opens in (Session.open, Session.look_at):
        with pytest.raises(SessionError, match="newer h2a-chat; update"):
            opens(path)
    assert path.read_bytes() == newer + b"torn"


def test_records_of_unknown_types_are_no_damage_and_stay(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask("one")
    path = script.crash()
    path.write_bytes(path.read_bytes() + encode_record(50, {"type": "weather", "sky": "blue"}))
    session = Session.open(path)
    assert session.notes == ()
    session.rename("x")
    session.close()
    kinds = [(r["n"], r["type"]) for r in read_journal(path).records]
    assert kinds[-3:] == [(50, "weather"), (51, "name"), (52, "summary")]


# ----------------------------------------------------------------- damage


def example(tmp_path: Path) -> Path:
    script = Script(tmp_path)
    for n in range(4):
        script.ask(f"question {n} ß", f"more of {n}" * 5)
        script.answer(f"answer {n}", ToolUseBlock(f"c{n}", "read", {"n": 5, "path": '{"n":1,"type":"x"}'}))
        script.result(f"c{n}", f"result {n}\n" * 3)
    script.session.branch(script.session.history.path[4].id)
    script.ask("elsewhere")
    script.answer("there")
    return script.crash()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return example(tmp_path_factory.mktemp("whole")).read_bytes()


@given(data=st.data())
@IN_A_FOLDER
def test_damage_anywhere_costs_only_the_records_it_touches(
    whole: bytes, tmp_path: Path, data: st.DataObject
) -> None:
    shutil.rmtree(tmp_path, ignore_errors=True)
    tmp_path.mkdir()
    path = tmp_path / "x.jsonl"
    lines = whole.splitlines(keepends=True)
    at = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.integers(1, 600))
    how = data.draw(st.sampled_from(["cut", "flip", "zero", "lose", "fuse", "double"]))
    damaged, touched_from, touched_to = damage(whole, at, length, how)
    path.write_bytes(damaged)

    starts = [sum(map(len, lines[:n])) for n in range(len(lines) + 1)]
    untouched = {
        n + 1
        for n in range(len(lines))
        # The newline at a record's end is not part of it: whoever loses that alone loses nothing.
        if starts[n + 1] - 1 <= touched_from or starts[n] >= touched_to
    }
    kept = [record["n"] for record in read_journal(path).records]
    assert untouched <= set(kept), how
    assert len(kept) == len(set(kept)), "no record counts twice"

    if not kept:
        return
    session = Session.open(path)
    assert session.history.path_to(session.history.head) == session.history.path
    session.inbox.put(Kind.PROMPT, [TextBlock("go on")])
    session.close()
    assert path.read_bytes().startswith(damaged), "what was there stays"
    again = Session.open(path)
    assert [item.text for item in again.inbox.waiting()][-1:] == ["go on"], "and what came later is whole"
    assert not any("damaged" in note for note in again.notes), "damage is told once"
    again.close()
    copies = list(path.parent.glob("*.damaged-*"))
    assert len(copies) == bool(session.notes and "damaged" in session.notes[0])
    assert all(copy.read_bytes() == damaged for copy in copies)


def damage(whole: bytes, at: int, length: int, how: str) -> tuple[bytes, int, int]:
    """`whole` damaged, and the bytes of it that were touched."""
    end = min(at + length, len(whole))
    match how:
        case "cut":
            return whole[:at], at, len(whole)
        case "flip":
            return whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :], at, at + 1
        case "zero":
            return whole[:at] + bytes(end - at) + whole[end:], at, end
        case "lose":
            return whole[:at] + whole[end:], at, end
        case "fuse":
            newline = whole.find(b"\n", at)
            return whole[:newline] + whole[newline + 1 :], newline, newline + 1
        case _:
            return whole[:end] + whole[at:end] + whole[end:], end, end


def test_fused_lines_and_holes_of_nuls_are_read_and_only_what_is_gone_is_told(tmp_path: Path) -> None:
    lines = [encode_record(n, {"type": "user", "text": '{"n":1,"type":"x"}'}) for n in range(1, 5)]
    path = tmp_path / "j"
    path.write_bytes(lines[0].rstrip() + lines[1] + bytes(4096) + lines[2] + lines[3][:-20] + lines[3])
    read = read_journal(path)
    assert [record["n"] for record in read.records] == [1, 2, 3, 4]
    assert read.damaged == 2
    path.write_bytes(lines[0].rstrip() + lines[1])
    assert read_journal(path).damaged == 0, "two fused records are both there"


def test_a_block_that_is_there_twice_counts_once_and_is_told(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask("one")
    script.answer("first")
    path = script.crash()
    path.write_bytes(path.read_bytes() + b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    session = Session.open(path)
    assert said(session) == ["one", "first"]
    assert "twice" in session.notes[0]
    session.close()


def test_an_entry_whose_parent_was_lost_hangs_below_what_came_before_it(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask("one")
    script.answer("lost")
    script.ask("three")
    path = script.crash()
    path.write_bytes(path.read_bytes().replace(b'"lost"', b'"l0st"'))
    session = Session.open(path)
    assert said(session) == ["one", "three"]
    session.close()


def test_a_file_that_is_only_looked_at_is_neither_mended_nor_copied(tmp_path: Path) -> None:
    path = example(tmp_path)
    damaged = path.read_bytes().replace(b"question 1", b"question X")[:-7]
    path.write_bytes(damaged)
    session = Session.look_at(path)
    assert "2 damaged" in session.notes[0], "the question and its delivery; the torn end may be being written"
    session.close()
    assert path.read_bytes() == damaged
    assert list(path.parent.iterdir()) == [path]


def test_marks_nested_on_purpose_do_not_make_a_file_slow_to_open(tmp_path: Path) -> None:
    line = b'{"n":1,"type":"x' * 20_000 + b',"crc":"00000000"}' * 20_000
    path = tmp_path / "j"
    path.write_bytes(line + b"\n" + encode_record(1, {"type": "a"}))
    assert [record["n"] for record in read_journal(path).records] == [1]
