"""The contract of a channel, told once and held by all three: in memory, in a SQLite file, on a Redis server."""

from __future__ import annotations

import asyncio
import doctest
import math
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from h2a_queue import ErrorKind, Message, Priority, QueueError
from h2a_queue.channel import Channel, ChannelSettings, Delivery, RecoveryPolicy
from h2a_queue.channels import MemoryChannel, RedisChannel, SQLiteChannel, memory
from support.redis_server import NO_REDIS, redis_server
from support.ticks import tick

Connect = Callable[..., Channel]

SHORT = ChannelSettings(lease_s=0.03, recovery=RecoveryPolicy(first_delay_s=0.01))
"""For tests in which a lease lapses. In all others it lasts, so nothing comes back by accident."""


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if NO_REDIS:
        pytest.skip(NO_REDIS)
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(params=["memory", "sqlite", "redis"])
async def connect(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Connect]:
    """Make channels on one fresh store; they are closed in the end.

    In memory the channel is the store, so there it is always the first one.
    """
    made: list[Channel] = []
    name = uuid4().hex

    def connect(settings: ChannelSettings | None = None) -> Channel:
        if request.param == "memory" and made:
            return made[0]
        if request.param == "memory":
            made.append(MemoryChannel(settings))
        elif request.param == "sqlite":
            made.append(SQLiteChannel(tmp_path / "channel.db", settings))
        else:
            made.append(RedisChannel(request.getfixturevalue("redis_url"), name, settings))
        return made[-1]

    yield connect
    for channel in made:
        await channel.close()


def message(payload: object = "a", **fields: object) -> Message[object]:
    return Message(payload=payload, **fields)  # type: ignore[arg-type]


async def receive(channel: Channel) -> Delivery:
    """Receive what must be there, or come soon."""
    delivery = await channel.receive(timeout=10)
    assert delivery is not None
    return delivery


async def payloads(channel: Channel) -> list[object]:
    """Receive what is there now."""
    return [delivery.message.payload for delivery in await channel.receive_batch(1000, timeout=0)]


async def sizes(channel: Channel) -> tuple[int, int, int]:
    stats = await channel.get_stats()
    return stats.waiting, stats.leased, stats.dead


# -- sending --


async def test_message_arrives_whole(connect: Connect) -> None:
    channel = connect()
    sent = message(
        {"text": "naïve \ud800 ☃", "list": [1, 2.5, None, True]},
        type="greeting",
        priority=Priority.HIGH,
        source="test",
        correlation_id="c",
        reply_to="inbox",
        ttl_s=60.0,
    )
    assert await channel.send(sent)
    assert vars((await receive(channel)).message) == vars(sent)


async def test_messages_come_in_the_order_they_were_sent(connect: Connect) -> None:
    channel = connect()
    await channel.send(message(0))
    assert await channel.send_batch([message(i) for i in range(1, 5)]) == 4
    await channel.send(message(5, priority=Priority.URGENT))
    assert (await receive(channel)).message.payload == 0
    assert await payloads(channel) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "bad", [message("x" * 200), message(math.nan), message(b"")], ids=["size", "nan", "bytes"]
)
async def test_batch_with_a_bad_message_is_refused_whole(connect: Connect, bad: Message[object]) -> None:
    channel = connect(ChannelSettings(max_message_bytes=250))
    with pytest.raises(QueueError) as raised:
        await channel.send_batch([message("good"), bad])
    assert raised.value.kind is ErrorKind.VALIDATION
    assert await channel.send_batch([]) == 0
    assert await sizes(channel) == (0, 0, 0)


async def test_id_sent_before_within_the_window_is_dropped_and_counted(connect: Connect) -> None:
    channel, other = connect(), connect()
    assert await channel.send(message("first", id="1"))
    assert not await other.send(message("again", id="1"))
    assert (
        await channel.send_batch([message("again", id="1"), message("b", id="2"), message("b", id="2")]) == 1
    )
    await channel.acknowledge(await receive(channel))
    assert not await channel.send(message("again", id="1"))
    assert await payloads(channel) == ["b"]
    counts = [
        (stats.sent, stats.duplicates) for stats in (await channel.get_stats(), await other.get_stats())
    ]
    assert counts in ([(2, 3), (0, 1)], [(2, 4), (2, 4)])


