"""No session is ever stuck: whatever a server refuses in a conversation, the next plain message works.

Each poison is a history on disk and a server that will not take it, with an error in the API's own words. The
session is reopened, a message sent; it must be answered within three requests, the user must hear what was left
out, and neither the next message nor the session reopened once more may pay for it again.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from h2a_agent.agent import Agent
from h2a_agent.content import (
    ImageBlock,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    UserBlock,
)
from h2a_agent.events import AnyEvent, CompactionEnded, Error, Kind, Outcome, Settled
from h2a_agent.history import AssistantEntry, Entry, OmitEntry, ToolEntry, UserEntry
from h2a_agent.providers.anthropic import AnthropicProvider
from h2a_agent.providers.base import TokenUsage
from h2a_agent.retry import RetryPolicy
from h2a_agent.run_settings import RunSettings
from h2a_agent.session import Session
from h2a_agent.tools import default_tools
from h2a_agent.tools.base import Effect
from support.answers import Status
from support.messages_api import Answer, MessagesServer, refusal, text, thinking, tool
from support.wait_tool import WaitTool

Json = dict[str, Any]
Refuses = Callable[[Json], Status | None]
MODEL = "claude-sonnet-4-6"
PICTURE = ImageBlock("image/png", "iVBORw0KGgo=")


# --------------------------------------------------------------------- what is in the history


def user(*blocks: UserBlock | str) -> UserEntry:
    content = tuple(TextBlock(block) if isinstance(block, str) else block for block in blocks)
    return UserEntry(f"item-{id(blocks)}", Kind.PROMPT, content, 1.0)


def said(*blocks: Any, cut: Any = "", model: str = MODEL) -> AssistantEntry:
    return AssistantEntry(1, blocks, "" if cut else "end_turn", model, TokenUsage(), 1.0, cut)


def called(call_id: str = "c1", name: str = "read", **arguments: Any) -> AssistantEntry:
    return said(ToolUseBlock(call_id, name, arguments))


def result(call_id: str = "c1", words: str = "ok", *pictures: ImageBlock) -> ToolEntry:
    return ToolEntry(call_id, Outcome.OK, words, "", 0.0, 1.0, pictures)


DONE = said(TextBlock("Done."))


# ------------------------------------------------------------------------ what a server refuses


def invalid(words: str, broken: Callable[[Json], bool]) -> Refuses:
    return lambda payload: refusal(400, "invalid_request_error", words) if broken(payload) else None


def holds(*kinds: str) -> Callable[[Json], bool]:
    """Is there a block of one of these kinds anywhere in the messages?"""
    return lambda payload: any(f'"type": "{kind}"' in json.dumps(payload["messages"]) for kind in kinds)


def says(words: str) -> Callable[[Json], bool]:
    return lambda payload: words in json.dumps(payload["messages"])


def sets(name: str) -> Callable[[Json], bool]:
    return lambda payload: f'"{name}"' in json.dumps(payload)


def too_long(tokens: int) -> Refuses:
    """A model whose window holds so many tokens, of four characters."""

    def look(payload: Json) -> Status | None:
        size = len(json.dumps(payload["messages"])) // 4
        words = f"prompt is too long: {size} tokens > {tokens} maximum"
        return refusal(400, "invalid_request_error", words) if size > tokens else None

    return look


def too_big(limit: int) -> Refuses:
    def look(payload: Json) -> Status | None:
        fits = len(json.dumps(payload)) <= limit
        return None if fits else refusal(413, "request_too_large", "Request exceeds the maximum size")

    return look


@dataclass
class Poison:
    """`left_out` are words of what the user is told to be left out; () when nothing has to be.

    `summarised`: a summary makes room, and everything is told in fewer words instead.
    """

    history: list[Entry]
    refuses: Refuses | None = None
    left_out: tuple[str, ...] = ()
    summarised: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


AT = "messages.1.content.0"
SOURCE = f"{AT}.image.source.base64"
LOOKED: list[Entry] = [user("look"), called(), result(), DONE]
SEEN: list[Entry] = [user("see", PICTURE), DONE]
SHOT: list[Entry] = [user("shoot"), called(), result("c1", "a shot", PICTURE), DONE]
THOUGHT: list[Entry] = [user("hi"), said(ThinkingBlock("hm", "c2ln"), TextBlock("Hello."))]

POISONS: dict[str, Poison] = {
    "a signature this server never gave": Poison(THOUGHT, None, ("earlier thinking",)),
    "redacted thinking this server never gave": Poison(
        [user("hi"), said(RedactedThinkingBlock("ZGF0YQ=="), TextBlock("Hello."))], None, ("earlier thinking",)
    ),
    "thinking that was changed": Poison(
        [user("look"), said(ThinkingBlock("hm", "c2ln"), ToolUseBlock("c1", "read", {})), result()],
        invalid(
            f"{AT}: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified",
            holds("thinking"),
        ),
        ("earlier thinking",),
    ),
    "thinking that belongs to another conversation": Poison(
        THOUGHT,
        invalid(f"{AT}: This thinking block was made for another conversation", holds("thinking")),
        ("earlier thinking",),
    ),
    "calls made without the thinking they should begin with": Poison(
        LOOKED,
        invalid(
            f"{AT}.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`", sets("output_config")
        ),
        ("the thinking level",),
    ),
    "a picture of more than 5 MB": Poison(
        SEEN,
        invalid(f"{SOURCE}: image exceeds 5 MB maximum: 15908784 bytes > 5242880 bytes", holds("image")),
        ("pictures",),
    ),
    "a picture of too many pixels": Poison(
        SEEN,
        invalid(f"{SOURCE}.data: At least one of the image dimensions exceed max allowed size: 8000 pixels", holds("image")),
        ("pictures",),
    ),
    "pictures too large to be many": Poison(
        [user(*[PICTURE] * 21), DONE],
        invalid(
            f"{SOURCE}.data: At least one of the image dimensions exceed max allowed size for many-image requests: 2000 pixels",
            holds("image"),
        ),
        ("pictures",),
    ),
    "more pictures than a request may have": Poison(
        [entry for _ in range(103) for entry in SEEN],
        invalid("Too much media: 0 document pages + 103 images > 100", holds("image")),
        ("pictures",),
    ),
    "a picture nobody can read": Poison(SEEN, invalid("Could not process image", holds("image")), ("pictures",)),
    "a picture of another kind than it says": Poison(
        SEEN,
        invalid(
            f"{AT}.image.source.base64.media_type: Image does not match the provided media type image/png",
            holds("image"),
        ),
        ("pictures",),
    ),
    "a picture in a result": Poison(
        SHOT, invalid("messages.2.content.0.tool_result.content.1: Could not process image", holds("image")), ("pictures",)
    ),
    "a picture for a model that sees none": Poison(
        SHOT, invalid("this model does not support image input", holds("image")), ("pictures",)
    ),
    "a call without its result": Poison([user("look"), called("c1"), user("and?"), called("c2")]),
    "results without their calls": Poison([user("hi"), result("zz"), DONE, result("zz")]),
    "a call whose result a server does not see": Poison(
        LOOKED,
        invalid(
            "messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: c1. Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
            holds("tool_use"),
        ),
        ("the form of tool calls",),
    ),
    "calls of a tool that is gone": Poison(
        [user("look"), called("c1", "gone"), result(), DONE],
        invalid("messages.1.content.0.tool_use.name: tool 'gone' was not defined", holds("tool_use")),
        ("the form of tool calls",),
    ),
    "ids no server takes twice": Poison([user("look"), called("c 1!"), result("c 1!"), called("c 1!"), result("c 1!")]),
    "empty blocks and lone surrogates": Poison([user("  ", "a\ud83d"), said(TextBlock(" \n"), TextBlock("b\udc00")), user("c")]),
    "a tool with a schema the server does not like": Poison(
        [],
        invalid(
            "tools.1.custom.input_schema: JSON schema is invalid. It must match JSON Schema draft 2020-12",
            lambda payload: any(tool["name"] == default_tools()[1].name for tool in payload.get("tools", [])),
        ),
        (f"the tool {default_tools()[1].name}",),
    ),
    "tools for a model that has none": Poison(
        LOOKED,
        invalid("registry.example/model:1b does not support tools", lambda p: bool(p.get("tools")) or holds("tool_use")(p)),
        ("tools", "the form of tool calls"),
    ),
    "an effort for a model that knows none": Poison(
        [], invalid("This model does not support the effort parameter.", sets("output_config")), ("the thinking level",)
    ),
    "thinking for a model that cannot": Poison(
        [], invalid('"small:1b" does not support thinking', sets("thinking")), ("the thinking level",)
    ),
    "marks for a cache a server does not have": Poison(
        [], invalid("system.0.cache_control: Extra inputs are not permitted", sets("cache_control")), ("prompt caching",)
    ),
    "one result longer than the window": Poison(
        [user("look"), called(), result("c1", "x" * 400_000), DONE], too_long(20_000), summarised=True
    ),
    "a call with arguments longer than the window": Poison(
        [user("go"), called("c1", "write", path="a", content="x" * 400_000), result(), DONE],
        too_long(20_000),
        summarised=True,
    ),
    "a paste longer than the window": Poison(
        [user("y" * 400_000), said(TextBlock("What"), cut="connection")], too_long(20_000), summarised=True
    ),
    "a conversation longer than the window": Poison(
        [entry for n in range(300) for entry in (user(f"question {n} " * 20), said(TextBlock("answer " * 40)))],
        too_long(20_000),
        summarised=True,
    ),
    "more bytes than a server takes at once": Poison(
        [user(*[ImageBlock("image/png", "iVBORw0KGgo" + "A" * 299_997)] * 3), DONE], too_big(500_000), ("pictures",)
    ),
    "something only told in words nobody knows": Poison(
        [user("hi"), DONE, user("the word"), called(), result(), DONE],
        invalid("Upstream provider returned an error", holds("tool_use")),
        ("the form of tool calls",),
    ),
}  # fmt: skip


@asynccontextmanager
async def agent_on(server: MessagesServer, session: Session, events: list[AnyEvent]) -> AsyncIterator[Agent]:
    agent = Agent(
        AnthropicProvider(MODEL, api_key="sk-test", base_url=server.url),
        session=session,
        settings=RunSettings(MODEL, mode="full", thinking="high"),
        tools=default_tools(),
        retry=RetryPolicy(first_s=0.001),
    )
    heard = agent.subscribe()
    async with agent:
        yield agent
    events += [event async for event in heard]


def poisoned(tmp_path: Path, history: list[Entry]) -> Path:
    session = Session.create(tmp_path / "sessions", tmp_path)
    for entry in history or [user("hello"), DONE]:
        session.append(entry)
    session.close()
    assert session.path is not None
    return session.path


async def ask(agent: Agent, words: str) -> str:
    agent.prompt(words)
    return (await agent.settled()).reason


@pytest.mark.parametrize("name", POISONS)
async def test_the_next_message_works_and_what_it_cost_is_paid_once(
    server: MessagesServer, tmp_path: Path, name: str
) -> None:
    poison = POISONS[name]
    # A history of this machine may hold what breaks the API's rules for another server: that is the poison.
    server.expect_violations = True
    if poison.refuses is not None:
        server.refusals.append(poison.refuses)
    path, events = poisoned(tmp_path, poison.history), list[AnyEvent]()
    server.script(Answer(text("One.")), Answer(text("Two.")), Answer(text("Three.")))

    async with agent_on(server, Session.open(path), events) as agent:
        assert await ask(agent, "still there?") == "completed"
        cost = len(server.requests)
        assert cost <= (4 if poison.summarised else 3)
        assert await ask(agent, "and now?") == "completed"
        assert len(server.requests) == cost + 1, "it is not paid for twice"
    async with agent_on(server, Session.open(path), []) as agent:
        assert await ask(agent, "after a night?") == "completed"
        assert len(server.requests) == cost + 2, "a reopened session knows it"

    accepted = [r for r in server.requests if not r.refused and not r.violations]
    assert len(accepted) == (4 if poison.summarised else 3)
    assert "after a night?" in json.dumps(accepted[-1].messages)
    told = " ".join(event.advice for event in events if isinstance(event, Error))
    for words in poison.left_out:
        assert words in told
    assert ("the beginning" in told) == any("beginning" in words for words in poison.left_out)
    if not poison.left_out:
        assert told == ""


async def test_a_message_longer_than_the_window_goes_without_its_middle_where_no_summary_makes_room(
    server: MessagesServer, tmp_path: Path
) -> None:
    server.refusals.append(too_long(20_000))
    path, events = poisoned(tmp_path, []), list[AnyEvent]()
    async with agent_on(server, Session.open(path), events) as agent:
        assert await ask(agent, f"first {'y' * 400_000} last") == "completed"
        cost = len(server.requests)
        assert await ask(agent, "and now?") == "completed"
        assert len(server.requests) == cost + 1, "it is not paid for twice"
    assert [event.ok for event in events if isinstance(event, CompactionEnded)] == [True]
    [told] = [event.advice for event in events if isinstance(event, Error)]
    assert "the middle of long texts" in told
    sent = json.dumps(server.requests[-1].messages)
    assert "first yyy" in sent
    assert "yyy last" in sent


async def test_a_summary_is_asked_for_without_what_the_same_message_has_just_been_refused_for(
    server: MessagesServer, tmp_path: Path
) -> None:
    server.refusals += [invalid("This model does not support tools", sets("tools")), too_long(20_000)]
    path, events = (
        poisoned(tmp_path, POISONS["a conversation longer than the window"].history),
        list[AnyEvent](),
    )
    async with agent_on(server, Session.open(path), events) as agent:
        assert await ask(agent, "still there?") == "completed"
    assert [event.ok for event in events if isinstance(event, CompactionEnded)] == [True]
    assert sum(not request.refused for request in server.requests) == 2


async def test_what_a_server_refuses_for_ever_ends_the_run_and_leaves_the_session_as_it_was(
    server: MessagesServer, tmp_path: Path
) -> None:
    server.refusals.append(invalid("Your request was blocked", lambda _payload: True))
    path, events = poisoned(tmp_path, SHOT), list[AnyEvent]()
    async with agent_on(server, Session.open(path), events) as agent:
        assert await ask(agent, "hello?") == "failed"
        assert len(server.requests) <= 3
        server.refusals.clear()
        assert await ask(agent, "hello again?") == "completed"
    assert holds("image")(server.requests[-1].payload), "nothing was left out that was not the cause"
    [error] = [event for event in events if isinstance(event, Error)]
    assert error.fatal
    assert "Your request was blocked" in error.message
    assert [event.reason for event in events if isinstance(event, Settled)] == ["failed", "completed"]


async def test_leaving_out_what_is_not_there_is_not_tried(server: MessagesServer, tmp_path: Path) -> None:
    """The error names pictures, but there are none: the next request already does without all that may be it."""
    server.refusals.append(invalid("Could not process image", holds("tool_use")))
    async with agent_on(server, Session.open(poisoned(tmp_path, LOOKED)), []) as agent:
        assert await ask(agent, "hello?") == "completed"
    assert len(server.requests) == 2


async def test_an_error_about_a_setting_of_the_users_is_told_at_once(
    server: MessagesServer, tmp_path: Path
) -> None:
    words = "max_tokens: 16384 > 8192, which is the maximum allowed number of output tokens for this model"
    server.refusals.append(invalid(words, lambda _payload: True))
    async with agent_on(server, Session.open(poisoned(tmp_path, SHOT)), []) as agent:
        assert await ask(agent, "hello?") == "failed"
    assert len(server.requests) == 1


async def test_a_new_picture_goes_out_after_an_old_one_was_left_out(
    server: MessagesServer, tmp_path: Path
) -> None:
    other = ImageBlock("image/png", "b3RoZXI=")
    server.refusals.append(invalid("Could not process image", says(PICTURE.data)))
    async with agent_on(server, Session.open(poisoned(tmp_path, SEEN)), []) as agent:
        await ask(agent, "hello?")
        agent.prompt([TextBlock("and this?"), other])
        await agent.settled()
    sent = json.dumps(server.requests[-1].messages)
    assert other.data in sent
    assert PICTURE.data not in sent
    assert "A picture was here" in sent


async def test_a_setting_left_out_for_one_model_is_kept_for_another(
    server: MessagesServer, tmp_path: Path
) -> None:
    server.refusals.append(
        lambda payload: (
            refusal(400, "invalid_request_error", "does not support the effort parameter")
            if payload["model"] == MODEL and "output_config" in payload
            else None
        )
    )
    async with agent_on(server, Session.open(poisoned(tmp_path, [])), []) as agent:
        await ask(agent, "hello?")
        agent.configure(model="claude-opus-4-6")
        await ask(agent, "and you?")
        agent.configure(model=MODEL)
        await ask(agent, "and again?")
    assert [("output_config" in r.payload, r.refused) for r in server.requests] == [
        (True, True),
        (False, False),
        (True, False),
        (False, False),
    ]


async def test_what_was_left_out_is_still_in_the_session(server: MessagesServer, tmp_path: Path) -> None:
    server.refusals.append(invalid("Could not process image", holds("image")))
    path = poisoned(tmp_path, SEEN)
    async with agent_on(server, Session.open(path), []) as agent:
        await ask(agent, "hello?")
    again = Session.open(path)
    assert PICTURE in [b for e in again.history.entries if isinstance(e, UserEntry) for b in e.content]
    [omit] = [entry for entry in again.history.entries if isinstance(entry, OmitEntry)]
    assert omit.omissions == ("pictures",)
    again.close()


async def test_thinking_of_another_model_never_goes_back_after_a_switch_in_mid_run(
    server: MessagesServer, tmp_path: Path
) -> None:
    """The switch holds from the next step on, between a call and its result."""
    look = WaitTool(Effect.READ)
    server.script(
        Answer(thinking("hm"), text("I look."), tool("wait", {"name": "a"})),
        Answer(thinking("ah"), text("Seen.")),
    )
    agent = Agent(
        AnthropicProvider(MODEL, api_key="sk-test", base_url=server.url),
        session=Session.unsaved(tmp_path),
        settings=RunSettings(MODEL, mode="full", thinking="low"),
        tools=[look],
    )
    async with agent:
        agent.prompt("go")
        await look.running("a")
        agent.configure(model="claude-opus-4-6", thinking="max")
        look.let_go("a")
        await agent.settled()
        await ask(agent, "and on")
    first, second, third = server.requests
    assert (first.payload["model"], second.payload["model"]) == (MODEL, "claude-opus-4-6")
    assert (first.payload["output_config"], second.payload["output_config"]) == (
        {"effort": "low"},
        {"effort": "max"},
    )
    assert not holds("thinking")(second.payload), "it is the other model's"
    assert says("I look.")(second.payload)
    assert says('"ah"')(third.payload), "its own goes back"
    assert not says('"hm"')(third.payload)
