"""`/jobs`: the commands that run in the background, and how to end one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from rich.table import Table
from rich.text import Text

from h2a_agent.events import JobItem
from h2a_tui.completion import Entry
from h2a_tui.format import duration

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from h2a_tui.client import Client
    from h2a_tui.overlays import Page

__all__ = ["complete_jobs", "jobs_command"]


class Chat(Protocol):
    """What this command uses of the chat."""

    @property
    def client(self) -> Client: ...
    def notice(self, text: str) -> None: ...
    def show_page(self, title: str, content: Table | Text) -> Page: ...
    def work(self, job: Coroutine[None, None, None]) -> None: ...


def jobs_command(chat: Chat, argument: str) -> bool:
    """List the background commands, or end the one whose number follows `stop`."""
    verb, _, number = argument.partition(" ")
    if verb == "stop" and number.strip().isdecimal():
        chat.work(_stop(chat, int(number)))
        return True
    if argument:
        chat.notice("/jobs lists them; /jobs stop NUMBER ends one")
        return False
    jobs = chat.client.state.jobs
    if not jobs:
        chat.notice("Nothing runs in the background")
    else:
        _ = chat.show_page("Background commands", _table(jobs))
    return True


def complete_jobs(chat: Chat) -> Iterable[Entry]:
    """How to end what runs."""
    running = (job for job in chat.client.state.jobs if job.running)
    return (Entry(f"stop {job.number}", f"stop {job.number}", job.command) for job in running)


async def _stop(chat: Chat, number: int) -> None:
    if await chat.client.jobs.stop(number):
        chat.notice(f"Job {number} has ended")
    else:
        chat.notice(f"No job {number} runs · /jobs lists them")


def _table(jobs: tuple[JobItem, ...]) -> Table:
    table = Table.grid(padding=(0, 2))
    for job in jobs:
        table.add_row(Text(str(job.number), justify="right"), Text(_state(job)), Text(job.command))
    table.add_row("", "", "")
    table.add_row(
        "", Text("/jobs stop N", style="dim"), Text("ends one; all end with the session", style="dim")
    )
    return table


def _state(job: JobItem) -> str:
    if job.running:
        return f"runs {duration(time.time() - job.started_at)}"
    return "ended" if job.exit_code is None else f"exit {job.exit_code}"