async def test_id_is_forgotten_after_the_window(connect: Connect) -> None:
    channel = connect(ChannelSettings(duplicate_window_s=0.05))
    sent = message(id="1")
    await channel.send(sent)
    deadline = time.monotonic() + 10
    while not await channel.send(sent):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    assert await payloads(channel) == ["a", "a"]


async def test_without_a_window_no_id_is_remembered(connect: Connect) -> None:
    channel = connect(ChannelSettings(duplicate_window_s=0))
    assert await channel.send_batch([message(id="1"), message(id="1")]) == 2


# -- receiving --


async def test_receive_gives_up_when_its_time_is_over(connect: Connect) -> None:
    channel = connect()
    assert await channel.receive(timeout=0) is None
    assert await channel.receive(timeout=0.02) is None
    assert await channel.receive_batch(5, timeout=0.02) == []


@pytest.mark.parametrize("timeout", [-1, math.nan])
async def test_timeout_that_makes_no_sense_is_refused(connect: Connect, timeout: float) -> None:
    with pytest.raises(QueueError, match="timeout") as raised:
        await connect().receive(timeout)
    assert raised.value.kind is ErrorKind.VALIDATION


async def test_batch_is_as_large_as_asked_at_most(connect: Connect) -> None:
    channel = connect()
    await channel.send_batch([message(i) for i in range(5)])
    assert [len(await channel.receive_batch(2)) for _ in range(3)] == [2, 2, 1]
    with pytest.raises(QueueError, match="at least 1"):
        await channel.receive_batch(0)


async def test_large_batch_arrives_in_order(connect: Connect) -> None:
    channel = connect()
    await channel.send_batch([message(i) for i in range(700)])
    assert await payloads(channel) == list(range(700))


async def test_receiver_that_waits_gets_what_another_sends(connect: Connect) -> None:
    channel, other = connect(), connect()
    waiting = [asyncio.create_task(channel.receive()) for _ in range(2)]
    await tick(20)
    async with asyncio.timeout(10):
        await other.send(message("a"))
        await other.send(message("b"))
        got = await asyncio.gather(*waiting)
    assert {one.message.payload for one in got if one} == {"a", "b"}


async def test_each_message_goes_to_one_of_many_receivers(connect: Connect) -> None:
    channels = [connect() for _ in range(3)]
    got: list[int] = []

    async def work(channel: Channel) -> None:
        async for delivery in channel:
            got.append(delivery.message.payload)
            assert await channel.acknowledge(delivery) == 1

    workers = [asyncio.create_task(work(channel)) for channel in channels for _ in range(2)]
    sender = connect()
    await asyncio.gather(*(sender.send(message(i)) for i in range(60)))
    while len(got) < 60:
        await asyncio.sleep(0.005)
    for channel in channels:
        await channel.close()
    await asyncio.gather(*workers)
    assert sorted(got) == list(range(60))


async def test_receiver_cancelled_at_any_moment_has_received_nothing(connect: Connect) -> None:
    channel = connect()
    await channel.send(message("kept"))
    for ticks in range(60):
        receiver = asyncio.create_task(channel.receive())
        await tick(ticks)
        receiver.cancel()
        await asyncio.wait([receiver])
        if not receiver.cancelled():
            delivery = receiver.result()
            assert delivery is not None
            assert delivery.message.retry_count == 0
            await channel.acknowledge(delivery)
            await channel.send(message("kept"))
    assert (await receive(channel)).message.retry_count == 0
    assert await sizes(channel) == (0, 1, 0)


async def test_receiver_of_a_large_batch_cancelled_at_any_moment_has_received_nothing(
    connect: Connect,
) -> None:
    channel = connect()
    await channel.send_batch([message("x" * 1000) for _ in range(100)])
    for i in range(30):
        try:
            async with asyncio.timeout(i / 3000):
                batch = await channel.receive_batch(100)
        except TimeoutError:
            continue
        assert len(batch) == 100
        assert {one.message.retry_count for one in batch} == {0}
        await channel.acknowledge(*batch)
        await channel.send_batch([message("x" * 1000) for _ in range(100)])
    assert {one.message.retry_count for one in await channel.receive_batch(100)} == {0}
    assert await sizes(channel) == (0, 100, 0)


async def test_cancel_of_a_waiting_receiver_is_never_swallowed(connect: Connect) -> None:
    """redis-py 8.1 alone loses about one of fifty."""
    async with connect() as channel:
        for i in range(150):
            try:
                async with asyncio.timeout(i % 50 / 20_000):
                    assert await channel.receive() is not None
            except TimeoutError:
                continue
            pytest.fail("a receiver of nothing went on after its cancel")


