"""What is approved is what runs: digests, rules for good, changed calls, and refusals that steer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from h2a_agent.agent import Agent
from h2a_agent.content import TextBlock, ToolResultBlock
from h2a_agent.events import (
    AnyEvent,
    ApprovalAnswered,
    ApprovalRequested,
    Decision,
    Error,
    Settled,
    UserInput,
)
from h2a_agent.permission.rules import Rules
from h2a_agent.run_settings import RunSettings
from h2a_agent.session import Session
from h2a_agent.tools import default_tools
from support.scripted_provider import ScriptedProvider, call, stop


class Desk:
    """An agent that asks, and the person at it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.saved: list[str] = []
        self.events: list[AnyEvent] = []
        self.full = False

    async def start(self, *calls: dict[str, Any], rules: Rules | None = None) -> None:
        """Ask the model something; it answers with these calls."""
        pieces = [
            event
            for n, one in enumerate(calls)
            for event in call(n, f"c{n}", one.get("tool", "bash"), json.dumps(one["arguments"]))
        ]
        self.provider = ScriptedProvider([*pieces, *stop("tool_use")])
        self.agent = Agent(
            self.provider,
            session=Session.unsaved(self.folder),
            settings=RunSettings("scripted-1", mode="ask"),
            tools=default_tools(),
            rules=rules,
            save_rule=self.save,
        )
        self.live = self.agent.subscribe()
        self.agent.prompt("go")

    def save(self, rule: str) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.saved.append(rule)

    async def asked(self) -> ApprovalRequested:
        event = await self.until(ApprovalRequested)
        assert isinstance(event, ApprovalRequested)
        return event

    async def until(self, kind: type[AnyEvent]) -> AnyEvent:
        async for event in self.live:
            self.events.append(event)
            if isinstance(event, kind):
                return event
        raise AssertionError(f"no {kind.__name__} came")

    def results(self) -> dict[str, str]:
        blocks = [b for m in self.provider.requests[1].messages for b in m.content]
        return {b.call_id: _text(b) for b in blocks if isinstance(b, ToolResultBlock)}

    def said(self) -> list[str]:
        return [
            b.text for m in self.provider.requests[1].messages for b in m.content if isinstance(b, TextBlock)
        ]

    def there(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


def _text(block: ToolResultBlock) -> str:
    return "".join(part.text for part in block.content if isinstance(part, TextBlock))


def bash(command: str) -> dict[str, Any]:
    return {"arguments": {"command": command}}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    await desk.agent.aclose()


async def test_command_that_only_looks_runs_without_a_question(desk: Desk) -> None:
    await desk.start(bash("ls -a | wc -l"))
    await desk.until(Settled)
    assert not any(isinstance(event, ApprovalRequested) for event in desk.events)
    assert desk.results()["c0"].strip() == "2"


async def test_answer_to_something_else_is_refused(desk: Desk) -> None:
    await desk.start(bash("touch one"), bash("touch two"))
    first, second = await desk.asked(), await desk.asked()
    assert first.digest != second.digest
    for decision in (Decision.ALLOW, Decision.ALLOW_SESSION, Decision.ALLOW_ALWAYS):
        assert not desk.agent.answer(first.call_id, decision)
        assert not desk.agent.answer(first.call_id, decision, digest=second.digest)
    assert not desk.agent.answer(
        first.call_id, Decision.ALLOW_CHANGED, digest=second.digest, changed="touch x"
    )
    assert not desk.agent.answer("c9", Decision.ALLOW, digest=first.digest)
    assert desk.agent.answer(first.call_id, Decision.ALLOW, digest=first.digest)
    assert not desk.agent.answer(first.call_id, Decision.ALLOW, digest=first.digest), "one answer, one run"
    assert desk.agent.answer(second.call_id, Decision.REJECT), "no digest is needed to say no"
    await desk.until(Settled)
    assert desk.there() == {first.detail.removeprefix("touch ")}


async def test_file_that_changes_under_the_question_is_asked_about_again(desk: Desk) -> None:
    (desk.folder / "a").write_text("old\n")
    await desk.start({"tool": "write", "arguments": {"path": "a", "content": "new\n"}})
    first = await desk.asked()
    assert "-old" in first.detail
    (desk.folder / "a").write_text("somebody else's\n")
    assert desk.agent.answer("c0", Decision.ALLOW, digest=first.digest)
    second = await desk.asked()
    assert "-somebody else's" in second.detail
    assert "look again" in second.reason
    assert (desk.folder / "a").read_text() == "somebody else's\n"
    assert not desk.agent.answer("c0", Decision.ALLOW, digest=first.digest)
    assert desk.agent.answer("c0", Decision.REJECT)
    await desk.until(Settled)


async def test_always_keeps_the_rule_that_was_shown_and_asks_no_more(desk: Desk) -> None:
    await desk.start(bash("touch one"))
    asked = await desk.asked()
    assert asked.rule == "bash(touch one)"
    assert desk.agent.answer(asked.call_id, Decision.ALLOW_ALWAYS, digest=asked.digest)
    await desk.until(Settled)
    assert desk.saved == ["bash(touch one)"]
    assert [e.note for e in desk.events if isinstance(e, ApprovalAnswered)] == ["bash(touch one)"]
    (desk.folder / "one").unlink()
    desk.provider.answers = ((), (), [*call(0, "c5", "bash", '{"command": "touch one"}'), *stop("tool_use")])
    desk.agent.prompt("again")
    await desk.until(Settled)
    assert desk.there() == {"one"}
    assert sum(isinstance(event, ApprovalRequested) for event in desk.events) == 1


async def test_rule_that_cannot_be_saved_is_said_and_holds_for_the_session(desk: Desk) -> None:
    desk.full = True
    await desk.start(bash("touch one"))
    asked = await desk.asked()
    assert desk.agent.answer("c0", Decision.ALLOW_ALWAYS, digest=asked.digest)
    await desk.until(Settled)
    [error] = [event for event in desk.events if isinstance(event, Error)]
    assert "was not saved: [Errno 28]" in error.message
    assert desk.there() == {"one"}


async def test_call_without_a_sound_rule_cannot_be_allowed_always(desk: Desk) -> None:
    await desk.start(bash("bash -c 'touch one'"))
    asked = await desk.asked()
    assert asked.rule == ""
    assert not desk.agent.answer("c0", Decision.ALLOW_ALWAYS, digest=asked.digest)
    assert desk.agent.answer("c0", Decision.REJECT)
    await desk.until(Settled)


async def test_changed_command_runs_instead_and_the_model_is_told(desk: Desk) -> None:
    await desk.start(bash("touch one; echo hi"))
    asked = await desk.asked()
    assert asked.editable == "touch one; echo hi"
    assert desk.agent.answer("c0", Decision.ALLOW_CHANGED, digest=asked.digest, changed="touch two; echo ho")
    await desk.until(Settled)
    assert desk.there() == {"two"}
    result = desk.results()["c0"]
    assert "The user changed this call before allowing it. What ran is:\ntouch two; echo ho" in result
    assert result.endswith("ho")
    [answered] = [event for event in desk.events if isinstance(event, ApprovalAnswered)]
    assert (answered.decision, answered.note) == (Decision.ALLOW_CHANGED, "touch two; echo ho")


async def test_changed_arguments_that_do_not_fit_leave_the_question_open(desk: Desk) -> None:
    await desk.start({"tool": "write", "arguments": {"path": "a", "content": "new\n"}})
    asked = await desk.asked()
    for bad in ("{", '{"path": "b"}', '{"path": "b", "content": 1}', "[]"):
        with pytest.raises(ValueError, match=r"."):
            desk.agent.answer("c0", Decision.ALLOW_CHANGED, digest=asked.digest, changed=bad)
    good = json.dumps({**json.loads(asked.editable), "path": "b"})
    assert desk.agent.answer("c0", Decision.ALLOW_CHANGED, digest=asked.digest, changed=good)
    await desk.until(Settled)
    assert desk.there() == {"b"}


async def test_changed_command_that_a_rule_denies_does_not_run(desk: Desk) -> None:
    await desk.start(bash("touch one"), rules=Rules.parse({"deny": ["bash(touch two)"]}))
    asked = await desk.asked()
    assert desk.agent.answer("c0", Decision.ALLOW_CHANGED, digest=asked.digest, changed="touch two")
    await desk.until(Settled)
    assert desk.there() == set()
    assert "the user's rule bash(touch two) denies it" in desk.results()["c0"]


async def test_what_cannot_be_shown_cannot_be_edited(desk: Desk) -> None:
    await desk.start(bash("echo \u202e; touch one"))
    asked = await desk.asked()
    assert asked.editable == ""
    assert not desk.agent.answer("c0", Decision.ALLOW_CHANGED, digest=asked.digest, changed="ls")
    assert desk.agent.answer("c0", Decision.REJECT)
    await desk.until(Settled)


async def test_refusal_with_a_reason_steers_and_clears_the_other_calls(desk: Desk) -> None:
    await desk.start(bash("touch one"), bash("touch two"))
    first, second = await desk.asked(), await desk.asked()
    assert desk.agent.answer(first.call_id, Decision.REJECT_AND_STEER, "use make instead")
    await desk.until(Settled)
    assert desk.there() == set()
    assert "the user refused this call. Their next message says why" in desk.results()[first.call_id]
    assert "the user steered instead of answering" in desk.results()[second.call_id]
    assert "use make instead" in desk.said()
    assert [e.text for e in desk.events if isinstance(e, UserInput)] == ["go", "use make instead"]
    answers = {e.call_id: e.decision for e in desk.events if isinstance(e, ApprovalAnswered)}
    assert answers == {first.call_id: Decision.REJECT_AND_STEER, second.call_id: Decision.WITHDRAWN}


async def test_refusal_with_an_empty_reason_is_a_plain_one(desk: Desk) -> None:
    await desk.start(bash("touch one"))
    await desk.asked()
    assert desk.agent.answer("c0", Decision.REJECT_AND_STEER, "  ")
    await desk.until(Settled)
    assert desk.results()["c0"] == "Not run: the user refused this call."


async def test_denied_by_rule_never_asks(desk: Desk) -> None:
    await desk.start(bash("touch one"), rules=Rules.parse({"deny": ["bash(touch *)"]}))
    await desk.until(Settled)
    assert not any(isinstance(event, ApprovalRequested) for event in desk.events)
    assert "the user's rule bash(touch *) denies it" in desk.results()["c0"]
