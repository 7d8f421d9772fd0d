"""The journal: what was written is read back, whatever happened to the file or the disk meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from h2a_agent.journal import Journal, JournalLocked, encode_record, read_head, read_journal

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.lists(
    st.dictionaries(st.text(max_size=6).filter(lambda k: k not in ("n", "crc")), JSON, max_size=4), max_size=6
)


def write(path: Path, *records: dict[str, Any]) -> None:
    journal = Journal(path)
    for record in records:
        journal.append(record)
    journal.close()


@given(records=RECORDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
def test_any_record_reads_back_as_it_was(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    path = tmp_path / "j.jsonl"
    path.unlink(missing_ok=True)
    write(path, *records)
    read = read_journal(path)
    assert [{k: v for k, v in r.items() if k not in ("n", "crc")} for r in read.records] == records
    assert [r["n"] for r in read.records] == list(range(1, len(records) + 1))
    assert (read.damaged, read.torn) == (0, False)


def test_a_record_is_one_line_that_any_json_tool_reads(tmp_path: Path) -> None:
    write(tmp_path / "j", {"type": "user", "text": "line\nbreak \ud83d 日本"})
    [line] = (tmp_path / "j").read_bytes().splitlines()
    assert json.loads(line)["text"] == "line\nbreak \ud83d 日本"


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
def test_damage_costs_only_the_records_it_touches(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "j"
    lines = [encode_record(n, {"type": "x", "text": f"record {n} ß"}) for n in range(1, 7)]
    whole = b"".join(lines)
    at = data.draw(st.integers(0, len(whole) - 1))
    how = data.draw(st.sampled_from(["cut", "flip", "zero"]))
    damaged = bytearray(whole)
    if how == "cut":
        del damaged[at:]
    elif how == "flip":
        damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    else:
        damaged[at : at + 20] = bytes(len(damaged[at : at + 20]))
    path.write_bytes(damaged)
    end = {"cut": len(whole), "flip": at + 1, "zero": min(at + 20, len(whole))}[how]
    starts = [sum(map(len, lines[:i])) for i in range(len(lines) + 1)]
    untouched = [i + 1 for i in range(6) if starts[i + 1] <= at or starts[i] >= end]
    kept = [r["n"] for r in read_journal(path).records]
    # A flipped line end fuses two lines: the one behind it may be lost as well, none in front of it.
    lost = set(untouched) - set(kept)
    assert len(lost) <= 1
    assert all(n not in lost for n in untouched if starts[n] <= at)


def test_a_torn_tail_is_closed_and_the_next_record_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "j"
    write(path, {"type": "a"}, {"type": "b"})
    path.write_bytes(path.read_bytes()[:-9])
    read = read_journal(path)
    assert ([r["type"] for r in read.records], read.damaged, read.torn) == (["a"], 1, True)
    journal = Journal(path)
    journal.go_on_after(1, torn=read.torn)
    journal.append({"type": "c"})
    journal.close()
    assert [r["type"] for r in read_journal(path).records] == ["a", "c"]
    assert path.read_bytes().endswith(b"\n" + encode_record(2, {"type": "c"})), "on a line of its own"


def test_a_second_writer_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first = Journal(tmp_path / "j")
    with pytest.raises(JournalLocked):
        Journal(tmp_path / "j")
    first.close()
    Journal(tmp_path / "j").close()


def test_a_full_disk_is_told_once_and_saving_resumes_in_order(tmp_path: Path) -> None:
    """The process may write 300 bytes to a file; the kernel takes a part of a record and then refuses."""
    path = tmp_path / "j"
    heard: list[str] = []
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        journal = Journal(path)
        journal.on_trouble = lambda reason: heard.append("trouble")
        journal.on_recovered = lambda: heard.append("recovered")
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, old[1]))
        for n in range(8):
            journal.append({"type": "x", "n2": n, "pad": "p" * 40})
        assert heard == ["trouble"]
        assert journal.unsaved > 0
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        journal.append({"type": "x", "n2": 8, "pad": ""})
        assert heard == ["trouble", "recovered"]
        assert journal.unsaved == 0
        journal.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, ignored)
    read = read_journal(path)
    assert [r["n2"] for r in read.records] == list(range(9))
    assert read.damaged == 0


async def test_flushed_returns_when_durable_records_are_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fdatasync

    def noted(fd: int) -> None:
        synced.append(fd)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", noted)
    journal = Journal(tmp_path / "j")
    for n in range(20):
        journal.append({"type": "x", "i": n}, durable=True)
    await journal.flushed()
    assert len(synced) == 1, "one sync serves all records of the moment"
    journal.close()


@pytest.mark.timeout(10)
async def test_flushed_returns_although_the_sync_has_just_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread is done, its callback waits for its turn: waiting must let it have that turn."""
    loop = asyncio.get_running_loop()

    def done_at_once(_executor: None, sync: Callable[[], None]) -> asyncio.Future[None]:
        future: asyncio.Future[None] = loop.create_future()
        sync()
        future.set_result(None)
        return future

    monkeypatch.setattr(loop, "run_in_executor", done_at_once)
    journal = Journal(tmp_path / "j")
    journal.append({"type": "x"}, durable=True)
    await journal.flushed()
    journal.append({"type": "y"}, durable=True)
    await journal.flushed()
    journal.close()


def test_kill_9_in_the_middle_of_writing_loses_no_finished_record(tmp_path: Path) -> None:
    path = tmp_path / "j"
    code = (
        "import sys; from pathlib import Path; from h2a_agent.journal import Journal\n"
        "j = Journal(Path(sys.argv[1]))\n"
        "n = 0\n"
        "while True:\n"
        "    j.append({'type': 'x', 'pad': 'p' * 20000}); n += 1\n"
        "    print(n, flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    acknowledged = 0
    for line in child.stdout:
        acknowledged = int(line)
        if acknowledged >= 40:
            break
    child.kill()
    rest = child.stdout.read().split()
    child.stdout.close()
    child.wait()
    acknowledged = int(rest[-1]) if rest else acknowledged
    read = read_journal(path)
    assert len(read.records) >= acknowledged
    assert [r["n"] for r in read.records] == list(range(1, len(read.records) + 1))


def test_a_record_nested_too_deeply_to_be_read_is_damage_and_hides_no_other(tmp_path: Path) -> None:
    nested = b'{"n":2,"type":"x","deep":' + b"[" * 5000 + b"]" * 5000
    line = nested + b',"crc":"%08x"}\n' % zlib.crc32(nested)
    (tmp_path / "j").write_bytes(encode_record(1, {"type": "a"}) + line + encode_record(3, {"type": "b"}))
    read = read_journal(tmp_path / "j")
    assert [record["type"] for record in read.records] == ["a", "b"]
    assert read.damaged == 1


def test_the_head_is_enough_for_a_list_and_stops_at_its_limit(tmp_path: Path) -> None:
    write(tmp_path / "j", {"type": "a"}, {"type": "b", "pad": "x" * 500}, {"type": "c"})
    assert [r["type"] for r in read_head(tmp_path / "j", limit_bytes=100)] == ["a"]
