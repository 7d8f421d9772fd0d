"""When the provider fails: what is repeated, what is kept, what the user hears, and that a steer still acts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import BaseModel

from h2a_agent.agent import Agent
from h2a_agent.content import TextBlock, ToolResultBlock, ToolUseBlock
from h2a_agent.events import (
    AnyEvent,
    ApprovalRequested,
    Decision,
    Done,
    Error,
    InputRestored,
    Phase,
    QueueChanged,
    RetryScheduled,
    Settled,
    Status,
    ToolCall,
    ToolResult,
    UserInput,
)
from h2a_agent.providers.base import (
    BlockStarted,
    Failed,
    FailureKind,
    MessageStopped,
    ProviderEvent,
    TextDelta,
)
from h2a_agent.retry import TABLE, RetryPolicy
from h2a_agent.run import Run
from h2a_agent.run_settings import RunSettings
from h2a_agent.session import Session
from h2a_agent.tools.base import Effect, Preview, ToolContext, ToolOutcome, WhenSteered
from support.scripted_provider import ScriptedProvider, call, say, stop

OVERLOADED = Failed(FailureKind.OVERLOADED, "the service is overloaded", 529)
AT_ONCE = RetryPolicy(first_s=0.001, longest_s=0.001)
NEVER = RetryPolicy(first_s=10_000.0, longest_s=10_000.0)


class Watched:
    """An agent and what it said."""

    def __init__(self, agent: Agent, provider: ScriptedProvider) -> None:
        self.agent, self.provider = agent, provider
        self.events: list[AnyEvent] = []
        self._live = agent.subscribe()

    async def until(self, kind: type[AnyEvent]) -> AnyEvent:
        """Read on until an event of `kind` comes."""
        async for event in self._live:
            self.events.append(event)
            if isinstance(event, kind):
                return event
        raise AssertionError(f"no {kind.__name__} came")

    def all(self, kind: type[AnyEvent]) -> list[AnyEvent]:
        return [event for event in self.events if isinstance(event, kind)]

    def last_texts(self) -> list[str]:
        blocks = [b for m in self.provider.requests[-1].messages for b in m.content]
        return [b.text for b in blocks if isinstance(b, TextBlock)]


@asynccontextmanager
async def agent(
    tmp_path: Path, *answers: Sequence[ProviderEvent], retry: RetryPolicy = AT_ONCE
) -> AsyncIterator[Watched]:
    provider = ScriptedProvider(*answers)
    session = Session.unsaved(tmp_path)
    settings = RunSettings("scripted-1", mode="full")
    async with Agent(provider, session=session, settings=settings, retry=retry) as it:
        yield Watched(it, provider)


async def test_a_failure_before_anything_came_repeats_the_same_request(tmp_path: Path) -> None:
    async with agent(tmp_path, [OVERLOADED], [OVERLOADED], [*say(0, "at last"), *stop()]) as w:
        w.agent.prompt("go")
        settled = await w.until(Settled)
        assert isinstance(settled, Settled)
        assert settled.reason == "completed"
        assert len(w.provider.requests) == 3
        assert len({r.messages for r in w.provider.requests}) == 1
        retries = [e for e in w.all(RetryScheduled) if isinstance(e, RetryScheduled)]
        assert [(e.attempt, e.limit, e.reason) for e in retries] == [
            (1, TABLE[FailureKind.OVERLOADED].attempts, "the service is overloaded"),
            (2, TABLE[FailureKind.OVERLOADED].attempts, "the service is overloaded"),
        ]
        assert len(w.all(UserInput)) == 1


async def test_a_service_that_stays_overloaded_is_given_up_visibly_and_the_words_come_back(
    tmp_path: Path,
) -> None:
    async with agent(tmp_path, *[[OVERLOADED]] * 20) as w:
        w.agent.prompt("my long question")
        w.agent.follow_up("and then")
        settled = await w.until(Settled)
        assert isinstance(settled, Settled)
        assert settled.reason == "failed"
        assert len(w.provider.requests) == TABLE[FailureKind.OVERLOADED].attempts + 1
        [error] = w.all(Error)
        assert isinstance(error, Error)
        assert error.fatal
        assert error.advice
        [restored] = w.all(InputRestored)
        assert isinstance(restored, InputRestored)
        assert restored.texts == ("my long question",)
        assert [item.text for item in w.agent.state.queue] == ["and then"]
        assert w.agent.state.queue_paused
        w.agent.prompt("my long question")
        settled = await w.until(Settled)
        assert w.last_texts() == ["my long question"], "what was given back is not sent twice"


async def test_the_run_after_one_that_failed_gives_its_answers_numbers_of_their_own(tmp_path: Path) -> None:
    """Screens tell answers apart by step: a number used again would be taken for an answer that is over."""
    answers: list[list[ProviderEvent]] = [[OVERLOADED]] * (TABLE[FailureKind.OVERLOADED].attempts + 1)
    async with agent(tmp_path, *answers, [*say(0, "at last"), *stop()]) as w:
        w.agent.prompt("go")
        await w.until(Settled)
        failed = [event.step for event in w.all(Done) if isinstance(event, Done)]
        w.agent.prompt("again")
        done = await w.until(Done)
        assert isinstance(done, Done)
        assert done.step > max(failed)


async def test_what_is_sent_while_a_failed_run_settles_goes_out_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with agent(tmp_path, [Failed(FailureKind.AUTHENTICATION, "no")]) as w:
        at_the_disk, go_on = asyncio.Event(), asyncio.Event()

        async def slow_disk(_session: Session) -> None:
            at_the_disk.set()
            await go_on.wait()

        monkeypatch.setattr(Session, "flushed", slow_disk)
        w.agent.prompt("go")
        w.agent.follow_up("kept")
        await at_the_disk.wait()
        w.agent.prompt("I have mended the key")
        go_on.set()
        await w.agent.settled()
        assert len(w.provider.requests) == 2
        assert w.last_texts() == ["I have mended the key"]
        assert [item.text for item in w.agent.state.queue] == ["kept"]


@pytest.mark.parametrize(
    "kind",
    [
        FailureKind.AUTHENTICATION,
        FailureKind.PERMISSION,
        FailureKind.NOT_FOUND,
        FailureKind.CONFIGURATION,
    ],
)
async def test_what_waiting_cannot_mend_is_told_at_once(tmp_path: Path, kind: FailureKind) -> None:
    async with agent(tmp_path, [Failed(kind, "no")]) as w:
        w.agent.prompt("go")
        await w.until(Settled)
        assert len(w.provider.requests) == 1
        assert len(w.all(Error)) == 1


@pytest.mark.parametrize("depth", [99, 480, 960, 20_000])
async def test_arguments_nested_at_any_depth_are_answered_and_end_nothing(tmp_path: Path, depth: int) -> None:
    nested = '{"path":' + "[" * depth + "]" * depth + "}"
    async with agent(tmp_path, [*call(0, "c1", "read", nested), *stop("tool_use")]) as w:
        w.agent.prompt("go")
        settled = await w.until(Settled)
        assert isinstance(settled, Settled)
        assert settled.reason == "completed"
        assert [event.outcome for event in w.all(ToolResult) if isinstance(event, ToolResult)] == ["failed"]


async def test_call_ids_a_server_uses_again_in_every_answer_pair_with_their_own_results(
    tmp_path: Path,
) -> None:
    def answer(word: str) -> list[ProviderEvent]:
        return [*call(0, "call_0", word), *stop("tool_use")]

    async with agent(tmp_path, answer("first"), answer("second"), [*say(0, "ok"), *stop()]) as w:
        w.agent.prompt("go")
        await w.until(Settled)
        blocks = [block for message in w.provider.requests[-1].messages for block in message.content]
        calls = [block for block in blocks if isinstance(block, ToolUseBlock)]
        results = {block.call_id: block for block in blocks if isinstance(block, ToolResultBlock)}
        assert [block.name for block in calls] == ["first", "second"]
        for block in calls:
            assert block.name in str(results[block.id].content), "the result is the call's own"
        shown = [event.call_id for event in w.all(ToolCall) if isinstance(event, ToolCall)]
        assert set(shown) == {block.id for block in calls}


async def test_of_two_calls_with_one_id_in_an_answer_only_the_first_is_run(tmp_path: Path) -> None:
    twice = [*call(0, "c1", "any"), *call(1, "c1", "any"), *stop("tool_use")]
    async with agent(tmp_path, twice, [*say(0, "ok"), *stop()]) as w:
        w.agent.prompt("go")
        await w.until(Settled)
        texts = [event.text for event in w.all(ToolResult) if isinstance(event, ToolResult)]
        assert len(texts) == 2
        assert [("same id" in text) for text in texts].count(True) == 1
        blocks = [block for message in w.provider.requests[-1].messages for block in message.content]
        assert len({b.call_id for b in blocks if isinstance(b, ToolResultBlock)}) == 2


class Params(BaseModel):
    """No arguments."""


class BuggyTool:
    """A tool with a bug `where` it is told."""

    name = "buggy"
    description = "Fails."
    params = Params
    effect = Effect.EDIT
    when_steered = WhenSteered.CANCEL

    def __init__(self, where: str, error: BaseException) -> None:
        self.where, self.error = where, error

    def _maybe(self, where: str) -> None:
        if where == self.where:
            raise self.error

    def title(self, params: Params) -> str:
        self._maybe("title")
        return "title"

    def paths(self, params: Params, ctx: ToolContext) -> tuple[Path, ...]:
        self._maybe("paths")
        return ()

    async def preview(self, params: Params, ctx: ToolContext) -> Preview:
        self._maybe("preview")
        return Preview("preview")

    async def run(self, params: Params, ctx: ToolContext) -> ToolOutcome:
        self._maybe("run")
        return ToolOutcome("done", "done")


BUG = RuntimeError("a bug")
OWN_CANCEL = asyncio.CancelledError("of the tool's own work")  # only where a tool can wait


@pytest.mark.parametrize(
    ("where", "error"),
    [(where, BUG) for where in ("title", "paths", "preview", "run")]
    + [(where, OWN_CANCEL) for where in ("paths", "preview", "run")],
)
async def test_a_tools_bug_anywhere_is_the_calls_result_and_not_the_runs_end(
    tmp_path: Path, where: str, error: BaseException
) -> None:
    settings = RunSettings("scripted-1", mode="ask")
    provider = ScriptedProvider([*call(0, "c1", "buggy"), *stop("tool_use")])
    tools = [BuggyTool(where, error)]
    async with Agent(provider, session=Session.unsaved(tmp_path), settings=settings, tools=tools) as it:
        w = Watched(it, provider)
        it.prompt("go")
        if where == "run":
            asked = await w.until(ApprovalRequested)
            assert isinstance(asked, ApprovalRequested)
            it.answer("c1", Decision.ALLOW, digest=asked.digest)
        settled = await w.until(Settled)
        assert isinstance(settled, Settled)
        assert settled.reason == "completed"
        [result] = w.all(ToolResult)
        assert isinstance(result, ToolResult)
        assert result.outcome == "failed"
        assert len(provider.requests) == 2


async def test_a_question_answered_with_withdrawn_is_still_open_and_runs_nothing(tmp_path: Path) -> None:
    settings = RunSettings("scripted-1", mode="ask")
    provider = ScriptedProvider([*call(0, "c1", "buggy"), *stop("tool_use")])
    tools = [BuggyTool("nowhere", RuntimeError())]
    async with Agent(provider, session=Session.unsaved(tmp_path), settings=settings, tools=tools) as it:
        w = Watched(it, provider)
        it.prompt("go")
        await w.until(ApprovalRequested)
        assert not it.answer("c1", Decision.WITHDRAWN)
        assert it.answer("c1", Decision.REJECT)
        await w.until(Settled)
        assert [event.outcome for event in w.all(ToolResult) if isinstance(event, ToolResult)] == ["rejected"]


async def test_a_bug_of_ours_in_mid_delivery_leaves_every_item_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with agent(tmp_path) as w:
        with monkeypatch.context() as broken:
            broken.setattr(Session, "deliver", lambda *_args: 1 / 0)
            w.agent.prompt("go")
            settled = await w.until(Settled)
        assert isinstance(settled, Settled)
        assert settled.reason == "failed"
        assert [(item.text, item.state) for item in w.agent.state.queue] == [("go", "queued")]
        assert w.agent.state.queue_paused
        w.agent.resume()
        await w.agent.settled()
        assert w.last_texts() == ["go"]


@pytest.mark.parametrize("reason", ["refusal", "something new"])
async def test_a_last_word_with_a_call_in_it_ends_the_run(tmp_path: Path, reason: str) -> None:
    async with agent(tmp_path, *[[*call(0, "c1", "bash"), *stop(reason)]] * 3) as w:
        w.agent.prompt("go")
        await w.until(Settled)
        assert len(w.provider.requests) == 1
        assert [event.outcome for event in w.all(ToolResult) if isinstance(event, ToolResult)] == [
            "not started"
        ]


async def test_what_is_said_while_the_agent_closes_stays_in_the_session_and_starts_nothing(
    tmp_path: Path,
) -> None:
    provider = ScriptedProvider()
    session = Session.create(tmp_path / "sessions", tmp_path)
    it = Agent(provider, session=session, settings=RunSettings("scripted-1"))
    in_mid_answer = asyncio.Event()
    provider.on_event = lambda _request, _event: in_mid_answer.set()
    it.prompt("go")
    await in_mid_answer.wait()
    closing = asyncio.create_task(it.aclose())
    await asyncio.sleep(0)
    it.prompt("one more")
    await closing
    await it.settled()
    assert len(provider.requests) == 1
    assert session.path is not None
    again = Session.open(session.path)
    assert [item.text for item in again.inbox.waiting()] == ["one more"]
    again.close()


async def test_a_stream_that_breaks_keeps_its_words_and_goes_on_from_them(tmp_path: Path) -> None:
    broken: list[ProviderEvent] = [
        BlockStarted(0, "text"),
        TextDelta(0, "The first half"),
        Failed(FailureKind.INTERRUPTED, "the stream ended"),
    ]
    async with agent(tmp_path, broken, [*say(0, " and the second"), *stop()]) as w:
        w.agent.prompt("go")
        await w.until(Settled)
        texts = w.last_texts()
        assert texts[:2] == ["go", "The first half"]
        assert "connection broke" in texts[2]
        assert [e.cut for e in w.all(Done) if isinstance(e, Done)] == ["connection", ""]


async def test_calls_of_a_broken_answer_are_never_run(tmp_path: Path) -> None:
    broken: list[ProviderEvent] = [
        *say(0, "x"),
        *call(1, "c1", "read"),
        Failed(FailureKind.CONNECTION, "reset"),
    ]
    async with agent(tmp_path, broken, [*say(0, "done"), *stop()]) as w:
        w.agent.prompt("go")
        await w.until(Settled)
        [result] = w.all(ToolResult)
        assert isinstance(result, ToolResult)
        assert result.outcome.value == "not started"


async def test_calls_cut_by_the_token_limit_are_never_run(tmp_path: Path) -> None:
    cut = [*say(0, "x"), *call(1, "c1", "read"), *stop("max_tokens")]
    async with agent(tmp_path, cut, [*say(0, "done"), *stop()]) as w:
        w.agent.prompt("go")
        await w.until(Settled)
        [result] = w.all(ToolResult)
        assert isinstance(result, ToolResult)
        assert result.outcome.value == "not started"
        assert "token limit" in result.text


async def test_a_steer_ends_the_wait_for_a_retry_and_goes_out_with_the_prompt(tmp_path: Path) -> None:
    async with agent(tmp_path, [OVERLOADED], [*say(0, "ok"), *stop()], retry=NEVER) as w:
        w.agent.prompt("go")
        await w.until(RetryScheduled)
        w.agent.steer("shorter please")
        await w.until(Settled)
        assert w.last_texts() == ["go", "shorter please"]


async def test_a_steer_in_a_retry_wait_still_honours_what_the_server_asked_for(tmp_path: Path) -> None:
    """The server said 30 s; our own wait is longer. A steer cuts ours and keeps the server's."""
    failed = Failed(FailureKind.RATE_LIMIT, "slow down", 429, retry_after_s=30.0)
    async with agent(tmp_path, [failed], retry=NEVER) as w:
        w.agent.prompt("go")
        first = await w.until(RetryScheduled)
        assert isinstance(first, RetryScheduled)
        assert first.wait_s > 1000
        assert 20 < first.held_s <= 30
        w.agent.steer("now")
        again = await w.until(RetryScheduled)
        assert isinstance(again, RetryScheduled)
        assert 20 < again.wait_s <= 30
        assert again.held_s == again.wait_s, "the next steer shortens nothing"
        assert len(w.provider.requests) == 1
        w.agent.abort()
        await w.until(Settled)


