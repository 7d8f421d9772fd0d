"""Compaction inside a run: when it is due, and from the order to the summary in the history.

1. Due: a person asked for it and it is next in line; the last request did not fit; the next would leave too little
   room for its answer. Looked at before every request, so also in the middle of a run, between tools and answer.
2. The order is leased from the inbox. Nothing else is: messages that come meanwhile wait in their places.
3. The provider is asked for a summary, with the retries of any request. A steer does not end this and goes out right
   after; an abort does, and so does withdrawing the order. A limit that lasts long is waited out first.
4. A whole summary goes into the history and the journal in one entry, together with the end of its order. A cut, an
   empty or a failed one leaves the history as it was.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final

from h2a_agent.answer import Answer, AnswerBuilder
from h2a_agent.compaction import Budget, Order, Plan, budget, plan, summary_request
from h2a_agent.content import plain_text
from h2a_agent.context.tokens import (
    about_tokens,
    context_tokens,
    counted_tokens,
    entry_tokens,
    told_tokens,
    tools_tokens,
)
from h2a_agent.events import (
    CompactionEnded,
    CompactionStarted,
    CompactionSwitched,
    Error,
    Phase,
    RetryScheduled,
)
from h2a_agent.history import AssistantEntry, CompactionEntry, CompactionSwitchEntry, Entry
from h2a_agent.inbox import Item, new_item_id
from h2a_agent.models import model_info
from h2a_agent.projection import may_switch, newest_compaction
from h2a_agent.providers.base import Failed, FailureKind, Request, TokenUsage
from h2a_agent.recovery import sit_out
from h2a_agent.replay import compaction_ended
from h2a_agent.retry import TABLE, Reaction
from h2a_agent.run import Run, Step
from h2a_agent.safe_text import one_line
from h2a_agent.session import Session

__all__ = ["compact_if_due", "switch_summary"]

_OVERFLOW: Final = Order("the conversation no longer fits the model")
_FULL: Final = Order("the context is nearly full")
_WHOLE: Final = frozenset({"end_turn", "stop_sequence"})
_SHORTER: Final = 3  # how often a request for a summary that does not fit itself is made half as long
_EVENTS_PER_TICK: Final = 32


class _Refused(Exception):
    """There is no summary. The message says why, `advice` what to do; after a `limit` it is tried again."""

    def __init__(self, reason: str, advice: str = "", limit: Failed | None = None) -> None:
        super().__init__(reason)
        self.advice = advice
        self.limit = limit


@dataclass(frozen=True, slots=True)
class _Summary:
    text: str
    plan: Plan
    before: int
    after: int


@dataclass(slots=True)
class _Bill:
    """What all requests for one summary have used, and the model that answered."""

    model: str = ""
    usage: TokenUsage = field(default_factory=TokenUsage)

    def add(self, answer: Answer) -> None:
        used, more = self.usage, answer.usage
        self.model = answer.model
        self.usage = TokenUsage(
            used.input_tokens + more.input_tokens,
            used.output_tokens + more.output_tokens,
            used.cache_read_tokens + more.cache_read_tokens,
            used.cache_write_tokens + more.cache_write_tokens,
        )


# ---------------------------------------------------------------------- when


async def compact_if_due(run: Run, step: Step) -> bool:
    """Compact where that is due. True: that has happened, or an interrupt, so look again what is to be done next."""
    order = await _due(run)
    if order is None or step.cause is not None:
        return step.cause is not None
    await _compact(run, step, order)
    return True


async def _due(run: Run) -> Order | None:
    if run.room.overflowed:
        return _OVERFLOW
    if run.session.inbox.compaction_due():
        return Order("")  # what it says is read when it is leased: until then it may be edited
    if run.settings.auto_compact and not run.room.given_up and await _nearly_full(run):
        return _FULL
    return None


async def _nearly_full(run: Run) -> bool:
    limit = _budget(run).limit
    history = run.session.history.entries
    if not limit or not _answered_since(history):
        return False
    tokens = counted_tokens(history)
    if tokens is None:
        tokens = await asyncio.to_thread(context_tokens, history, 0)
    waiting = sum(about_tokens(item.text) for item in run.session.inbox.waiting())
    return tokens + waiting > limit


def _answered_since(history: tuple[Entry, ...]) -> bool:
    """Has there been an answer since the newest summary? One right after the other would gain nothing."""
    newest = newest_compaction(history)
    for entry in reversed(history):
        if isinstance(entry, AssistantEntry):
            return True
        if entry is newest:
            return False
    return False


def _budget(run: Run) -> Budget:
    settings = run.settings
    window = model_info(settings.model).context_window
    return budget(window, settings.max_tokens, settings.reserve_tokens, settings.keep_tokens)


# ----------------------------------------------------------------------- how


async def _compact(run: Run, step: Step, order: Order) -> None:
    """Carry out `order`, or the one that is next in line. Ends with `CompactionEnded`, whatever came of it."""
    run.enter(Phase.PREPARING)
    run.enter(Phase.COMPACTING)
    automatic = order in (_OVERFLOW, _FULL)
    item = None if automatic else run.session.inbox.claim_compaction()
    if item is not None:
        order = Order.of(item.text)
    run.bus.publish(CompactionStarted(one_line(order.reason)))
    bill = _Bill()
    try:
        summary = await _summarise(run, step, order, bill)
    except _Refused as refused:
        if bill.usage.context_tokens:
            run.session.note_spent(bill.model, bill.usage)
        _refuse(run, step, order, item, refused)
        if refused.limit is not None:
            return  # the order stands
    else:
        _accept(run, order, item, summary, bill)
    run.room.spent = run.room.spent or run.room.overflowed
    run.room.overflowed = False


async def _summarise(run: Run, step: Step, order: Order, bill: _Bill) -> _Summary:
    history = run.session.history.entries
    base = run.base_request()
    standing = about_tokens(base.system) + tools_tokens(base.tools)
    before = await asyncio.to_thread(context_tokens, history, standing)
    told = await asyncio.to_thread(told_tokens, history)
    share = _budget(run)
    # A person wants it shorter now and an overflow needs it shorter, also where all of it is recent enough to stay.
    keep = share.keep if order is _FULL else min(share.keep, told // 4)
    planned = await asyncio.to_thread(plan, history, keep, (share.limit or told) * 3 // 4)
    if planned is None:
        raise _Refused("there is nothing to summarise yet")
    answer = await _ask(run, step, order, planned, share.limit, bill)
    text = plain_text(answer.blocks).strip()
    if answer.stop_reason == "max_tokens":
        raise _Refused("the summary was cut at its token limit", "Raise max_tokens, or ask for less.")
    if answer.stop_reason not in _WHOLE:
        raise _Refused(f"the summary ended with {one_line(answer.stop_reason, 40)!r}")
    if not text:
        raise _Refused("the summary was empty")
    kept = (entry_tokens(entry) for entry in history[planned.first :])
    after = standing + about_tokens(text) + sum(kept)
    return _Summary(text, planned, before, after)


async def _ask(run: Run, step: Step, order: Order, planned: Plan, room: int, bill: _Bill) -> Answer:
    """The whole answer to the request for a summary of at most `room` tokens; all attempts go on the `bill`."""
    settings = run.settings
    base = replace(run.base_request(), max_tokens=min(settings.max_tokens, max(settings.reserve_tokens, 1)))
    head = planned.head if run.omit is None else (*planned.head, run.omit)
    attempt = shorter = 0
    while True:
        request = await asyncio.to_thread(summary_request, head, order, base, room)
        answer = await _stream(run, step, request)
        if answer.usage.context_tokens:
            bill.add(answer)
            run.spending.add(answer.model, answer.usage)
        if step.cause is not None:
            raise _Refused("it was stopped")
        if answer.whole:
            return answer
        failure = answer.failure or Failed(FailureKind.INTERRUPTED, "The connection ended in mid-answer.")
        if failure.kind is FailureKind.TOO_LARGE and shorter < _SHORTER:
            shorter += 1
            size = await asyncio.to_thread(told_tokens, head)
            room = min(room or size, size) // 2
            continue
        attempt += 1
        await _wait(run, step, failure, attempt)


async def _stream(run: Run, step: Step, request: Request) -> Answer:
    """The answer to `request`, whole or as far as it came. Nobody is shown its pieces."""
    builder = AnswerBuilder(request.model, run.session.history.call_ids)
    if step.cause is not None:  # a request never leaves on a scope that is already cancelled
        return builder.answer()
    async with step.scope, aclosing(run.stream(request)) as events:
        count = 0
        async for event in events:
            builder.apply(event)
            count += 1
            if count % _EVENTS_PER_TICK == 0:
                await asyncio.sleep(0)
    return builder.answer()


async def _wait(run: Run, step: Step, failure: Failed, attempt: int) -> None:
    """Wait before the next attempt, by the table of every request.

    Raises:
        _Refused: there is none, or the person ended the wait.
    """
    reason, rule = one_line(failure.message, 200), TABLE[failure.kind]
    match run.retry.reaction(failure, attempt):
        case Reaction.RETRY:
            wait_s = run.retry.delay_s(failure, attempt)
        case Reaction.ASK:
            raise _Refused(reason, limit=failure)
        case _:
            raise _Refused(reason, rule.advice)
    run.bus.publish(RetryScheduled(attempt, rule.attempts, wait_s, reason))
    async with step.scope:
        await asyncio.sleep(wait_s)
    if step.cause is not None:
        raise _Refused("it was stopped")
    run.say()


# ------------------------------------------------------------------ its end


def _accept(run: Run, order: Order, item: Item | None, summary: _Summary, bill: _Bill) -> None:
    session = run.session
    entry = CompactionEntry(
        item.id if item else new_item_id(),
        summary.text,
        len(session.history) - summary.plan.first,
        summary.before,
        summary.after,
        order.instructions,
        bill.model,
        bill.usage,
        run.now(),
        counts=not order.preview,
    )
    session.append(entry)
    if item is not None:
        session.inbox.commit(item.id)
    run.refused = None  # the next request is another one
    run.bus.publish(compaction_ended(entry))
    size = summary.after if entry.counts else summary.before
    run.bus.publish(replace(run.spending.event(bill.model, bill.usage), context_tokens=size))


def switch_summary(session: Session, now: float, *, counts: bool) -> CompactionSwitched | None:
    """Let the newest summary count, or no longer, at a person's word; None when there is nothing to say."""
    history = session.history.entries
    newest = newest_compaction(history)
    if newest is None or not may_switch(history, newest, counts=counts):
        return None
    session.append(CompactionSwitchEntry(newest.id, counts, now))
    return CompactionSwitched(counts, newest.tokens_after if counts else newest.tokens_before)


def _refuse(run: Run, step: Step, order: Order, item: Item | None, refused: _Refused) -> None:
    """The history stays as it was. Its order is over, a person may give it again; what waits for a limit stays."""
    if item is not None and (run.closing or refused.limit is not None):
        run.session.inbox.give_back([item.id])
    elif item is not None:
        run.session.inbox.withdraw(item.id)
    reason = str(refused)
    run.bus.publish(CompactionEnded(False, 0, 0, reason))
    if refused.limit is not None:
        sit_out(run, refused.limit)
        return
    if order is _FULL:
        run.room.given_up = True
    if order is _OVERFLOW and run.refused is not None:
        return  # something of the request can be left out
    if order is _OVERFLOW and step.cause is None:
        run.end("failed")
        advice = refused.advice or TABLE[FailureKind.TOO_LARGE].advice
        run.bus.publish(Error("compaction", f"No room could be made: {reason}.", advice, fatal=True))
    elif refused.advice:
        run.bus.publish(Error("compaction", f"No summary was made: {reason}", refused.advice))
