"""The waiting messages: shown in the order of delivery, changed with one key each, never stopping the run."""

from __future__ import annotations

from dataclasses import replace

from h2a_agent.content import ImageBlock, TextBlock
from h2a_agent.events import ApprovalRequested, Kind, Phase, QueueItem, Status, UserInput
from h2a_tui.widgets.queue_row import queue_row, queue_title
from h2a_tui.widgets.receipts import Receipts
from support.chat_pilot import Chat, running_chat

STREAMING = Status(Phase.STREAMING, 1)


async def with_three(chat: Chat) -> None:
    """Follow-ups one and two, then a steer."""
    await chat.say(STREAMING)
    for text, key in (("one", "alt+enter"), ("two", "alt+enter"), ("now", "enter")):
        await chat.type(text)
        await chat.press(key)
    await chat.settle()
    chat.calls.clear()


def waiting(chat: Chat) -> list[str]:
    """The panel's rows, without ages."""
    panel = chat.screen.queue_panel.list
    return [" ".join(row.split()[:-1]) for row in chat.region_text(panel.region).split("\n")[1:]]


def item_id(chat: Chat, text: str) -> str:
    return next(item.id for item in chat.screen.state.queue if item.text == text)


async def test_hidden_when_nothing_waits() -> None:
    async with running_chat() as chat:
        assert "Waiting" not in chat.text()
        await with_three(chat)
        assert "Waiting · 3" in chat.text()
        chat.agent.deliver_all()
        await chat.settle()
        assert "Waiting" not in chat.text()


async def test_rows_are_in_the_order_of_delivery_with_kind_and_glyph() -> None:
    async with running_chat() as chat:
        await with_three(chat)
        assert waiting(chat) == ["1 ↯ steer now", "2 ↳ follow-up one", "3 ↳ follow-up two"]


async def test_alt_up_chooses_the_newest_and_arrows_move() -> None:
    async with running_chat() as chat:
        await with_three(chat)
        await chat.press("alt+up")
        assert waiting(chat)[0] == "▸ 1 ↯ steer now"
        await chat.press("down", "down", "down")
        assert waiting(chat)[2] == "▸ 3 ↳ follow-up two"
        await chat.press("up", "escape", "x")
        assert chat.draft == "x"
        assert chat.calls == []


async def test_letters_turn_an_item_into_another_kind() -> None:
    async with running_chat() as chat:
        await with_three(chat)
        two = item_id(chat, "two")
        await chat.press("alt+up", "down", "down", "s", "n", "f")
        assert chat.calls == [
            ("promote", two, Kind.STEER),
            ("promote", two, Kind.NUDGE),
            ("promote", two, Kind.FOLLOW_UP),
        ]


async def test_reorder_keeps_the_item_chosen() -> None:
    async with running_chat() as chat:
        await with_three(chat)
        two = item_id(chat, "two")
        await chat.press("alt+up", "down", "down", "alt+up")
        await chat.settle()
        assert chat.calls == [("reorder", two, -1)]
        assert waiting(chat) == ["1 ↯ steer now", "▸ 2 ↳ follow-up two", "3 ↳ follow-up one"]
        await chat.press("ctrl+down")
        assert chat.last_call == ("reorder", two, 1)


async def test_delete_brings_the_text_back_above_the_draft_and_the_run_goes_on() -> None:
    async with running_chat() as chat:
        await with_three(chat)
        await chat.type("draft")
        await chat.press("alt+up", "down", "delete")
        await chat.settle()
        assert chat.draft == "one\ndraft"
        assert [call[0] for call in chat.calls] == ["withdraw"]
        assert waiting(chat) == ["1 ↯ steer now", "▸ 2 ↳ follow-up two"]


async def test_edit_in_place_keeps_id_and_place() -> None:
    async with running_chat() as chat:
        await with_three(chat)
        one = item_id(chat, "one")
        await chat.press("alt+up", "down", "enter", "!", "ctrl+j", "x", "enter")
        await chat.settle()
        assert chat.calls == [("edit", one, "one!\nx")]
        assert item_id(chat, "one!\nx") == one
        assert waiting(chat)[1] == "▸ 2 ↳ follow-up one! x"
        assert chat.draft == ""


