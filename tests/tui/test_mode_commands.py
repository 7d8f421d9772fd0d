"""`/mode` and Shift+Tab: what runs unasked, shown at once; `full` only on purpose."""

from __future__ import annotations

from h2a_agent.events import Phase, Status
from support.chat_pilot import Chat, running_chat
from support.scripted_agent import ScriptedAgent


async def send(chat: Chat, line: str) -> None:
    await chat.type(line)
    await chat.press("enter")
    await chat.settle()


async def shows_mode(chat: Chat, mode: str) -> None:
    chat.screen.notice("")
    await chat.until(lambda: f" {mode} ·" in chat.rows()[-1])


async def test_mode_changes_at_once_also_while_it_works() -> None:
    async with running_chat() as chat:
        await chat.say(Status(Phase.STREAMING, 1))
        await send(chat, "/mode edits")
        assert chat.last_call == ("configure", "edits")
        assert "edits files here" in chat.rows()[-1]
        await shows_mode(chat, "edits")
        assert chat.draft == ""


async def test_alone_it_says_which_there_are_and_a_wrong_one_stays_to_be_mended() -> None:
    async with running_chat() as chat:
        await send(chat, "/mode")
        assert "/mode plan [ask] edits full" in chat.rows()[-1]
        await send(chat, "/mode yolo")
        assert "There is no mode 'yolo'" in chat.rows()[-1]
        assert chat.draft == "/mode yolo"
        assert chat.calls == []


async def test_full_is_asked_about_and_enter_alone_is_no() -> None:
    async with running_chat() as chat:
        await send(chat, "/mode full")
        await chat.until(lambda: "Run everything without asking?" in chat.text())
        await chat.press("enter")
        await chat.until(lambda: "without asking?" not in chat.text())
        assert chat.agent.mode == "ask"
        await send(chat, "/mode full")
        await chat.until(lambda: "Run everything without asking?" in chat.text())
        await chat.press("down", "enter")
        await chat.until(lambda: chat.agent.mode == "full")
        await shows_mode(chat, "full")


async def test_escape_from_the_question_changes_nothing() -> None:
    async with running_chat() as chat:
        await send(chat, "/mode full")
        await chat.until(lambda: "Run everything without asking?" in chat.text())
        await chat.press("escape")
        await chat.until(lambda: "without asking?" not in chat.text())
        assert chat.calls == []


class Unvouched(ScriptedAgent):
    """As an agent in a folder nobody vouches for: never above "ask"."""

    @property
    def mode(self) -> str:
        return self.settings.mode if self.settings.mode == "plan" else "ask"


async def test_where_nobody_vouches_it_says_why_and_the_key_still_goes_round() -> None:
    async with running_chat(Unvouched()) as chat:
        await send(chat, "/mode edits")
        assert "nobody vouches for this folder" in chat.rows()[-1]
        await shows_mode(chat, "ask")
        await chat.press("shift+tab")
        assert chat.agent.mode == "plan"
        await chat.press("shift+tab")
        assert chat.agent.mode == "ask"


async def test_shift_tab_goes_round_and_asks_before_full() -> None:
    async with running_chat() as chat:
        await chat.type("draft")
        await chat.press("shift+tab")
        assert chat.agent.mode == "edits"
        await chat.press("shift+tab")
        await chat.until(lambda: "Run everything without asking?" in chat.text())
        assert chat.agent.mode == "edits"
        await chat.press("enter")
        await chat.until(lambda: chat.agent.mode == "plan")
        await chat.until(lambda: "without asking?" not in chat.text())
        await chat.press("shift+tab")
        assert chat.agent.mode == "ask"
        assert chat.draft == "draft"
