"""Compaction in a run: each scenario of the steering contract that has to do with it, against a strict server.

The agent has its journal on disk; the server refuses whatever the Messages API would refuse. Requests for a
summary are told from the others by their system prompt.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from h2a_agent import compactor
from h2a_agent.agent import Agent
from h2a_agent.compaction import compact_prompt
from h2a_agent.content import Message, TextBlock
from h2a_agent.events import (
    AnyEvent,
    ApprovalRequested,
    CompactionEnded,
    CompactionStarted,
    CompactionSwitched,
    Decision,
    Error,
    InputRestored,
    Interrupt,
    Kind,
    Phase,
    RetryScheduled,
    Settled,
    Usage,
    UserInput,
)
from h2a_agent.history import AssistantEntry, CompactionEntry, UserEntry
from h2a_agent.models import ModelInfo
from h2a_agent.providers.anthropic import AnthropicProvider
from h2a_agent.providers.base import Request, TokenUsage
from h2a_agent.providers.demo import DemoProvider
from h2a_agent.providers.demo.moment import read_moment
from h2a_agent.request import SUMMARY_MARKER
from h2a_agent.retry import RetryPolicy
from h2a_agent.run_settings import RunSettings
from h2a_agent.session import Session
from h2a_agent.session_files import session_info
from h2a_agent.tools import default_tools
from support.messages_api import Answer, MessagesServer, Recorded, gate, hold, status, stop, text, tool
from support.scripted_provider import ScriptedProvider

TOO_LONG = Answer(
    status(
        400,
        {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"}},
    )
)
USED_UP = Answer(
    status(
        429,
        {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}},
        {"retry-after": "3600"},
    )
)
SUMMARY = Answer(text("## Goal\nthe gist"))


class Desk:
    """One agent on one server, what it said, and a little conversation to start from."""

    def __init__(self, server: MessagesServer, tmp_path: Path) -> None:
        self.server = server
        self.folder = tmp_path / "project"
        self.folder.mkdir()
        self.session = Session.create(tmp_path / "sessions", self.folder)
        self.events: list[AnyEvent] = []
        self.agent = self.start(self.session)

    def start(self, session: Session) -> Agent:
        agent = Agent(
            AnthropicProvider("test-model", api_key="sk-test", base_url=self.server.url),
            session=session,
            settings=RunSettings("test-model", mode="full"),
            tools=default_tools(),
            spill_dir=self.folder,
            retry=RetryPolicy(first_s=0.001),
        )
        self.live = agent.subscribe()
        return agent

    async def talk(self, *words: str) -> None:
        """Say each, and have it answered by its echo."""
        for word in words:
            self.server.script(Answer(text(f"re: {word}")))
            self.agent.prompt(word)
            await self.settle()

    async def settle(self) -> Settled:
        async with asyncio.timeout(15):
            return await self.agent.settled()

    async def until(self, kind: type[AnyEvent]) -> Any:
        async with asyncio.timeout(15):
            async for event in self.live:
                self.events.append(event)
                if isinstance(event, kind):
                    return event
        raise AssertionError(f"no {kind.__name__} came")

    async def seen(self, kind: type[AnyEvent]) -> list[Any]:
        """All events of `kind` so far; the agent is closed for it."""
        await self.agent.aclose()
        self.events += [event async for event in self.live]
        return [event for event in self.events if isinstance(event, kind)]

    def queue(self) -> list[tuple[Kind, str]]:
        return [(item.kind, item.text) for item in self.agent.state.queue]

    def die_and_reopen(self) -> Session:
        """Open the file as another process would after a kill: nothing is flushed or closed in order."""
        journal = self.session._journal
        assert journal is not None
        assert self.session.path is not None
        copy = self.session.path.with_name("after.jsonl")
        copy.write_bytes(self.session.path.read_bytes())
        return Session.open(copy)


@pytest.fixture
async def desk(server: MessagesServer, tmp_path: Path) -> AsyncIterator[Desk]:
    it = Desk(server, tmp_path)
    yield it
    delivered = [event.item_id for event in await it.seen(UserInput)]
    assert len(delivered) == len(set(delivered)), "an item was delivered twice"


def asks_for_summary(request: Recorded) -> bool:
    system = request.payload["system"]
    return compact_prompt() in (system if isinstance(system, str) else system[0]["text"])


def said(request: Recorded) -> list[str]:
    """Every text of the request, in order."""
    return [
        block["text"]
        for message in request.messages
        for block in (
            [{"type": "text", "text": message["content"]}]
            if isinstance(message["content"], str)
            else message["content"]
        )
        if block["type"] == "text"
    ]


def small_window(monkeypatch: pytest.MonkeyPatch, window: int) -> None:
    monkeypatch.setattr("h2a_agent.compactor.model_info", lambda _model: ModelInfo(window, 0, None))


# ------------------------------------------------------------------ by hand


async def test_what_is_older_is_summarised_and_the_rest_stays_verbatim(desk: Desk) -> None:
    await desk.talk("first " * 400, "second")
    desk.server.script(SUMMARY)
    desk.agent.compact("keep the names")
    await desk.settle()
    asked = desk.server.requests[-1]
    assert asks_for_summary(asked)
    assert "keep the names" in said(asked)[-2]
    await desk.talk("third")
    told = said(desk.server.requests[-1])
    assert told[0] == f"{SUMMARY_MARKER}\n\n## Goal\nthe gist"
    assert told[1:] == ["second", "re: second", "third"]


async def test_a_later_summary_is_made_from_the_earlier_one(desk: Desk) -> None:
    await desk.talk("first " * 400, "second " * 400)
    desk.server.script(SUMMARY)
    desk.agent.compact()
    await desk.settle()
    await desk.talk("third")
    desk.server.script(Answer(text("the gist of both")))
    desk.agent.compact()
    await desk.settle()
    assert "the gist" in said(desk.server.requests[-1])[0]
    assert "earlier summary" in said(desk.server.requests[-1])[-1]
    await desk.talk("fourth")
    first = said(desk.server.requests[-1])[0]
    assert "the gist of both" in first
    assert "## Goal" not in first


async def test_undo_tells_the_whole_conversation_again_and_accept_takes_that_back(desk: Desk) -> None:
    await desk.talk("first " * 400, "second")
    desk.server.script(SUMMARY)
    desk.agent.compact()
    await desk.settle()
    assert desk.agent.drop_summary()
    assert not desk.agent.drop_summary(), "it was taken back already"
    await desk.talk("whole")
    assert said(desk.server.requests[-1])[0] == "first " * 400
    assert desk.agent.accept_summary()
    assert not desk.agent.accept_summary(), "it counts already"
    await desk.talk("short")
    assert said(desk.server.requests[-1])[0].startswith(SUMMARY_MARKER)
    assert [event.counts for event in await desk.seen(CompactionSwitched)] == [False, True]


async def test_a_preview_is_shown_and_does_not_count_until_it_is_accepted(desk: Desk) -> None:
    await desk.talk("first " * 400, "second")
    desk.server.script(SUMMARY)
    desk.agent.compact(preview=True)
    ended = await desk.until(CompactionEnded)
    assert (ended.ok, ended.counts, ended.summary) == (True, False, "## Goal\nthe gist")
    await desk.settle()
    await desk.talk("still whole")
    assert said(desk.server.requests[-1])[0] == "first " * 400
    assert desk.agent.accept_summary()
    await desk.talk("now short")
    assert said(desk.server.requests[-1])[0].startswith(SUMMARY_MARKER)
    assert said(desk.server.requests[-1])[-3:] == ["still whole", "re: still whole", "now short"]


async def test_nothing_is_said_to_the_model_because_of_a_compaction_alone(desk: Desk) -> None:
    """The last message was never answered; to compact is not to send it again."""
    await desk.talk("first " * 400)
    desk.server.script(Answer(text(["half", gate("mid")])), SUMMARY)
    desk.agent.prompt("second")
    await desk.server.reached("mid")
    desk.agent.abort()
    await desk.settle()
    before = len(desk.server.requests)
    desk.agent.compact()
    await desk.settle()
    assert [asks_for_summary(r) for r in desk.server.requests[before:]] == [True]


async def test_an_empty_conversation_has_nothing_to_summarise_and_that_is_said(desk: Desk) -> None:
    desk.agent.compact()
    ended = await desk.until(CompactionEnded)
    assert (ended.ok, ended.reason) == (False, "there is nothing to summarise yet")
    await desk.settle()
    assert desk.server.requests == []
    assert desk.queue() == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(text("half of"), stop("max_tokens")), "the summary was cut at its token limit"),
        (Answer(text(" \n")), "the summary was empty"),
        (Answer(tool("ls", {})), "the summary ended with 'tool_use'"),
    ],
)
async def test_a_summary_that_is_none_is_refused_and_the_history_is_as_it_was(
    desk: Desk, answer: Answer, reason: str
) -> None:
    await desk.talk("first " * 400, "second")
    history = desk.session.history.entries
    desk.server.script(answer)
    desk.agent.compact()
    ended = await desk.until(CompactionEnded)
    assert (ended.ok, ended.reason) == (False, reason)
    await desk.settle()
    assert desk.session.history.entries == history
    assert desk.queue() == []


async def test_a_summary_is_tried_again_by_the_table_of_every_request(desk: Desk) -> None:
    await desk.talk("first " * 400, "second")
    busy = Answer(status(529, {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}))
    desk.server.script(busy, busy, SUMMARY)
    desk.agent.compact()
    await desk.settle()
    assert [event.attempt for event in await desk.seen(RetryScheduled)] == [1, 2]
    assert [event.ok for event in await desk.seen(CompactionEnded)] == [True]


async def test_a_summary_that_fails_for_good_says_why_and_what_to_do(desk: Desk) -> None:
    await desk.talk("first " * 400, "second")
    no = {"type": "error", "error": {"type": "authentication_error", "message": "bad key"}}
    desk.server.script(Answer(status(401, no)))
    desk.agent.compact()
    assert (await desk.settle()).reason == "completed"
    [error] = await desk.seen(Error)
    assert "bad key" in error.message
    assert error.advice
    assert not error.fatal


async def test_what_a_summary_costs_is_in_the_sum_also_of_the_reopened_session(desk: Desk) -> None:
    desk.agent.configure(model="claude-opus-4-5")
    await desk.talk("first " * 400, "second")
    before = desk.agent.state.usage
    desk.server.script(SUMMARY)
    desk.agent.compact()
    await desk.settle()
    after = desk.agent.state.usage
    assert before is not None
    assert after is not None
    assert before.cost_usd is not None
    assert after.cost_usd is not None
    assert after.cost_usd > before.cost_usd
    async with desk.start(desk.die_and_reopen()) as again:
        again.configure(model="claude-opus-4-5")
        desk.server.script(Answer(text("ok")))
        again.prompt("more")
        await again.settled()
        assert again.state.usage is not None
        assert again.state.usage.cost_usd is not None
        assert again.state.usage.cost_usd > after.cost_usd


async def test_what_a_refused_summary_has_cost_is_in_the_sum_of_the_reopened_session_and_in_the_list(
    desk: Desk,
) -> None:
    desk.agent.configure(model="claude-opus-4-5")
    await desk.talk("first " * 400, "second")
    before = desk.agent.state.usage
    desk.server.script(Answer(text(" \n")))
    desk.agent.compact()
    assert not (await desk.until(CompactionEnded)).ok
    await desk.settle()
    desk.server.script(Answer(text("ok")))
    desk.agent.prompt("more")
    await desk.settle()
    after = desk.agent.state.usage
    assert before is not None
    assert after is not None
    assert after.cost_usd is not None
    assert after.request_usd is not None
    assert before.cost_usd is not None
    assert after.cost_usd > before.cost_usd + after.request_usd, "the refused summary was not for nothing"
    async with desk.start(desk.die_and_reopen()) as again:
        assert again.state.usage is not None
        assert again.state.usage.cost_usd == pytest.approx(after.cost_usd)
        again.sessions.rename("dear")
        path = again.session_path
    assert path is not None
    info = session_info(path)
    assert info is not None
    assert info.cost_usd == pytest.approx(after.cost_usd)


async def test_what_a_summary_costs_is_counted_and_the_context_is_smaller_after_it(desk: Desk) -> None:
    await desk.talk("first " * 4000, "second")
    before = desk.agent.state.usage
    assert before is not None
    desk.server.script(SUMMARY)
    desk.agent.compact()
    await desk.settle()
    after = desk.agent.state.usage
    assert isinstance(after, Usage)
    assert after.input_tokens > 5_000, "what the summary itself used"
    made = desk.session.history.last
    assert isinstance(made, CompactionEntry)
    assert after.context_tokens == made.tokens_after < before.context_tokens // 2
    assert made.usage.input_tokens == after.input_tokens


# ------------------------------------------------------------ steer and queue


async def test_steer_in_compaction_neither_ends_it_nor_waits_for_more_than_it(desk: Desk) -> None:
    await desk.talk("first " * 400, "second")
    desk.server.script(Answer(text(["the ", gate("mid"), "gist"])), Answer(text("ok")))
    desk.agent.compact()
    await desk.server.reached("mid")
    assert desk.agent.state.phase is Phase.COMPACTING
    desk.agent.steer("now")
    assert desk.queue()[-1] == (Kind.STEER, "now")
    desk.server.open("mid")
    await desk.settle()
    assert [asks_for_summary(r) for r in desk.server.requests[-2:]] == [True, False]
    assert not desk.server.requests[-2].disconnected
    told = said(desk.server.requests[-1])
    assert told[0] == f"{SUMMARY_MARKER}\n\nthe gist"
    assert told[-1] == "now"
    assert await desk.seen(Interrupt) == []


async def test_what_is_queued_before_and_during_a_compaction_keeps_kind_and_order(desk: Desk) -> None:
    await desk.talk("first " * 400)
    desk.server.script(
        Answer(text(["an ", gate("answer"), "swer"])),
        Answer(text("got the nudge")),
        Answer(text(["gi", gate("summary"), "st"])),
        *[Answer(text("ok"))] * 3,
    )
    desk.agent.prompt("go")
    await desk.server.reached("answer")
    desk.agent.follow_up("follow-up before")
    desk.agent.nudge("nudge before")
    desk.agent.compact()
    desk.agent.nudge("nudge behind")
    assert desk.queue() == [
        (Kind.NUDGE, "nudge before"),
        (Kind.COMPACT, "/compact"),
        (Kind.NUDGE, "nudge behind"),
        (Kind.FOLLOW_UP, "follow-up before"),
    ]
    desk.server.open("answer")
    await desk.server.reached("summary")
    desk.agent.follow_up("follow-up during")
    desk.agent.nudge("nudge during")
    desk.server.open("summary")
    await desk.settle()
    asked = [asks_for_summary(r) for r in desk.server.requests[1:]]
    assert asked == [False, False, True, False, False, False]
    delivered = [(event.kind, event.text) for event in await desk.seen(UserInput)][2:]
    assert delivered == [
        (Kind.NUDGE, "nudge before"),
        (Kind.NUDGE, "nudge behind"),
        (Kind.NUDGE, "nudge during"),
        (Kind.FOLLOW_UP, "follow-up before"),
        (Kind.FOLLOW_UP, "follow-up during"),
    ]


async def test_a_steer_behind_a_waiting_compaction_cuts_the_answer_and_goes_right_after_it(
    desk: Desk,
) -> None:
    await desk.talk("first " * 400)
    desk.server.script(Answer(text(["a", gate("mid"), "b"])), SUMMARY, Answer(text("ok")))
    desk.agent.prompt("go")
    await desk.server.reached("mid")
    desk.agent.compact()
    desk.agent.steer("instead")
    await desk.server.disconnected(2)
    await desk.settle()
    assert [asks_for_summary(r) for r in desk.server.requests[2:]] == [True, False]
    assert said(desk.server.requests[-1])[-1] == "instead"


async def test_a_waiting_compaction_is_withdrawn_like_any_item(desk: Desk) -> None:
    desk.server.script(Answer(text(["a", gate("mid"), "b"])))
    desk.agent.prompt("go")
    await desk.server.reached("mid")
    order = desk.agent.compact("the names")
    assert not desk.agent.promote(order, Kind.STEER)
    assert desk.agent.edit(order, "/compact the numbers")
    assert desk.agent.withdraw(order)
    desk.server.open("mid")
    await desk.settle()
    assert len(desk.server.requests) == 1
    [restored] = await desk.seen(InputRestored)
    assert restored.texts == ("/compact the numbers",)


async def test_withdrawing_the_order_ends_the_compaction_and_the_run_goes_on(desk: Desk) -> None:
    await desk.talk("first " * 400, "second")
    history = desk.session.history.entries
    desk.server.script(Answer(gate("mid"), hold()))
    order = desk.agent.compact()
    await desk.server.reached("mid")
    desk.agent.follow_up("later")
    assert desk.agent.withdraw(order)
    await desk.server.disconnected(3)
    await desk.settle()
    assert desk.session.history.entries[: len(history)] == history
    assert said(desk.server.requests[-1])[-1] == "later"


async def test_the_words_of_a_waiting_order_can_be_edited(desk: Desk) -> None:
    await desk.talk("first " * 400, "second")
    desk.server.script(Answer(text(["a", gate("mid"), "b"])), SUMMARY)
    desk.agent.prompt("go")
    await desk.server.reached("mid")
    order = desk.agent.compact("the names")
    desk.agent.edit(order, "/compact preview the numbers")
    desk.server.open("mid")
    await desk.settle()
    assert "the numbers" in said(desk.server.requests[-1])[-2]
    [ended] = await desk.seen(CompactionEnded)
    assert not ended.counts


async def test_a_compaction_asked_for_while_a_question_is_open_waits_for_the_tool(desk: Desk) -> None:
    await desk.talk("first " * 400)
    desk.agent.configure(mode="ask")
    desk.server.script(Answer(tool("bash", {"command": "touch made"}, id="c1")), SUMMARY, Answer(text("ok")))
    desk.agent.prompt("go")
    asked = await desk.until(ApprovalRequested)
    desk.agent.compact()
    assert desk.agent.state.phase is Phase.APPROVAL
    assert len(desk.server.requests) == 2
    assert desk.agent.answer(asked.call_id, Decision.ALLOW, digest=asked.digest)
    await desk.settle()
    assert [asks_for_summary(r) for r in desk.server.requests[2:]] == [True, False]
    last = desk.server.requests[-1]
    results = [
        b
        for m in last.messages
        for b in m["content"]
        if not isinstance(b, str) and b["type"] == "tool_result"
    ]
    assert len(results) == 1, "the call and its result stayed together"


async def test_a_compaction_asked_for_while_paused_waits_until_the_run_goes_on(desk: Desk) -> None:
    await desk.talk("first " * 400)
    desk.server.script(Answer(tool("ls", {}, id="c1"), gate("mid")), SUMMARY, Answer(text("ok")))
    desk.agent.prompt("go")
    await desk.server.reached("mid")
    desk.agent.pause()
    desk.server.open("mid")
    async with asyncio.timeout(10):
        while desk.agent.state.phase is not Phase.PAUSED:
            await asyncio.sleep(0.005)
    desk.agent.compact()
    for _ in range(50):
        await asyncio.sleep(0)
    assert desk.agent.state.phase is Phase.PAUSED
    assert desk.queue() == [(Kind.COMPACT, "/compact")]
    assert len(desk.server.requests) == 2
    desk.agent.resume()
    await desk.settle()
    assert [asks_for_summary(r) for r in desk.server.requests[2:]] == [True, False]


# --------------------------------------------------------------------- the demo


async def test_the_demo_summarises_as_a_script_can_and_goes_on_from_it(tmp_path: Path) -> None:
    session = Session.unsaved(tmp_path)
    async with Agent(DemoProvider(None), session=session, settings=RunSettings("demo")) as agent:
        agent.prompt("who are you")
        await agent.settled()
        agent.compact()
        await agent.settled()
        made = session.history.last
        assert isinstance(made, CompactionEntry)
        assert "a script and not a language model" in made.summary
        assert "- who are you" in made.summary
        agent.prompt("thanks")
        await agent.settled()
        answer = session.history.last
        assert isinstance(answer, AssistantEntry)
        words = " ".join(block.text for block in answer.content if isinstance(block, TextBlock))
        assert "You are welcome" in words
    told = (TextBlock(f"{SUMMARY_MARKER}\n\n{made.summary}"), TextBlock("thanks"))
    moment = read_moment(Request("demo", "", (Message("user", told),)))
    assert (moment.words, moment.also) == ("thanks", ()), "the summary is no wish of the user's"


# -------------------------------------------------------------------- abort


async def test_abort_in_compaction_leaves_history_and_queue_as_they_were(desk: Desk) -> None:
    await desk.talk("first " * 400, "second")
    history = desk.session.history.entries
    desk.server.script(Answer(text(["the ", gate("mid"), "gist"])))
    desk.agent.compact()
    await desk.server.reached("mid")
    desk.agent.follow_up("later")
    desk.agent.steer("now")
    desk.agent.abort()
    assert (await desk.settle()).reason == "aborted"
    await desk.server.disconnected(3)
    assert desk.session.history.entries == history
    assert desk.queue() == [(Kind.STEER, "now"), (Kind.FOLLOW_UP, "later")]
    assert desk.agent.state.queue_paused
    assert len(desk.server.requests) == 3
    desk.agent.resume()
    await desk.settle()
    assert [event.text for event in await desk.seen(UserInput)][2:] == ["now", "later"]
    assert [event.ok for event in await desk.seen(CompactionEnded)] == [False]
    assert await desk.seen(InputRestored) == []


async def test_abort_in_the_wait_between_two_tries_ends_the_compaction(desk: Desk) -> None:
    await desk.talk("first " * 400, "second")
    busy = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
    desk.server.script(Answer(status(429, busy, {"retry-after": "50"})))
    desk.agent.compact()
    await desk.until(RetryScheduled)
    desk.agent.abort()
    assert (await desk.settle()).reason == "aborted"
    assert len(desk.server.requests) == 3


async def test_abort_send_next_in_compaction_sends_what_waits(desk: Desk) -> None:
    desk.agent.configure(on_abort="send-next")
    await desk.talk("first " * 400, "second")
    desk.server.script(Answer(gate("mid"), hold()), Answer(text("ok")))
    desk.agent.compact()
    await desk.server.reached("mid")
    desk.agent.follow_up("next")
    desk.agent.abort()
    await desk.settle()
    assert [asks_for_summary(r) for r in desk.server.requests[2:]] == [True, False]
    assert said(desk.server.requests[-1])[-1] == "next"


# ------------------------------------------------------------------ by itself


async def test_overflow_compacts_exactly_once_and_repeats_the_request(desk: Desk) -> None:
    await desk.talk("first " * 400, "second")
    desk.server.script(TOO_LONG, SUMMARY, Answer(text("fits")))
    desk.agent.prompt("go")
    assert (await desk.settle()).reason == "completed"
    assert [asks_for_summary(r) for r in desk.server.requests[2:]] == [False, True, False]
    told = said(desk.server.requests[-1])
    assert told[0].startswith(SUMMARY_MARKER)
    assert told[-1] == "go"
    assert await desk.seen(Error) == [], "nothing is left out where a summary has made room"


async def test_a_repeated_request_that_still_does_not_fit_goes_without_its_beginning_then_the_run_ends(
    desk: Desk,
) -> None:
    await desk.talk("first " * 400, "second")
    desk.server.script(TOO_LONG, SUMMARY, TOO_LONG, TOO_LONG)
    desk.agent.prompt("go")
    assert (await desk.settle()).reason == "failed"
    assert [asks_for_summary(r) for r in desk.server.requests[2:]] == [False, True, False, False]
    summary, note, prompt = said(desk.server.requests[-1])
    assert summary.startswith(SUMMARY_MARKER)
    assert "left out" in note
    assert prompt == "go"
    [error] = [event for event in await desk.seen(Error) if event.fatal]
    assert error.advice
    [restored] = await desk.seen(InputRestored)
    assert restored.texts == ("go",)


async def test_where_no_summary_makes_room_the_request_goes_without_what_it_can(desk: Desk) -> None:
    await desk.talk("first", f"begin {'long ' * 4_000} end")
    desk.server.script(TOO_LONG, Answer(text("")), Answer(text("fits")))
    desk.agent.prompt("go")
    assert (await desk.settle()).reason == "completed"
    assert [asks_for_summary(r) for r in desk.server.requests[2:]] == [False, True, False]
    assert any("characters left out" in words for words in said(desk.server.requests[-1]))
    [error] = await desk.seen(Error)
    assert "the middle of long texts" in error.advice
    assert not error.fatal


@pytest.mark.parametrize("ordered", [True, False])
async def test_a_limit_in_a_compaction_is_waited_out_and_the_order_stands(desk: Desk, ordered: bool) -> None:
    await desk.talk("first " * 400, "second")
    desk.server.script(*([] if ordered else [TOO_LONG]), USED_UP, SUMMARY, Answer(text("fits")))
    if ordered:
        desk.agent.compact("the names")
    else:
        desk.agent.prompt("go")
    await desk.until(CompactionEnded)
    async with asyncio.timeout(15):
        while desk.agent.state.phase is not Phase.PAUSED:
            await asyncio.sleep(0)
    assert desk.queue() == ([(Kind.COMPACT, "/compact the names")] if ordered else [])
    desk.agent.resume()
    assert (await desk.settle()).reason == "completed"
    asked = [asks_for_summary(r) for r in desk.server.requests[2:]]
    assert asked == ([True, True] if ordered else [False, True, True, False])
    assert [event.ok for event in await desk.seen(CompactionEnded)] == [False, True]


async def test_each_overflow_gets_its_compaction_once_an_answer_lies_between(desk: Desk) -> None:
    await desk.talk("first " * 400, "second " * 400)
    desk.server.script(
        TOO_LONG, SUMMARY, Answer(text("fits " * 800)), TOO_LONG, SUMMARY, Answer(text("fits"))
    )
    desk.agent.prompt("go")
    desk.agent.follow_up("and on")
    assert (await desk.settle()).reason == "completed"
    asked = [asks_for_summary(r) for r in desk.server.requests[2:]]
    assert asked == [False, True, False, False, True, False]


async def test_a_message_that_alone_does_not_fit_is_given_back(desk: Desk) -> None:
    desk.server.script(TOO_LONG)
    desk.agent.prompt("far too much")
    assert (await desk.settle()).reason == "failed"
    [restored] = await desk.seen(InputRestored)
    assert restored.texts == ("far too much",)
    assert len(desk.server.requests) == 1


async def test_an_answer_that_filled_the_window_is_gone_on_with_after_a_summary(desk: Desk) -> None:
    await desk.talk("first " * 400, "second")
    desk.server.script(
        Answer(text("as far as"), stop("model_context_window_exceeded")), SUMMARY, Answer(text(" it goes"))
    )
    desk.agent.prompt("go")
    await desk.settle()
    assert [asks_for_summary(r) for r in desk.server.requests[2:]] == [False, True, False]
    told = said(desk.server.requests[-1])
    assert told[0].startswith(SUMMARY_MARKER)
    assert "as far as" in told


async def test_a_window_that_is_full_again_after_a_summary_is_the_last_word_and_said(desk: Desk) -> None:
    full = Answer(text("as far as"), stop("model_context_window_exceeded"))
    await desk.talk("first " * 400, "second")
    desk.server.script(full, SUMMARY, full)
    desk.agent.prompt("go")
    assert (await desk.settle()).reason == "completed"
    assert [asks_for_summary(r) for r in desk.server.requests[2:]] == [False, True, False]
    [error] = await desk.seen(Error)
    assert "fills the model's context window" in error.message


async def test_a_request_for_a_summary_that_is_too_long_itself_is_made_shorter(desk: Desk) -> None:
    await desk.talk("first " * 400, "second " * 400, "third " * 400, "fourth")
    desk.server.script(TOO_LONG, TOO_LONG, SUMMARY, Answer(text("fits")))
    desk.agent.prompt("go")
    assert (await desk.settle()).reason == "completed"
    long, short = desk.server.requests[5:7]
    assert asks_for_summary(long)
    assert asks_for_summary(short)
    assert len(said(short)) < len(said(long))
    assert any("left out" in words for words in said(short))


async def test_before_the_window_is_full_also_between_two_tools(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_window(monkeypatch, 30_000)
    (desk.folder / "big.txt").write_text("words of a file\n" * 2_500)
    await desk.talk("first " * 2_000)
    desk.server.script(Answer(tool("read", {"path": "big.txt"}, id="c1")), SUMMARY, Answer(text("I see")))
    desk.agent.prompt("read it")
    await desk.settle()
    assert [asks_for_summary(r) for r in desk.server.requests[1:]] == [False, True, False]
    last = desk.server.requests[-1]
    assert said(last)[0].startswith(SUMMARY_MARKER)
    assert any(b["type"] == "tool_result" for m in last.messages for b in m["content"])
    [started] = await desk.seen(CompactionStarted)
    assert started.reason == "the context is nearly full"


async def test_a_message_that_would_fill_the_window_is_counted_before_it_goes_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_window(monkeypatch, 24_000)
    await desk.talk("first " * 2_000)
    desk.server.script(SUMMARY, Answer(text("ok")))
    desk.agent.prompt("long " * 6_000)
    await desk.settle()
    assert [asks_for_summary(r) for r in desk.server.requests[1:]] == [True, False]


async def test_a_summary_that_leaves_too_much_is_not_followed_by_another(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_window(monkeypatch, 6_000)
    await desk.talk("first " * 4_000)
    desk.server.script(SUMMARY, Answer(text("ok")))
    desk.agent.prompt("long " * 6_000)
    await desk.settle()
    assert [asks_for_summary(r) for r in desk.server.requests[1:]] == [True, False]
    assert len(await desk.seen(CompactionStarted)) == 1


async def test_a_steer_while_the_context_is_weighed_neither_stops_nor_skips_the_summary(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.talk("first " * 400, "second")
    desk.server.script(SUMMARY)
    desk.agent.compact()
    await desk.settle()
    desk.agent.drop_summary()  # nobody has counted what is told now, so it is weighed in a thread
    await desk.talk("third " * 800)
    small_window(monkeypatch, 2_000)
    desk.agent.accept_summary()
    loop, weighed = asyncio.get_running_loop(), list[str]()

    def weigh(*_args: object) -> int:
        if not weighed:
            weighed.append(asyncio.run_coroutine_threadsafe(_steer(desk), loop).result(10))
        return 9_000

    monkeypatch.setattr(compactor, "context_tokens", weigh)
    desk.server.script(SUMMARY, Answer(text("ok")))
    desk.agent.prompt("go")
    await desk.settle()
    assert [asks_for_summary(r) for r in desk.server.requests[-2:]] == [True, False]
    assert sorted(said(desk.server.requests[-1])[-2:]) == ["and this", "go"]
    assert [event.ok for event in await desk.seen(CompactionEnded)] == [True, True]


async def _steer(desk: Desk) -> str:
    return desk.agent.steer("and this")


async def test_no_summary_is_made_by_itself_where_that_is_switched_off(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_window(monkeypatch, 2_000)
    desk.agent.configure(auto_compact=False)
    await desk.talk("first " * 4_000, "second")
    assert not any(asks_for_summary(r) for r in desk.server.requests)


async def test_an_automatic_summary_that_fails_is_not_tried_again_in_that_run(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_window(monkeypatch, 6_000)
    await desk.talk("first " * 4_000)
    desk.server.script(Answer(text("")), Answer(tool("ls", {}, id="c1")), Answer(text("ok")))
    desk.agent.prompt("go")
    assert (await desk.settle()).reason == "completed"
    assert [asks_for_summary(r) for r in desk.server.requests[1:]] == [True, False, False]


async def test_a_message_that_waited_through_an_automatic_compaction_goes_with_its_request(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a long preparation the inbox is looked at once more before the request leaves."""
    small_window(monkeypatch, 6_000)
    await desk.talk("first " * 4_000)
    desk.server.script(Answer(text(["gi", gate("mid"), "st"])), Answer(text("ok")))
    desk.agent.prompt("go")
    await desk.server.reached("mid")
    desk.agent.steer("and this")
    desk.server.open("mid")
    await desk.settle()
    assert said(desk.server.requests[-1])[-2:] == ["and this", "go"]
    assert len(desk.server.requests) == 3


