"""The demo as a provider: it keeps the protocol for any request, and takes every key the way it says it does.

A conversation is played with the real history, request builder and answer builder; the results of tools are
written here, so that each outcome a person can cause comes up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2a_agent.agent import Agent
from h2a_agent.answer import Answer, AnswerBuilder
from h2a_agent.content import (
    AssistantBlock,
    ImageBlock,
    TextBlock,
    ToolUseBlock,
    UserBlock,
    plain_text,
)
from h2a_agent.events import (
    AnyEvent,
    ApprovalRequested,
    Decision,
    Kind,
    Outcome,
    Settled,
    TokenStream,
    ToolOutput,
)
from h2a_agent.history import AssistantEntry, Cut, Entry, ToolEntry, UserEntry
from h2a_agent.providers.base import (
    BlockStarted,
    Failed,
    MessageStarted,
    MessageStopped,
    ProviderEvent,
    Request,
    TextDelta,
    TokenUsage,
    ToolSpec,
    UsageReported,
)
from h2a_agent.providers.demo import DemoProvider
from h2a_agent.request import build_request
from h2a_agent.run_settings import Mode, RunSettings
from h2a_agent.session import Session
from h2a_agent.tools import default_tools
from h2a_queue import Backpressure

TOOLS = tuple(
    ToolSpec(name, f"does {name}", {"type": "object"})
    for name in ("read", "write", "edit", "bash", "grep", "find", "ls")
)


class Talk:
    """A conversation with the demo. `results` gives what a tool says; each answer's calls are answered at once."""

    def __init__(self, tools: tuple[ToolSpec, ...] = TOOLS, max_tokens: int = 16_384) -> None:
        self.entries: list[Entry] = []
        self.base = Request("demo", "Be good.", (), tools, max_tokens)
        self.results: dict[str, tuple[Outcome, str]] = {}
        self.calls: list[ToolUseBlock] = []

    def request(self) -> Request:
        return build_request(self.entries, self.base).request

    async def say(self, text: str, kind: Kind = Kind.PROMPT) -> str:
        """Deliver `text` and answer until no tool is called; everything the demo has said since."""
        self.put(TextBlock(text), kind=kind)
        return await self.go_on()

    def put(self, *blocks: UserBlock, kind: Kind = Kind.PROMPT) -> None:
        self.entries.append(UserEntry(f"u{len(self.entries)}", kind, blocks, 1.0))

    async def go_on(self) -> str:
        said: list[str] = []
        for _ in range(10):
            answer = await self.answer()
            said.append(plain_text(answer.blocks))
            if not answer.calls and answer.whole:
                return "\n".join(said)
            for call in answer.calls:
                self.result(call, *self.results.get(call.name, (Outcome.OK, "(no output)")))
        raise AssertionError("the demo never comes to an end")

    async def answer(self, cut: Cut = "", after: int = 10_000) -> Answer:
        """The next answer, cut after so many events when `cut` says by what."""
        builder = AnswerBuilder("demo")
        async with aclosing(DemoProvider(None).stream(self.request())) as events:
            async for event in events:
                builder.apply(event)
                after -= 1
                if cut and not after:
                    break
        answer = builder.answer()
        ended: Cut = "" if answer.whole else cut or "connection"
        if answer.blocks:
            self.entries.append(
                AssistantEntry(1, answer.blocks, answer.stop_reason, answer.model, answer.usage, 1.0, ended)
            )
        self.calls += answer.calls
        return answer

    def result(self, call: ToolUseBlock, outcome: Outcome, text: str) -> None:
        self.entries.append(ToolEntry(call.id, outcome, text, "brief", 1.0, 1.0))

    @property
    def called(self) -> list[str]:
        return [call.name for call in self.calls]


async def events_of(request: Request) -> list[ProviderEvent]:
    return [event async for event in DemoProvider(None).stream(request)]


