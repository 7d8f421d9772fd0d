"""What only the SQLite channel promises: several processes, sudden death, and files that are not right."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from h2a_queue import ErrorKind, Message, QueueError
from h2a_queue.channel import ChannelSettings
from h2a_queue.channels import SQLiteChannel
from h2a_queue.channels.sqlite import SCHEMA_VERSION
from support.channel_campaign import campaign


async def refusal(path: Path, *, lock_timeout_s: float = 0) -> QueueError:
    """The error with which a channel on this file greets its first use."""
    channel = SQLiteChannel(path, lock_timeout_s=lock_timeout_s)
    with pytest.raises(QueueError) as raised:
        await channel.send(Message(payload="a"))
    await channel.close()
    assert raised.value.kind is ErrorKind.BACKEND
    assert str(path) in str(raised.value)
    return raised.value


async def channel_file(path: Path, *payloads: str) -> Path:
    async with SQLiteChannel(path) as channel:
        await channel.send_batch([Message(payload=payload) for payload in payloads])
    return path


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


# -- what lasts --


async def test_messages_outlive_the_channel_in_order(tmp_path: Path) -> None:
    path = await channel_file(tmp_path / "q.db", "a", "b", "c")
    async with SQLiteChannel(path) as channel:
        assert [one.message.payload for one in await channel.receive_batch()] == ["a", "b", "c"]


async def test_leases_retries_dead_letters_and_known_ids_outlive_the_channel(tmp_path: Path) -> None:
    async with SQLiteChannel(tmp_path / "q.db") as channel:
        await channel.send_batch([Message(payload=id, id=id) for id in ("leased", "dead")])
        _, dead = await channel.receive_batch()
        await channel.reject(dead, "no", retry=False)
    async with SQLiteChannel(tmp_path / "q.db") as channel:
        assert await channel.receive(timeout=0) is None
        assert [letter.message.id for letter in await channel.dead_letters()] == ["dead"]
        assert not await channel.send(Message(payload="again", id="leased"))
        stats = await channel.get_stats()
        assert (stats.waiting, stats.leased, stats.dead) == (0, 1, 1)


async def test_receipt_never_fits_a_later_message(tmp_path: Path) -> None:
    async with SQLiteChannel(tmp_path / "q.db") as channel:
        await channel.send(Message(payload="a"))
        old = await channel.receive()
        assert old is not None
        await channel.acknowledge(old)
        await channel.send(Message(payload="b"))
        assert await channel.receive() is not None
        assert await channel.acknowledge(old) == 0


@pytest.mark.parametrize("fsync", [False, True])
async def test_commits_wait_for_the_disk_if_asked(tmp_path: Path, fsync: bool) -> None:
    channel = SQLiteChannel(tmp_path / "q.db", fsync=fsync)
    async with channel:
        assert await channel.send(Message(payload="a"))
        connection = channel._store._file._connection  # type: ignore[attr-defined]
        assert connection.execute("PRAGMA synchronous").fetchone() == (2 if fsync else 1,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_every_name_is_that_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To SQLite alone, `:memory:` is none."""
    monkeypatch.chdir(tmp_path)
    await channel_file(Path(":memory:"), "a")
    async with SQLiteChannel(":memory:") as channel:
        assert (await channel.get_stats()).waiting == 1


async def test_file_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with SQLiteChannel(tmp_path / "q.db") as channel:
            await channel.send(Message(payload="a"))
            assert modes(tmp_path) == {0o600}
    finally:
        os.umask(before)


# -- several processes, and sudden death --


async def test_receiver_hears_of_a_message_another_process_sends(tmp_path: Path) -> None:
    path = tmp_path / "q.db"
    program = (
        "import asyncio, sys; from h2a_queue import Message; from h2a_queue.channels import SQLiteChannel\n"
        "async def main():\n"
        "    async with SQLiteChannel(sys.argv[1]) as channel: await channel.send(Message(payload='hello'))\n"
        "asyncio.run(main())"
    )
    async with SQLiteChannel(path) as channel:
        receivers = [asyncio.create_task(channel.receive()), asyncio.create_task(channel.receive(timeout=30))]
        await asyncio.sleep(0)
        for _ in receivers:
            await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program, str(path)], check=True)
        got = [await receiver for receiver in receivers]
    assert [one.message.payload for one in got if one] == ["hello", "hello"]


async def test_processes_that_make_the_file_at_once_all_get_in(tmp_path: Path) -> None:
    channels = [SQLiteChannel(tmp_path / "q.db") for _ in range(8)]
    assert await asyncio.gather(*(channel.send(Message(payload=i)) for i, channel in enumerate(channels)))
    assert (await channels[0].get_stats()).waiting == 8
    for channel in channels:
        await channel.close()


async def test_kill_9_of_senders_and_receivers_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """The long version is soak_channels.py."""
    outcome = await campaign(str(tmp_path / "q.db"), tmp_path, kills=12, senders=2, receivers=2)
    assert (outcome.lost, outcome.doubled, outcome.undead) == (set(), set(), set())
    assert outcome.sent > 100
    assert outcome.delivered_again > 0  # else nobody was killed at the interesting moment