# ---------------------------------------------------------------- at any moment


@pytest.mark.parametrize("tick", range(0, 80, 2))
@pytest.mark.parametrize("verb", ["steer", "nudge", "follow_up", "abort", "withdraw", "pause"])
async def test_whatever_is_done_at_any_tick_of_a_compaction_nothing_is_lost_or_sent_twice(
    tmp_path: Path, verb: str, tick: int
) -> None:
    provider = ScriptedProvider()
    session = Session.unsaved(tmp_path)
    session.append(UserEntry("u", Kind.PROMPT, (TextBlock("old " * 400),), 1.0))
    session.append(AssistantEntry(1, (TextBlock("older"),), "end_turn", "m", TokenUsage(), 1.0))
    async with Agent(provider, session=session, settings=RunSettings("scripted-1")) as agent:
        order = agent.compact()
        for _ in range(tick):
            await asyncio.sleep(0)
        match verb:
            case "abort":
                agent.abort()
            case "withdraw":
                agent.withdraw(order)
            case "pause":
                agent.pause()
            case _:
                getattr(agent, verb)("words")
        agent.prompt("last")
        if verb in ("abort", "pause"):
            await asyncio.sleep(0)
            agent.resume()
        async with asyncio.timeout(10):
            await agent.settled()
            if agent.state.queue:
                agent.resume()
                await agent.settled()
    assert len(session.inbox) == 0
    users = [e.content[0].text for e in session.history.entries if isinstance(e, UserEntry)]  # type: ignore[union-attr]
    assert sorted(users[1:]) == sorted(
        ["last"] + (["words"] if verb in ("steer", "nudge", "follow_up") else [])
    )
    summaries = [e for e in session.history.entries if isinstance(e, CompactionEntry)]
    assert len(summaries) <= 1
    assert summaries or verb in ("abort", "withdraw")