def words_of(events: list[ProviderEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@pytest.fixture
def talk() -> Talk:
    return Talk()


LS = "src/\ntests/\nREADME.md\nsetup.py"


# ---------------------------------------------------------------- first contact


async def test_any_first_words_get_an_honest_tour_of_the_real_folder(talk: Talk) -> None:
    talk.results = {
        "ls": (Outcome.OK, LS),
        "find": (Outcome.OK, "README.md\ndocs/a.md"),
        "grep": (Outcome.OK, "src/x.py:3: fix the login"),
        "read": (Outcome.OK, "# The Project\n\nIt does things."),
        "bash": (Outcome.OK, "Hello from your shell.\nLinux 6"),
    }
    said = await talk.say("please fix the login")
    assert "not a language model" in said
    assert talk.called == ["ls", "find", "grep", "read", "bash"]
    assert talk.calls[2].arguments["pattern"] == "login", "it looks for what the user talked about"
    assert talk.calls[3].arguments["path"] == "README.md", "it reads what it found"
    for found in (
        "| `ls` | this folder | 4 entries |",
        "| `find` | `*.md` | 2 files |",
        "# The Project",
        "Linux 6",
    ):
        assert found in said
    assert "**Next:**" in said


async def test_an_empty_folder_is_no_dead_end(talk: Talk) -> None:
    talk.results = {"ls": (Outcome.OK, "(. is empty)"), "bash": (Outcome.OK, "hi")}
    said = await talk.say("hello")
    assert "no entries" in said
    assert talk.called == ["ls", "find", "grep", "bash"]


async def test_a_first_order_is_followed_and_still_says_who_speaks(talk: Talk) -> None:
    talk.results = {"read": (Outcome.OK, "all: build\n")}
    said = await talk.say("read Makefile")
    assert "not a language model" in said
    assert talk.calls[0].arguments["path"] == "Makefile"
    assert "all: build" in said


async def test_three_calls_are_made_in_one_answer(talk: Talk) -> None:
    talk.put(TextBlock("hello"))
    answer = await talk.answer()
    assert len(answer.calls) == 3
    assert answer.stop_reason == "tool_use"


# --------------------------------------------------------------- orders it knows


@pytest.mark.parametrize(
    ("words", "tool", "arguments"),
    [
        ("list files", "ls", {"limit": 200}),
        ("ls", "ls", {"limit": 200}),
        ("read src/app.py", "read", {"path": "src/app.py", "limit": 60}),
        ("please open the file `a.txt`.", "read", {"path": "a.txt", "limit": 60}),
        (
            "search for 'def main'",
            "grep",
            {"pattern": "def main", "literal": True, "ignore_case": True, "limit": 50},
        ),
        ("find *.py", "find", {"pattern": "*.py", "limit": 50}),
        ("run git status", "bash", {"command": "git status", "timeout_s": 120}),
        ("!make -n", "bash", {"command": "make -n", "timeout_s": 120}),
        ("table", "find", {"pattern": "*"}),
        ("write", "find", {"pattern": "h2a-demo-note.md", "limit": 5}),
    ],
)
async def test_an_order_becomes_its_call(
    talk: Talk, words: str, tool: str, arguments: dict[str, object]
) -> None:
    talk.put(TextBlock(words))
    answer = await talk.answer()
    assert [(call.name, dict(call.arguments)) for call in answer.calls] == [(tool, arguments)]


async def test_count_is_a_long_command(talk: Talk) -> None:
    talk.put(TextBlock("count"))
    answer = await talk.answer()
    assert "seq 1 15" in answer.calls[0].arguments["command"]


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        ("?", "**Alt+Enter**"),
        ("what can I do?", "**F8** pauses"),
        ("stop", "Nothing runs"),
        ("shorter please", "Short, then"),
        ("auf deutsch bitte, in deutsch", "einziger deutscher Satz"),
        ("in Japanese", "must go on in English"),
        ("how does steering work, queue?", "**Enter** steers"),
        ("steer", "is a *steer*"),
        ("who are you", "Not a language model"),
        ("how can I use a real model?", "ANTHROPIC_API_KEY"),
        ("long", "## What happens when you press Enter"),
        ("go on", "Ready when you are"),
        ("thanks", "You are welcome"),
    ],
)
async def test_a_known_word_gets_its_reply_and_a_hint(talk: Talk, words: str, reply: str) -> None:
    said = await talk.say(words)
    assert reply in said
    assert "> **Next:**" in said
    assert talk.called == []


