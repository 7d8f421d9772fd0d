"""Sessions on disk, written as a conversation writes them, and what a crash makes of them."""

from __future__ import annotations

import os
from pathlib import Path

from h2a_agent.content import AssistantBlock, TextBlock, ToolUseBlock, UserBlock
from h2a_agent.events import Kind, Outcome
from h2a_agent.history import AssistantEntry, Node, ToolEntry, UserEntry
from h2a_agent.inbox import Boundary
from h2a_agent.providers.base import TokenUsage
from h2a_agent.session import Session
from h2a_agent.session_files import sessions_of

__all__ = ["Script", "said"]


class Script:
    """A session whose entries a test writes one by one; each verb returns the new entry's node."""

    def __init__(self, root: Path, workspace: Path | None = None) -> None:
        workspace = workspace or root / "work"
        workspace.mkdir(parents=True, exist_ok=True)
        self.session = Session.create(sessions_of(root / "sessions", workspace), workspace)
        self._step = 0

    @property
    def path(self) -> Path:
        assert self.session.path is not None
        return self.session.path

    def ask(self, *content: str | UserBlock, kind: Kind = Kind.PROMPT) -> Node:
        blocks = [TextBlock(part) if isinstance(part, str) else part for part in content]
        self.session.inbox.put(kind, blocks)
        self.session.deliver(self.session.inbox.claim(Boundary.RUN_END), 1_700_000_000.0)
        return self.session.history.path[-1]

    def answer(self, *content: str | AssistantBlock, cut: str = "", model: str = "a-model") -> Node:
        self._step += 1
        blocks = tuple(TextBlock(part) if isinstance(part, str) else part for part in content)
        calls = any(isinstance(block, ToolUseBlock) for block in blocks)
        stop = "" if cut else "tool_use" if calls else "end_turn"
        usage = TokenUsage(100, 20)
        entry = AssistantEntry(self._step, blocks, stop, model, usage, 1_700_000_001.0, cut)  # type: ignore[arg-type]
        self.session.append(entry)
        return self.session.history.path[-1]

    def result(self, call_id: str, text: str = "done", outcome: Outcome = Outcome.OK, diff: str = "") -> Node:
        self.session.append(ToolEntry(call_id, outcome, text, "brief", 0.5, 1_700_000_002.0, (), diff))
        return self.session.history.path[-1]

    def close(self) -> Path:
        self.session.close()
        return self.path

    def crash(self) -> Path:
        """Leave the file as `kill -9` would: nothing is flushed or closed in order."""
        assert self.session._journal is not None
        os.close(self.session._journal._fd)
        self.session._journal._fd = -1
        return self.path


def said(session: Session) -> list[str]:
    """The words of the conversation as it stands, results aside."""
    return [
        "".join(block.text for block in entry.content if isinstance(block, TextBlock))
        for entry in session.history.entries
        if isinstance(entry, UserEntry | AssistantEntry)
    ]