# -- files that are not right: said clearly, and left as they are --


async def test_newer_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = await channel_file(tmp_path / "q.db", "a")
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    before = path.read_bytes()
    error = await refusal(path)
    assert "newer version" in str(error)
    assert not error.recoverable
    assert path.read_bytes() == before


async def test_database_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "places.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE message (text)")
    db.close()
    before = path.read_bytes()
    assert "another program" in str(await refusal(path))
    assert path.read_bytes() == before


@pytest.mark.parametrize("start", [0, 3000])
async def test_broken_file_is_refused_and_left_as_it_is(tmp_path: Path, start: int) -> None:
    path = await channel_file(tmp_path / "q.db", *("x" * 500 for _ in range(50)))
    content = bytearray(path.read_bytes())
    content[start : start + 5000] = b"\xa5" * 5000
    path.write_bytes(content)
    error = await refusal(path)
    assert "keep a copy" in str(error)
    assert not error.recoverable
    assert path.read_bytes() == content


async def test_file_that_is_text_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary, " * 200)
    assert "not a database" in str(await refusal(path))
    assert path.read_text() == "Dear diary, " * 200


async def test_locked_file_is_said_to_be_locked_and_works_when_it_is_free(tmp_path: Path) -> None:
    path = await channel_file(tmp_path / "q.db", "a")
    holder = sqlite3.connect(path, isolation_level=None)
    channel = SQLiteChannel(path, lock_timeout_s=0.01)
    async with channel:
        holder.execute("BEGIN IMMEDIATE")
        for verb in (channel.send(Message(payload="b", id="b")), channel.receive()):
            with pytest.raises(QueueError, match="another process holds its lock") as raised:
                await verb
            assert raised.value.kind is ErrorKind.BACKEND
            assert raised.value.recoverable
        holder.execute("ROLLBACK")
        assert await channel.send(Message(payload="b", id="b"))
        assert [one.message.payload for one in await channel.receive_batch()] == ["a", "b"]
    holder.execute("BEGIN EXCLUSIVE")
    assert (await refusal(path)).recoverable
    holder.close()


async def test_full_disk_refuses_the_message_and_keeps_the_others(tmp_path: Path) -> None:
    async with SQLiteChannel(tmp_path / "q.db") as channel:
        await channel.send(Message(payload="kept"))
        connection = channel._store._file._connection  # type: ignore[attr-defined]
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(QueueError, match="make room") as raised:
            await channel.send(Message(payload="x" * 100_000, id="large"))
        assert raised.value.recoverable
        connection.execute("PRAGMA max_page_count = 100000")
        assert await channel.send(Message(payload="fits now", id="large"))
        assert [one.message.payload for one in await channel.receive_batch()] == ["kept", "fits now"]


@pytest.mark.parametrize("place", ["folder", "missing/q.db"])
async def test_place_where_no_file_can_be_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    assert "choose a file" in str(await refusal(tmp_path / place))


async def test_damaged_message_becomes_a_dead_letter_and_does_not_block_the_others(tmp_path: Path) -> None:
    path = await channel_file(tmp_path / "q.db", "damaged", "whole")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE message SET body = ? WHERE seq = 1", (b"\xff not json",))
    db.close()
    async with SQLiteChannel(path) as channel:
        assert [one.message.payload for one in await channel.receive_batch()] == ["whole"]
        [letter] = await channel.dead_letters()
        assert letter.reason.startswith("unreadable")
        assert (letter.message.type, letter.message.payload) == ("unreadable", "\ufffd not json")


async def test_ids_older_than_the_window_do_not_pile_up(tmp_path: Path) -> None:
    async with SQLiteChannel(tmp_path / "q.db", ChannelSettings(duplicate_window_s=0.001)) as channel:
        for i in range(30):
            await channel.send_batch([Message(payload=i) for i in range(i, i + 10)])
            await asyncio.sleep(0.002)
        connection = channel._store._file._connection  # type: ignore[attr-defined]
        (known,) = connection.execute("SELECT count(*) FROM seen").fetchone()
    assert known <= 20


async def test_loop_runs_on_while_the_file_is_locked(tmp_path: Path) -> None:
    path = await channel_file(tmp_path / "q.db", "a")
    holder = sqlite3.connect(path, isolation_level=None)
    async with SQLiteChannel(path, lock_timeout_s=30) as channel:
        holder.execute("BEGIN IMMEDIATE")
        sending = asyncio.create_task(channel.send(Message(payload="b")))
        for _ in range(1000):
            await asyncio.sleep(0)
        assert not sending.done()
        holder.execute("ROLLBACK")
        assert await sending
    holder.close()


def test_lock_timeout_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(QueueError, match="lock_timeout_s") as raised:
        SQLiteChannel("q.db", lock_timeout_s=-1)
    assert raised.value.kind is ErrorKind.CONFIGURATION
