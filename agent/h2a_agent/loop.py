"""The run loop, written the way the steering contract reads.

1. While there is work: an answer is owed, or an item is due at this boundary.
2. A pause holds here (and once more before tools start).
3. A new step: a new number, a new cancel scope, never born cancelled.
4. Prepare: compact when that is due and look again at what came meanwhile; claim what is due, commit it, build the
   request.
5. Stream the answer; a steer or an abort cuts it, and what truly came is kept.
6. Run its tools; every call gets one truthful result. What only looks began while the answer came.
7. Nothing left: everything is on disk, `Settled` is the last event.

An interrupt is a value, not a path: it ends the wait of the step's scope, each phase returns what is true,
and the code above stays straight. A failure is one, too: by the table in `retry.py` it leaves a wait or an
omission behind, and the next step begins with it. A real cancellation (shutdown) passes through everything.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Final

from h2a_agent.answer import Answer, AnswerBuilder
from h2a_agent.compactor import compact_if_due
from h2a_agent.content import TextBlock, ToolUseBlock, plain_text
from h2a_agent.events import (
    Done,
    InputRestored,
    Phase,
    RetryScheduled,
    Settled,
    Thinking,
    TokenStream,
    ToolCall,
)
from h2a_agent.history import AssistantEntry, Cut
from h2a_agent.inbox import Boundary
from h2a_agent.providers.base import (
    ArgumentsDelta,
    BlockStarted,
    BlockStopped,
    ProviderEvent,
    Request,
    TextDelta,
    ThinkingDelta,
)
from h2a_agent.recovery import follow_ending, follow_failure, remember_omission, repair
from h2a_agent.replay import user_input
from h2a_agent.retry import now_s
from h2a_agent.run import Backoff, Limit, Run, Step
from h2a_agent.safe_text import one_line, safe_text, safe_value
from h2a_agent.tool_calls import ToolCalls
from h2a_agent.tool_runner import title_of

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
            if not await wait_for_backoff(run, step) or run.paused:
                continue
            async with step.scope:
                await run.refresh()  # 4
            if await compact_if_due(run, step) or not make_room(run):
                continue
            await run.requests.catch_up(run.session.history.entries, run.base_request())
            request = prepare(run, boundary)
            async with ToolCalls(run, step) as calls:
                answer = await stream_answer(run, step, request, calls)  # 5
                commit_answer(run, step, request, answer)
                await calls.finish(answer)  # 6
        run.enter(Phase.SETTLING)
        await run.session.flushed()
        if not run.has_work():
            return settle(run)  # 7


# ------------------------------------------------------------ the steps, in call order


async def wait_for_backoff(run: Run, step: Step) -> bool:
    """Wait out what the last failure asked for; False when the user ended the wait.

    A steer shortens it to what the server itself asked for (Retry-After); an abort ends it.
    """
    backoff, run.backoff = run.backoff, None
    match backoff:
        case Limit(until, note):
            run.enter(Phase.PAUSED, note)
            async with step.scope:
                await run.told_to_go_on(until)
        case Backoff(until, held, attempt, limit, reason):
            now = now_s()
            wait_s, held_s = max(0.0, until - now), max(0.0, held - now)
            run.enter(Phase.RETRYING, reason)
            run.bus.publish(RetryScheduled(attempt, limit, wait_s, reason, held_s))
            async with step.scope:
                await asyncio.sleep(wait_s)
            if step.cause == "steer" and held > now_s():
                run.backoff = Backoff(held, held, attempt, limit, reason)
    if step.cause == "steer":
        run.failures = 0  # the person wants it tried again: a fresh budget
    return step.cause is None


def make_room(run: Run) -> bool:
    """Leave out what can be when the last request did not fit the model and a summary made no room; False at the end."""
    refused, run.refused = run.refused, None
    if refused is not None:
        repair(run, refused)
    return run.ending == "completed"


def prepare(run: Run, boundary: Boundary) -> Request:
    """Claim what is due at this boundary, commit it, and build the request. No wait lies between."""
    run.enter(Phase.PREPARING)
    run.steps += 1
    session, settings = run.session, run.settings
    with session.one_queue_change():
        claimed = session.inbox.claim(boundary, settings.steering_mode, settings.follow_up_mode)
        delivered = session.deliver(claimed, run.now())
    for entry in delivered:
        run.unanswered.append(entry)
        run.bus.publish(user_input(entry, cut=run.cut_answer))
        run.cut_answer = False
    return run.request(run.omit)


async def stream_answer(run: Run, step: Step, request: Request, calls: ToolCalls) -> Answer:
    """The answer to `request`: whole, or as far as it came before it was cut or failed.

    Calls that only look begin as soon as they are whole.
    """
    builder = AnswerBuilder(request.model, run.session.history.call_ids)
    if step.cause is None:  # a request never leaves on a scope that is already cancelled
        async with step.scope, aclosing(run.stream(request)) as events:
            count = 0
            async for event in events:
                taken = builder.apply(event)
                announce(run, step, builder, taken)
                if isinstance(taken, BlockStopped) and (call := builder.call(taken.index)) is not None:
                    calls.begin_early(call, builder.invalid)
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


def commit_answer(run: Run, step: Step, request: Request, answer: Answer) -> None:
    """Put what truly came into the history, and note what follows from how it ended."""
    cut: Cut = "" if answer.whole else step.cause or "connection"
    run.cut_answer = False
    if run.omit is not None and (answer.whole or answer.blocks):
        remember_omission(run, run.omit)
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
        run.bus.publish(run.spending.add(answer.model, answer.usage))
    if answer.whole:
        run.failures = 0
        follow_ending(run, answer)
    elif step.cause is None:
        follow_failure(run, request, answer)


def _worth_keeping(answer: Answer) -> bool:
    """Is there anything in a cut answer that may go back to the model? A thought alone may not."""
    return any(
        isinstance(block, ToolUseBlock) or (isinstance(block, TextBlock) and bool(block.text.strip()))
        for block in answer.blocks
    )


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
        with session.one_queue_change():
            texts += [item.content for item in session.inbox.withdraw_until(run.end_mark)]
    elif run.ending == "failed" or setting == "keep" or run.kept_by_abort:
        session.inbox.hold(run.end_mark)
        session.on_queue_changed()
    if texts:
        retracted = tuple(entry.item_id for entry in run.unanswered)
        safe = tuple(safe_text(plain_text(content)) for content in texts)
        run.bus.publish(InputRestored(safe, retracted, tuple(texts)))
