"""The run loop, written the way the steering contract reads.

1. While there is work: an answer is owed, or an item is due at this boundary.
2. A pause holds here (and once more before tools start).
3. A new step: a new number, a new cancel scope, never born cancelled.
4. Prepare: compact when that is due and look again at what came meanwhile; claim what is due, commit it, build the
   request.
5. Stream the answer; a steer or an abort cuts it, and what truly came is kept.
6. Run its tools; every call gets one truthful result.
7. Nothing left: everything is on disk, `Settled` is the last event.

An interrupt is a value, not a path: it ends the wait of the step's scope, each phase returns what is true,
and the code above stays straight. A failure is one, too: it leaves a `Backoff` behind, and the next step
begins by waiting for it. A real cancellation (shutdown) passes through everything.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import Final

from h2a_agent.answer import Answer, AnswerBuilder
from h2a_agent.compactor import compact_if_due
from h2a_agent.content import TextBlock, ToolUseBlock, plain_text
from h2a_agent.events import (
    Done,
    Error,
    InputRestored,
    Phase,
    RetryScheduled,
    Settled,
    Thinking,
    TokenStream,
    ToolCall,
)
from h2a_agent.history import WINDOW_FULL, AssistantEntry, Cut
from h2a_agent.inbox import Boundary
from h2a_agent.providers.base import (
    ArgumentsDelta,
    BlockStarted,
    BlockStopped,
    Failed,
    FailureKind,
    ProviderEvent,
    Request,
    TextDelta,
    ThinkingDelta,
)
from h2a_agent.replay import user_input
from h2a_agent.request import build_request
from h2a_agent.retry import ADVICE
from h2a_agent.run import Backoff, Run, Step
from h2a_agent.safe_text import one_line, safe_text, safe_value
from h2a_agent.tool_runner import run_tools, title_of

__all__ = ["run_until_settled"]

# A server may hand over hundreds of events in one packet; keys and frames get their turn between so many.
_EVENTS_PER_TICK: Final = 32


async def run_until_settled(run: Run) -> Settled:
    """Work until nothing is left to do; returns the run's last event."""
    while True:
        while run.has_work():  # 1
            if run.paused:  # 2
                await run.gate()
                continue
            boundary = run.boundary()
            step = run.new_step()  # 3
            if not await wait_for_backoff(run, step):
                continue
            async with step.scope:
                await run.refresh()  # 4
            if await compact_if_due(run, step):
                continue
            request = prepare(run, boundary)
            answer = await stream_answer(run, step, request)  # 5
            commit_answer(run, step, answer)
            await run_tools(run, step, answer)  # 6
        run.enter(Phase.SETTLING)
        await run.session.flushed()
        if not run.has_work():
            return settle(run)  # 7


# ------------------------------------------------------------ the steps, in call order


async def wait_for_backoff(run: Run, step: Step) -> bool:
    """Wait out what the last failure asked for; False when the user ended the wait.

    A steer shortens it to what the server itself asked for (Retry-After); an abort ends it.
    """
    backoff = run.backoff
    if backoff is None:
        return True
    wait_s = backoff.until - time.monotonic()
    if wait_s > 0:
        run.enter(Phase.RETRYING, backoff.reason)
        run.bus.publish(RetryScheduled(backoff.attempt, backoff.limit, wait_s, backoff.reason))
        async with step.scope:
            await asyncio.sleep(wait_s)
    if step.cause == "steer":
        held = backoff.server_until
        run.backoff = Backoff(held, held, backoff.attempt, backoff.limit, backoff.reason)
        run.failures = 0  # the person wants it tried again: a fresh budget
        return False
    run.backoff = None
    return step.cause is None


def prepare(run: Run, boundary: Boundary) -> Request:
    """Claim what is due at this boundary, commit it, and build the request. No wait lies between."""
    run.enter(Phase.PREPARING)
    run.steps += 1
    session, settings = run.session, run.settings
    claimed = session.inbox.claim(boundary, settings.steering_mode, settings.follow_up_mode)
    for entry in session.deliver(claimed, run.now()):
        run.unanswered.append(entry)
        run.bus.publish(user_input(entry, cut=run.cut_answer))
        run.cut_answer = False
    base = Request(
        model=settings.model,
        system=run.system(),
        messages=(),
        tools=run.toolbox.specs,
        max_tokens=settings.max_tokens,
        thinking_tokens=settings.thinking_tokens,
    )
    return build_request(session.history.entries, base).request


async def stream_answer(run: Run, step: Step, request: Request) -> Answer:
    """The answer to `request`: whole, or as far as it came before it was cut or failed."""
    builder = AnswerBuilder(request.model, run.session.history.call_ids)
    if step.cause is None:  # a request never leaves on a scope that is already cancelled
        async with step.scope, aclosing(run.stream(request)) as events:
            count = 0
            async for event in events:
                announce(run, step, builder, builder.apply(event))
                await run.bus.room()
                count += 1
                if count % _EVENTS_PER_TICK == 0:
                    await asyncio.sleep(0)
    return builder.answer()