async def test_a_table_counts_the_kinds_that_are_there(talk: Talk) -> None:
    talk.results = {"find": (Outcome.OK, "a.py\nb/c.py\nREADME.md")}
    said = await talk.say("make me a table")
    assert "| `.py` | 2 | `a.py` |\n| `.md` | 1 | `README.md` |" in said


async def test_unknown_words_are_searched_for_instead_of_pretending(talk: Talk) -> None:
    talk.results = {"grep": (Outcome.OK, "src/auth.py:7: authenticate(user)")}
    await talk.say("thanks")
    said = await talk.say("why does authenticate return None")
    assert talk.calls[-1].arguments["pattern"] == "authenticate"
    assert "src/auth.py:7" in said
    assert "`help`" in said


async def test_one_known_word_in_a_long_task_is_not_taken_for_an_order(talk: Talk) -> None:
    await talk.say("thanks")
    await talk.say("refactor the payment module so that the code can retry a write without counting twice")
    assert talk.called == ["grep"]


async def test_a_file_that_is_not_there_is_looked_for_elsewhere(talk: Talk) -> None:
    talk.results = {"read": (Outcome.FAILED, "There is no such file."), "find": (Outcome.OK, "deep/app.py")}
    said = await talk.say("read app.py")
    assert talk.called == ["read", "find"]
    assert "deep/app.py" in said


async def test_write_makes_a_file_and_edits_it_but_never_overwrites(talk: Talk) -> None:
    talk.results = {
        "find": (Outcome.OK, "No files match."),
        "write": (Outcome.OK, "ok"),
        "edit": (Outcome.OK, "ok"),
    }
    await talk.say("write")
    assert talk.called == ["find", "write", "edit"]
    written, edit = talk.calls[1].arguments, talk.calls[2].arguments["edits"][0]
    assert written["content"].count(edit["old_text"]) == 1, "the edit fits what was written"

    talk.results["find"] = (Outcome.OK, "h2a-demo-note.md")
    said = await talk.say("write")
    assert talk.called == ["find", "write", "edit", "find"]
    assert "still here" in said


async def test_a_picture_alone_is_admitted_to_be_unseen(talk: Talk) -> None:
    talk.put(ImageBlock("image/png", "aGVsbG8="))
    assert "cannot look" in await talk.go_on()


async def test_a_tool_that_is_not_offered_is_not_called() -> None:
    talk = Talk(tools=())
    said = await talk.say("list files")
    assert talk.called == []
    assert "`ls`" in said
    assert "**Next:**" in said


# ------------------------------------------------------------- coming in sideways


async def test_a_steer_into_words_is_acknowledged_and_followed(talk: Talk) -> None:
    talk.put(TextBlock("long"))
    cut = await talk.answer("steer", after=40)
    words = len(plain_text(cut.blocks).split())
    said = await talk.say("shorter, please", Kind.STEER)
    assert said.startswith(f"**Steered.** You cut me after {words} words")
    assert "“shorter, please”" in said
    assert "Short, then" in said


async def test_of_two_messages_at_once_the_last_is_followed_and_that_is_said(talk: Talk) -> None:
    talk.put(TextBlock("long"))
    await talk.answer("steer", after=40)
    talk.put(TextBlock("who are you"), kind=Kind.STEER)
    said = await talk.say("short", Kind.STEER)
    assert "You said “who are you” and “short”; a script can follow only one, so I take the last." in said
    assert "Short, then" in said


async def test_acknowledgement_and_reply_are_one_text(talk: Talk) -> None:
    """Two blocks would be drawn as two paragraphs of different answers."""
    talk.put(TextBlock("long"))
    await talk.answer("steer", after=40)
    talk.put(TextBlock("short"), kind=Kind.STEER)
    assert len((await talk.answer()).blocks) == 1


async def test_a_steer_into_a_command_names_what_it_had_printed(talk: Talk) -> None:
    talk.put(TextBlock("count"))
    answer = await talk.answer()
    stopped = (
        "Stopped after 3.2 s by the user's steering. Side effects are possible. Output so far:\n\n1\n2\n3"
    )
    talk.result(answer.calls[0], Outcome.STOPPED, stopped)
    said = await talk.say("short", Kind.STEER)
    assert said.startswith("**Steered.** `bash` stopped after 3.2 s. Its last line, `3`, is kept.")


