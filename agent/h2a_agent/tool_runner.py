"""Runs one tool call: approval, time, interruption, and one truthful result.

A call goes through the states of `_State`, and whatever fires meanwhile, it ends with exactly one
`ToolEntry` that tells what was: a call that completed keeps its real result, one that was cut says after how
long and gives its output so far, one that had not begun says so. Which calls run when is `tool_calls.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum, auto
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from h2a_agent.approval import ALLOWING, Approval, Question, as_text, digest_of
from h2a_agent.config_error import ConfigError
from h2a_agent.content import ToolUseBlock
from h2a_agent.events import ApprovalAnswered, Decision, Error, Outcome, Phase, ToolOutput
from h2a_agent.history import ToolEntry
from h2a_agent.permission import Verdict
from h2a_agent.permission.rules import RuleError
from h2a_agent.replay import tool_result
from h2a_agent.run import Cause, Run
from h2a_agent.safe_text import one_line, safe_text
from h2a_agent.sandbox.sandbox import OFF, Sandbox
from h2a_agent.todos import todo_changed
from h2a_agent.tools.base import Effect, Tool, ToolContext, ToolOutcome, WhenSteered

__all__ = ["BY", "Call", "title_of"]

BY: Final[dict[Cause, str]] = {"steer": "the user steered", "abort": "the user stopped the run"}


class _State(Enum):
    WAITING = auto()
    ASKING = auto()
    RUNNING = auto()


def title_of(tools: Mapping[str, Tool[Any]], name: str, arguments: Mapping[str, Any]) -> str:
    """The line that tells a person what a call does; "" where the arguments do not fit it."""
    tool = tools.get(name)
    if tool is None:
        return ""
    try:
        return str(tool.title(tool.params.model_validate(arguments)))
    except Exception:  # noqa: BLE001  arguments that do not fit, or a tool's bug: a title is worth no run
        return ""


class Call:
    """One call on its way to its result."""

    def __init__(self, run: Run, block: ToolUseBlock, invalid: str) -> None:
        self.block = block
        self.task: asyncio.Task[None]
        self.has_begun = False
        self._run = run
        self._invalid = invalid
        self._state = _State.WAITING
        self._tool = run.toolbox.tools.get(block.name)
        self._cause: Cause | None = None
        self._started = 0.0
        self._closed = False
        self._changed = ""  # what the user made of the call, for the model to know
        self._answer_is_recorded = False
        self._unrecorded: ToolEntry | None = None

    def only_looks(self) -> bool:
        """Does it change nothing, so that it may be cut at any moment, and may it run unasked?"""
        tool = self._tool
        if tool is None or self._invalid or tool.effect is not Effect.READ:
            return False
        if tool.when_steered is not WhenSteered.CANCEL:
            return False  # what must not be cut in the middle does something: the end of a job
        toolbox, mode = self._run.toolbox, self._run.settings.mode
        try:
            params = tool.params.model_validate(dict(self.block.arguments))
            judged = toolbox.permission.decide(mode, tool, params, self._context())
        except Exception:  # noqa: BLE001  arguments that do not fit, or a tool's bug: told when its turn comes
            return False
        return judged.verdict is Verdict.ALLOW

    # ---------------------------------------------------------------- its way

    def begin(self, limit: asyncio.Semaphore) -> None:
        """Start the task that brings it to its result, once `limit` lets it."""
        self.has_begun = True
        self.task = asyncio.create_task(self.run(limit), name=f"tool {self.block.name}")

    @property
    def is_running(self) -> bool:
        """Has it a task that has not ended?"""
        return self.has_begun and not self.task.done()

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
        return self.task.cancelling() > 0

    def stop(self, cause: Cause) -> None:
        """End the call, unless it is to finish by itself. Once is enough: a second cancel would hit its clean-up."""
        if self._cause is None and not self.finishes(cause) and self.is_running:
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
        """Tell the one result and put it into the history; later ones are nobody's."""
        if self._closed:
            return
        self._closed = True
        if self._state is _State.ASKING:
            self._question_closed(Decision.WITHDRAWN, "")
        self._unrecorded = entry
        if self._answer_is_recorded:
            self.record()
        self._run.bus.publish(tool_result(entry))
        if (changed := todo_changed(self.block, entry)) is not None:
            self._run.bus.publish(changed)

    def record(self) -> None:
        """The answer is in the history: so is the result now, or as soon as there is one."""
        self._answer_is_recorded = True
        if self._unrecorded is not None:
            self._run.session.append(self._unrecorded)
            self._unrecorded = None

    # ------------------------------------------------------------ its results

    def entry(self, outcome: Outcome, text: str, brief: str) -> ToolEntry:
        """A result of words."""
        return ToolEntry(self.block.id, outcome, text, brief, self._elapsed(), self._run.now())

    def not_started(self, cause: Cause) -> ToolEntry:
        """The result of a call that never began."""
        return self.entry(
            Outcome.NOT_STARTED, f"Not started: {BY[cause]} before this call could run.", "not started"
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
        text = f"{self._changed}Stopped after {elapsed:.1f} s by {by}."
        if self._tool is None or self._tool.effect is not Effect.READ:
            text += " Side effects are possible."
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
        execute = tool.effect is Effect.EXECUTE
        ctx = self._context(await self._run.toolbox.sandbox.get() if execute else OFF)
        permitted = await self._permit(tool, params, ctx)
        if isinstance(permitted, ToolEntry):
            return permitted
        async with limit:
            return await self._execute(tool, *permitted)

    def _context(self, sandbox: Sandbox = OFF) -> ToolContext:
        toolbox = self._run.toolbox
        return ToolContext(
            workspace=toolbox.workspace,
            spill_dir=toolbox.spill_dir,
            call_id=self.block.id,
            emit=self._emit,
            files=toolbox.files,
            jobs=toolbox.jobs,
            goes_on=self._goes_on,
            sandbox=sandbox,
        )

    async def _permit(
        self, tool: Tool[Any], params: BaseModel, ctx: ToolContext
    ) -> ToolEntry | tuple[BaseModel, ToolContext]:
        """Ask if it must be asked; the refusal, or what is to run."""
        permission = self._run.toolbox.permission
        judged = await asyncio.to_thread(permission.decide, self._run.settings.mode, tool, params, ctx)
        if judged.verdict is Verdict.ALLOW:
            ctx.env.update(judged.env)
            return params, ctx
        if judged.verdict is Verdict.DENY:
            return self._denied(judged.reason)
        answer = await self._ask(tool, params, ctx, judged.reason)
        match answer.decision:
            case Decision.ALLOW:
                pass
            case Decision.ALLOW_SESSION:
                permission.grant(tool, params, ctx)
            case Decision.ALLOW_ALWAYS:
                await self._keep_rule(answer.note)
            case Decision.ALLOW_CHANGED if answer.changed is not None:
                params = answer.changed
                self._changed = (
                    f"The user changed this call before allowing it. What ran is:\n{as_text(params)}\n\n"
                )
                judged = await asyncio.to_thread(
                    permission.decide, self._run.settings.mode, tool, params, ctx
                )
                if judged.verdict is Verdict.DENY:
                    return self._denied(judged.reason)
            case Decision.REJECT_AND_STEER:
                text = "Not run: the user refused this call. Their next message says why."
                return self.entry(Outcome.REJECTED, text, "")
            case _:
                said = f" They said: {answer.note}" if answer.note else ""
                return self.entry(Outcome.REJECTED, f"Not run: the user refused this call.{said}", "")
        return params, ctx

    def _denied(self, reason: str) -> ToolEntry:
        brief = "not allowed in this mode" if self._run.settings.mode == "plan" else "denied by your rule"
        return self.entry(Outcome.REJECTED, reason, brief)

    async def _ask(self, tool: Tool[Any], params: BaseModel, ctx: ToolContext, reason: str) -> Approval:
        """Ask until the answer is to what would still happen: a file may have changed under the question."""
        box = self._run.toolbox
        while True:
            preview = await tool.preview(params, ctx)
            rule = box.permission.propose(tool, params, ctx) if box.save_rule else ""
            question = Question(self.block.id, tool, params, preview, ctx, reason, rule)
            box.questions[self.block.id] = question
            self._state = _State.ASKING
            self._run.bus.publish(question.event)
            self._run.enter(Phase.APPROVAL)
            answer = await question.answered()
            if answer.decision in ALLOWING and answer.changed is None:
                now = await tool.preview(params, ctx)
                if digest_of(self.block.id, tool, params, now, ctx) != question.digest:
                    reason = "changed while you were asked; please look again"
                    continue
            note = answer.note
            if answer.decision is Decision.ALLOW_ALWAYS:
                note = question.rule
            elif answer.changed is not None:
                note = tool.title(answer.changed)
            self._question_closed(answer.decision, note)
            self._state = _State.WAITING
            return replace(answer, note=note)

    async def _keep_rule(self, rule: str) -> None:
        """Let the rule hold from now on, and write it down; where that fails, it holds for this session."""
        box = self._run.toolbox
        try:
            box.permission.allow_always(rule)
            if box.save_rule is not None:
                await asyncio.to_thread(box.save_rule, rule)
        except (OSError, RuleError, ConfigError) as error:
            self._run.bus.publish(
                Error(
                    "rule",
                    f"The rule {one_line(rule)} was not saved: {one_line(str(error))}",
                    "It holds for this session.",
                )
            )

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
            self._changed + outcome.text,
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