HOUR = Failed(FailureKind.RATE_LIMIT, "slow down", 429, retry_after_s=3600.0)
USED_UP = Failed(FailureKind.USAGE_LIMIT, "the month's budget is used up", 400)


async def paused(w: Watched) -> Status:
    """Read on until the run holds because of a limit."""
    while True:
        status = await w.until(Status)
        assert isinstance(status, Status)
        if status.phase is Phase.PAUSED:
            return status


@pytest.mark.parametrize("failed", [HOUR, USED_UP], ids=["an hour", "no hour known"])
async def test_a_limit_pauses_the_run_and_says_until_when(tmp_path: Path, failed: Failed) -> None:
    async with agent(tmp_path, [failed]) as w:
        w.agent.prompt("go")
        w.agent.follow_up("and then")
        status = await paused(w)
        [error] = w.all(Error)
        assert isinstance(error, Error)
        assert error.message == failed.message
        assert not error.fatal
        assert status.note.startswith("until")
        assert status.note in error.advice
        assert "/resume" in error.advice
        assert [item.text for item in w.agent.state.queue] == ["and then"]
        assert len(w.provider.requests) == 1
        w.agent.abort()
        await w.until(Settled)


@pytest.mark.parametrize("failed", [HOUR, USED_UP], ids=["an hour", "no hour known"])
async def test_resume_tries_again_at_once(tmp_path: Path, failed: Failed) -> None:
    async with agent(tmp_path, [failed], [*say(0, "ok"), *stop()]) as w:
        w.agent.prompt("go")
        await paused(w)
        w.agent.resume()
        settled = await w.until(Settled)
        assert isinstance(settled, Settled)
        assert settled.reason == "completed"
        assert [r.messages for r in w.provider.requests] == [w.provider.requests[0].messages] * 2


