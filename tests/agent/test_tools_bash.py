"""The bash tool: what the model reads, what the screen sees, and what becomes of a command that is cut."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_agent.tools.base import ToolContext, ToolOutcome
from h2a_agent.tools.bash import BashParams, BashTool
from h2a_agent.tools.job_output import JobOutputParams, JobOutputTool
from h2a_agent.tools.job_stop import JobStopParams, JobStopTool
from h2a_agent.tools.spill import Spill
from h2a_agent.tools.truncate import MAX_BYTES, MAX_LINES, Tail, head, tail


class Call:
    """One bash call in a folder of its own, with what it emitted."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "work"
        self.workspace.mkdir()
        self.spill_dir = folder / "spill"
        self.spill_dir.mkdir()
        self.emitted: list[str] = []
        self.has_output = asyncio.Event()
        self.ctx = ToolContext(self.workspace, self.spill_dir, "call_1", self._emit)

    def _emit(self, text: str) -> None:
        self.emitted.append(text)
        self.has_output.set()

    async def run(self, command: str, **arguments: Any) -> ToolOutcome:
        return await BashTool().run(BashParams(command=command, **arguments), self.ctx)

    def start(self, command: str) -> asyncio.Task[ToolOutcome]:
        return asyncio.create_task(self.run(command))

    def spilled(self) -> str:
        (file,) = self.spill_dir.iterdir()
        return file.read_text()


@pytest.fixture
async def call(tmp_path: Path) -> AsyncIterator[Call]:
    it = Call(tmp_path)
    yield it
    await it.ctx.jobs.end()


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# ------------------------------------------------------------------ what it says


async def test_output_comes_back_and_is_shown_while_it_runs(call: Call) -> None:
    outcome = await call.run("echo one; echo two")
    assert (outcome.text, outcome.brief, outcome.is_error) == ("one\ntwo", "exit 0, 2 lines", False)
    assert "".join(call.emitted) == "one\ntwo\n"


async def test_failure_is_told_with_the_exit_code(call: Call) -> None:
    outcome = await call.run("echo oops >&2; exit 3")
    assert (outcome.text, outcome.brief, outcome.is_error) == (
        "oops\n\n[exit code 3]",
        "exit 3, 1 line",
        True,
    )


async def test_silence_is_told_in_words(call: Call) -> None:
    assert (await call.run("true")).text == "(no output)"
    assert (await call.run("exit 1")).text == "[exit code 1]"


async def test_death_by_signal_is_named(call: Call) -> None:
    assert "[exit code 137, killed by SIGKILL]" in (await call.run("kill -9 $$")).text


async def test_colours_and_progress_bars_are_taken_out(call: Call) -> None:
    outcome = await call.run(r"printf '\e[31mred\e[0m\r\n10%%\r20%%\r\n'")
    assert outcome.text == "red\n10%\n20%"


async def test_bytes_that_are_no_text_become_readable(call: Call) -> None:
    outcome = await call.run(r"printf 'a\xff\0b\n'; printf '\xc3'; sleep 0.05; printf '\xa9'")
    assert outcome.text == "a\ufffd␀b\né"


async def test_unpaired_c1_characters_become_unreadable_not_a_search_for_their_end(call: Call) -> None:
    outcome = await call.run("""python3 -c 'print(chr(0x9d) * 10000)'""")
    assert outcome.text == "\ufffd" * 10_000


async def test_background_job_is_mentioned_when_it_holds_the_output(call: Call) -> None:
    outcome = await call.run("sleep 30 & echo started")
    assert (
        outcome.text
        == "started\n\n[What it started in the background goes on as job 1; what it prints from now on is lost.]"
    )
    (job,) = call.ctx.jobs.running
    assert [line for _, line in await job.processes()] == ["sleep 30"]


async def test_missing_workspace_is_told_not_raised(call: Call) -> None:
    call.workspace.rmdir()
    outcome = await call.run("true")
    assert outcome.is_error
    assert "does not exist any more" in outcome.text


# ------------------------------------------------------------------ too much output


async def test_long_output_keeps_its_end_and_a_file_with_all(call: Call) -> None:
    outcome = await call.run("seq 1 5000")
    (file,) = call.spill_dir.iterdir()
    assert outcome.text == "\n\n".join(
        (
            f"[Lines 3001-5000 of 5000; the whole output is in {file}]",
            "\n".join(str(n) for n in range(3001, 5001)),
        )
    )
    assert outcome.brief == "exit 0, 5000 lines"
    assert call.spilled() == "".join(f"{n}\n" for n in range(1, 5001))


