"""What the loop does when an answer did not end well: the reactions of `retry.py`'s table, as steps.

Nothing here waits. Each leaves in the run what the next step begins with: a `Backoff` or a `Limit` to sit out, a
`Refused` request to summarise or to make smaller, an `OmitEntry` to build the next one without, or the run's end.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from h2a_agent.answer import Answer
from h2a_agent.events import Error
from h2a_agent.history import WINDOW_FULL, OmitEntry
from h2a_agent.omissions import next_omissions
from h2a_agent.providers.base import Failed, FailureKind, Request
from h2a_agent.retry import TABLE, Reaction, now_s
from h2a_agent.run import Backoff, Limit, Refused, Run
from h2a_agent.safe_text import one_line

__all__ = ["follow_ending", "follow_failure", "remember_omission", "repair", "sit_out"]

# After these the model goes on when it is asked again, which is done so often in a row.
_IN_MID_TURN: Final = frozenset({"pause_turn", "max_tokens"})
_MOST_UNFINISHED: Final = 8


def follow_ending(run: Run, answer: Answer) -> None:
    """An answer ended by itself: say what a person should know of how, and see that mid-turns come to an end."""
    reason = answer.stop_reason
    run.unfinished = run.unfinished + 1 if reason in _IN_MID_TURN else 0
    if reason != WINDOW_FULL:
        run.room.answered()
    if run.unfinished > _MOST_UNFINISHED:
        what = f"The model broke off {run.unfinished} times in a row ({reason})."
        give_up(run, reason, what, "Send “go on”, or raise max_tokens.")
    elif reason == "refusal" and answer.detail:
        run.bus.publish(Error(reason, f"The model refused to answer: {answer.detail}."))
    elif reason == WINDOW_FULL and not run.room.overflow():
        advice = "Send “go on”; the conversation is shortened where it does not fit."
        run.bus.publish(Error(reason, "The conversation fills the model's context window.", advice))


def follow_failure(run: Run, request: Request, answer: Answer) -> None:
    """A stream failed by itself: see to the next attempt, or end the run with a reason and advice."""
    failure = answer.failure or Failed(FailureKind.INTERRUPTED, "The connection ended in mid-answer.")
    run.failures += 1
    reason = one_line(failure.message, 200)
    rule = TABLE[failure.kind]
    match run.retry.reaction(failure, run.failures):
        case Reaction.RETRY:
            until = now_s() + run.retry.delay_s(failure, run.failures)
            server_until = now_s() + (failure.retry_after_s or 0.0)
            run.backoff = Backoff(until, server_until, run.failures, rule.attempts, reason)
        case Reaction.ASK:
            sit_out(run, failure)
        case Reaction.MAKE_ROOM:
            run.refused = Refused(failure, request)
            run.room.overflow()
        case Reaction.REPAIR:
            repair(run, Refused(failure, request))
        case Reaction.FATAL:
            give_up_on(run, failure)


def sit_out(run: Run, failure: Failed) -> None:
    """Pause until a limit begins anew, or the user says so."""
    run.failures = 0
    wait_s = failure.retry_after_s
    until_then = "until you go on" if wait_s is None else f"until {_hour(run.now() + wait_s)}"
    run.backoff = Limit(None if wait_s is None else now_s() + wait_s, until_then)
    advice = f"Paused {until_then}; what waits is kept. /resume or a message tries again at once."
    run.bus.publish(Error(failure.kind.value, one_line(failure.message, 200), advice))


def repair(run: Run, refused: Refused) -> None:
    """Leave out of the next request what it was refused for; give up when nothing is left to leave out."""
    failure, request, omit = refused.failure, refused.request, run.omit
    while omissions := next_omissions(failure, request, omit.omissions if omit else ()):
        omit = OmitEntry(omissions, request.model, one_line(failure.message, 200), run.now())
        if run.request(omit) != request:
            run.omit = omit
            return
    give_up_on(run, failure)


def remember_omission(run: Run, omit: OmitEntry) -> None:
    """A server took a request without what `omit` leaves out: so do all to come, and the user hears of it."""
    run.session.append(omit)
    run.omit = None
    advice = f"Left out from here on: {', '.join(omit.omissions)}."
    run.bus.publish(Error("repair", f"The server refused a request: {omit.reason}", advice))


def give_up_on(run: Run, failure: Failed) -> None:
    """End the run, because nothing more can be done about `failure`."""
    tried = f" ({run.failures} attempts)" if run.failures > 1 else ""
    give_up(run, failure.kind.value, one_line(failure.message, 200) + tried, TABLE[failure.kind].advice)


def give_up(run: Run, kind: str, message: str, advice: str) -> None:
    """End the run and say why."""
    run.end("failed")
    run.bus.publish(Error(kind, message, advice, fatal=True))


def _hour(moment: float) -> str:
    """`moment` (seconds since the epoch) as a clock on the wall shows it, with the day when it is not today."""
    then, today = datetime.fromtimestamp(moment).astimezone(), datetime.now().astimezone()
    return then.strftime("%H:%M" if then.date() == today.date() else "%d %b %H:%M")