async def test_time_over_in_the_moment_of_a_claim_loses_nothing(connect: Connect) -> None:
    channel = connect()
    await channel.send(message("kept"))
    kept = 0
    for milliseconds in range(20):
        try:
            async with asyncio.timeout(milliseconds / 10_000):
                await channel.acknowledge(await receive(channel))
                kept += 1
                await channel.send(message("kept"))
        except TimeoutError:
            pass
    # A cancelled acknowledgement may have happened, and so may a cancelled send: at most one message is there.
    assert sum(await sizes(channel)) <= 1


# -- acknowledging --


async def test_acknowledged_message_never_comes_again(connect: Connect) -> None:
    channel = connect(SHORT)
    await channel.send(message())
    assert await channel.acknowledge(await receive(channel)) == 1
    assert await sizes(channel) == (0, 0, 0)
    assert await channel.receive(timeout=SHORT.lease_s * 4) is None


async def test_unacknowledged_message_stays_with_its_receiver_until_the_lease_lapses(
    connect: Connect,
) -> None:
    channel, other = connect(), connect()
    await channel.send(message())
    await receive(channel)
    assert await other.receive(timeout=0.05) is None
    assert await sizes(other) == (0, 1, 0)


async def test_unacknowledged_message_comes_again_and_counts_its_retries(connect: Connect) -> None:
    channel, other = connect(SHORT), connect(SHORT)
    await channel.send(message(id="1"))
    first, second, third = await receive(channel), await receive(other), await receive(channel)
    assert [one.message.retry_count for one in (first, second, third)] == [0, 1, 2]
    assert {one.message.id for one in (first, second, third)} == {"1"}
    stats = await channel.get_stats()
    assert stats.redelivered in (1, 2)  # its own one, or of both, where both are one


async def test_late_acknowledgement_counts_unless_the_message_is_with_another(connect: Connect) -> None:
    channel, other = connect(SHORT), connect(SHORT)
    await channel.send_batch([message("a"), message("b")])
    late, lost = await channel.receive_batch(2)
    await asyncio.sleep(SHORT.lease_s * 1.5)  # the lease has lapsed, and nobody has looked
    assert await channel.acknowledge(late) == 1
    again = await receive(other)
    assert again.message.id == lost.message.id
    assert await channel.acknowledge(lost) == 0
    assert not await channel.reject(lost, "too late")
    assert await other.acknowledge(again) == 1
    assert await sizes(channel) == (0, 0, 0)


async def test_delivery_is_spoken_of_once(connect: Connect) -> None:
    channel = connect()
    await channel.send_batch([message("a"), message("b"), message("c")])
    a, b, c = await channel.receive_batch(3)
    assert await channel.acknowledge(a, a) == 1
    assert await channel.acknowledge(a, b) == 1
    assert not await channel.reject(b, "no")
    assert await channel.reject(c, "no", retry=False)
    assert not await channel.reject(c, "no")
    assert await channel.acknowledge(c) == 0
    assert await channel.acknowledge() == 0
    stats = await channel.get_stats()
    assert (stats.delivered, stats.acknowledged, stats.rejected) == (3, 2, 1)


# -- rejecting, dying, coming back --


async def test_rejected_message_comes_back_after_a_wait_and_then_dies_with_its_reason(
    connect: Connect,
) -> None:
    policy = RecoveryPolicy(max_retries=2, first_delay_s=0.01)
    channel = connect(ChannelSettings(recovery=policy))
    await channel.send(message())
    for attempt in range(3):
        delivery = await receive(channel)
        assert delivery.message.retry_count == attempt
        assert await channel.reject(delivery, f"attempt {attempt}")
    assert await channel.receive(timeout=0.05) is None
    [letter] = await channel.dead_letters()
    assert (letter.reason, letter.message.payload, letter.message.retry_count) == ("attempt 2", "a", 2)
    assert abs(letter.died_at - time.time()) < 60
    assert await sizes(channel) == (0, 0, 1)


async def test_rejected_message_waits_for_its_time_while_others_pass(connect: Connect) -> None:
    policy = RecoveryPolicy(first_delay_s=30)
    channel = connect(ChannelSettings(recovery=policy, lease_s=0.02))
    await channel.send_batch([message("a"), message("b")])
    await channel.reject(await receive(channel), "later")
    assert (await receive(channel)).message.payload == "b"
    await asyncio.sleep(0.3)  # long past the lease; its own time is what counts
    assert await payloads(channel) == ["b"]
    assert (await channel.get_stats()).waiting == 1