# -------------------------------------------------------------------- crash


async def test_kill_9_in_compaction_loses_neither_the_order_nor_what_waits_behind_it(desk: Desk) -> None:
    await desk.talk("first " * 400, "second")
    history = desk.session.history.entries
    desk.server.script(Answer(gate("mid"), hold()))
    desk.agent.compact("the names")
    await desk.server.reached("mid")
    desk.agent.steer("now")
    desk.agent.follow_up("later")
    again = desk.die_and_reopen()
    assert again.history.entries == history
    assert [(item.kind, item.text) for item in again.inbox.waiting()] == [
        (Kind.COMPACT, "/compact the names"),
        (Kind.STEER, "now"),
        (Kind.FOLLOW_UP, "later"),
    ]
    assert again.inbox.paused
    desk.agent.abort()
    await desk.settle()
    again.inbox.release()
    desk.server.script(SUMMARY, Answer(text("ok")), Answer(text("ok")))
    async with desk.start(again) as other:
        other.resume()
        await other.settled()
    assert [asks_for_summary(r) for r in desk.server.requests[3:]] == [True, False, False]


async def test_an_order_that_is_carried_out_when_the_program_ends_waits_in_the_session(desk: Desk) -> None:
    await desk.talk("first " * 400, "second")
    desk.server.script(Answer(gate("mid"), hold()))
    desk.agent.compact()
    await desk.server.reached("mid")
    await desk.agent.aclose()
    assert desk.session.path is not None
    again = Session.open(desk.session.path)
    assert [item.kind for item in again.inbox.waiting()] == [Kind.COMPACT]
    again.close()


