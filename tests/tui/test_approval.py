"""The question whether a tool may run: whole, calm, and deaf to words typed for the composer."""

from __future__ import annotations

import pytest
from textual import events

from h2a_agent.events import ApprovalAnswered, ApprovalRequested, Decision, Phase, Status
from h2a_tui import answering
from support.chat_pilot import Chat, running_chat

ASKING = Status(Phase.APPROVAL, 1)
NEVER_S = 1e9  # longer than any machine has been up, for which it is silent


def question(call_id: str = "c1", detail: str = "npm test", **more: str) -> ApprovalRequested:
    return ApprovalRequested(
        call_id, "bash", "npm test", detail, "command", "it runs a command", "/home/space", **more
    )


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that may be answered at once, by a person who is not typing."""
    monkeypatch.setattr(answering, "READABLE_S", 0.001)
    monkeypatch.setattr(answering, "LONE_KEY_S", 0.001)


async def ask(chat: Chat, *questions: ApprovalRequested) -> None:
    await chat.say(ASKING, *(questions or (question(),)))


async def until_focused(chat: Chat) -> None:
    await chat.until(lambda: chat.screen.focused is chat.screen.approval)


async def until_called(chat: Chat) -> None:
    await chat.until(lambda: chat.calls)
    await chat.settle()


async def test_question_shows_tool_place_reason_and_the_whole_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("h2a_tui.answering.TYPING_PAUSE_S", NEVER_S)
    async with running_chat() as chat:
        await ask(chat)
        for part in ("May bash run?", "in /home/space · it runs a command", "npm test", "F2 to answer"):
            assert part in chat.text()
        assert "approval" in chat.rows()[-1]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("key", "decision"),
    [("y", Decision.ALLOW), ("a", Decision.ALLOW_SESSION), ("n", Decision.REJECT)],
)
async def test_lone_letter_answers(key: str, decision: Decision) -> None:
    async with running_chat() as chat:
        await ask(chat)
        await chat.press("f2", key)
        await until_called(chat)
        assert chat.calls == [("answer", "c1", decision, "")]
        assert "May bash run?" not in chat.text()
        await chat.press("x")
        assert chat.draft == "x"


@pytest.mark.usefixtures("quick")
async def test_rejection_can_say_why() -> None:
    async with running_chat() as chat:
        await ask(chat)
        await chat.press("f2", "r")
        await chat.until(lambda: chat.screen.focused is chat.screen.approval.reason)
        await chat.type("use make")
        await chat.press("enter")
        await until_called(chat)
        assert chat.calls == [("answer", "c1", Decision.REJECT_AND_STEER, "use make")]


@pytest.mark.usefixtures("quick")
async def test_rejection_without_a_reason_is_a_plain_one() -> None:
    async with running_chat() as chat:
        await ask(chat)
        await chat.press("f2", "r")
        await chat.until(lambda: chat.screen.focused is chat.screen.approval.reason)
        await chat.press("enter")
        await until_called(chat)
        assert chat.calls == [("answer", "c1", Decision.REJECT, "")]


@pytest.mark.usefixtures("quick")
async def test_always_is_offered_with_its_rule_and_only_then() -> None:
    async with running_chat(size=(100, 24)) as chat:
        await ask(chat)
        assert "A always" not in chat.text()
        await chat.press("f2", "A")
        await chat.drawn()
        assert chat.draft == "A", "no answer here, so it was text"
        await chat.press("backspace")
        await chat.say(ApprovalAnswered("c1", Decision.WITHDRAWN))
        await ask(chat, question("c2", rule="bash(npm test)", digest="d2"))
        assert "A keeps the rule bash(npm test)" in chat.text()
        await chat.press("f2")
        assert "A always" in chat.text()
        await chat.press("A")
        await until_called(chat)
        assert chat.calls == [("answer", "c2", Decision.ALLOW_ALWAYS, "")]


@pytest.mark.usefixtures("quick")
async def test_command_can_be_changed_before_it_is_allowed() -> None:
    async with running_chat() as chat:
        await ask(chat, question(editable="npm test"))
        await chat.press("f2", "e")
        await chat.until(lambda: chat.screen.focused is chat.screen.approval.change)
        assert "Enter allow this · Esc back" in chat.text()
        await chat.press("end")
        await chat.type(" -q")
        await chat.press("enter")
        await until_called(chat)
        assert chat.calls == [("answer", "c1", Decision.ALLOW_CHANGED, "", "npm test -q")]
        assert chat.screen.focused is chat.screen.composer


@pytest.mark.usefixtures("quick")
async def test_what_is_allowed_is_what_is_seen_however_long_a_paste_in_it_is() -> None:
    async with running_chat() as chat:
        await ask(chat, question(editable="[paste #1 · 40 lines] "))
        await chat.press("f2", "e")
        await chat.until(lambda: chat.screen.focused is chat.screen.approval.change)
        chat.screen.approval.change.post_message(events.Paste("\n".join(["true"] * 40)))
        await chat.drawn()
        await chat.press("enter")
        await until_called(chat)
        changed = "[paste #1 · 40 lines] " + "\n".join(["true"] * 40)
        assert chat.calls == [("answer", "c1", Decision.ALLOW_CHANGED, "", changed)]


@pytest.mark.usefixtures("quick")
async def test_a_long_paste_in_a_reason_is_said_whole() -> None:
    async with running_chat() as chat:
        await ask(chat)
        await chat.press("f2", "r")
        await chat.until(lambda: chat.screen.focused is chat.screen.approval.reason)
        why = "\n".join(["because"] * 40)
        chat.screen.approval.reason.post_message(events.Paste(why))
        await chat.drawn()
        await chat.press("enter")
        await until_called(chat)
        assert chat.calls == [("answer", "c1", Decision.REJECT_AND_STEER, why)]


@pytest.mark.usefixtures("quick")
async def test_change_that_changes_nothing_just_allows_and_one_that_cannot_run_stays_open() -> None:
    async with running_chat() as chat:
        await ask(chat, question(editable="npm test"))
        await chat.press("f2", "e")
        await chat.until(lambda: chat.screen.focused is chat.screen.approval.change)
        await chat.press("ctrl+u", "enter")
        await chat.settle()
        assert chat.calls == []
        assert "It cannot run like this" in chat.text()
        await chat.press("escape")
        assert chat.screen.focused is chat.screen.approval
        await chat.press("e")
        await chat.until(lambda: chat.screen.focused is chat.screen.approval.change)
        await chat.press("enter")
        await until_called(chat)
        assert chat.calls == [("answer", "c1", Decision.ALLOW, "")]


@pytest.mark.usefixtures("quick")
async def test_answer_is_to_the_question_on_screen_and_to_no_other() -> None:
    """The same call asked about again, because its file changed: the screen shows the new question."""
    async with running_chat() as chat:
        await ask(chat, question(digest="old"))
        await chat.press("f2")
        await chat.say(question(detail="npm test again", digest="new"))
        assert "npm test again" in chat.text()
        await chat.press("y")
        await until_called(chat)
        assert chat.calls == [("answer", "c1", Decision.ALLOW, "")]


async def test_word_begun_before_the_question_goes_on_in_the_composer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answering, "READABLE_S", 0.001)
    async with running_chat() as chat:
        await chat.type("ma")
        await ask(chat)
        await chat.type("ny yaks")
        assert chat.draft == "many yaks"
        assert chat.calls == []


async def test_unreadable_question_takes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "READABLE_S", NEVER_S)
    monkeypatch.setattr(answering, "LONE_KEY_S", 0.001)
    async with running_chat() as chat:
        await ask(chat)
        await chat.press("f2", "y", "a", "n")
        await chat.pilot.pause(0.01)
        assert chat.calls == []
        assert chat.draft == "yan", "what answers nothing is not lost"


async def test_letter_followed_by_another_was_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "READABLE_S", 0.0)
    monkeypatch.setattr(answering, "LONE_KEY_S", NEVER_S)
    async with running_chat() as chat:
        await ask(chat)
        await chat.press("f2")
        await chat.type("yes but first")
        await chat.drawn()
        assert chat.draft == "yes but first"
        assert chat.calls == []


@pytest.mark.parametrize("words", ["and another", "say hello to my", "ran", "xy", "go on, y"])
async def test_words_that_arrive_at_once_are_text_to_their_last_letter(
    monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setattr(answering, "READABLE_S", 0.0)
    monkeypatch.setattr(answering, "LONE_KEY_S", NEVER_S)
    async with running_chat() as chat:
        await ask(chat)
        await chat.press("f2")
        await chat.press_at_once(*words)
        assert chat.draft == words
        assert chat.calls == []


@pytest.mark.parametrize(("key", "verb"), [("enter", "steer"), ("alt+enter", "follow-up")])
async def test_words_and_the_key_that_sends_them_arrive_at_once_and_are_sent(
    monkeypatch: pytest.MonkeyPatch, key: str, verb: str
) -> None:
    """The question has the keyboard when a whole line comes in one burst: nothing of it may be lost."""
    monkeypatch.setattr(answering, "READABLE_S", 0.0)
    monkeypatch.setattr(answering, "LONE_KEY_S", NEVER_S)
    for words in ("table", "yes", "list files"):
        async with running_chat() as chat:
            await ask(chat)
            await chat.press("f2")
            await chat.press_at_once(*words, key)
            await chat.until(lambda: chat.calls)
            assert chat.calls == [(verb, words)]
            assert chat.draft == ""


@pytest.mark.usefixtures("quick")
async def test_letters_that_answer_nothing_go_to_the_composer() -> None:
    async with running_chat() as chat:
        await ask(chat)
        await chat.press("f2")
        await chat.type("hello")
        await chat.drawn()
        assert chat.draft == "hello"


@pytest.mark.usefixtures("quick")
async def test_enter_space_and_escape_never_answer() -> None:
    async with running_chat() as chat:
        await ask(chat)
        await chat.press("f2", "enter")
        assert chat.screen.focused is chat.screen.approval
        await chat.press("escape")
        assert chat.screen.focused is chat.screen.composer
        assert "│ F2 to answer" in chat.text()
        await chat.press("space", "backspace")
        assert chat.calls == []
        await chat.press("escape")
        assert chat.calls == [("abort",)]


@pytest.mark.usefixtures("quick")
async def test_question_takes_the_keyboard_only_from_an_idle_empty_editor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("h2a_tui.answering.TYPING_PAUSE_S", 0.0)
    async with running_chat() as chat:
        await chat.type("draft")
        await ask(chat)
        for _ in range(20):
            await chat.pilot.pause(0.001)
        assert chat.screen.focused is chat.screen.composer
        await chat.press("ctrl+c")
        await until_focused(chat)


async def test_question_waits_for_a_pause_in_typing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "READABLE_S", 0.001)
    monkeypatch.setattr("h2a_tui.answering.TYPING_PAUSE_S", NEVER_S)
    async with running_chat() as chat:
        await chat.press("a", "backspace")
        await ask(chat)
        for _ in range(20):
            await chat.pilot.pause(0.001)
        assert chat.screen.focused is chat.screen.composer


async def test_enter_in_the_composer_steers_and_the_question_goes_when_it_is_withdrawn() -> None:
    async with running_chat() as chat:
        await ask(chat)
        assert "Enter steer (withdraws question)" in chat.rows()[-2]
        await chat.type("stop that")
        await chat.press("enter")
        assert chat.calls == [("steer", "stop that")]
        await chat.say(ApprovalAnswered("c1", Decision.WITHDRAWN), Status(Phase.PREPARING, 2))
        assert "May bash run?" not in chat.text()


@pytest.mark.usefixtures("quick")
async def test_several_questions_come_one_after_the_other() -> None:
    async with running_chat() as chat:
        await ask(chat, question("c1"), question("c2", "rm -r build"))
        assert "(1 of 2)" in chat.text()
        await chat.press("f2", "y")
        await until_called(chat)
        assert "rm -r build" in chat.text()
        assert "1 of" not in chat.text()


async def test_hostile_detail_is_made_visible_and_brackets_are_no_markup() -> None:
    async with running_chat() as chat:
        await ask(chat, question(detail="echo \x1b[2J [red]safe[/red] \u202etxt"))
        assert "␛[2J [red]safe[/red] ⟨202E⟩txt" in chat.text()


async def test_long_detail_scrolls_and_the_answers_stay_on_screen() -> None:
    detail = "\n".join(f"line {n}" for n in range(100))
    async with running_chat() as chat:
        await ask(chat, question(detail=detail))
        await chat.press("f2")
        assert "line 0" in chat.text()
        assert "line 50" not in chat.text()
        assert "more · y allow · n reject · a allow for session · r say why" in chat.text()
        await chat.press(*["down"] * 3)
        await chat.until(lambda: "line 2" not in chat.text() and "line 3" in chat.text())


async def test_question_says_how_much_is_out_of_sight_until_all_of_it_was_seen() -> None:
    async with running_chat() as chat:
        await ask(chat, question(detail="\n".join(f"line {n}" for n in range(8))))
        await chat.press("f2")
        await chat.until(lambda: "↓ 2 more · y allow" in chat.text())
        await chat.press("down")
        await chat.until(lambda: "↓ 1 more · y allow" in chat.text())
        await chat.press("down")
        await chat.until(lambda: "more" not in chat.text() and "line 7" in chat.text())


async def test_question_that_nobody_has_turned_to_says_what_is_out_of_sight_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("h2a_tui.answering.TYPING_PAUSE_S", NEVER_S)
    async with running_chat() as chat:
        await ask(chat, question(detail="\n".join(f"line {n}" for n in range(5))))
        await chat.until(lambda: "line 4" in chat.text() and "F2 to answer  " in chat.text())
        await ask(chat, question("c2", detail="\n".join(f"line {n}" for n in range(8))))
        await chat.say(ApprovalAnswered("c1", Decision.REJECT))
        await chat.until(lambda: "F2 to answer · ↓ 2 more" in chat.text())


async def test_diff_is_coloured_by_line() -> None:
    async with running_chat() as chat:
        detail = "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n same"
        await chat.say(ASKING, ApprovalRequested("c1", "edit", "a.py", detail, "diff", "", ""))
        colours = {}
        for strip in chat.app.screen._compositor.render_strips(chat.app.size):
            for segment in strip:
                for word in ("-old", "+new", " same"):
                    if segment.text.startswith(word) and segment.style:
                        colours[word] = segment.style.color
        assert len(set(colours.values())) == 3