def test_waits_grow_exponentially_up_to_the_longest() -> None:
    policy = RecoveryPolicy(first_delay_s=0.5, factor=3, max_delay_s=10)
    assert [policy.delay_s(retry) for retry in (1, 2, 3, 4, 5, 10_000)] == [0.5, 1.5, 4.5, 10, 10, 10]


async def test_message_whose_receivers_all_die_becomes_a_dead_letter(connect: Connect) -> None:
    channel = connect(ChannelSettings(lease_s=0.02, recovery=RecoveryPolicy(max_retries=1)))
    await channel.send(message())
    assert [(await receive(channel)).message.retry_count for _ in range(2)] == [0, 1]
    assert await channel.receive(timeout=0.6) is None
    [letter] = await channel.dead_letters()
    assert (letter.reason, letter.message.retry_count) == ("lapsed once too often", 1)
    assert (await channel.get_stats()).buried == 1


async def test_rejected_without_retry_dies_at_once(connect: Connect) -> None:
    channel = connect()
    await channel.send(message())
    assert await channel.reject(await receive(channel), "nonsense \ud800", retry=False)
    [letter] = await channel.dead_letters()
    assert letter.reason == "nonsense ?"
    assert await channel.receive(timeout=0.02) is None


async def test_expired_message_is_not_delivered_but_kept(connect: Connect) -> None:
    channel = connect()
    now = time.time()
    await channel.send_batch(
        [message("old", timestamp=now - 10, ttl_s=5), message("new", timestamp=now - 10, ttl_s=60)]
    )
    assert await payloads(channel) == ["new"]
    [letter] = await channel.dead_letters()
    assert (letter.reason, letter.message.payload, letter.message.retry_count) == ("expired", "old", 0)


async def test_message_that_expires_between_deliveries_does_not_come_again(connect: Connect) -> None:
    channel = connect(ChannelSettings(lease_s=0.03, recovery=RecoveryPolicy(max_retries=1000)))
    await channel.send(message(ttl_s=0.6))
    await receive(channel)
    while not (letters := await channel.dead_letters()):
        await channel.receive(timeout=0.05)
    assert [letter.reason for letter in letters] == ["expired"]
    assert await sizes(channel) == (0, 0, 1)


async def test_dead_letter_can_be_requeued_once_and_begins_anew(connect: Connect) -> None:
    channel = connect()
    await channel.send_batch([message("a", timestamp=time.time() - 10, ttl_s=5), message("b")])
    await channel.reject(await receive(channel), "no", retry=False)
    letters = await channel.dead_letters()
    assert [letter.message.payload for letter in letters] == ["a", "b"]
    assert await channel.dead_letters(limit=1) == letters[:1]
    assert await channel.requeue(*letters) == 2
    assert await channel.requeue(*letters) == 0
    again = await channel.receive_batch(5)
    assert [(one.message.payload, one.message.retry_count) for one in again] == [("a", 0), ("b", 0)]
    assert again[0].message.id == letters[0].message.id
    assert await channel.acknowledge(*again) == 2
    assert await sizes(channel) == (0, 0, 0)


# -- flow and end --


async def test_paused_channel_holds_receivers_and_not_senders(connect: Connect) -> None:
    channel = connect()
    channel.pause()
    receiver = asyncio.create_task(receive(channel))
    await channel.send(message())
    assert await channel.receive(timeout=0.02) is None
    assert not receiver.done()
    with pytest.raises(QueueError, match="cannot pause"):
        channel.pause()
    channel.resume()
    assert (await receiver).message.payload == "a"
    with pytest.raises(QueueError, match="cannot resume"):
        channel.resume()


async def test_receivers_of_a_closed_channel_see_the_end(connect: Connect) -> None:
    channel = connect()
    receivers = [asyncio.create_task(channel.receive()), asyncio.create_task(channel.receive_batch())]
    await tick(20)
    await channel.close()
    assert [await receiver for receiver in receivers] == [None, []]
    assert [delivery async for delivery in channel] == []
    assert channel.status == "completed"


async def test_paused_channel_can_be_closed(connect: Connect) -> None:
    channel = connect()
    receiver = asyncio.create_task(channel.receive())
    await tick(20)
    channel.pause()
    await tick(20)
    await channel.close()
    assert await receiver is None