async def test_a_message_or_a_steer_goes_out_at_once_through_a_limit(tmp_path: Path) -> None:
    async with agent(tmp_path, [HOUR], [HOUR], [*say(0, "ok"), *stop()]) as w:
        w.agent.prompt("go")
        await paused(w)
        w.agent.prompt("please")
        await paused(w)
        assert w.last_texts() == ["go", "please"]
        w.agent.steer("now")
        await w.until(Settled)
        assert w.last_texts() == ["go", "please", "now"]


async def test_an_abort_in_a_limits_pause_gives_the_prompt_back(tmp_path: Path) -> None:
    async with agent(tmp_path, [HOUR]) as w:
        w.agent.prompt("go")
        await paused(w)
        w.agent.abort()
        settled = await w.until(Settled)
        assert isinstance(settled, Settled)
        assert settled.reason == "aborted"
        [restored] = w.all(InputRestored)
        assert isinstance(restored, InputRestored)
        assert restored.texts == ("go",)


async def test_a_limit_that_is_over_lets_the_run_go_on_by_itself(tmp_path: Path) -> None:
    soon = Failed(FailureKind.RATE_LIMIT, "slow down", 429, retry_after_s=0.01)
    impatient = RetryPolicy(first_s=0.001, patience_s=0.0)
    async with agent(tmp_path, [soon], [*say(0, "ok"), *stop()], retry=impatient) as w:
        w.agent.prompt("go")
        settled = await w.until(Settled)
        assert isinstance(settled, Settled)
        assert settled.reason == "completed"
        assert len(w.provider.requests) == 2
        assert Phase.PAUSED in [e.phase for e in w.all(Status) if isinstance(e, Status)]


