"""What only the Redis channel promises: consumers that die, servers that go away, and strangers in the stream."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from h2a_queue import ErrorKind, Message, QueueError
from h2a_queue.channel import ChannelSettings, RecoveryPolicy
from h2a_queue.channels import RedisChannel
from support.channel_campaign import campaign
from support.children import start_child
from support.redis_server import NO_REDIS, free_port, redis_server

pytestmark = pytest.mark.skipif(bool(NO_REDIS), reason=NO_REDIS)

AT_ONCE = RecoveryPolicy(max_retries=0)
SHORT = ChannelSettings(lease_s=0.2)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def name() -> str:
    return uuid4().hex


async def ask(url: str, *command: object) -> Any:
    from redis.asyncio import Redis

    async with Redis.from_url(url) as client:
        return await client.execute_command(*command)  # type: ignore[no-untyped-call]


def key(name: str, part: str = "stream") -> str:
    return f"h2a:{{{name}}}:{part}"


# -- consumers that die --


async def test_entries_of_a_consumer_killed_at_work_are_claimed_by_another(url: str, name: str) -> None:
    program = (
        "import asyncio, sys; from h2a_queue.channels import RedisChannel\n"
        "async def main():\n"
        "    channel = RedisChannel(*sys.argv[1:])\n"
        "    print(len(await channel.receive_batch(3)), flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())"
    )
    async with RedisChannel(url, name, SHORT) as channel:
        await channel.send_batch([Message(payload=i) for i in range(3)])
        worker = start_child([sys.executable, "-c", program, url, name])
        with worker:
            assert worker.stdout is not None
            assert await asyncio.to_thread(worker.stdout.readline) == b"3\n"
            worker.send_signal(signal.SIGKILL)
        for number in range(3):
            again = await channel.receive(timeout=10)
            assert again is not None
            assert (again.message.payload, again.message.retry_count) == (number, 1)
            assert await channel.acknowledge(again) == 1
    async with RedisChannel(url, name) as channel:
        consumers = await ask(url, "XINFO", "CONSUMERS", key(name), "h2a")
    assert len(consumers) <= 2, "a consumer that owes nothing leaves no trace"


async def test_kill_9_of_senders_and_receivers_loses_and_doubles_nothing(url: str, tmp_path: Path) -> None:
    """The long version is soak_channels.py."""
    outcome = await campaign(url, tmp_path, kills=8, senders=1, receivers=2)
    assert (outcome.lost, outcome.doubled, outcome.undead) == (set(), set(), set())
    assert outcome.sent > 100
    assert outcome.delivered_again > 0


async def test_consumers_long_gone_are_forgotten_unless_they_owe(url: str, name: str) -> None:
    async with RedisChannel(url, name) as channel:
        await channel.send(Message(payload="a"))
        assert await channel.receive() is not None
        stays = RedisChannel(url, name)
        assert await stays.receive(timeout=0) is None
        await stays.close()
    consumers = await ask(url, "XINFO", "CONSUMERS", key(name), "h2a")
    assert len(consumers) == 1, "the one with a lease stays, the one without has gone"


# -- servers that go away --


async def test_unreachable_server_is_said_to_be_unreachable(name: str) -> None:
    channel = RedisChannel(f"redis://:secret@127.0.0.1:{free_port()}/0", name, reconnection=AT_ONCE)
    for verb in (channel.send(Message(payload="a")), channel.receive(timeout=1)):
        with pytest.raises(QueueError, match="cannot be reached") as raised:
            await verb
        assert raised.value.kind is ErrorKind.BACKEND
        assert raised.value.recoverable
        assert "secret" not in str(raised.value)
    await channel.close()


async def test_server_is_tried_again_as_often_as_the_policy_says(name: str, tmp_path: Path) -> None:
    port = free_port()
    patient = RecoveryPolicy(max_retries=400, first_delay_s=0.02, factor=1)
    async with asyncio.timeout(20):
        channel = RedisChannel(f"redis://127.0.0.1:{port}/0", name, reconnection=patient)
        sending = asyncio.create_task(channel.send(Message(payload="a")))
        await asyncio.sleep(0.05)
        assert not sending.done()
        server = start_child(
            ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", tmp_path]
        )
        try:
            assert await sending
            await channel.close()
        finally:
            with server:
                server.kill()


async def test_receiver_that_waits_hears_that_the_server_is_gone(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url:
        channel = RedisChannel(url, reconnection=AT_ONCE)
        await channel.send(Message(payload="a"))
        delivery = await channel.receive()
        assert delivery is not None
        receiver = asyncio.create_task(channel.receive())
        await asyncio.sleep(0.02)
    with pytest.raises(QueueError, match="cannot be reached"):
        await receiver
    with pytest.raises(QueueError, match="cannot be reached"):
        await channel.acknowledge(delivery)
    await channel.close()


async def test_channel_on_a_server_that_was_emptied_goes_on(url: str, name: str) -> None:
    async with RedisChannel(url, name) as channel:
        await channel.send(Message(payload="a"))
        await ask(url, "DEL", key(name))
        await channel.send(Message(payload="b"))
        delivery = await channel.receive(timeout=1)
        assert delivery is not None
        assert delivery.message.payload == "b"


async def test_server_that_refuses_is_quoted(url: str, name: str) -> None:
    await ask(url, "SET", key(name), "not a stream")
    channel = RedisChannel(url, name)
    with pytest.raises(QueueError, match=r"refused .*WRONGTYPE") as raised:
        await channel.send(Message(payload="a"))
    assert raised.value.kind is ErrorKind.BACKEND
    assert not raised.value.recoverable
    await channel.close()


@pytest.mark.parametrize("url", ["http://localhost", "localhost:6379", "redis://localhost:port/0"])
async def test_address_that_is_none_is_refused(url: str) -> None:
    channel = RedisChannel(url)
    with pytest.raises(QueueError, match="redis://host:port/number") as raised:
        await channel.receive()
    assert raised.value.kind is ErrorKind.CONFIGURATION
    await channel.close()


async def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    channel = RedisChannel()
    with pytest.raises(QueueError, match=r"h2a-chat\[redis\]") as raised:
        await channel.receive()
    assert raised.value.kind is ErrorKind.CONFIGURATION
    await channel.close()


def test_redis_package_is_imported_only_when_a_channel_opens() -> None:
    program = "import sys, h2a_queue.channels; sys.exit('redis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# -- strangers in the stream --


async def test_entry_of_a_stranger_becomes_a_dead_letter_and_does_not_block_the_others(
    url: str, name: str
) -> None:
    async with RedisChannel(url, name) as channel:
        await ask(url, "XADD", key(name), "*", "colour", "red")
        await channel.send(Message(payload="ours"))
        assert [one.message.payload for one in await channel.receive_batch()] == ["ours"]
        [letter] = await channel.dead_letters()
        assert letter.reason.startswith("unreadable")
        assert letter.message.payload == "colour red"


async def test_entry_deleted_under_a_lease_is_gone_for_all(url: str, name: str) -> None:
    async with RedisChannel(url, name, SHORT) as channel:
        await channel.send_batch([Message(payload="deleted"), Message(payload="kept")])
        deleted, kept = await channel.receive_batch()
        await ask(url, "XDEL", key(name), deleted.receipt.key)
        again = await channel.receive(timeout=10)
        assert again is not None
        assert again.message.id == kept.message.id
        await channel.acknowledge(again)
        assert await channel.receive(timeout=0.4) is None