async def test_closed_channel_takes_nothing_more(connect: Connect) -> None:
    async with connect() as channel:
        await channel.send(message())
        delivery = await receive(channel)
    await channel.close()
    for verb in (
        channel.send(message()),
        channel.send_batch([message()]),
        channel.acknowledge(delivery),
        channel.reject(delivery, "no"),
        channel.dead_letters(),
        channel.get_stats(),
    ):
        with pytest.raises(QueueError) as raised:
            await verb
        assert raised.value.kind is ErrorKind.CLOSED


async def test_channel_closed_before_its_first_use_has_nothing_to_close(connect: Connect) -> None:
    channel = connect()
    await channel.close()
    assert await channel.receive() is None


async def test_close_waits_for_verbs_on_their_way(connect: Connect) -> None:
    channel = connect()
    sends = [asyncio.create_task(channel.send(message(i))) for i in range(5)]
    await tick(2)
    await channel.close()
    results = await asyncio.gather(*sends, return_exceptions=True)
    assert all(
        result is True or (isinstance(result, QueueError) and result.kind is ErrorKind.CLOSED)
        for result in results
    )


# -- all at once --


async def play(channel: Channel, seed: int) -> list[object]:
    """A random story; what the channel answered."""
    chance = random.Random(seed)
    held: list[Delivery] = []
    answers: list[object] = []
    for step in range(150):
        match chance.choice(
            ["send", "send", "batch", "receive", "receive", "ack", "twice", "reject", "requeue"]
        ):
            case "send":
                answers.append(await channel.send(message(step, id=str(chance.randrange(100)))))
            case "batch":
                batch = [
                    message([step, i], id=str(chance.randrange(100))) for i in range(chance.randrange(5))
                ]
                answers.append(await channel.send_batch(batch))
            case "receive":
                got = await channel.receive_batch(chance.randint(1, 4), timeout=0)
                answers += [(one.message.id, one.message.payload, one.message.retry_count) for one in got]
                held += got
            case "ack" if held:
                some = chance.sample(held, chance.randint(1, len(held)))
                held = [one for one in held if one not in some]
                answers.append(await channel.acknowledge(*some))
            case "twice" if held:
                answers.append(await channel.acknowledge(held[0], held[0]))
            case "reject" if held:
                answers.append(await channel.reject(held[-1], str(step), retry=False))
            case "requeue":
                letters = await channel.dead_letters(chance.randint(1, 3))
                answers += [(letter.message.id, letter.reason) for letter in letters]
                answers.append(await channel.requeue(*letters))
            case _:
                pass
    answers.append(await channel.get_stats())
    return answers


@pytest.mark.parametrize("seed", range(4))
async def test_every_channel_answers_as_the_one_in_memory(connect: Connect, seed: int) -> None:
    channel = connect()
    async with MemoryChannel() as model:
        assert await play(channel, seed) == await play(model, seed)


# -- settings --


@pytest.mark.parametrize(
    ("name", "value"),
    [("lease_s", 0), ("lease_s", math.nan), ("duplicate_window_s", -1), ("max_message_bytes", 0)],
)
def test_settings_that_make_no_sense_are_refused(name: str, value: float) -> None:
    with pytest.raises(QueueError, match=name) as raised:
        ChannelSettings(**{name: value})  # type: ignore[arg-type]
    assert raised.value.kind is ErrorKind.CONFIGURATION


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_retries", -1), ("first_delay_s", -1), ("factor", 0.5), ("max_delay_s", math.inf)],
)
def test_policy_that_makes_no_sense_is_refused(name: str, value: float) -> None:
    with pytest.raises(QueueError, match=name) as raised:
        RecoveryPolicy(**{name: value})  # type: ignore[arg-type]
    assert raised.value.kind is ErrorKind.CONFIGURATION


def test_examples_in_the_docstrings_hold() -> None:
    results = doctest.testmod(memory)
    assert (results.attempted > 0, results.failed) == (True, 0)


async def test_channel_shows_its_state_and_place(tmp_path: Path) -> None:
    channel = SQLiteChannel(tmp_path / "q.db")
    assert repr(channel) == f"<SQLiteChannel created {tmp_path / 'q.db'}>"
    assert repr(MemoryChannel()) == "<MemoryChannel created in memory>"
    redis = RedisChannel("redis://:secret@example.org:6379/1", "jobs")
    assert repr(redis) == "<RedisChannel created jobs at example.org:6379>"
    for one in (channel, redis):
        await one.close()
