"""Compaction and the context window as a person meets them: commands, queue, transcript."""

from __future__ import annotations

import pytest

from h2a_agent.context.breakdown import Breakdown, Share
from h2a_agent.events import CompactionEnded, CompactionStarted, CompactionSwitched, Phase, Status
from h2a_tui.context_text import breakdown_text
from support.chat_pilot import Chat, running_chat


async def shows(chat: Chat, words: str) -> None:
    """Until the transcript, which is drawn at its own pace, shows `words`."""
    await chat.until(lambda: words in chat.text())


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("/compact", "/compact"),
        ("/compact keep the names", "/compact keep the names"),
        ("/compact preview", "/compact preview"),
        ("/compact preview keep the names", "/compact preview keep the names"),
        ("/compact undo the last change", "/compact undo the last change"),
    ],
)
async def test_compact_is_queued_while_a_run_is_active_and_its_words_are_seen(typed: str, asked: str) -> None:
    async with running_chat() as chat:
        await chat.say(Status(Phase.STREAMING, 1))
        await chat.type(typed)
        await chat.press("enter")
        await chat.settle()
        assert chat.last_call == ("compact", asked)
        assert chat.draft == ""
        assert f"⋯ compact    {asked}" in chat.text()


async def test_a_waiting_compaction_can_be_withdrawn_and_made_no_message() -> None:
    async with running_chat() as chat:
        await chat.say(Status(Phase.STREAMING, 1))
        await chat.type("/compact")
        await chat.press("enter")
        await chat.settle()
        await chat.press("alt+up", "s")
        await chat.settle()
        assert "⋯ compact" in chat.text(), "it is not a message that could be a steer"
        await chat.press("delete")
        await chat.settle()
        assert "⋯ compact" not in chat.text()
        assert chat.draft == "/compact"


@pytest.mark.parametrize(
    ("word", "verb"), [("accept", "accept_summary"), ("drop", "drop_summary"), ("undo", "drop_summary")]
)
async def test_accept_drop_and_undo_act_at_once_and_say_when_there_is_nothing(word: str, verb: str) -> None:
    async with running_chat() as chat:
        await chat.type(f"/compact {word}")
        await chat.press("enter")
        assert chat.last_call == (verb,)
        assert "There is no summary to" in chat.text()
        chat.agent.has_summary = True
        await chat.type(f"/compact {word}")
        await chat.press("enter")
        assert chat.draft == ""


async def test_a_preview_is_open_and_says_how_to_decide_and_a_summary_that_counts_is_folded() -> None:
    async with running_chat() as chat:
        started = CompactionStarted("you asked for a preview")
        await chat.say(
            started, CompactionEnded(True, 120_000, 9_500, summary="## Goal\nthe gist", counts=False)
        )
        await shows(chat, "this is what a summary would say · 120k → 9.5k tokens")
        await shows(chat, "/compact accept lets it count")
        await shows(chat, "the gist")
        await chat.say(CompactionSwitched(True, 9_500))
        await shows(chat, "the summary counts")
    async with running_chat() as chat:
        await chat.say(started, CompactionEnded(True, 120_000, 9_500, summary="## Goal\nthe gist"))
        await shows(chat, "conversation summarised · 120k → 9.5k tokens")
        await shows(chat, "summary · 4 words ▸")
        assert "the gist" not in chat.text()
        await chat.press("ctrl+o")
        await shows(chat, "the gist")


async def test_a_compaction_that_came_to_nothing_says_why() -> None:
    async with running_chat() as chat:
        await chat.say(CompactionStarted("you asked for it"), CompactionEnded(False, 0, 0, "it was stopped"))
        await shows(chat, "no summary: it was stopped; the conversation is as it was")


async def test_context_shows_what_fills_the_window() -> None:
    async with running_chat() as chat:
        shares = (Share("system prompt", 1_000), Share("/p/AGENTS.md", 500), Share("tool results", 48_500))
        chat.agent.fills = Breakdown(shares, 200_000, counted=True)
        await chat.type("/context")
        await chat.press("enter")
        await chat.until(lambda: "free" in chat.text())
        rows = [" ".join(row.split()) for row in chat.rows()]
        assert "▤ 50.0k tokens in the next request, 25 % of 200k" in rows
        assert "█████░░░░░░░░░░░░░░░ 48.5k 24 % tool results" in rows
        assert "███████████████░░░░░ 150k 75 % free" in rows
        assert chat.calls == []


def test_without_a_known_window_the_parts_are_shares_of_the_whole() -> None:
    text = breakdown_text(Breakdown((Share("a", 30), Share("b", 10)), 0, counted=False))
    assert text.split("\n")[0] == "about 40 tokens in the next request"
    assert "75 %  a" in text
    assert "free" not in text


def test_names_of_files_cannot_break_the_lines() -> None:
    text = breakdown_text(Breakdown((Share("/p/x\n\x1b[2J" + "y" * 99, 1),), 0, counted=True))
    assert len(text.split("\n")) == 2
    assert "\x1b" not in text
