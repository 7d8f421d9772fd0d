"""What is to be done, above the composer: a line, or the list."""

from __future__ import annotations

from h2a_agent.events import (
    ApprovalRequested,
    JobItem,
    JobsChanged,
    Phase,
    Settled,
    Status,
    TodoChanged,
    TodoItem,
    TodoStatus,
)
from h2a_tui.widgets.todo_rows import current_todo, todo_window
from support.chat_pilot import Chat, running_chat

DONE, NOW, NEXT = TodoStatus.DONE, TodoStatus.IN_PROGRESS, TodoStatus.PENDING


def todos(*statuses: TodoStatus) -> tuple[TodoItem, ...]:
    return tuple(TodoItem(f"thing {n}", status) for n, status in enumerate(statuses, 1))


def panel(chat: Chat) -> list[str]:
    widget = chat.screen.todo_panel
    return [row.strip() for row in chat.region_text(widget.region).split("\n")] if widget.display else []


async def shows(chat: Chat, *rows: str) -> None:
    """Until the panel shows `rows`."""
    await chat.until(lambda: panel(chat) == list(rows))


async def test_it_is_folded_to_what_is_being_done() -> None:
    async with running_chat() as chat:
        await shows(chat)
        await chat.say(TodoChanged(todos(DONE, DONE, NEXT, NOW, NEXT)))
        await shows(chat, "2/5 ▸ thing 4")
        await chat.say(TodoChanged(todos(DONE, DONE, NEXT, DONE, NEXT)))
        await shows(chat, "3/5 ☐ thing 3")


async def test_ctrl_t_unfolds_and_folds_it() -> None:
    async with running_chat() as chat:
        await chat.say(TodoChanged(todos(DONE, NOW, NEXT)))
        await chat.type("draft")
        await chat.press("ctrl+t")
        await shows(chat, "1/3 to do", "☑ thing 1", "▸ thing 2", "☐ thing 3")
        await chat.say(TodoChanged(todos(DONE, DONE, NOW, NEXT)))
        await shows(chat, "2/4 to do", "☑ thing 1", "☑ thing 2", "▸ thing 3", "☐ thing 4")
        await chat.press("ctrl+t")
        await shows(chat, "2/4 ▸ thing 3")
        assert chat.draft == "draft"


async def test_what_is_all_done_goes_when_the_run_does_and_comes_back_when_asked_for() -> None:
    async with running_chat() as chat:
        await chat.say(Status(Phase.TOOLS, 1), TodoChanged(todos(DONE, DONE)))
        await shows(chat, "2/2 ☑ thing 2")
        await chat.say(Status(Phase.IDLE), Settled("completed"))
        await shows(chat)
        await chat.press("ctrl+t")
        await shows(chat, "2/2 to do", "☑ thing 1", "☑ thing 2")
        await chat.say(Status(Phase.PREPARING, 2), Status(Phase.IDLE))
        await shows(chat, "2/2 to do", "☑ thing 1", "☑ thing 2")
        await chat.press("ctrl+t")
        await chat.say(Status(Phase.PREPARING, 3), Status(Phase.IDLE))
        await shows(chat)


async def test_what_is_left_undone_stays_when_the_run_ends() -> None:
    async with running_chat() as chat:
        await chat.say(
            Status(Phase.TOOLS, 1), TodoChanged(todos(DONE, NEXT)), Status(Phase.IDLE), Settled("failed")
        )
        await shows(chat, "1/2 ☐ thing 2")


async def test_a_long_list_is_shown_around_what_is_being_done() -> None:
    async with running_chat() as chat:
        await chat.say(TodoChanged(todos(*[DONE] * 20, NOW, *[NEXT] * 9)))
        await chat.press("ctrl+t")
        await shows(
            chat,
            "20/30 to do · 24 more",
            "☑ thing 20",
            "▸ thing 21",
            *(f"☐ thing {n}" for n in range(22, 26)),
        )


async def test_a_low_screen_with_a_question_needs_its_rows_for_that() -> None:
    async with running_chat(size=(40, 12)) as chat:
        await chat.say(TodoChanged(todos(NOW, NEXT)))
        await shows(chat, "0/2 ▸ thing 1")
        await chat.say(
            Status(Phase.APPROVAL, 1), ApprovalRequested("1", "bash", "t", "ls", "command", "w", "/", "d")
        )
        await shows(chat)


async def test_a_hostile_item_is_one_plain_line() -> None:
    async with running_chat(size=(40, 24)) as chat:
        await chat.say(TodoChanged((TodoItem("a\nb [red]\x1b[31m" + "x" * 500, NOW),)))
        assert len(panel(chat)) == 1
        assert panel(chat)[0].startswith("0/1 ▸ a b [red]")
        assert panel(chat)[0].endswith("…")


def test_window_keeps_what_is_being_done_in_sight() -> None:
    for now in range(12):
        items = todos(*[DONE] * now, NOW, *[NEXT] * (11 - now))
        assert current_todo(items) == now
        for rows in range(1, 15):
            window = todo_window(items, rows)
            assert len(window) == min(rows, 12)
            assert now in window or rows == 1


async def test_f6_opens_the_page_of_jobs() -> None:
    async with running_chat() as chat:
        await chat.press("f6")
        assert "Nothing runs in the background" in chat.rows()[-1]
        chat.screen.notice("")
        await chat.say(JobsChanged((JobItem(1, "npm start", 0.0, running=True),)))
        assert "jobs 1" in chat.rows()[-1]
        await chat.press("f6")
        await chat.until(lambda: "Background commands" in chat.text())