async def test_escape_in_the_edit_changes_nothing_and_goes_back_one_step_at_a_time() -> None:
    async with running_chat() as chat:
        await with_three(chat)
        await chat.press("alt+up", "enter", "!", "escape")
        assert "Enter edit" in chat.rows()[-2]
        await chat.press("escape")
        assert "Enter steer" in chat.rows()[-2]
        assert chat.calls == []
        await chat.press("escape")
        assert chat.calls == [("abort",)]


async def test_the_message_whose_edit_was_cancelled_is_still_the_chosen_one() -> None:
    async with running_chat() as chat:
        await with_three(chat)
        await chat.press("alt+up", "down", "enter", "!", "escape")
        assert waiting(chat)[1] == "▸ 2 ↳ follow-up one"


async def test_item_delivered_while_it_is_edited_leaves_its_text_in_the_editor() -> None:
    async with running_chat() as chat:
        await with_three(chat)
        await chat.press("alt+up", "down", "enter", "!")
        chat.agent.deliver_all()
        await chat.settle()
        await chat.press("?", "enter")
        assert chat.draft == "one!?"
        assert "delivered meanwhile" in chat.rows()[-1]
        await chat.press("x")
        assert chat.draft == "one!?x"


async def test_last_item_gone_gives_the_keyboard_back() -> None:
    async with running_chat() as chat:
        await with_three(chat)
        await chat.press("alt+up")
        chat.agent.deliver_all()
        await chat.settle()
        await chat.press("s")
        assert chat.draft == "s"
        assert chat.calls == []


async def test_the_keyboard_is_the_editors_in_the_tick_in_which_the_last_item_goes() -> None:
    async with running_chat() as chat:
        await with_three(chat)
        await chat.press("alt+up")
        chat.screen.show(replace(chat.screen.state, queue=()), ())
        assert chat.screen.focused is chat.screen.composer


async def test_item_with_a_picture_is_not_edited_in_place() -> None:
    async with running_chat() as chat:
        await chat.say(STREAMING)
        chat.agent.steer((TextBlock("look"), ImageBlock("image/png", "AAAA")))
        await chat.settle()
        assert waiting(chat) == ["1 ↯ steer [1 image] look"]
        chat.calls.clear()
        await chat.press("alt+up", "enter")
        assert chat.calls == []
        assert "has pictures" in chat.rows()[-1]


async def test_held_queue_says_how_to_go_on_and_f8_does_it() -> None:
    async with running_chat() as chat:
        await with_three(chat)
        chat.agent.hold()
        await chat.settle()
        assert "‖ paused · F8 or /resume goes on" in chat.text()
        await chat.press("f8")
        await chat.settle()
        assert chat.last_call == ("resume",)
        assert "‖ paused" not in chat.text()


async def test_long_queue_shows_six_rows_and_scrolls_to_the_chosen() -> None:
    async with running_chat() as chat:
        await chat.say(STREAMING)
        for number in range(10):
            chat.agent.follow_up(f"item {number}")
        await chat.settle()
        assert len(waiting(chat)) == 6
        await chat.press("alt+up")
        assert waiting(chat)[-1] == "▸ 10 ↳ follow-up item 9"


async def test_alt_up_with_nothing_waiting_says_so() -> None:
    async with running_chat() as chat:
        await chat.press("alt+up", "x")
        assert "Nothing is waiting" in chat.rows()[-1]
        assert chat.draft == "x"


def test_row_shows_state_and_age_and_fits_any_width() -> None:
    item = QueueItem("i", Kind.NUDGE, "claimed", "fix\nthe 日本 tests " * 20, 0, 1000.0, 0)
    kind, text, aside = queue_row(item, 60, 1090.0)
    assert (kind, aside) == ("→ next step", "going out 1m")
    assert text.startswith("fix the 日本 tests fix")
    assert queue_row(item, 20, 1090.0)[2] == ""
    assert queue_row(item, 60, 1090.0, paused=True)[2] == "going out 1m"


# ------------------------------------------------------------------- receipts


