"""Runs the tool calls of one answer: approval, time, interruption, and one truthful result each.

A call goes through the states of `_State`, and whatever fires meanwhile, it ends with exactly one
`ToolEntry` that tells what was: a call that completed keeps its real result, one that was cut says after how
long and gives its output so far, one that had not begun says so. The calls run at the same time; results are
journalled as they come, and the request builder puts them in the order of the calls.
"""

from __future__ import annotations

import asyncio
import time
from enum import Enum, auto
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from h2a_agent.answer import Answer
from h2a_agent.content import ToolUseBlock
from h2a_agent.events import ApprovalAnswered, ApprovalRequested, Decision, Outcome, Phase, ToolOutput
from h2a_agent.history import ToolEntry
from h2a_agent.permission import Verdict
from h2a_agent.replay import tool_result
from h2a_agent.run import Approval, Cause, Run, Step
from h2a_agent.safe_text import one_line, safe_text
from h2a_agent.sandbox.sandbox import OFF, must_ask
from h2a_agent.todos import todo_changed
from h2a_agent.tools.base import Effect, Tool, ToolContext, ToolOutcome, WhenSteered

__all__ = ["run_tools", "title_of"]

_AT_ONCE: Final = 8  # calls of one answer that run at the same time
_STOP_DEADLINE_S: Final = 10.0  # a tool that has not ended by then is given up, and that is said

_BY: Final[dict[Cause, str]] = {"steer": "the user steered", "abort": "the user stopped the run"}


class _State(Enum):
    WAITING = auto()
    ASKING = auto()
    RUNNING = auto()


def title_of(tools: dict[str, Tool[Any]] | Any, name: str, arguments: Any) -> str:
    """The line that tells a person what a call does; the tool's name where the arguments do not fit it."""
    tool = tools.get(name)
    if tool is None:
        return ""
    try:
        return str(tool.title(tool.params.model_validate(arguments)))
    except Exception:  # noqa: BLE001  arguments that do not fit, or a tool's bug: a title is worth no run
        return ""


async def run_tools(run: Run, step: Step, answer: Answer) -> None:
    """Bring every call of `answer` to its one result."""
    if not answer.calls:
        return
    calls = [_Call(run, call, answer.invalid.get(call.id, "")) for call in answer.calls]
    if reason := _why_not(step, answer):
        for call in calls:
            call.close(call.entry(Outcome.NOT_STARTED, reason, "not started"))
        return
    async with step.scope:
        await run.gate()
    if step.cause is None:
        run.enter(Phase.TOOLS)
        await _run_all(step, calls)
    else:
        for call in calls:
            call.close(call.not_started(step.cause))


def _why_not(step: Step, answer: Answer) -> str:
    """Why the calls of this answer must not run; "" when they may."""
    if step.cause is not None:
        return f"Not started: {_BY[step.cause]} before this call could run."
    if not answer.whole:
        return "Not started: the connection broke before the answer was complete. Call it again if you still need it."
    if answer.stop_reason == "max_tokens":
        return "Not started: the answer was cut at its token limit. Make the call again, smaller."
    if not answer.runnable:
        return f"Not started: the answer ended with {answer.stop_reason!r}, which does not allow tools."
    return ""


async def _run_all(step: Step, calls: list[_Call]) -> None:
    limit = asyncio.Semaphore(_AT_ONCE)
    tasks = [asyncio.create_task(call.run(limit), name=f"tool {call.block.name}") for call in calls]
    for call, task in zip(calls, tasks, strict=True):
        call.task = task
    try:
        async with step.scope:
            await asyncio.wait(tasks)
        if step.cause is not None:
            await _stop_all(step, calls, tasks)
        for task in tasks:
            if task.done():
                task.result()  # a bug of ours in there is not to be swallowed
    finally:
        # Only a cancellation from outside leaves tasks behind: they are ours, so they end with us.
        left = [task for task in tasks if not task.done()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_STOP_DEADLINE_S)


