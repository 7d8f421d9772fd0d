"""The bus: every subscriber gets every event through a queue of its own, by its own policy."""

from __future__ import annotations

import asyncio

from h2a_agent.bus import EventBus
from h2a_agent.events import AnyEvent, Done, Phase, Status, Thinking, TokenStream, ToolCall, ToolOutput
from h2a_queue import Backpressure


def token(text: str, step: int = 1, block: int = 0) -> TokenStream:
    return TokenStream(step, block, text)


async def test_events_are_numbered_dated_and_handed_to_everyone_in_order() -> None:
    bus = EventBus(clock=lambda: 7.0)
    one, two = bus.subscribe(), bus.subscribe()
    bus.publish(token("a"))
    bus.publish(Done(1, "end_turn"))
    bus.close()
    first, second = [e async for e in one], [e async for e in two]
    assert first == second
    assert [(e.seq, e.time) for e in first] == [(1, 7.0), (2, 7.0)]


async def test_a_subscriber_hears_only_of_the_types_it_asked_for() -> None:
    bus = EventBus()
    some = bus.subscribe(Done, Status)
    bus.publish(token("a"))
    bus.publish(Done(1, ""))
    bus.publish(Status(Phase.IDLE))
    bus.close()
    assert [type(e) for e in [e async for e in some]] == [Done, Status]


async def test_a_slow_screen_gets_neighbouring_pieces_as_one_and_loses_nothing() -> None:
    bus = EventBus()
    screen = bus.subscribe(max_size=4)
    pieces = [f"{n} " for n in range(500)]
    for piece in pieces[:250]:
        bus.publish(token(piece))
    bus.publish(Done(1, "end_turn"))
    for piece in pieces[250:]:
        bus.publish(token(piece, step=2))
    bus.close()
    events = [e async for e in screen]
    assert len(events) < 50
    assert "".join(e.text for e in events if isinstance(e, TokenStream)) == "".join(pieces)
    kinds = [type(e) for e in events]
    first_of_step_2 = next(i for i, e in enumerate(events) if isinstance(e, TokenStream) and e.step == 2)
    assert kinds.index(Done) < first_of_step_2
    stats = screen.stats
    assert stats.dropped_messages == 0
    assert stats.merged_messages == 501 - len(events)


async def test_arguments_that_form_while_nobody_reads_are_merged_up_to_a_size() -> None:
    """Merged without a limit, each new piece would copy all before it."""
    bus = EventBus()
    screen = bus.subscribe(max_size=4)
    pieces = [f"{n:0100}" for n in range(3_000)]
    for piece in pieces:
        bus.publish(ToolCall(1, 0, "c1", "write", "forming", piece))
    bus.close()
    events = [e async for e in screen if isinstance(e, ToolCall)]
    assert "".join(e.arguments_delta for e in events) == "".join(pieces)
    assert max(len(e.arguments_delta) for e in events) < 40_000


async def test_only_pieces_that_belong_together_are_merged() -> None:
    bus = EventBus()
    screen = bus.subscribe(max_size=1)
    events: list[AnyEvent] = [
        token("a", block=0),
        token("b", block=1),
        Thinking(1, 2, "c"),
        Thinking(1, 2, "d"),
        ToolCall(1, 3, "x", "bash", "forming", "{"),
        ToolCall(1, 3, "x", "bash", "forming", "}"),
        ToolCall(1, 3, "x", "bash", "complete"),
        ToolOutput("x", "1"),
        ToolOutput("y", "2"),
        ToolOutput("y", "3"),
    ]
    for event in events:
        bus.publish(event)
    bus.close()
    seen = [e async for e in screen]
    assert [(type(e).__name__, getattr(e, "text", getattr(e, "arguments_delta", ""))) for e in seen] == [
        ("TokenStream", "a"),
        ("TokenStream", "b"),
        ("Thinking", "cd"),
        ("ToolCall", "{}"),
        ("ToolCall", ""),
        ("ToolOutput", "1"),
        ("ToolOutput", "23"),
    ]


async def test_a_meter_that_drops_counts_what_it_dropped() -> None:
    bus = EventBus()
    meter = bus.subscribe(policy=Backpressure.DROP_OLDEST, max_size=2)
    for n in range(5):
        bus.publish(Done(n, ""))
    bus.close()
    assert [e.step for e in [e async for e in meter] if isinstance(e, Done)] == [3, 4]
    assert meter.stats.dropped_messages == 3


async def test_a_reader_that_blocks_holds_the_run_back_until_it_has_read() -> None:
    bus = EventBus()
    strict = bus.subscribe(policy=Backpressure.BLOCK, max_size=2)
    order: list[str] = []

    async def produce() -> None:
        for n in range(6):
            bus.publish(token(str(n)))
            await bus.room()
            order.append(f"made {n}")

    producer = asyncio.create_task(produce())
    await asyncio.sleep(0)
    assert order == ["made 0"]
    read = [await strict.__anext__() for _ in range(6)]
    await producer
    assert [e.text for e in read if isinstance(e, TokenStream)] == list("012345")
    bus.close()


async def test_a_closed_reader_holds_nobody_back() -> None:
    bus = EventBus()
    strict = bus.subscribe(policy=Backpressure.BLOCK, max_size=1)
    bus.publish(token("a"))
    waiting = asyncio.create_task(bus.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    strict.close()
    await waiting


async def test_a_late_subscriber_gets_the_remembered_events_first() -> None:
    bus = EventBus(history=2)
    for n in range(4):
        bus.publish(Done(n, ""))
    late = bus.subscribe(late=True)
    bus.publish(Done(4, ""))
    bus.close()
    assert [e.step for e in [e async for e in late] if isinstance(e, Done)] == [2, 3, 4]


async def test_a_batch_is_everything_that_waits() -> None:
    bus = EventBus()
    reader = bus.subscribe()
    for n in range(3):
        bus.publish(Done(n, ""))
    assert len(await reader.batch()) == 3
    bus.close()
    assert await reader.batch() == []
