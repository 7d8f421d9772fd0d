"""A question whether a call may run, and the one answer to it.

What is approved is what runs: the question carries a digest of exactly what it shows (tool, place, everything that
would run or change, the arguments), and an answer that allows must bring the same digest. It is open until the
first answer that fits; a front end that shows something else, or an older question of the same call, cannot answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from h2a_agent.events import ApprovalRequested, Decision
from h2a_agent.safe_text import one_line, safe_text
from h2a_agent.tools.base import Preview, Tool, ToolContext

__all__ = ["ALLOWING", "Approval", "Question", "as_text", "digest_of"]

ALLOWING: Final = frozenset(
    {Decision.ALLOW, Decision.ALLOW_SESSION, Decision.ALLOW_ALWAYS, Decision.ALLOW_CHANGED}
)
_EDITABLE_CHARS: Final = 20_000  # more than that nobody edits in a question


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's answer to a question, with their words. `changed` are the arguments they gave instead."""

    decision: Decision
    note: str = ""
    changed: BaseModel | None = None


class Question:
    """An open question about one call."""

    def __init__(
        self,
        call_id: str,
        tool: Tool[Any],
        params: BaseModel,
        shown: Preview,
        ctx: ToolContext,
        reason: str,
        rule: str,
    ) -> None:
        self.rule = rule
        self.digest = digest_of(call_id, tool, params, shown, ctx)
        self._tool = tool
        self._params = params
        self._answer: asyncio.Future[Approval] = asyncio.get_running_loop().create_future()
        self.event = ApprovalRequested(
            call_id,
            tool.name,
            one_line(tool.title(params), 200),
            safe_text(shown.text),
            shown.kind,
            reason,
            str(ctx.workspace),
            digest=self.digest,
            rule=rule,
            editable=_editable(params),
        )

    def answer(self, decision: Decision, note: str, digest: str, changed: str | None) -> bool:
        """Take the answer; False when the question is closed, or the answer is to something else.

        Raises:
            ValueError: the changed arguments do not fit the tool; the question stays open.
        """
        if self._answer.done() or decision is Decision.WITHDRAWN:
            return False
        if decision in ALLOWING and digest != self.digest:
            return False
        if decision is Decision.ALLOW_ALWAYS and not self.rule:
            return False
        params: BaseModel | None = None
        if decision is Decision.ALLOW_CHANGED:
            if changed is None or not self.event.editable:
                return False
            params = self._with(changed)
        self._answer.set_result(Approval(decision, note, params))
        return True

    async def answered(self) -> Approval:
        """Wait for the answer."""
        return await self._answer

    def _with(self, text: str) -> BaseModel:
        given: Any = self._params.model_dump(exclude_unset=True)
        if _is_command(self._params):
            given["command"] = text
        else:
            try:
                given = json.loads(text)
            except ValueError as error:
                raise ValueError(f"not valid JSON: {error}") from error
        try:
            params: BaseModel = self._tool.params.model_validate(given)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(map(str, problem["loc"])) or "arguments"
            raise ValueError(f"{where}: {problem['msg']}") from error
        return params


def digest_of(call_id: str, tool: Tool[Any], params: BaseModel, shown: Preview, ctx: ToolContext) -> str:
    """What identifies exactly this call, shown exactly so."""
    what = [call_id, tool.name, str(ctx.workspace), shown.kind, shown.text, params.model_dump(mode="json")]
    data = json.dumps(what, ensure_ascii=True, sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()


def as_text(params: BaseModel) -> str:
    """The arguments as a person edits them: the command itself, or JSON."""
    if _is_command(params):
        return str(params.command)  # type: ignore[attr-defined]
    return json.dumps(params.model_dump(mode="json", exclude_unset=True), indent=2, ensure_ascii=False)


def _editable(params: BaseModel) -> str:
    text = as_text(params)
    # What cannot be shown as it is cannot be edited without changing it unseen.
    return text if len(text) <= _EDITABLE_CHARS and safe_text(text) == text else ""


def _is_command(params: BaseModel) -> bool:
    return isinstance(getattr(params, "command", None), str)
