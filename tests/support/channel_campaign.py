"""Kill -9 against a channel: processes that send and receive die at random moments, others go on.

Run as a program, it is one of the processes: it sends numbered messages, or receives and acknowledges, and
notes in a file of its own, one `write` per line, what has happened *after* it has happened:

    s N        message N was sent: `send` has returned
    d N R      message N came, with retry_count R
    a N R      its acknowledgement was accepted

Whoever sends goes on after the last number in its notes when it is started again, so it repeats what it does
not know to be sent. Imported, it is the one that kills, and reads the notes afterwards.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # as a program

from h2a_queue.channel import Channel, ChannelSettings, Delivery, RecoveryPolicy
from h2a_queue.channels import RedisChannel, SQLiteChannel
from h2a_queue.message import Message
from support.children import start_child

__all__ = ["SETTINGS", "Outcome", "campaign", "connect", "notes_of"]

SETTINGS = ChannelSettings(lease_s=0.4, recovery=RecoveryPolicy(max_retries=10_000))


def connect(store: str) -> Channel:
    """The channel in a file, or on a server."""
    if store.startswith("redis://"):
        return RedisChannel(store, "campaign", SETTINGS)
    return SQLiteChannel(store, SETTINGS, lock_timeout_s=20)


# -- one of the processes --


class Notes:
    """What has happened, for others to read when this process is no more."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

    def add(self, *lines: str) -> None:
        os.write(self._file, "".join(f"{line}\n" for line in lines).encode())


async def send(channel: Channel, notes: Notes, sender: str, start: int) -> None:
    number = start
    while True:
        batch = range(number, number + random.randint(1, 8))
        messages = [Message(id=f"{sender}:{i}", payload={"number": i}) for i in batch]
        if len(messages) == 1:
            await channel.send(messages[0])
        else:
            await channel.send_batch(messages)
        notes.add(*(f"s {message.id} 0" for message in messages))
        number += len(messages)


async def receive(channel: Channel, notes: Notes) -> None:
    while True:
        await deal_with(channel, notes, await channel.receive_batch(random.randint(1, 20)))


async def deal_with(channel: Channel, notes: Notes, batch: list[Delivery]) -> None:
    def line(kind: str, one: Delivery) -> str:
        return f"{kind} {one.message.id} {one.message.retry_count}"

    notes.add(*(line("d", one) for one in batch))
    if random.random() < 0.5:
        if await channel.acknowledge(*batch) == len(batch):
            notes.add(*(line("a", one) for one in batch))
    else:
        for one in batch:
            if await channel.acknowledge(one):
                notes.add(line("a", one))


async def work(role: str, store: str, path: Path) -> None:
    notes = Notes(path)
    async with connect(store) as channel:
        if role == "send":
            sent = [int(id.rpartition(":")[2]) for kind, id, _ in notes_of(path) if kind == "s"]
            await send(channel, notes, path.stem, max(sent, default=-1) + 1)
        else:
            await receive(channel, notes)


# -- the one that kills --


@dataclass(frozen=True)
class Outcome:
    """What the notes say. The three sets are empty when the channel has kept its promise."""

    kills: int
    sent: int
    delivered_again: int
    lost: set[str]
    """Sent, and never delivered."""
    doubled: set[str]
    """Delivered more than once as if for the first time."""
    undead: set[str]
    """Delivered again after its acknowledgement was accepted."""


def notes_of(path: Path) -> list[tuple[str, str, int]]:
    """The whole lines of a file of notes: (kind, id, retry_count)."""
    if not path.exists():
        return []
    text = path.read_text()
    lines = [line.split() for line in text[: text.rfind("\n") + 1].splitlines()]
    return [(kind, id, int(retry)) for kind, id, retry in lines]


async def campaign(store: str, folder: Path, *, kills: int, senders: int = 1, receivers: int = 2) -> Outcome:
    """Kill a random one of the processes, start it again, `kills` times; then receive what is left."""
    paths = [("send", folder / f"sender{i}.notes") for i in range(senders)]
    paths += [("receive", folder / f"receiver{i}.notes") for i in range(receivers)]
    processes = [_start(role, store, path) for role, path in paths]
    try:
        for _ in range(kills):
            i = random.randrange(len(paths))
            await _until_it_notes(processes[i], paths[i][1])
            await asyncio.sleep(random.random() * 0.03)
            _kill(processes[i])
            processes[i] = _start(*(paths[i][0], store, paths[i][1]))
    finally:
        for process in processes:
            _kill(process)
    last = folder / "last.notes"
    async with connect(store) as channel:
        while (stats := await channel.get_stats()).waiting or stats.leased:
            await deal_with(channel, Notes(last), await channel.receive_batch(500, timeout=5))
        assert stats.dead == 0
    return _judge([note for path in [*(path for _, path in paths), last] for note in notes_of(path)], kills)


def _judge(notes: list[tuple[str, str, int]], kills: int) -> Outcome:
    sent = {id for kind, id, _ in notes if kind == "s"}
    delivered = Counter((id, retry) for kind, id, retry in notes if kind == "d")
    latest: dict[str, int] = {}
    for id, retry in delivered:
        latest[id] = max(retry, latest.get(id, 0))
    return Outcome(
        kills=kills,
        sent=len(sent),
        delivered_again=sum(1 for retry in latest.values() if retry),
        lost=sent - latest.keys(),
        doubled={id for (id, _), count in delivered.items() if count > 1},
        undead={id for kind, id, retry in notes if kind == "a" and retry < latest[id]},
    )


def _start(role: str, store: str, path: Path) -> subprocess.Popen[bytes]:
    return start_child([sys.executable, __file__, role, store, path])


def _kill(process: subprocess.Popen[bytes]) -> None:
    with process:
        process.kill()


async def _until_it_notes(process: subprocess.Popen[bytes], path: Path) -> None:
    """Wait until a process has done something, so that it is killed at work and not on the way there."""
    size = _size(path)
    deadline = time.monotonic() + 30
    while _size(path) == size:
        assert process.poll() is None, f"{path.stem} ended by itself"
        assert time.monotonic() < deadline, f"{path.stem} does nothing"
        await asyncio.sleep(0.002)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