async def test_endless_line_keeps_its_end(call: Call) -> None:
    outcome = await call.run("head -c 300000 /dev/zero | tr '\\0' x; printf end")
    assert "[The last 50 KB of line 1;" in outcome.text
    assert outcome.text.endswith("xxxend")
    assert call.spilled() == "x" * 300000 + "end"


async def test_short_output_makes_no_file(call: Call) -> None:
    await call.run("seq 1 2000")
    assert list(call.spill_dir.iterdir()) == []


async def test_lost_spill_folder_is_told_not_raised(call: Call) -> None:
    call.spill_dir.rmdir()
    outcome = await call.run("seq 1 5000")
    assert not outcome.is_error
    assert "the whole output could not be kept: No such file or directory" in outcome.text


async def test_flood_stays_small_in_memory_on_disk_and_on_the_screen(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("h2a_agent.tools.spill.MAX_BYTES", 1024 * 1024)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = await call.run("yes 0123456789 | head -c 60000000; echo end")
    assert outcome.text.endswith("end")
    assert len(outcome.text) < MAX_BYTES + 1000
    (file,) = call.spill_dir.iterdir()
    assert file.stat().st_size == 1024 * 1024
    assert "the first 1.0 MB of the output are in" in outcome.text
    assert sum(map(len, call.emitted)) < 2_000_000
    assert any("characters not shown" in piece for piece in call.emitted)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < 64 * 1024  # KB


FLOODS = {
    "yes": "yes",
    "one endless line": "cat /dev/zero | tr '\\0' x",
    "lines of one character": "yes ''",
    "binary": "cat /dev/urandom",
}


@pytest.mark.soak(20)
@pytest.mark.parametrize("flood", FLOODS)
async def test_any_flood_is_cut_and_stays_small(call: Call, flood: str) -> None:
    """P3. Mutants: reading without a pause, keeping everything, a kill that hangs on a full pipe."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    task = call.start(FLOODS[flood])
    await call.has_output.wait()
    loop = asyncio.get_running_loop()
    ends, worst = loop.time() + 1.5, 0.0
    while loop.time() < ends:  # the event loop is there for others all the time
        asked = loop.time()
        await asyncio.sleep(0.001)
        worst = max(worst, loop.time() - asked)
    task.cancel()
    outcome = await task
    assert outcome.stopped
    assert worst < 1.0
    assert len(outcome.text.encode()) < MAX_BYTES + 1000
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < 64 * 1024  # KB
    assert sum(file.stat().st_size for file in call.spill_dir.iterdir()) <= 64 * 1024 * 1024


# ------------------------------------------------------------- background jobs


async def test_background_command_answers_at_once_and_its_output_can_be_read(call: Call) -> None:
    outcome = await call.run("echo first; read -t 60 x <> <(:); echo never", background=True)
    assert outcome.text == "first\n\n[Runs in the background as job 1.]"
    (job,) = call.ctx.jobs.running
    assert job.output is not None
    assert job.output.fresh_text() == "(no new output)"
    assert await call.ctx.jobs.stop(job) == 0
    assert call.ctx.jobs.running == ()
    assert job.exit_code == 128 + 15


async def test_background_command_runs_on_when_its_call_is_cut(call: Call) -> None:
    task = asyncio.create_task(call.run("sleep 60", background=True))
    while not call.ctx.jobs.running:
        await asyncio.sleep(0)
    task.cancel()
    outcome = await task
    assert outcome.text == "[Runs in the background as job 1.]"
    assert not outcome.stopped
    assert [job.command for job in call.ctx.jobs.running] == ["sleep 60"]


async def test_background_command_that_fails_at_once_says_so_at_once(call: Call) -> None:
    outcome = await call.run("echo no such server; exit 3", background=True)
    assert outcome.is_error
    assert outcome.text == "no such server\n\n[Job 1 has ended already: exit code 3.]"


async def test_cancelled_command_goes_on_as_a_job_when_the_user_wants_that(call: Call) -> None:
    call.ctx = replace(call.ctx, goes_on=lambda: True)
    task = call.start("echo before; until [ -e go ]; do sleep 0.01; done; echo after")
    await call.has_output.wait()
    task.cancel()
    outcome = await task
    assert not outcome.stopped
    assert outcome.text.startswith(
        "before\n\n[The user steered. The command goes on in the background as job 1"
    )
    (job,) = call.ctx.jobs.running
    (call.workspace / "go").touch()
    await job.over.wait()
    assert job.exit_code == 0
    assert job.output is not None
    assert job.output.fresh_text() == "after"
    assert job.output.text() == "before\nafter"


async def test_changes_of_the_jobs_are_told(call: Call) -> None:
    seen: list[list[str]] = []
    jobs = call.ctx.jobs
    jobs.changed = lambda: seen.append([job.command for job in jobs.running])
    await call.run("sleep 60", background=True)
    await call.run("sleep 61 & sleep 62 &")
    await jobs.end()
    assert seen[:2] == [["sleep 60"], ["sleep 60", "sleep 61 & sleep 62 &"]]
    assert seen[-1] == []


# ------------------------------------------------------------------ cut


async def test_cancelled_command_returns_what_it_had_printed(call: Call) -> None:
    task = call.start("echo $$; sleep 100")
    await call.has_output.wait()
    task.cancel()
    outcome = await task
    assert outcome.stopped
    assert outcome.brief.startswith("stopped after ")
    assert not exists(int(outcome.text))


async def test_last_words_after_a_cancel_are_kept(call: Call) -> None:
    task = call.start("trap 'echo bye; exit' TERM; echo hi; while :; do sleep 0.01; done")
    await call.has_output.wait()
    task.cancel()
    text = (await task).text
    assert text.startswith("hi\n")
    assert text.endswith("\nbye")


async def test_cancelled_twice_it_still_cleans_up_and_answers(call: Call) -> None:
    task = call.start("trap '' TERM; echo $$; while :; do sleep 1; done")
    await call.has_output.wait()
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.01)
    outcome = await task
    assert outcome.stopped
    assert not exists(int(outcome.text))


async def test_cancelled_in_a_flood_it_answers(call: Call) -> None:
    task = call.start("yes")
    await call.has_output.wait()
    task.cancel()
    outcome = await task
    assert outcome.stopped
    assert outcome.text.endswith("y\ny")


async def test_command_that_had_ended_before_the_cancel_keeps_its_result(call: Call) -> None:
    task = call.start(
        "sleep 1 & echo $$; exit 3"
    )  # the sleep holds the output, so the end is still waited for
    await call.has_output.wait()
    pid = int("".join(call.emitted))
    while exists(pid):
        await asyncio.sleep(0)
    task.cancel()
    outcome = await task
    assert not outcome.stopped
    assert outcome.brief == "exit 3, 1 line"


async def test_cancelled_without_output_its_text_is_empty(call: Call) -> None:
    task = call.start("touch started; sleep 100")
    while not (call.workspace / "started").exists():
        await asyncio.sleep(0.01)
    task.cancel()
    assert (await task).text == ""


async def test_time_is_up(call: Call) -> None:
    outcome = await call.run("echo before; sleep 100", timeout_s=0.3)
    assert outcome.is_error
    assert not outcome.stopped
    assert outcome.brief == "timed out after 0.3 s"
    assert outcome.text.startswith("before\n\n[Ended after 0.3 s: the time was up.")


async def test_nothing_is_left_open(call: Call) -> None:
    await call.run("seq 1 5000")
    before = descriptors()
    await call.run("seq 1 5000")
    task = call.start("echo; sleep 100")
    call.has_output.clear()
    await call.has_output.wait()
    task.cancel()
    await task
    assert descriptors() == before


# ------------------------------------------------------------------ how texts are cut

_LINES = st.lists(st.text(alphabet="aé€\U0001f600 ", max_size=12), max_size=30)


@given(_LINES, st.integers(1, 40), st.integers(1, 400))
def test_head_keeps_the_first_whole_lines_within_both_limits(lines: list[str], most: int, size: int) -> None:
    cut = head(lines, most, size)
    assert cut.text == "\n".join(lines[: cut.lines])
    assert cut.lines <= most
    assert len(cut.text.encode()) <= size
    if not cut.complete and cut.lines < most:
        assert cut.by_bytes
        assert len("\n".join(lines[: cut.lines + 1]).encode()) + 1 > size
    assert cut.complete == (cut.lines == len(lines))


@given(_LINES, st.integers(1, 40), st.integers(1, 400))
def test_tail_keeps_the_last_whole_lines_within_both_limits(lines: list[str], most: int, size: int) -> None:
    text = "".join(f"{line}\n" for line in lines)
    cut = tail(text, most, size)
    if not cut.broken_line:
        assert cut.text == "\n".join(lines[len(lines) - cut.lines :])
        assert cut.complete == (cut.lines == len(lines))
    assert cut.lines <= most
    assert len(cut.text.encode()) <= size
    assert text.endswith(cut.text + "\n") or not cut.lines


@given(st.lists(st.text(alphabet="ab\né", max_size=40), max_size=40), st.integers(1, 20), st.integers(1, 100))
def test_tail_in_pieces_is_the_tail_of_the_whole(pieces: list[str], most: int, size: int) -> None:
    piecewise = Tail(most, size)
    for piece in pieces:
        piecewise.feed(piece)
    whole = "".join(pieces)
    assert piecewise.cut() == tail(whole, most, size)
    assert piecewise.lines == len(whole.split("\n")) - (whole.endswith("\n") or not whole)


def test_tail_forgets_what_it_does_not_need() -> None:
    kept = Tail()
    for _ in range(1000):
        kept.feed("x" * 65536 + "\n")
    assert kept.overflowing
    assert kept.lines == 1000
    assert kept.cut().broken_line
    assert len(kept.cut().text) == MAX_BYTES
    assert MAX_LINES == 2000


async def test_spill_says_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spill = Spill(tmp_path)
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr("tempfile.mkstemp", lambda **_: (full, "/dev/full"))
    await spill.feed("x" * 1_000_000)
    await spill.feed("more")
    await spill.close()
    assert spill.notice == "the whole output could not be kept: No space left on device"


# ------------------------------------------------------------ the tools for jobs


async def test_job_output_gives_what_is_new_and_waits_for_the_end(call: Call) -> None:
    await call.run("echo one; until [ -e go ]; do sleep 0.01; done; echo two; exit 4", background=True)
    read = JobOutputTool()
    first = await read.run(JobOutputParams(job=1), call.ctx)
    assert first.text.startswith("(no new output)") or first.text.startswith("[Job 1 has run for")
    (call.workspace / "go").touch()
    second = await read.run(JobOutputParams(job=1, wait_s=30), call.ctx)
    assert second.text == "two\n\n[Job 1 has ended with exit code 4.]"
    third = await read.run(JobOutputParams(job=1), call.ctx)
    assert third.text == "[Job 1 has ended with exit code 4.]"


async def test_job_output_cut_while_it_waits_loses_nothing(call: Call) -> None:
    await call.run("sleep 0.6; echo late; sleep 60", background=True)
    task = asyncio.create_task(JobOutputTool().run(JobOutputParams(job=1, wait_s=60), call.ctx))
    (job,) = call.ctx.jobs.running
    assert job.output is not None
    while not job.output.lines:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await JobOutputTool().run(JobOutputParams(job=1), call.ctx)).text.startswith("late\n")


async def test_job_stop_ends_all_of_it_and_gives_its_last_words(call: Call) -> None:
    await call.run("trap 'echo bye; exit' TERM; echo hi; while :; do sleep 0.01; done", background=True)
    (job,) = call.ctx.jobs.running
    outcome = await JobStopTool().run(JobStopParams(job=1), call.ctx)
    assert outcome.text.endswith("bye\n\n[Job 1 was ended.]")  # bash may say "Terminated" of its sleep
    assert await job.processes() == []
    again = await JobStopTool().run(JobStopParams(job=1), call.ctx)
    assert again.text == "Job 1 had ended already."


@pytest.mark.parametrize("tool", [JobOutputTool(), JobStopTool()])
async def test_a_job_that_is_not_there_is_told_with_those_that_are(call: Call, tool: Any) -> None:
    assert (await tool.run(tool.params(job=7), call.ctx)).text == "There is no job 7. There are no jobs."
    await call.run("sleep 60", background=True)
    outcome = await tool.run(tool.params(job=7), call.ctx)
    assert outcome.is_error
    assert outcome.text == "There is no job 7. The jobs are: 1."
