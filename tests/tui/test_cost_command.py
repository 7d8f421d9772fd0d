"""`/cost`, in figures that are told and none that are guessed."""

from __future__ import annotations

from dataclasses import replace

from h2a_agent.events import Usage
from h2a_agent.state import State
from h2a_tui.cost_command import cost_rows
from support.chat_pilot import running_chat

USAGE = Usage("opus-9", 1200, 345, 90_000, 4000, 95_545, 200_000, 1.5)


def test_run_and_session_and_the_last_request() -> None:
    rows = dict(cost_rows(State(usage=USAGE, run_began_usd=1.25)))
    assert rows["This session"] == "$1.50"
    assert rows["The last run"] == "$0.25"
    assert rows["The last request"] == "opus-9"
    assert rows["  from the cache"] == "90,000"
    assert rows["  the conversation now"] == "95,545 of 200k"


def test_an_unknown_price_and_window_are_said_to_be_so() -> None:
    rows = dict(cost_rows(State(usage=replace(USAGE, cost_usd=None, context_window=0))))
    assert rows["This session"] == "the price is not known"
    assert "The last run" not in rows
    assert rows["  the conversation now"] == "95,545"


async def test_cost_opens_a_page_once_there_is_something_to_tell() -> None:
    async with running_chat() as chat:
        await chat.type("/cost")
        await chat.press("enter")
        assert "Nothing has been asked" in chat.rows()[-1]
        await chat.say(USAGE)
        await chat.type("/cost")
        await chat.press("enter")
        await chat.until(lambda: "$1.50" in chat.text())
