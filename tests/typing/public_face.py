"""Never run, only type-checked: the public face, used as a user would."""

from __future__ import annotations

from pathlib import Path

from h2a_agent import Agent, RunSettings, Session, StreamEvent, StreamingExecutor
from h2a_agent.context.breakdown import Breakdown
from h2a_agent.events import AnyEvent, Decision, Kind, QueueChanged, Settled
from h2a_agent.providers.base import Provider
from h2a_agent.providers.demo import DemoProvider
from h2a_agent.state import State
from h2a_queue import (
    Backpressure,
    Channel,
    Coalesce,
    Delivery,
    H2AQueue,
    Message,
    PriorityH2AQueue,
    QueueStats,
    StreamingMessageQueue,
)
from h2a_queue.channels import MemoryChannel, RedisChannel, SQLiteChannel


def join(older: str, newer: str) -> str | None:
    return older + newer


async def queues() -> None:
    plain: H2AQueue[int] = H2AQueue()
    merged = H2AQueue[str](max_size=10, backpressure=Coalesce(join))
    dropping: H2AQueue[bytes] = H2AQueue(5, Backpressure.DROP_OLDEST)
    accepted: bool = await plain.enqueue(1) and merged.enqueue_nowait("a") and dropping.enqueue_nowait(b"")
    one: int | None = await plain.dequeue(timeout=1.0)
    many: list[str] = await merged.dequeue_batch()
    async for number in plain:
        number.bit_length()
    stats: QueueStats = plain.get_stats()
    urgent: PriorityH2AQueue[str] = PriorityH2AQueue()
    stream = StreamingMessageQueue()
    print(accepted, one, many, stats.total_enqueued, urgent, stream)


async def channels(file: Path) -> None:
    every: list[Channel] = [MemoryChannel(), SQLiteChannel(file), RedisChannel("redis://localhost", "work")]
    for channel in every:
        sent: bool = await channel.send(Message(payload="x"))
        delivery: Delivery | None = await channel.receive(timeout=1.0)
        if delivery is not None:
            print(sent, await channel.acknowledge(delivery))


async def agents(folder: Path) -> None:
    provider: Provider = DemoProvider()
    session = Session.create(folder, folder)
    async with Agent(provider, session=session, settings=RunSettings("m", mode="plan")) as agent:
        item: str = agent.prompt("hello")
        items: list[str] = [agent.steer("no"), agent.nudge("later"), agent.follow_up("last")]
        agent.branch(item)
        for row in agent.sessions.tree():
            agent.sessions.label(row.id, row.text)
        print(await agent.sessions.fork(), await agent.sessions.export(folder / "x.html"))
        changed: bool = agent.edit(item, "x") or agent.withdraw(item) or agent.reorder(item, -1)
        agent.promote(item, Kind.STEER)
        order: str = agent.compact("keep the names", preview=True)
        decided: bool = agent.accept_summary() or agent.drop_summary()
        fills: Breakdown = await agent.context()
        print(order, decided, fills.total, fills.free)
        agent.answer("call", Decision.ALLOW)
        agent.pause()
        agent.resume()
        agent.abort()
        everything: list[AnyEvent] = await agent.subscribe().batch()
        async for event in agent.subscribe(QueueChanged, Settled):
            print(event.seq, changed, everything, items)
        state: State = agent.state
        settled: Settled = await agent.settled()
        print(state.word, settled.reason)
        async for streamed in StreamingExecutor(agent).execute_stream("task"):
            shown: StreamEvent = streamed
            print(shown.type, shown.content)