def announce(run: Run, step: Step, builder: AnswerBuilder, event: ProviderEvent) -> None:
    """Tell the screens, and note for the journal, what one provider event brings."""
    number = step.number
    if isinstance(event, TextDelta | ThinkingDelta | BlockStopped):
        # Something of an answer is there: the message it answers does not go back to the editor.
        run.unanswered.clear()
    match event:
        case TextDelta(index, text):
            run.enter(Phase.STREAMING)
            run.session.stream_text(number, index, builder.model, text)
            run.bus.publish(TokenStream(number, index, safe_text(text)))
        case ThinkingDelta(index, text):
            run.enter(Phase.STREAMING)
            run.bus.publish(Thinking(number, index, safe_text(text)))
        case BlockStarted(index, "tool_use", id, name):
            run.enter(Phase.STREAMING)
            run.bus.publish(ToolCall(number, index, id, one_line(name, 40), "forming"))
        case ArgumentsDelta(index, piece):
            if (started := builder.started(index)) is not None:
                name = one_line(started.name, 40)
                run.bus.publish(ToolCall(number, index, started.id, name, "forming", safe_text(piece)))
        case BlockStopped(index):
            if (call := builder.call(index)) is not None:
                title = one_line(title_of(run.toolbox.tools, call.name, call.arguments), 200)
                safe = safe_value(dict(call.arguments))
                name = one_line(call.name, 40)
                run.bus.publish(ToolCall(number, index, call.id, name, "complete", "", safe, title))
        case _:
            pass


def commit_answer(run: Run, step: Step, answer: Answer) -> None:
    """Put what truly came into the history, and note what follows from a failure."""
    cut: Cut = "" if answer.whole else step.cause or "connection"
    run.cut_answer = False
    if answer.whole or _worth_keeping(answer):
        run.session.append(
            AssistantEntry(
                step.number, answer.blocks, answer.stop_reason, answer.model, answer.usage, run.now(), cut
            )
        )
        run.unanswered.clear()
        run.cut_answer = cut == "steer"
    run.bus.publish(Done(step.number, answer.stop_reason, cut))
    if answer.usage.context_tokens:
        run.spending.add(answer.model, answer.usage)
        run.bus.publish(run.spending.event(answer.model, answer.usage))
    if answer.whole:
        run.failures = 0
        run.room.answered()
        if answer.stop_reason == WINDOW_FULL:
            run.room.overflow()
    elif step.cause is None:
        follow_failure(run, answer)


def _worth_keeping(answer: Answer) -> bool:
    """Is there anything in a cut answer that may go back to the model? A thought alone may not."""
    return any(
        isinstance(block, ToolUseBlock) or (isinstance(block, TextBlock) and bool(block.text.strip()))
        for block in answer.blocks
    )


def follow_failure(run: Run, answer: Answer) -> None:
    """A stream failed by itself: schedule the next attempt, or end the run with a reason and advice."""
    failure = answer.failure or Failed(FailureKind.INTERRUPTED, "The connection ended in mid-answer.")
    if failure.kind is FailureKind.TOO_LARGE and run.room.overflow():
        return
    run.failures += 1
    limit = run.retry.limit(failure)
    reason = one_line(failure.message, 200)
    if run.failures > limit:
        run.end("failed")
        tried = f" ({run.failures} attempts)" if run.failures > 1 else ""
        run.bus.publish(Error(failure.kind.value, reason + tried, ADVICE[failure.kind], fatal=True))
        return
    now = time.monotonic()
    until = now + run.retry.delay_s(failure, run.failures)
    server_until = now + (failure.retry_after_s or 0.0)
    run.backoff = Backoff(until, server_until, run.failures, limit, reason)


def settle(run: Run) -> Settled:
    """The end of a run: give back what goes back to the editor, and say that it is over."""
    if run.ending != "completed" and not run.closing:
        _give_back(run)
    run.enter(Phase.IDLE)
    settled = Settled(run.ending, run.steps)
    run.bus.publish(settled)
    return settled


def _give_back(run: Run) -> None:
    """After an abort or a failure: what nobody answered goes back to the editor, what waits by the user's setting.

    A failure keeps the queue, held, because nothing in it was the cause.
    """
    session, setting = run.session, run.settings.on_abort
    if run.ending == "aborted" and setting == "send-next" and session.inbox.due(Boundary.RUN_END):
        return  # the next run takes up what was said and what waits
    texts = [entry.content for entry in run.unanswered]
    session.retract(run.unanswered, run.now())
    if run.ending == "aborted" and setting == "restore" and not run.kept_by_abort:
        texts += [item.content for item in session.inbox.withdraw_until(run.end_mark)]
    elif run.ending == "failed" or setting == "keep" or run.kept_by_abort:
        session.inbox.hold(run.end_mark)
        session.on_queue_changed()
    if texts:
        retracted = tuple(entry.item_id for entry in run.unanswered)
        safe = tuple(safe_text(plain_text(content)) for content in texts)
        run.bus.publish(InputRestored(safe, retracted, tuple(texts)))