async def test_a_pause_of_the_users_outlives_the_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = asyncio.Event()

    async def until_over(_run: Run, _until: float | None) -> None:
        await over.wait()

    monkeypatch.setattr(Run, "told_to_go_on", until_over)
    async with agent(tmp_path, [HOUR], [*say(0, "ok"), *stop()]) as w:
        w.agent.prompt("go")
        await paused(w)
        w.agent.pause()
        over.set()
        for _ in range(20):
            await asyncio.sleep(0)
        assert w.agent.state.phase is Phase.PAUSED
        assert len(w.provider.requests) == 1
        w.agent.resume()
        await w.until(Settled)
        assert len(w.provider.requests) == 2


async def test_a_pause_in_a_retry_wait_holds_the_request_back(tmp_path: Path) -> None:
    async with agent(tmp_path, [OVERLOADED], [*say(0, "ok"), *stop()]) as w:
        w.agent.prompt("go")
        await w.until(RetryScheduled)
        w.agent.pause()
        await paused(w)
        assert len(w.provider.requests) == 1
        w.agent.resume()
        await w.until(Settled)
        assert len(w.provider.requests) == 2


async def test_a_server_that_asks_not_to_be_asked_again_is_not(tmp_path: Path) -> None:
    async with agent(tmp_path, [Failed(FailureKind.SERVER, "no", 500, final=True)]) as w:
        w.agent.prompt("go")
        await w.until(Settled)
        assert len(w.provider.requests) == 1