async def test_kill_9_after_a_compaction_has_it_once_and_its_order_not_again(desk: Desk) -> None:
    await desk.talk("first " * 400, "second")
    desk.server.script(SUMMARY)
    order = desk.agent.compact()
    await desk.settle()
    again = desk.die_and_reopen()
    assert again.history.entries == desk.session.history.entries
    assert again.inbox.state_of(order) == "delivered"
    assert len(again.inbox) == 0
    again.close()


# --------------------------------------------------------------- many messages


async def test_compacting_four_thousand_messages_does_not_block_the_loop(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever grows with the history runs in a thread, and the loop goes round meanwhile."""
    for n in range(2_000):
        words = f"message {n} " + "word " * 40
        desk.session.append(UserEntry(f"u{n}", Kind.PROMPT, (TextBlock(words),), 1.0), durable=False)
        answer = AssistantEntry(n, (TextBlock(words),), "end_turn", "test-model", TokenUsage(), 1.0)
        desk.session.append(answer, durable=False)
    turns = 0
    on_loop: list[str] = []

    def noted(name: str) -> Any:
        real = getattr(compactor, name)

        def wrapped(*args: Any) -> Any:
            try:
                asyncio.get_running_loop()
                on_loop.append(name)
            except RuntimeError:
                pass
            return real(*args)

        return wrapped

    for name in ("plan", "summary_request", "context_tokens", "told_tokens"):
        monkeypatch.setattr(compactor, name, noted(name))
    desk.server.script(SUMMARY)
    desk.agent.compact()
    while desk.agent.busy:
        turns += 1
        await asyncio.sleep(0)
    ended = await desk.until(CompactionEnded)
    assert ended.ok
    assert turns > 50
    assert on_loop == []