async def _stop_all(step: Step, calls: list[_Call], tasks: list[asyncio.Task[None]]) -> None:
    """End what still runs, by policy; an abort that comes on top of a steer ends the rest, too."""
    again = asyncio.create_task(step.interrupted_again())
    try:
        while left := [task for task in tasks if not task.done()]:
            assert step.cause is not None
            for call in calls:
                call.stop(step.cause)
            # A call that is to finish has all the time it needs; clean-up has a limit.
            deadline = None if any(call.finishes(step.cause) for call in calls) else _STOP_DEADLINE_S
            wake = left if again.done() else [*left, again]
            done, _ = await asyncio.wait(wake, timeout=deadline, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                break
        for call, task in zip(calls, tasks, strict=True):
            if not task.done():
                call.close(
                    call.entry(
                        Outcome.UNKNOWN,
                        "It did not end when it was stopped; its outcome is unknown.",
                        "did not stop",
                    )
                )
    finally:
        again.cancel()


class _Call:
    """One call on its way to its result."""

    def __init__(self, run: Run, block: ToolUseBlock, invalid: str) -> None:
        self.block = block
        self.task: asyncio.Task[None] | None = None
        self._run = run
        self._invalid = invalid
        self._state = _State.WAITING
        self._tool = run.toolbox.tools.get(block.name)
        self._cause: Cause | None = None
        self._started = 0.0
        self._closed = False

    # ---------------------------------------------------------------- its way

    async def run(self, limit: asyncio.Semaphore) -> None:
        """Go through all states and close with the result. Cancelled by `stop`, it still closes truthfully."""
        try:
            self.close(await self._result(limit))
        except asyncio.CancelledError as error:
            if self._cause is not None:
                self.close(self._cut(self._cause, None))
            elif self._is_cancelled():
                raise  # the program ends, and there is no result to tell
            else:
                self.close(self._broken(error))  # the tool's own work was cancelled, not we
        except Exception as error:  # noqa: BLE001  a tool's bug must not end the run; the model is told what happened
            self.close(self._broken(error))
        finally:
            self._run.toolbox.questions.pop(self.block.id, None)

    def _is_cancelled(self) -> bool:
        return self.task is not None and self.task.cancelling() > 0

    def stop(self, cause: Cause) -> None:
        """End the call, unless it is to finish by itself. Once is enough: a second cancel would hit its clean-up."""
        if self._cause is None and not self.finishes(cause) and self.task is not None:
            self._cause = cause
            self.task.cancel()

    def finishes(self, cause: Cause) -> bool:
        """Is this a running call that `cause` does not cut?"""
        if self._state is not _State.RUNNING or self._closed:
            return False
        if self._tool is not None and self._tool.when_steered is WhenSteered.FINISH:
            return True
        return cause == "steer" and self._run.settings.running_tools == "finish"

    def close(self, entry: ToolEntry) -> None:
        """Journal and tell the one result; later ones are nobody's."""
        if self._closed:
            return
        self._closed = True
        if self._state is _State.ASKING:
            self._question_closed(Decision.WITHDRAWN, "")
        self._run.session.append(entry)
        self._run.bus.publish(tool_result(entry))
        if (changed := todo_changed(self.block, entry)) is not None:
            self._run.bus.publish(changed)

    # ------------------------------------------------------------ its results

    def entry(self, outcome: Outcome, text: str, brief: str) -> ToolEntry:
        """A result of words."""
        return ToolEntry(self.block.id, outcome, text, brief, self._elapsed(), self._run.now())

    def not_started(self, cause: Cause) -> ToolEntry:
        """The result of a call that never began."""
        return self.entry(
            Outcome.NOT_STARTED, f"Not started: {_BY[cause]} before this call could run.", "not started"
        )

    def _cut(self, cause: Cause, outcome: ToolOutcome | None) -> ToolEntry:
        if self._state is _State.WAITING:
            return self.not_started(cause)
        if self._state is _State.ASKING:
            verb = "steered" if cause == "steer" else "stopped the run"
            text = f"Not run: the user {verb} instead of answering the approval question."
            return self.entry(Outcome.NOT_STARTED, text, "not run")
        elapsed = self._elapsed()
        by = "the user's steering" if cause == "steer" else "the user"
        text = f"Stopped after {elapsed:.1f} s by {by}. Side effects are possible."
        if outcome is not None and outcome.text.strip():
            text += f" Output so far:\n\n{outcome.text}"
        return self.entry(Outcome.STOPPED, text, f"stopped after {elapsed:.1f} s")

    def _broken(self, error: BaseException) -> ToolEntry:
        brief = f"failed: {one_line(str(error), 60)}"
        return self.entry(Outcome.FAILED, f"The tool failed: {error!r}", brief)

    # ---------------------------------------------------------------- private

    async def _result(self, limit: asyncio.Semaphore) -> ToolEntry:
        if self._invalid:
            return self.entry(
                Outcome.FAILED,
                f"{self._invalid} Send the call again if you still need it.",
                "not a valid call",
            )
        tool = self._tool
        if tool is None:
            names = ", ".join(sorted(self._run.toolbox.tools))
            return self.entry(
                Outcome.FAILED,
                f"There is no tool {self.block.name!r}. The tools are: {names}.",
                "no such tool",
            )
        try:
            params: BaseModel = tool.params.model_validate(dict(self.block.arguments))
        except ValidationError as error:
            return self.entry(Outcome.FAILED, _explain(error), "arguments do not fit")
        ctx = ToolContext(
            workspace=self._run.toolbox.workspace,
            spill_dir=self._run.toolbox.spill_dir,
            call_id=self.block.id,
            emit=self._emit,
            files=self._run.toolbox.files,
            jobs=self._run.toolbox.jobs,
            goes_on=self._goes_on,
            sandbox=await self._run.toolbox.sandbox.get() if tool.effect is Effect.EXECUTE else OFF,
        )
        if (refusal := await self._permit(tool, params, ctx)) is not None:
            return refusal
        async with limit:
            return await self._execute(tool, params, ctx)

    async def _permit(self, tool: Tool[Any], params: BaseModel, ctx: ToolContext) -> ToolEntry | None:
        """Ask if it must be asked; the refusal, or None when the call may run."""
        permission = self._run.toolbox.permission
        mode = self._run.settings.mode
        risk = must_ask(ctx.sandbox, getattr(params, "needs", "nothing"))
        verdict, reason = permission.decide("ask" if risk and mode == "full" else mode, tool, params, ctx)
        if risk and verdict is Verdict.ASK:
            reason = f"{reason} {risk}"
        if verdict is Verdict.ALLOW:
            return None
        if verdict is Verdict.DENY:
            return self.entry(Outcome.REJECTED, reason, "not allowed in this mode")
        answer = await self._ask(tool, params, ctx, reason)
        if answer.decision not in (Decision.ALLOW, Decision.ALLOW_SESSION):
            said = f" They said: {answer.note}" if answer.note else ""
            return self.entry(Outcome.REJECTED, f"Not run: the user refused this call.{said}", "")
        if answer.decision is Decision.ALLOW_SESSION:
            permission.grant(tool, params, ctx)
        return None

    async def _ask(self, tool: Tool[Any], params: BaseModel, ctx: ToolContext, reason: str) -> Approval:
        preview = await tool.preview(params, ctx)
        question: asyncio.Future[Approval] = asyncio.get_running_loop().create_future()
        questions = self._run.toolbox.questions
        questions[self.block.id] = question
        self._state = _State.ASKING
        self._run.bus.publish(
            ApprovalRequested(
                self.block.id,
                tool.name,
                one_line(tool.title(params), 200),
                safe_text(preview.text),
                preview.kind,
                reason,
                str(ctx.workspace),
            )
        )
        self._run.enter(Phase.APPROVAL)
        answer = await question
        self._question_closed(answer.decision, answer.note)
        self._state = _State.WAITING
        return answer

    def _question_closed(self, decision: Decision, note: str) -> None:
        questions = self._run.toolbox.questions
        questions.pop(self.block.id, None)
        self._run.bus.publish(ApprovalAnswered(self.block.id, decision, one_line(note)))
        if not questions:
            self._run.enter(Phase.TOOLS)

    async def _execute(self, tool: Tool[Any], params: BaseModel, ctx: ToolContext) -> ToolEntry:
        self._run.session.intend(self.block)
        self._state = _State.RUNNING
        self._started = time.monotonic()
        outcome = await tool.run(params, ctx)
        if outcome.stopped and self._cause is not None:
            return self._cut(self._cause, outcome)
        kind = Outcome.FAILED if outcome.is_error else Outcome.OK
        return ToolEntry(
            self.block.id,
            kind,
            outcome.text,
            outcome.brief,
            self._elapsed(),
            self._run.now(),
            outcome.images,
            outcome.diff,
        )

    def _goes_on(self) -> bool:
        """Cut, does the command go on as a background job?"""
        return self._cause == "steer" and self._run.settings.running_tools == "background"

    def _emit(self, text: str) -> None:
        if not self._closed:
            self._run.bus.publish(ToolOutput(self.block.id, safe_text(text)))

    def _elapsed(self) -> float:
        return time.monotonic() - self._started if self._started else 0.0


def _explain(error: ValidationError) -> str:
    """What is wrong with the arguments, one line per field, for a model to act on."""
    lines = [
        f"- {'.'.join(map(str, problem['loc'])) or 'arguments'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return "The arguments do not fit the tool's schema. Send the call again with:\n" + "\n".join(lines)