async def test_delivered_item_is_marked_before_it_leaves_and_leaves_by_itself() -> None:
    async with running_chat() as chat:
        await with_three(chat)
        now = item_id(chat, "now")
        chat.agent.deliver(now)
        await chat.say(UserInput(now, Kind.STEER, "now"))
        assert waiting(chat) == ["✓ ↯ steer now ✓ delivered", "1 ↳ follow-up one", "2 ↳ follow-up two"]
        await chat.until(lambda: "delivered" not in chat.text())
        assert waiting(chat) == ["1 ↳ follow-up one", "2 ↳ follow-up two"]


async def test_last_item_is_marked_too_and_the_keyboard_goes_back_at_once() -> None:
    async with running_chat() as chat:
        await chat.say(STREAMING)
        await chat.type("one")
        await chat.press("alt+enter", "alt+up")
        one = item_id(chat, "one")
        chat.agent.deliver(one)
        await chat.say(UserInput(one, Kind.FOLLOW_UP, "one"))
        assert waiting(chat) == ["✓ ↳ follow-up one ✓ delivered"]
        assert "Delivered" in chat.text()
        await chat.press("x")
        assert chat.draft == "x"
        await chat.until(lambda: "Delivered" not in chat.text())


async def test_what_was_never_seen_waiting_gets_no_receipt() -> None:
    async with running_chat() as chat:
        await chat.say(UserInput("direct", Kind.PROMPT, "hello"))
        assert "delivered" not in chat.text()


def test_what_is_simply_sent_gets_no_receipt() -> None:
    receipts = Receipts(lambda: 0.0)
    receipts.see((QueueItem("a", Kind.PROMPT, "claimed", "a", 0, 0.0, 0),))
    assert not receipts.deliver("a")


def test_receipt_is_given_whichever_of_the_two_events_comes_first() -> None:
    clock = [0.0]
    items = tuple(QueueItem(id, Kind.STEER, "queued", id, 0, 0.0, 0) for id in "ab")
    receipts = Receipts(lambda: clock[0])
    receipts.see(items)
    assert receipts.deliver("a")
    receipts.see(items[1:])
    receipts.see(())
    assert receipts.deliver("b")
    assert not receipts.deliver("b")
    assert [item.id for item in receipts.current()] == ["a", "b"]
    clock[0] = 1.5
    assert receipts.current() == ()


# ---------------------------------------------------------------- little room

QUESTION = ApprovalRequested(
    "1", "bash", "npm test", "npm test\nx\ny", "command", "why", "/", "d", rule="bash(npm)"
)


async def test_forty_by_twelve_with_a_question_open_still_shows_what_is_next() -> None:
    async with running_chat(size=(40, 12)) as chat:
        await with_three(chat)
        await chat.say(Status(Phase.APPROVAL, 1), QUESTION)
        assert "npm test" in chat.text()
        assert "1 ↯ steer" in chat.text()
        assert "queue 3" in chat.rows()[-1]
        await chat.press("alt+up", "down")
        assert "▸ 2 ↳ follow-up  one" in chat.text()
        assert "approval" in chat.rows()[-1]


async def test_click_chooses_the_row_under_the_mouse_also_below_a_receipt() -> None:
    async with running_chat() as chat:
        await with_three(chat)
        now = item_id(chat, "now")
        chat.agent.deliver(now)
        await chat.say(UserInput(now, Kind.STEER, "now"))
        await chat.pilot.click("QueueList", offset=(5, 3))
        await chat.drawn()
        assert chat.screen.queue_panel.list.chosen == chat.screen.state.queue[1]


def test_title_says_how_long_and_what_holds_as_far_as_it_reaches() -> None:
    def title(width: int, *, paused: bool = False) -> str:
        return "".join(queue_title(3, 130.0, width, paused=paused, key="F8"))

    assert title(30) == "Waiting · 3 · oldest 2m"
    assert title(20) == "Waiting · 3"
    assert title(60, paused=True) == "Waiting · 3  ‖ paused · F8 or /resume goes on"
    assert title(40, paused=True) == "Waiting · 3  ‖ paused · F8 goes on"
    assert title(25, paused=True) == "Waiting · 3  ‖ paused"
