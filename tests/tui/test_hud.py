"""The display of what the screen costs: nothing while it is closed, honest numbers while it is open."""

from __future__ import annotations

import pytest

from h2a_agent.events import Interrupt, Kind, Phase, Status, TokenStream, UserInput
from h2a_queue import QueueStats
from h2a_tui.vitals import Samples, Vitals, resident_bytes
from support.chat_pilot import Chat, running_chat


def numbers(chat: Chat) -> dict[str, str]:
    hud = chat.screen.hud
    assert hud._vitals is not None
    return dict(hud._vitals.rows(hud._queue()))


async def test_f12_opens_and_closes_it() -> None:
    async with running_chat() as chat:
        assert "loop p50" not in chat.text()
        await chat.press("f12")
        await chat.until(lambda: "loop p50" in chat.text())
        assert "memory" in chat.text()
        await chat.type("draft")
        await chat.press("f12")
        await chat.until(lambda: "loop p50" not in chat.text())
        assert chat.draft == "draft"


async def test_closed_it_has_no_timer_and_measures_nothing() -> None:
    async with running_chat() as chat:
        hud = chat.screen.hud
        await chat.say(Status(Phase.STREAMING, 1), TokenStream(1, 0, "x"))
        assert (hud._sampler, hud._vitals) == (None, None)
        await chat.press("f12")
        assert hud._sampler is not None
        await chat.press("f12")
        assert (hud._sampler, hud._vitals) == (None, None)


async def test_open_it_measures_lag_frames_echo_and_the_queue() -> None:
    async with running_chat() as chat:
        await chat.press("f12")
        await chat.say(Status(Phase.STREAMING, 1), TokenStream(1, 0, "x"))
        await chat.type("hi")
        await chat.until(
            lambda: "–" not in (numbers(chat)["loop p50"], numbers(chat)["frame"], numbers(chat)["echo p50"])
        )
        assert numbers(chat)["steer"] == "–"
        await chat.say(Interrupt("steer", Phase.STREAMING), UserInput("i", Kind.STEER, "no"))
        assert numbers(chat)["steer"].endswith("ms")
        assert int(numbers(chat)["queue max"]) > 0


async def test_the_numbers_change_and_the_layout_does_not() -> None:
    async with running_chat() as chat:
        await chat.press("f12")
        await chat.until(lambda: "loop p50         –" in chat.text())
        await chat.drawn()
        layouts: list[object] = []
        chat.screen._refresh_layout = lambda *a, **k: layouts.append(a)  # type: ignore[method-assign]
        await chat.until(lambda: "loop p50         –" not in chat.text())
        assert "loop p50" in chat.text()
        assert layouts == []


@pytest.mark.parametrize("width", [20, 40, 80, 200])
async def test_it_fits_any_width(width: int) -> None:
    async with running_chat(size=(width, 24)) as chat:
        await chat.press("f12")
        await chat.until(lambda: "loop p50" in chat.text())
        assert all(len(row) <= width for row in chat.rows())
        assert "ready" in chat.rows()[-1]


def test_shares_are_of_what_was_measured() -> None:
    samples = Samples()
    assert samples.share(0.5) is None
    for ms in range(1, 101):
        samples.add(ms / 1000)
    assert [round(samples.share(part) or 0) for part in (0.5, 0.95, 1)] == [50, 95, 100]
    samples.add(-1)
    assert samples.last == 0


def test_a_steer_is_measured_to_the_request_it_is_in() -> None:
    vitals = Vitals()
    vitals.delivered(5.0)
    assert vitals.steer.last is None
    vitals.steered(10.0)
    vitals.delivered(10.025)
    vitals.delivered(20.0)
    assert vitals.steer.last == pytest.approx(25)


def test_bytes_are_counted_between_two_looks() -> None:
    vitals = Vitals()
    vitals.wrote(1.0, 1000)
    assert vitals.bytes_per_s is None
    vitals.wrote(3.0, 5000)
    assert vitals.bytes_per_s == 2000
    assert ("output", "2 kB/s") in vitals.rows(None)


def test_what_the_queue_merged_and_dropped_is_told() -> None:
    stats = QueueStats(100, 90, 5, 3, 2, 7, 1, 12)
    rows = dict(Vitals().rows(stats))
    assert (rows["queue"], rows["queue max"], rows["merged"], rows["dropped"]) == ("1", "12", "7", "2")


def test_names_and_numbers_fit_their_cells() -> None:
    vitals = Vitals()
    for samples in (vitals.lag, vitals.frame, vitals.echo, vitals.steer):
        samples.add(12.3456)
    vitals.wrote(0.0, 0)
    vitals.wrote(1.0, 999_999_999)
    for name, value in vitals.rows(QueueStats(10**7, 0, 0, 0, 10**7, 10**7, 10**4, 10**4)):
        assert len(name) <= 9
        assert len(value) <= 9


def test_memory_is_this_process() -> None:
    assert 10_000_000 < resident_bytes() < 2_000_000_000
