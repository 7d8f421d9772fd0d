"""One writer a file, whatever dies; and a disk that says no is told, survived and caught up with."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from h2a_agent.content import TextBlock
from h2a_agent.events import Kind
from h2a_agent.journal import Journal, JournalLocked
from h2a_agent.record_lines import read_journal
from h2a_agent.session import Session
from support.saved_sessions import Script, said


def test_the_refusal_of_a_second_opener_names_both_ways_on(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask("one")
    with pytest.raises(JournalLocked) as refused:
        Session.open(script.path)
    assert f"h2a-chat -r {script.session.id} --read-only" in str(refused.value)
    assert f"h2a-chat --fork {script.session.id}" in str(refused.value)
    looking = Session.look_at(script.path)
    assert said(looking) == ["one"]
    looking.close()
    script.close()


def test_opening_locks_before_it_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were it the other way round, a record written in between would be lost to the reader and its number reused."""
    script = Script(tmp_path)
    script.ask("one")
    path = script.close()
    refused: list[bool] = []

    def read_while_locked(path: Path) -> object:
        try:
            Journal(path).close()
        except JournalLocked:
            refused.append(True)
        return read_journal(path)

    monkeypatch.setattr("h2a_agent.session.read_journal", read_while_locked)
    Session.open(path).close()
    assert refused == [True]


def test_a_session_that_cannot_be_opened_is_not_left_locked(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("noise\n")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no readable session"):
            Session.open(path)
    with pytest.raises(FileNotFoundError):
        Session.open(tmp_path / "gone.jsonl")
    assert not (tmp_path / "gone.jsonl").exists(), "looking for a session makes none"


WRITER = """
import random, sys
from pathlib import Path
from h2a_agent.content import TextBlock
from h2a_agent.events import Kind
from h2a_agent.inbox import Boundary
from h2a_agent.journal import JournalLocked
from h2a_agent.session import Session
path, who = Path(sys.argv[1]), sys.argv[2]
r = random.Random(who)
while True:
    try:
        session = Session.open(path)
    except JournalLocked:
        continue
    for n in range(r.randint(1, 4)):
        session.inbox.release()
        item = session.inbox.put(Kind.PROMPT, [TextBlock(f"{who} " + "x" * r.randint(1, 9000))])
        session.deliver(session.inbox.claim(Boundary.RUN_END), 1.0)
        if r.random() < 0.3:
            session.branch(session.history.path[r.randrange(len(session.history.path))].id)
        print(item.id, flush=True)
    session.close()
"""


def test_eight_racing_writers_that_are_killed_lose_nothing_they_acknowledged(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask("one")
    path = script.close()
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(n)], stdout=subprocess.PIPE)
        for n in range(8)
    ]
    r = random.Random(1)
    acknowledged: set[str] = set()
    try:
        until = time.monotonic() + 8
        while path.stat().st_size < 400_000 and time.monotonic() < until:
            time.sleep(0.01)
    finally:
        r.shuffle(writers)
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
    for writer in writers:
        assert writer.stdout is not None
        acknowledged.update(line.decode() for line in writer.stdout.read().split(b"\n")[:-1])
        writer.stdout.close()
        writer.wait()
    read = read_journal(path)
    numbers = [record["n"] for record in read.records]
    assert numbers == sorted(set(numbers)), "no two wrote at once"
    assert read.damaged <= len(writers), "only a record under way when its writer was killed"
    session = Session.open(path)
    delivered = {node.entry.item_id for node in session.history.nodes if hasattr(node.entry, "item_id")}
    assert acknowledged
    assert acknowledged <= delivered
    session.close()


# ------------------------------------------------------------------- disks


@contextmanager
def file_size_limit(limit: int) -> Iterator[Callable[[], None]]:
    """No file may grow beyond `limit`; the returned function takes that back."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, old[1]))
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, old)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, ignored)


async def test_saving_resumes_by_itself_when_the_disk_has_room_again(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask("one")
    heard: list[str] = []
    recovered = asyncio.Event()
    script.session.on_trouble = lambda reason: heard.append(reason)
    script.session.on_recovered = recovered.set
    with file_size_limit(script.path.stat().st_size + 10) as room_again:
        script.ask("two")
        assert heard == ["the disk took only a part"]
        assert not script.session.saved, "so nobody is told that it could be resumed as it is"
        room_again()
        async with asyncio.timeout(10):
            await recovered.wait()  # nothing is said meanwhile: no later record wakes it
    assert script.session.saved
    assert said(Session.look_at(script.path)) == ["one", "two"]
    script.close()


@pytest.mark.parametrize("room", range(0, 900, 60))
def test_a_disk_that_is_full_at_any_byte_fuses_nothing(tmp_path: Path, room: int) -> None:
    script = Script(tmp_path)
    script.ask("zero")
    with file_size_limit(script.path.stat().st_size + room):
        first = script.ask("one")
        script.answer("first")
        script.session.label(first.id, "x")
        script.session.branch(first.id)
    script.ask("two")
    path = script.crash()
    read = read_journal(path)
    assert (read.damaged, read.torn) == (0, False)
    again = Session.open(path)
    assert list(again.history.nodes) == list(script.session.history.nodes)
    assert again.labels == {first.id: "x"}
    again.close()


def test_a_disk_that_stays_full_is_not_called_saved_at_the_end(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask("one")
    with file_size_limit(script.path.stat().st_size):
        script.ask("two")
        script.session.close()
    assert not script.session.saved
    assert script.session.lost >= 2
    assert said(Session.look_at(script.path)) == ["one"]


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
async def test_a_disk_that_fails_to_sync_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def fails(_fd: int) -> None:
        raise OSError(code, os.strerror(code))

    script = Script(tmp_path)
    heard: list[str] = []
    script.session.on_trouble = lambda reason: heard.append(reason)
    monkeypatch.setattr(os, "fdatasync", fails)
    script.ask("one")
    await script.session.flushed()
    assert heard == [os.strerror(code)]
    monkeypatch.undo()
    script.close()


def test_a_damaged_file_that_cannot_be_copied_is_gone_on_with_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Script(tmp_path)
    script.ask("one")
    path = script.crash()
    path.write_bytes(path.read_bytes() + b"torn")

    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copy2", full)
    session = Session.open(path)
    session.inbox.put(Kind.PROMPT, [TextBlock("two")])
    assert "No copy of the damaged file could be made" in session.notes[-1]
    session.close()
    assert [item.text for item in Session.open(path).inbox.waiting()] == ["two"]