async def test_a_steer_into_a_question_is_taken_as_a_steer(talk: Talk) -> None:
    talk.put(TextBlock("run date"))
    answer = await talk.answer()
    talk.result(
        answer.calls[0],
        Outcome.NOT_STARTED,
        "Not run: the user steered instead of answering the approval question.",
    )
    assert (await talk.say("short", Kind.STEER)).startswith("**Steered.** What had not begun was not begun.")


async def test_a_nudge_is_taken_at_the_step_boundary(talk: Talk) -> None:
    talk.put(TextBlock("count"))
    answer = await talk.answer()
    talk.result(answer.calls[0], Outcome.OK, "1\n2")
    said = await talk.say("short", Kind.NUDGE)
    assert said.startswith("Right at the step boundary, nothing cut: “short”.")


async def test_after_an_abort_it_goes_on_with_the_new_words(talk: Talk) -> None:
    talk.put(TextBlock("long"))
    await talk.answer("abort", after=30)
    said = await talk.say("short")
    assert said.startswith("Back again.")
    assert "Short, then" in said


async def test_a_refused_command_is_accepted_with_its_reason(talk: Talk) -> None:
    talk.results = {"bash": (Outcome.REJECTED, "Not run: the user refused this call. They said: not today")}
    said = await talk.say("run date")
    assert "You said no, so `bash` did not run. You said: “not today”." in said


async def test_a_failed_command_shows_what_it_said(talk: Talk) -> None:
    talk.results = {"bash": (Outcome.FAILED, "make: no rule\n[exit code 2]")}
    said = await talk.say("run make")
    assert "It failed, and said `make: no rule`." in said


async def test_plan_mode_is_taken_without_complaint(talk: Talk) -> None:
    talk.results = {"bash": (Outcome.REJECTED, "Not allowed in plan mode: nothing may be changed or run.")}
    assert "`bash` is not allowed in plan mode" in await talk.say("run make")


async def test_a_steered_tour_can_be_taken_up_again(talk: Talk) -> None:
    talk.put(TextBlock("hello"))
    await talk.answer("steer", after=20)
    await talk.say("short", Kind.STEER)
    talk.calls.clear()
    talk.results = {"ls": (Outcome.OK, LS), "read": (Outcome.OK, "x")}
    await talk.say("show me around")
    assert talk.called == ["ls", "find", "grep", "read", "bash"]


async def test_break_fails_once_and_then_goes_on_where_it_was(talk: Talk) -> None:
    talk.put(TextBlock("break"))
    broken = await talk.answer()
    assert broken.failure is not None
    half = plain_text(broken.blocks)
    assert half.endswith("sen")
    assert (await talk.go_on()).startswith("tence.")


async def test_hints_follow_what_was_tried(talk: Talk) -> None:
    assert "`long`" in await talk.say("thanks")
    assert "**Alt+Enter**" in await talk.say("thanks")
    hints = [await talk.say("thanks") for _ in range(6)]
    assert len(set(hints)) == len(hints), "no hint comes twice"
    assert "all my tricks" in hints[-1]

    talk = Talk()
    talk.put(TextBlock("long"))
    await talk.answer("steer", after=30)
    assert "mid-sentence" not in await talk.say("thanks", Kind.STEER), "steering has been tried"


# --------------------------------------------------------------------- protocol