def test_the_table_has_a_row_for_every_kind_and_advice_in_each() -> None:
    assert set(TABLE) == set(FailureKind)
    for rule in TABLE.values():
        assert rule.advice.endswith(".")


@pytest.mark.parametrize("reason", ["pause_turn", "max_tokens"])
async def test_an_answer_that_never_ends_is_not_continued_for_ever(tmp_path: Path, reason: str) -> None:
    endless = [[*say(0, f"{n} "), *call(1, "c1", "none"), *stop(reason)] for n in range(40)]
    async with agent(tmp_path, *endless) as w:
        w.agent.prompt("go")
        settled = await w.until(Settled)
        assert isinstance(settled, Settled)
        assert settled.reason == "failed"
        assert len(w.provider.requests) == 9
        [error] = w.all(Error)
        assert isinstance(error, Error)
        assert reason in error.message


async def test_a_turn_that_pauses_goes_back_unchanged_and_goes_on(tmp_path: Path) -> None:
    async with agent(tmp_path, [*say(0, "so far"), *stop("pause_turn")], [*say(0, "and on"), *stop()]) as w:
        w.agent.prompt("go")
        await w.until(Settled)
        assert w.last_texts()[:2] == ["go", "so far"]
        assert len(w.provider.requests) == 2


async def test_a_refusal_says_what_it_is_about(tmp_path: Path) -> None:
    async with agent(tmp_path, [*say(0, "No."), MessageStopped("refusal", "cyber")]) as w:
        w.agent.prompt("go")
        await w.until(Settled)
        [error] = w.all(Error)
        assert isinstance(error, Error)
        assert "cyber" in error.message
        assert not error.fatal


