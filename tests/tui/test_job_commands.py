"""`/jobs` as it is typed."""

from __future__ import annotations

import time

from h2a_agent.events import JobItem, JobsChanged
from support.chat_pilot import running_chat
from support.scripted_agent import ScriptedAgent


async def test_jobs_shows_what_runs_and_what_has_ended() -> None:
    async with running_chat(ScriptedAgent(), size=(100, 30)) as chat:
        now = time.time()
        jobs = (
            JobItem(1, "npm start", now - 65, running=True),
            JobItem(2, "make docs", now - 300, running=False, exit_code=2),
        )
        await chat.say(JobsChanged(jobs))
        await chat.type("/jobs")
        await chat.press("enter")
        await chat.until(lambda: any("Background commands" in row for row in chat.rows()))
        (first,) = (row for row in chat.rows() if "npm start" in row)
        assert "runs 1m 0" in first
        (second,) = (row for row in chat.rows() if "make docs" in row)
        assert "exit 2" in second


async def test_without_jobs_it_says_so() -> None:
    async with running_chat(ScriptedAgent(), size=(100, 30)) as chat:
        await chat.type("/jobs")
        await chat.press("enter")
        await chat.until(lambda: "Nothing runs in the background" in chat.rows()[-1])


async def test_jobs_stop_ends_the_one_that_is_named_and_a_wrong_one_is_told() -> None:
    async with running_chat(ScriptedAgent(), size=(100, 30)) as chat:
        await chat.say(JobsChanged((JobItem(1, "npm start", time.time(), running=True),)))
        await chat.type("/jobs stop 1")
        await chat.press("enter")
        await chat.until(lambda: "Job 1 has ended" in chat.rows()[-1])
        assert chat.last_call == ("stop_job", 1)
        await chat.type("/jobs stop 9")
        await chat.press("enter")
        await chat.until(lambda: "No job 9 runs" in chat.rows()[-1])
        await chat.type("/jobs now")
        await chat.press("enter")
        await chat.until(lambda: "/jobs stop NUMBER ends one" in chat.rows()[-1])