words = st.sampled_from(
    [
        "hello",
        "long",
        "read a.py",
        "run x",
        "count",
        "write",
        "break",
        "",
        "ü 日本 \ud83d",
        "`|` ```",
        "in german",
        "x" * 300,
    ]
)
results = st.sampled_from(
    [
        (Outcome.OK, "a.py\n```\n|x|"),
        (Outcome.OK, ""),
        (Outcome.FAILED, "no"),
        (Outcome.STOPPED, "Stopped after 1.0 s by the user's steering."),
        (Outcome.REJECTED, "Not run: the user refused this call."),
        (Outcome.NOT_STARTED, "Not started: the user steered before this call could run."),
        (Outcome.UNKNOWN, "Outcome unknown"),
    ]
)
blocks: st.SearchStrategy[AssistantBlock] = st.one_of(
    st.builds(TextBlock, words),
    st.builds(
        ToolUseBlock,
        st.sampled_from(["c1", "c2", "c3"]),
        st.sampled_from(["bash", "ls", "nothing"]),
        st.fixed_dictionaries({}, optional={"path": st.integers(), "pattern": st.none()}),
    ),
)
entries: st.SearchStrategy[Entry] = st.one_of(
    st.builds(
        UserEntry,
        st.text("abc", min_size=1),
        st.sampled_from(Kind),
        st.lists(
            st.one_of(st.builds(TextBlock, words), st.just(ImageBlock("image/png", "aGk="))), max_size=2
        ).map(tuple),
        st.just(1.0),
    ),
    st.builds(
        AssistantEntry,
        st.just(1),
        st.lists(blocks, max_size=3).map(tuple),
        st.sampled_from(["", "end_turn", "tool_use"]),
        st.just("demo"),
        st.just(TokenUsage()),
        st.just(1.0),
        st.sampled_from(["", "steer", "abort", "connection", "crash"]),
    ),
    st.builds(
        lambda id, result: ToolEntry(id, result[0], result[1], "brief", 0.0, 1.0),
        st.sampled_from(["c1", "c2", "c3"]),
        results,
    ),
)


@given(
    st.lists(entries, max_size=8),
    st.sampled_from([TOOLS, TOOLS[:2], ()]),
    st.sampled_from([1, 50, 16_384]),
)
@settings(max_examples=150, deadline=None)
def test_any_request_gets_a_well_formed_answer(
    history: list[Entry], tools: tuple[ToolSpec, ...], max_tokens: int
) -> None:
    request = build_request(history, Request("demo", "s", (), tools, max_tokens)).request
    events = asyncio.run(events_of(request))
    assert isinstance(events[0], MessageStarted)
    assert isinstance(events[-1], MessageStopped | Failed)
    assert not any(isinstance(event, MessageStopped | Failed) for event in events[:-1])
    opened = [event.index for event in events if isinstance(event, BlockStarted)]
    assert opened == list(range(len(opened)))
    builder = AnswerBuilder("demo")
    for event in events:
        builder.apply(event)
    answer = builder.answer()
    assert not answer.invalid
    assert plain_text(answer.blocks).strip() or max_tokens == 1
    assert "\ud83d" not in plain_text(answer.blocks)
    assert {call.name for call in answer.calls} <= {tool.name for tool in tools}
    assert answer.usage.output_tokens <= max_tokens


async def test_the_same_request_gets_the_same_words_from_a_new_provider(talk: Talk) -> None:
    """It keeps nothing in mind: a resumed or repeated request goes on as if nothing had happened."""
    talk.results = {"ls": (Outcome.OK, LS)}
    talk.put(TextBlock("list files"))
    answer = await talk.answer()
    talk.result(answer.calls[0], Outcome.OK, LS)
    first, second = [words_of(await events_of(talk.request())) for _ in range(2)]
    assert first == second
    assert "`README.md`" in first


async def test_an_answer_beyond_max_tokens_is_cut_and_says_so() -> None:
    talk = Talk(max_tokens=20)
    talk.put(TextBlock("long"))
    events = await events_of(talk.request())
    assert events[-1] == MessageStopped("max_tokens")
    assert 0 < len(words_of(events)) <= 80


async def test_usage_is_estimated_from_characters(talk: Talk) -> None:
    talk.put(TextBlock("x" * 4000))
    events = await events_of(talk.request())
    reported = [event.usage for event in events if isinstance(event, UsageReported)]
    assert 1000 < reported[-1].input_tokens < 1400
    assert reported[-1].output_tokens >= len(words_of(events)) // 4


async def test_a_stream_can_be_cancelled_at_once_and_at_any_speed(talk: Talk) -> None:
    talk.put(TextBlock("long"))
    started = asyncio.Event()

    async def read() -> None:
        async with aclosing(DemoProvider(0.001).stream(talk.request())) as events:
            async for event in events:
                if isinstance(event, BlockStarted):
                    started.set()

    task = asyncio.create_task(read())
    await started.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