async def test_a_full_window_that_no_summary_empties_is_told_and_the_words_are_kept(tmp_path: Path) -> None:
    full, no_summary = [*say(0, "As far as"), *stop("model_context_window_exceeded")], stop()
    async with agent(tmp_path, full, no_summary) as w:
        w.agent.prompt("go")
        await w.until(Settled)
        [error] = w.all(Error)
        assert isinstance(error, Error)
        assert error.message == "No room could be made: the summary was empty."
        w.agent.prompt("go on")
        await w.until(Settled)
        assert w.last_texts() == ["go", "As far as", "go on"]


@pytest.mark.parametrize(
    "kind", [FailureKind.INVALID_REQUEST, FailureKind.TOO_LARGE, FailureKind.TOO_MANY_BYTES]
)
async def test_what_leaving_out_cannot_mend_ends_within_three_requests(
    tmp_path: Path, kind: FailureKind
) -> None:
    async with agent(tmp_path, *[[Failed(kind, "no")]] * 9) as w:
        w.agent.prompt("go")
        settled = await w.until(Settled)
        assert isinstance(settled, Settled)
        assert settled.reason == "failed"
        assert len(w.provider.requests) <= 3
        [error] = w.all(Error)
        assert isinstance(error, Error)
        assert error.fatal


async def test_a_thousand_waiting_messages_are_told_as_one_change(tmp_path: Path) -> None:
    async with agent(tmp_path, [*say(0, "ok"), *stop()]) as w:
        for n in range(1000):
            w.agent.prompt(f"message {n}")
        told = w.agent.subscribe(QueueChanged)
        await w.agent.settled()
        assert w.last_texts() == [f"message {n}" for n in range(1000)]
        assert [len(event.items) for event in await told.batch() if isinstance(event, QueueChanged)] == [0]


async def test_an_abort_in_a_retry_wait_gives_the_prompt_back(tmp_path: Path) -> None:
    async with agent(tmp_path, [OVERLOADED], retry=NEVER) as w:
        w.agent.prompt("go")
        await w.until(RetryScheduled)
        assert w.agent.state.word == "retrying"
        w.agent.abort()
        await w.until(Settled)
        [restored] = w.all(InputRestored)
        assert isinstance(restored, InputRestored)
        assert restored.texts == ("go",)


async def test_the_phases_of_a_retry_are_told_in_order(tmp_path: Path) -> None:
    async with agent(tmp_path, [OVERLOADED], [*say(0, "ok"), *stop()], retry=RetryPolicy(first_s=0.001)) as w:
        w.agent.prompt("go")
        await w.until(Settled)
        phases = [e.phase for e in w.all(Status) if isinstance(e, Status)]
        assert phases == [
            Phase.PREPARING,
            Phase.RETRYING,
            Phase.PREPARING,
            Phase.STREAMING,
            Phase.SETTLING,
            Phase.IDLE,
        ]


async def test_a_whole_but_empty_answer_ends_the_run(tmp_path: Path) -> None:
    async with agent(tmp_path, [*stop()]) as w:
        w.agent.prompt("go")
        await w.until(Settled)
        assert len(w.provider.requests) == 1
