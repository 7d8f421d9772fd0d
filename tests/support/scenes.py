"""Every screen of the program, played: what `tests/tui/test_screens.py` looks at.

A new screen is a function of a few lines that brings a chat there:

    @scene()
    async def find_bar(chat: Chat) -> None:
        await chat.say(*TALK)
        await chat.press("f3")
        await chat.type("parser")

Everything that is not the same everywhere (time, folders, versions, spinners) stands still in here.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from PIL import Image, ImageDraw
from rich.text import Text
from textual.widgets import Static

from h2a_agent.assemble import connect
from h2a_agent.catalogue import Catalogue
from h2a_agent.content import ImageBlock, TextBlock
from h2a_agent.context.breakdown import Breakdown, Share
from h2a_agent.events import (
    AnyEvent,
    ApprovalRequested,
    CompactionEnded,
    CompactionStarted,
    Done,
    Error,
    FileRestored,
    Interrupt,
    JobItem,
    JobsChanged,
    Kind,
    Outcome,
    Phase,
    RetryScheduled,
    Settled,
    Status,
    Thinking,
    TodoChanged,
    TodoItem,
    TodoStatus,
    TokenStream,
    ToolCall,
    ToolOutput,
    ToolResult,
    Usage,
    UserInput,
)
from h2a_agent.history import AssistantEntry, Node, UserEntry
from h2a_agent.keys import Keys
from h2a_agent.model_choice import ModelChoice
from h2a_agent.providers.base import TokenUsage
from h2a_agent.safe_text import safe_text
from h2a_agent.sandbox.sandbox import Level, Sandbox
from h2a_agent.session import Session
from h2a_agent.session_files import sessions_of
from h2a_agent.session_verbs import SessionVerbs
from h2a_queue import H2AQueue
from h2a_tui.keymap import Keymap
from h2a_tui.prompt_history import PromptHistory
from h2a_tui.screens.ask import AskScreen
from h2a_tui.screens.session_picker import SessionPicker
from h2a_tui.settings import ListedSetting
from h2a_tui.themed_app import ThemedApp
from h2a_tui.transcript.preview import Wish
from h2a_tui.trust_question import TrustQuestion
from h2a_tui.vitals import Vitals
from h2a_tui.widgets.status_line import StatusLine
from support.chat_pilot import Chat, running_chat
from support.scripted_agent import ScriptedAgent

__all__ = ["SCENES", "SIZE", "Stage", "scene"]

SIZE: Final = (100, 30)
NOW: Final = 1_700_000_000.0

Play = Callable[[Chat], Awaitable[None]]


@dataclass
class Stage:
    """An app with a scene on it."""

    app: ThemedApp[Any]
    resize: Callable[[int, int], Awaitable[None]]
    at_rest: Callable[[], Awaitable[None]]


Scene = Callable[[Path, pytest.MonkeyPatch], AbstractAsyncContextManager[Stage]]
SCENES: Final[dict[str, Scene]] = {}
"""All scenes, by the names of their functions."""


def scene(**settings: Any) -> Callable[[Play], Play]:
    """Make a scene of a function that plays it in a chat with these settings."""

    def add(play: Play) -> Play:
        @asynccontextmanager
        async def set_up(home: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
            async with _still_chat(home, patch, settings) as chat:
                await play(chat)
                yield Stage(chat.app, chat.pilot.resize_terminal, lambda: _at_rest(chat))

        SCENES[play.__name__] = set_up
        return play

    return add


class Clock:
    """The time on stage: it passes when a scene says so."""

    now = NOW

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def _still_chat(
    home: Path, patch: pytest.MonkeyPatch, settings: Mapping[str, Any]
) -> AsyncIterator[Chat]:
    clock = Clock()
    patch.setenv("HOME", str(home))
    patch.setattr("h2a_tui.widgets.welcome.__version__", "1.2.3")
    patch.setattr(StatusLine.notice, "__defaults__", (1e6,))  # what is said stays
    patch.setattr("h2a_tui.transcript.widget.time", clock)
    patch.setattr("h2a_tui.job_commands.time.time", clock)
    patch.setattr("h2a_tui.answering.TYPING_PAUSE_S", 1e9)  # a question takes the keyboard when F2 gives it
    project = home / "project"
    for name in ("src/parser.py", "src/parse_tree.py", "tests/test_parser.py", "README.md"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("")
    (project / ".git").mkdir()
    (project / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    agent = ScriptedAgent(project, clock=clock)
    agent.sandbox = Sandbox(Level.BUBBLEWRAP)
    past = settings.get("past", ())
    prompts = home / "prompts.jsonl"
    for text in past:
        PromptHistory(prompts, project).add(text)
    rest = {name: value for name, value in settings.items() if name not in ("past", "choosing")}
    models = _models(agent, home) if settings.get("choosing") else None
    async with running_chat(
        agent, size=SIZE, reduced_motion=True, prompts_file=prompts, models=models, **rest
    ) as chat:
        screen = chat.screen
        screen.status_line._clock = clock
        screen.queue_panel.list._clock = screen.queue_panel._receipts._clock = clock
        await chat.until(lambda: screen._branch)
        yield chat


def _models(agent: ScriptedAgent, home: Path) -> ModelChoice:
    """A choice of models, with a key for one provider; nobody else answers, on this machine or elsewhere."""
    agent.provider_name = "anthropic"
    names = ("anthropic", "ollama", "llama.cpp", "lmstudio", "vllm")
    nowhere: dict[str, dict[str, Any]] = {name: {"base_url": "http://127.0.0.1:1"} for name in names}
    known = {"coder-small": {"context_window": 32_000}, "coder-large": {"context_window": 200_000}}
    nowhere["mine"] = {"base_url": "https://models.invalid", "key_env": "MINE_KEY", "models": known}
    keys = Keys(home / "keys", {"MINE_KEY": "sk-nobody-sees-this"})
    models = ModelChoice(agent, Catalogue(nowhere), keys, home / "config.toml", connect)
    models.refresh = _ask_nobody  # type: ignore[method-assign]  # how fast a name is not found differs
    return models


async def _ask_nobody(answered: Callable[[], None] = lambda: None) -> None:
    answered()


async def _at_rest(chat: Chat) -> None:
    await chat.settle()
    await chat.until(lambda: not chat.screen.transcript.busy)
    behind = chat.app.screen_stack[:-1]  # nothing waits for these by itself, nor lays them out anew
    for _ in range(2):  # a layout changes sizes, and these what is laid out
        for screen in behind:
            screen._refresh_layout()
        await chat.until(lambda: not any(w.message_queue_size for s in behind for w in (s, *s.query("*"))))
    await chat.settle()


def _pass_time(chat: Chat, seconds: float) -> None:
    clock = chat.screen.status_line._clock
    assert isinstance(clock, Clock)
    clock.now += seconds
    for widget in (chat.screen.status_line, chat.screen.queue_panel.list):
        widget.refresh()  # as their timers would have done
    chat.screen.transcript._tick()


# ------------------------------------------------------------------ what is said

ANSWER: Final = """\
The parser reads `load_config` **twice**; see [the notes](https://example.org/notes).

> Nothing here is cached, so every call pays for both.

1. `src/parser.py` loads the file,
2. `src/parse_tree.py` loads it again, with *other* defaults.

| file | calls | milliseconds |
|---|---:|---:|
| parser.py | 120 | 4.5 |
| parse_tree.py | 120 | 210.25 |

```python
@cached
class Parser(Base):
    \"\"\"Reads one file.\"\"\"

    def parse(self, path: str = "a.toml") -> int:  # slow
        return len(path) + 42
```
"""
DIFF: Final = """\
--- a/src/parser.py
+++ b/src/parser.py
@@ -10,8 +10,9 @@ class Parser:
     def parse(self, path: str) -> Tree:
         \"\"\"Read one file.\"\"\"
-        config = load_config(load_config(path))
-        return Tree(config)
+        config = load_config(path)
+        log.debug("parsed %s", path)
+        return Tree(config, source=path)
     # The file is ours.
     def close(self) -> None:
         self._file.close()
"""
TALK: Final[tuple[AnyEvent, ...]] = (
    Status(Phase.PREPARING, 1),
    UserInput("i1", Kind.PROMPT, "Why is the parser slow?"),
    Status(Phase.STREAMING, 1),
    Thinking(1, 0, "The file may be read more than once. I look for the callers first."),
    TokenStream(1, 1, ANSWER),
    Done(1, "end_turn"),
)
USAGE: Final = Usage("opus-9", 1200, 345, 90_000, 4000, 95_545, 200_000, 1.5, 0.03)
ENDED: Final[tuple[AnyEvent, ...]] = (USAGE, Settled("completed", 1), Status(Phase.IDLE))
QUESTION: Final = ApprovalRequested(
    "c3",
    "bash",
    "npm test -- --watch=false",
    "npm test -- --watch=false 2>&1 | tail -n 40",
    "command",
    "it runs a program that is not known to only look",
    "/home/ann/project",
    rule="bash(npm test *)",
    editable="npm test -- --watch=false 2>&1 | tail -n 40",
)


async def _queue_three(chat: Chat) -> None:
    chat.agent.follow_up("then write the changelog, in the style of the entries that are there")
    _pass_time(chat, 65)
    chat.agent.nudge("mind the types")
    chat.agent.steer("leave the cache alone, please\nand the tests too")
    await chat.settle()


# ------------------------------------------------------------------- the scenes


@scene()
async def welcome(_chat: Chat) -> None:
    """The first page."""


@scene()
async def welcome_with_notice(chat: Chat) -> None:
    words = (
        "No model is set, so the demo answers: a script, no language model.\nA server on this machine: /model"
    )
    chat.screen.welcome.query_one("#welcome-notice", Static).update(Text(words))


@scene()
async def streaming(chat: Chat) -> None:
    await chat.say(*TALK[:3], Thinking(1, 0, "Once or twice?"), TokenStream(1, 1, ANSWER[:300]))
    _pass_time(chat, 12.4)
    await chat.say(USAGE)
    await chat.type("and this is a draft")


@scene()
async def answer(chat: Chat) -> None:
    await chat.say(*TALK, *ENDED)


@scene()
async def thinking_live(chat: Chat) -> None:
    words = "The file may be read more than once. " * 14
    await chat.say(*TALK[:3], Thinking(1, 0, words))


@scene()
async def thinking_unfolded(chat: Chat) -> None:
    await chat.say(*TALK[:4])
    _pass_time(chat, 3)
    await chat.say(Thinking(1, 0, "\n\nIt is: twice."), TokenStream(1, 1, "It is read **twice**."))
    await chat.say(Done(1, "end_turn"), *ENDED)
    await chat.press("ctrl+o")


@scene()
async def tools(chat: Chat) -> None:
    """One of every stage and outcome."""
    await chat.say(
        *TALK[:3],
        TokenStream(1, 0, "I look at the callers and run the tests."),
        ToolCall(1, 1, "t1", "grep", "complete", arguments={"pattern": "load_config"}, title="load_config"),
        ToolCall(1, 2, "t2", "bash", "complete", title="pytest -q tests/test_parser.py"),
        ToolCall(1, 3, "t3", "read", "complete", arguments={"path": "a.py"}, title="a.py"),
        ToolCall(1, 4, "t4", "bash", "complete", title="make slow-thing"),
        ToolCall(1, 5, "t5", "bash", "complete", title="rm -rf build"),
        ToolCall(1, 6, "t6", "edit", "complete", title="src/parser.py"),
        Done(1, "tool_use"),
        ToolResult("t1", Outcome.OK, "src/parser.py:12:load_config(path)\nREADME.md:3:load_config", "2 hits"),
        ToolResult("t2", Outcome.FAILED, "E   assert 1 == 2\n1 failed, 119 passed in 3.1s", "exit 1", 3.1),
        ToolResult("t3", Outcome.OK, "import os\nx = 1\ny = 2\nz = 3\nprint(x)", "5 lines", 0.1),
        ToolResult("t4", Outcome.STOPPED, "one\ntwo", "stopped after 4.2 s by the user's steering", 4.2),
        ToolResult("t5", Outcome.REJECTED, "", "rejected by the user", 0.0),
        ToolResult("t6", Outcome.NOT_STARTED, "", "not run", 0.0),
        Status(Phase.STREAMING, 2),
        ToolCall(2, 0, "t7", "bash", "complete", title="pytest -q"),
        Done(2, "tool_use"),
        Status(Phase.TOOLS, 2),
        ToolOutput("t7", "collected 120 items\n\ntests/test_parser.py ....\n"),
    )
    _pass_time(chat, 7)
    await chat.until(lambda: "pytest -q  7s" in chat.text())


@scene()
async def tool_forming(chat: Chat) -> None:
    await chat.say(*TALK[:3], TokenStream(1, 0, "I write the file."))
    text = '{"path": "notes.md", "content": "# Notes\\n\\n- the parser\\n- the tree\\n- the cache'
    await chat.say(ToolCall(1, 1, "t1", "write", "forming", text))


async def _edits(chat: Chat) -> None:
    await chat.say(
        *TALK[:3],
        TokenStream(1, 0, "One read is enough."),
        ToolCall(1, 1, "t1", "edit", "complete", title="src/parser.py"),
        Done(1, "tool_use"),
        ToolResult("t1", Outcome.OK, "edited", "+3 −2", 0.1, diff=DIFF),
        Status(Phase.STREAMING, 2),
        TokenStream(2, 0, "Done."),
        Done(2, "end_turn"),
        *ENDED,
    )


@scene()
async def diffs(chat: Chat) -> None:
    """Side by side where there is room."""
    await _edits(chat)


@scene(diffs="unified")
async def diffs_unified(chat: Chat) -> None:
    await _edits(chat)


@scene()
async def queue(chat: Chat) -> None:
    await chat.say(*TALK[:3], TokenStream(1, 1, "The parser reads"))
    await _queue_three(chat)


@scene()
async def queue_chosen(chat: Chat) -> None:
    await queue(chat)
    await chat.press("alt+up", "up")


@scene()
async def queue_edited(chat: Chat) -> None:
    await queue(chat)
    await chat.press("alt+up", "up", "enter")


@scene()
async def queue_paused(chat: Chat) -> None:
    await chat.say(*TALK, *ENDED[:2], Status(Phase.PREPARING, 2))
    await _queue_three(chat)
    await chat.say(Status(Phase.IDLE))
    chat.agent.hold()


@scene()
async def receipts(chat: Chat) -> None:
    """A steer has just been delivered."""
    await queue(chat)
    item = chat.agent.state.queue[0]
    await chat.say(Interrupt("steer", Phase.STREAMING), Done(1, "", "steer"))
    chat.agent.deliver(item.id)
    await chat.say(UserInput(item.id, item.kind, item.text, cut=True), Status(Phase.STREAMING, 2))


@scene()
async def approval_command(chat: Chat) -> None:
    await chat.say(*TALK[:3], ToolCall(1, 1, "c3", "bash", "complete", title=QUESTION.title))
    await chat.say(Done(1, "tool_use"), Status(Phase.APPROVAL, 1), QUESTION)
    await chat.press("f2")


@scene()
async def approval_while_writing(chat: Chat) -> None:
    await chat.say(*TALK, Status(Phase.APPROVAL, 1), QUESTION)
    await chat.type("half a thought")


@scene()
async def approval_diff(chat: Chat) -> None:
    question = ApprovalRequested(
        "c3", "edit", "src/parser.py", DIFF, "diff", "it changes a file", "/home/ann/project"
    )
    await chat.say(*TALK, Status(Phase.APPROVAL, 1), question)
    await chat.press("f2")


@scene()
async def approval_reason(chat: Chat) -> None:
    await _answer_with("r", chat)
    await chat.type("use the fast tests")


@scene()
async def approval_changed(chat: Chat) -> None:
    await _answer_with("e", chat)


async def _answer_with(key: str, chat: Chat) -> None:
    await approval_command(chat)
    await chat.until(lambda: chat.screen.approval._answering.readable)
    await chat.press(key)
    await chat.until(lambda: chat.screen.focused is not chat.screen.approval)


@scene()
async def popup_commands(chat: Chat) -> None:
    await chat.type("/s")
    await chat.until(lambda: chat.screen.composer.popup_open)


@scene()
async def popup_files(chat: Chat) -> None:
    await chat.say(*TALK, *ENDED)
    await chat.type("look at @par")
    await chat.until(lambda: chat.screen.composer.popup_open)
    await chat.press("down")


@scene(past=("run the tests", "why is the parser slow?", "write the tests first\nthen the code"))
async def history_search(chat: Chat) -> None:
    await chat.press("ctrl+r")
    await chat.type("test")
    await chat.until(lambda: chat.screen.composer.popup_open)


@scene()
async def find_bar(chat: Chat) -> None:
    await chat.say(*TALK, *ENDED)
    await chat.press("f3")
    await chat.type("parse")
    await chat.until(lambda: " of " in chat.rows()[chat.screen.find_bar.region.y])


@scene()
async def reading(chat: Chat) -> None:
    await chat.say(*TALK, *ENDED)
    await chat.press("f4", "up")


@scene()
async def todo_folded(chat: Chat) -> None:
    await chat.say(*TALK[:3], TokenStream(1, 1, "One after the other."), TodoChanged(_todos()))


@scene()
async def todo_open(chat: Chat) -> None:
    await todo_folded(chat)
    await chat.press("ctrl+t")


def _todos() -> tuple[TodoItem, ...]:
    done, now, later = TodoStatus.DONE, TodoStatus.IN_PROGRESS, TodoStatus.PENDING
    words = (
        "Read the parser",
        "Find who calls it",
        "Read the file once",
        "Run the tests",
        "Say what changed",
    )
    return tuple(
        TodoItem(text, status) for text, status in zip(words, (done, done, now, later, later), strict=True)
    )


@scene()
async def hud(chat: Chat) -> None:
    await chat.say(*TALK)
    await chat.press("f12")
    vitals = Vitals()
    for samples, value in ((vitals.lag, 0.0012), (vitals.frame, 0.0034), (vitals.echo, 0.0056)):
        samples.add(value)
        samples.add = lambda seconds: None  # type: ignore[method-assign]
    vitals.bytes_per_s = 12_345.0
    stats = H2AQueue[str]().get_stats()
    vitals.rows = lambda _queue, rows=vitals.rows: [  # type: ignore[method-assign,misc]
        (name, "48 MB" if name == "memory" else value) for name, value in rows(stats)
    ]
    chat.screen.hud._stop()
    chat.screen.hud._vitals = vitals
    chat.screen.hud.refresh()


@scene()
async def help_page(chat: Chat) -> None:
    await chat.press("f1")


@scene()
async def tree_picker(chat: Chat) -> None:
    session = Session.unsaved(chat.agent.workspace)
    ids = iter(("0a1b2c3d", "1b2c3d4e", "2c3d4e5f", "3d4e5f60"))
    for n, words in enumerate(("Why is the parser slow?", "Make it fast, but leave the cache alone"), 1):
        session.history.add(
            Node(next(ids), session.history.head, UserEntry(f"i{n}", Kind.PROMPT, (TextBlock(words),), NOW))
        )
        text = f"It reads the file twice. {words} " * 3
        answer = AssistantEntry(n, (TextBlock(text),), "end_turn", "m", TokenUsage(), NOW)
        session.history.add(Node(next(ids), session.history.head, answer))
    chat.agent.sessions = SessionVerbs(session)
    await _command(chat, "/tree")


@scene()
async def theme_picker(chat: Chat) -> None:
    await chat.say(*TALK, *ENDED)
    await _command(chat, "/theme")
    await chat.until(lambda: len(chat.app.screen_stack) > 1)
    await chat.settle()
    picker = chat.app.screen  # it wears the theme its bar is on, which must not come behind the test's own
    await chat.until(lambda: not any(worker.node is picker for worker in chat.app.workers))


@scene(
    listed=(
        ListedSetting("provider", "anthropic", "ANTHROPIC_API_KEY"),
        ListedSetting("model", "opus-9", "the command line"),
        ListedSetting("mode", "ask", "default"),
        ListedSetting("theme", "light/dark", "~/.config/h2a-chat/config.toml"),
        ListedSetting("reserve_tokens", "20,000", "default"),
    )
)
async def settings_page(chat: Chat) -> None:
    await _command(chat, "/settings")


@scene(listed=(ListedSetting("max_tokens", "16,384", "default"),))
async def setting_asked(chat: Chat) -> None:
    await _command(chat, "/settings")
    await chat.press("enter")
    await chat.until(lambda: isinstance(chat.app.screen, AskScreen))
    await chat.type("x")
    await chat.press("enter")


@scene(choosing=True, first_run=True)
async def first_run(chat: Chat) -> None:
    await chat.until(lambda: "nothing runs" in chat.text())


@scene(choosing=True)
async def setup_key(chat: Chat) -> None:
    await _command(chat, "/setup")
    await chat.until(lambda: "nothing runs" in chat.text())
    await chat.type("deepseek")
    await chat.press("enter")
    await chat.until(lambda: isinstance(chat.app.screen, AskScreen))
    await chat.type("not a key")
    await chat.press("enter")
    await chat.until(lambda: "that is no key" in chat.text())


@scene(choosing=True)
async def models_page(chat: Chat) -> None:
    await chat.say(*TALK, *ENDED)
    await _command(chat, "/model")
    await chat.until(lambda: "coder-large" in chat.text())
    await chat.settle()
    picker = chat.app.screen  # every server has said what it has
    await chat.until(lambda: not any(worker.node is picker for worker in chat.app.workers))


@scene()
async def sessions_page(chat: Chat) -> None:
    root, here = chat.agent.workspace.parent / "sessions", chat.agent.workspace
    for days, words in ((9, "Mend the lexer"), (2, "Why does the parser read its file twice?"), (0, "Now")):
        folder = sessions_of(root, here)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = Session.create(folder, here)
        made.append(UserEntry("i1", Kind.PROMPT, (TextBlock(words),), NOW))
        answer = AssistantEntry(1, (TextBlock(f"{words}: done."),), "end_turn", "m", TokenUsage(), NOW)
        made.append(answer)
        if days:
            made.close()
            assert made.path is not None
            os.utime(made.path, (NOW - days * 86_400, NOW - days * 86_400))
        else:
            chat.agent.sessions = SessionVerbs(made)
    await _command(chat, "/sessions")
    await chat.until(lambda: isinstance(chat.app.screen, SessionPicker))
    await chat.press("down")
    await chat.until(lambda: "done." in chat.text())


@scene()
async def keys_page(chat: Chat) -> None:
    await _command(chat, "/keys")
    await chat.until(lambda: len(chat.app.screen_stack) > 1)
    await chat.press("alt+enter", "ctrl+s", "x", "f5")


@scene()
async def cost_page(chat: Chat) -> None:
    await chat.say(*TALK, *ENDED)
    await _command(chat, "/cost")
    await chat.until(lambda: len(chat.app.screen_stack) > 1)


@scene()
async def context_page(chat: Chat) -> None:
    shares = (Share("instructions", 3200), Share("tools", 5100), Share("your messages", 12_000))
    chat.agent.fills = Breakdown(shares, 200_000, counted=True)
    await chat.say(*TALK, *ENDED)
    await _command(chat, "/context")
    await chat.until(lambda: "instructions" in chat.text() or len(chat.app.screen_stack) > 1)


@scene()
async def jobs_page(chat: Chat) -> None:
    jobs = (JobItem(1, "npm run dev -- --port 3000", NOW - 75, True), JobItem(2, "make", NOW - 9, False, 2))
    await chat.say(*TALK, *ENDED, JobsChanged(jobs))
    await _at_rest(chat)
    await chat.press("f6")
    await chat.until(lambda: len(chat.app.screen_stack) > 1)


@scene()
async def paused(chat: Chat) -> None:
    await chat.say(*TALK, Status(Phase.PAUSED, 1, note="the limit is reached; it goes on at 14:30"))


@scene()
async def pausing(chat: Chat) -> None:
    await chat.say(*TALK[:3], TokenStream(1, 1, "Still at it"), Status(Phase.STREAMING, 1, pausing=True))


@scene()
async def retrying(chat: Chat) -> None:
    await chat.say(*TALK[:3], Status(Phase.RETRYING, 1))
    await chat.say(RetryScheduled(2, 8, 12.0, "The provider is overloaded"))
    _pass_time(chat, 3)


@scene()
async def compacting(chat: Chat) -> None:
    await chat.say(*TALK, USAGE, Status(Phase.COMPACTING, 1), CompactionStarted("the window is nearly full"))


@scene()
async def compacted(chat: Chat) -> None:
    await compacting(chat)
    summary = "The parser reads its file twice.\n\nThe user wants it fast, and the cache left alone."
    await chat.say(CompactionEnded(True, 180_000, 21_000, "", summary, counts=False), *ENDED)


@scene()
async def failed(chat: Chat) -> None:
    message = "The provider does not accept the key"
    advice = "Check ANTHROPIC_API_KEY, or keep another one: h2a-chat key set anthropic"
    await chat.say(
        *TALK[:2], Status(Phase.STREAMING, 1), Error("authentication", message, advice, fatal=True)
    )
    await chat.say(Settled("failed", 1), Status(Phase.IDLE))


@scene()
async def notices(chat: Chat) -> None:
    """Everything that stands in the conversation and is no message."""
    await chat.say(
        UserInput("i1", Kind.PROMPT, "Go on."),
        Status(Phase.STREAMING, 1),
        TokenStream(1, 0, "I was about to"),
        Done(1, "", "abort"),
        Settled("aborted", 1),
        UserInput("i2", Kind.PROMPT, "And now with a picture", images=2),
        Status(Phase.STREAMING, 2),
        TokenStream(2, 0, "A long answer"),
        Done(2, "max_tokens"),
        UserInput("i3", Kind.STEER, "Shorter, please."),
        UserInput("i4", Kind.NUDGE, "Mind the types."),
        UserInput("i5", Kind.FOLLOW_UP, "Then the changelog."),
        FileRestored(False, "src/parser.py", "+3 −2"),
        FileRestored(True, problem="nothing to make again"),
        Settled("completed", 2),
        Status(Phase.IDLE),
    )
    chat.screen.notice("Copied 12 lines")


def _sunset(width: int, height: int) -> ImageBlock:
    """A red disc in a blue sky over green hills, with a clear corner."""
    image = Image.new("RGBA", (width, height), "#3060b0")
    draw = ImageDraw.Draw(image)
    draw.ellipse((width * 0.55, height * 0.2, width * 0.8, height * 0.6), "#e04020")
    draw.rectangle((0, height * 0.75, width, height), "#208040")
    draw.rectangle((0, 0, width * 0.2, height * 0.2), "#00000000")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=0)
    return ImageBlock("image/png", base64.b64encode(buffer.getvalue()).decode())


@scene()
async def pictures(chat: Chat) -> None:
    """In a message, and read by a tool."""
    broken = ImageBlock("image/png", base64.b64encode(b"\x89PNG\r\n\x1a\nnothing").decode())
    chat.agent.album.update({"i1": (_sunset(120, 40), broken), "t1": (_sunset(30, 60),)})
    await chat.say(
        UserInput("i1", Kind.PROMPT, "What is in here?", images=2),
        Status(Phase.STREAMING, 1),
        ToolCall(1, 0, "t1", "read", "complete", arguments={"path": "plan.png"}, title="plan.png"),
        Done(1, "tool_use"),
        ToolResult("t1", Outcome.OK, "plan.png: png image, 7 kB", "png image, 7 kB", 0.1),
        Status(Phase.STREAMING, 2),
    )
    shown = chat.screen.transcript.document.pictures
    await chat.until(lambda: shown and all(each.wish is Wish.SHOWN for each in shown.values()))


@scene(images=False)
async def pictures_named(chat: Chat) -> None:
    """Where they are not wanted."""
    await chat.say(UserInput("i1", Kind.PROMPT, "What is in here?", images=2), Status(Phase.STREAMING, 1))


@scene()
async def own_commands(chat: Chat) -> None:
    await chat.say(*TALK[:2], Status(Phase.IDLE))
    await _command(chat, "!git status --short")
    shell = chat.agent.state.shells[0]
    await chat.say(ToolResult(shell, Outcome.OK, " M src/parser.py\n?? notes.md", "exit 0", 0.1))
    await chat.type("!!ls")


@scene()
async def new_below(chat: Chat) -> None:
    """Scrolled up while more comes."""
    await chat.say(*TALK, *ENDED)
    await chat.press("ctrl+home", "pageup")
    words = "\n\n".join(f"Paragraph {n}." for n in range(40))
    await chat.say(
        UserInput("i2", Kind.PROMPT, "More!"), Status(Phase.STREAMING, 2), TokenStream(2, 0, words)
    )
    await chat.until(lambda: not chat.screen.transcript.busy)
    await chat.press("ctrl+home")
    await chat.say(TokenStream(2, 0, words))


WORLD: Final = """\
# 世界 · мир · عالم

你好,世界。这个解析器为什么慢?因为它把同一个文件读了两次,所以每次调用都要付出双倍的代价。

مرحبا بالعالم: הקובץ נקרא פעמיים.

- 👩‍👩‍👧‍👦 families, 🇳🇴 flags, 👍🏽 tones, é (combining), ｗｉｄｅ
- `日本語のコード` and ภาษาไทย

| 名前 | 値 |
|---|---|
| 解析器 | 🚀🚀 |
| e\u0301t\u00e9 | ok |
"""


@scene()
async def scripts_of_the_world(chat: Chat) -> None:
    await chat.say(UserInput("i1", Kind.PROMPT, "为什么慢? 🤔 שלום"), Status(Phase.STREAMING, 1))
    await chat.say(TokenStream(1, 0, WORLD), Done(1, "end_turn"), *ENDED)
    await chat.type("日本語 and émoji 👍🏽")


HOSTILE: Final = (
    "\x1b[2J\x1b[31mred\x1b[0m \x07bell \x9b31m csi \u202eright to left\u202c \u200bzero \ufeffbom\r"
    "over\x08\x08 \x1b]0;title\x07 \x1b]8;;https://evil.example\x07link\x1b]8;;\x07 [bold]markup[/bold] nul\x00"
)


@scene()
async def hostile_text(chat: Chat) -> None:
    """Text that wants to be more than text, wherever others' text can stand."""
    text = safe_text(HOSTILE)
    await chat.say(UserInput("i1", Kind.PROMPT, text), Status(Phase.STREAMING, 1), TokenStream(1, 0, text))
    await chat.say(
        ToolCall(1, 1, "t1", "bash", "complete", title=text),
        Done(1, "tool_use"),
        ToolResult("t1", Outcome.OK, text, text, 0.1),
    )
    await chat.say(Status(Phase.APPROVAL, 1), ApprovalRequested("c", "bash", text, text, "command", text, ""))


@asynccontextmanager
async def trust_question(home: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """The one screen before the chat."""
    patch.setenv("HOME", str(home))
    question = TrustQuestion(
        Path("/home/ann/project"), ("AGENTS.md", ".env", ".git/hooks"), Keymap(), clock=Clock()
    )
    async with question.run_test(size=SIZE) as pilot:
        await pilot.pause()
        yield Stage(question, pilot.resize_terminal, pilot.pause)


SCENES["trust_question"] = trust_question


async def _command(chat: Chat, line: str) -> None:
    await _at_rest(chat)  # what a dialog then stands above is drawn
    await chat.type(line)
    await chat.press("enter")
    await chat.settle()