# ------------------------------------------------- with the real agent and its tools


class Visit:
    """A real agent with the demo in a real folder; `until` waits for an event of the run."""

    def __init__(self, folder: Path, mode: Mode = "ask") -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        (self.folder / "README.md").write_text("# Little\n\nIt is small.\n", "utf-8")
        spill = folder / "spill"
        spill.mkdir()
        self.agent = Agent(
            DemoProvider(None),
            session=Session.unsaved(self.folder),
            settings=RunSettings("demo", mode=mode),
            tools=default_tools(),
            spill_dir=spill,
        )
        self.events = self.agent.subscribe(policy=Backpressure.BLOCK)
        self.said = ""

    async def until(self, wanted: Callable[[AnyEvent], bool]) -> AnyEvent:
        async for event in self.events:
            if isinstance(event, TokenStream):
                self.said += event.text
            if wanted(event):
                return event
        raise AssertionError("the agent was closed")

    async def settled(self, decision: Decision = Decision.ALLOW, note: str = "") -> str:
        """Answer every question until the run has ended; what was said meanwhile."""
        self.said = ""
        while True:
            event = await self.until(lambda event: isinstance(event, ApprovalRequested | Settled))
            if not isinstance(event, ApprovalRequested):
                return self.said
            self.agent.answer(event.call_id, decision, note, digest=event.digest)


@pytest.fixture
async def visit(tmp_path: Path) -> AsyncIterator[Visit]:
    visit = Visit(tmp_path)
    async with visit.agent:
        yield visit
    visit.events.close()


async def test_the_tour_reports_what_really_is_there(visit: Visit) -> None:
    visit.agent.prompt("hello")
    said = await visit.settled()
    assert "| `ls` | this folder | 1 entry |" in said
    assert "| `grep` | “TODO” | no lines |" in said
    assert "# Little\n\nIt is small." in said
    assert "It ran, and had 3 lines to say." in said


async def test_the_note_is_really_written_and_edited(visit: Visit) -> None:
    visit.agent.prompt("write")
    assert "Done: one file, one change" in await visit.settled()
    assert "allowed by you" in (visit.folder / "h2a-demo-note.md").read_text("utf-8")
    visit.agent.prompt("write")
    assert "still here from last time" in await visit.settled()


async def test_a_running_count_is_steered_away_and_says_how_far_it_got(visit: Visit) -> None:
    visit.agent.prompt("count")
    question = await visit.until(lambda event: isinstance(event, ApprovalRequested))
    assert isinstance(question, ApprovalRequested)
    visit.agent.answer(question.call_id, Decision.ALLOW, digest=question.digest)
    await visit.until(lambda event: isinstance(event, ToolOutput) and "1" in event.text)
    visit.agent.steer("short")
    said = await visit.settled()
    assert said.startswith("**Steered.** `bash` stopped after")
    assert "Its last line, `1`, is kept." in said
    assert "Short, then" in said


async def test_an_open_question_is_steered_away(visit: Visit) -> None:
    visit.agent.prompt("count")
    await visit.until(lambda event: isinstance(event, ApprovalRequested))
    visit.agent.steer("short")
    assert (await visit.settled()).startswith("**Steered.** What had not begun was not begun.")


async def test_a_refusal_with_its_reason_reaches_the_script(visit: Visit) -> None:
    visit.agent.prompt("run touch made")
    assert "You said: “not today”." in await visit.settled(Decision.REJECT, "not today")
    assert not (visit.folder / "made").exists()


async def test_break_is_retried_by_the_agent_and_mended(visit: Visit) -> None:
    visit.agent.prompt("break")
    assert "in the middle of this very sentence. There:" in await visit.settled()


async def test_plan_mode_refuses_the_command_and_the_script_knows(tmp_path: Path) -> None:
    visit = Visit(tmp_path, mode="plan")
    async with visit.agent:
        visit.agent.prompt("run touch made")
        assert "is not allowed in plan mode" in await visit.settled()
    visit.events.close()
