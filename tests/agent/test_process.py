"""A child process: its output to the end, its end whatever it does, and nothing left of it.

Real processes throughout. Every command carries a number of its own as `sleep` argument or in its script, so that
what lives on can be found in /proc.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from h2a_agent.tools.finish import finish
from h2a_agent.tools.process import Child
from support.processes import ESCAPES, kill_all, living, new_tag


@pytest.fixture
def tag() -> Iterator[str]:
    """A number that stands in the command lines of one test only; what still carries it afterwards is killed."""
    number = new_tag()
    yield number
    kill_all(number)


@pytest.fixture(autouse=True)
def _no_descriptor_is_left() -> Iterator[None]:
    before = descriptors()
    yield
    assert descriptors() == before


def descriptors() -> dict[str, str]:
    """Open descriptors of this process but the event loop's, which come and go with it."""
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if not target.startswith(("anon_inode:[eventpoll]", "socket:", "/proc/")):
            found[entry.name] = target
    return found


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


async def all_output(child: Child) -> bytes:
    pieces = []
    while piece := await child.read():
        pieces.append(piece)
    return b"".join(pieces)


@contextlib.asynccontextmanager
async def bash(command: str, folder: Path) -> AsyncIterator[Child]:
    async with await Child.start(["/bin/bash", "-c", command], folder) as child:
        yield child


# ------------------------------------------------------------------------ output


async def test_output_and_errors_come_together_with_the_exit_code(tmp_path: Path) -> None:
    async with bash("echo one; echo two >&2; pwd; exit 7", tmp_path) as child:
        assert await all_output(child) == f"one\ntwo\n{tmp_path}\n".encode()
        assert child.exit_code == 7


async def test_output_of_half_a_megabyte_arrives_whole(tmp_path: Path) -> None:
    async with bash("seq 1 80000", tmp_path) as child:
        assert await all_output(child) == b"".join(b"%d\n" % n for n in range(1, 80001))


async def test_death_by_signal_is_given_as_a_shell_gives_it(tmp_path: Path) -> None:
    async with bash("kill -9 $$", tmp_path) as child:
        assert await all_output(child) == b""
        assert child.exit_code == 128 + 9


async def test_output_closed_early_still_waits_for_the_exit_code(tmp_path: Path) -> None:
    async with bash("echo out; exec >&- 2>&-; sleep 0.1; exit 3", tmp_path) as child:
        assert await all_output(child) == b"out\n"
        assert child.exit_code == 3


async def test_background_child_that_holds_the_pipe_does_not_delay_the_end(tmp_path: Path, tag: str) -> None:
    async with bash(f"sleep {tag} & echo started", tmp_path) as child:
        assert await all_output(child) == b"started\n"
        assert child.exit_code == 0
        assert child.left_pipe_open
        assert living(tag), "a background process goes on"


HOLDERS = {
    "in the background": "sleep {tag} &",
    "two of them": "sleep {tag} & sleep {tag} &",
    "disowned": "sleep {tag} & disown",
    "ignoring hang-ups": "nohup sleep {tag} &",
    "in a session of its own": "setsid sleep {tag} &",
    "in a subshell": "(sleep {tag} &)",
    "a double fork": "(setsid sleep {tag} &) &",
    "a pipeline": "sleep {tag} | cat &",
    "a coprocess": "coproc sleep {tag}",
    "stopped": "sleep {tag} & kill -STOP $!",
}


@pytest.mark.soak(20)
@pytest.mark.parametrize("holder", HOLDERS)
async def test_the_result_does_not_wait_for_whoever_holds_the_pipe(
    tmp_path: Path, tag: str, holder: str
) -> None:
    """P2. Mutant: an end that waits for the pipe's end of file."""
    async with bash(f"{HOLDERS[holder].replace('{tag}', tag)}\necho result; exit 6", tmp_path) as child:
        assert b"result\n" in await all_output(child)
        assert child.exit_code == 6
        await until(lambda: living(tag))


@pytest.mark.parametrize("pause", ["", "sleep 0.03"])
async def test_background_child_that_never_stops_printing_does_not_delay_the_end(
    tmp_path: Path, tag: str, pause: str
) -> None:
    async with bash(
        f"(while :; do echo {tag}; {pause or ':'}; done) & sleep 0.05; exit 5", tmp_path
    ) as child:
        await all_output(child)
        assert child.exit_code == 5


async def test_last_words_are_read_however_late_they_are_read(tmp_path: Path) -> None:
    async with bash("seq 1 10000", tmp_path) as child:  # fits into the pipe
        await until(lambda: child.exit_code is not None)
        await asyncio.sleep(0.3)  # longer than the end is waited for
        assert await all_output(child) == b"".join(b"%d\n" % n for n in range(1, 10001))


async def test_flood_is_held_back_while_nobody_reads(tmp_path: Path, tag: str) -> None:
    async with bash(f"yes {tag}", tmp_path) as child:
        taken = sum([len(await child.read()) for _ in range(50)])
        assert 0 < taken <= 50 * 65536
        ticks = 0
        for _ in range(50):  # others get their turn between two reads
            tick = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(tick.set_result, None)
            await child.read()
            ticks += tick.done()
        assert ticks == 50
        assert await child.end(0) == 0
    assert living(tag) == []


# ------------------------------------------------------------------- no questions


@pytest.mark.parametrize(
    "question",
    [
        "read answer; echo got $?",
        "read answer </dev/tty; echo got $?",
        "cat",
        "python3 -c 'input()'; echo got $?",
    ],
)
async def test_no_command_can_wait_for_an_answer(tmp_path: Path, question: str) -> None:
    async with asyncio.timeout(20), bash(question, tmp_path) as child:
        out = await all_output(child)
        assert b"got 0" not in out


async def test_a_command_has_its_own_session_and_nothing_to_read(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    before = os.dup(0)
    os.dup2(read_end, 0)  # as if somebody sat there, typing
    try:
        async with bash("readlink /proc/self/fd/0; sleep 0.2", tmp_path) as child:
            assert os.getsid(child.pid) == child.pid != os.getsid(0)
            assert await all_output(child) == b"/dev/null\n"
    finally:
        os.dup2(before, 0)
        for descriptor in (read_end, write_end, before):
            os.close(descriptor)


async def test_keys_do_not_reach_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_API_KEY", "GITHUB_TOKEN", "DB_PASSWORD"):
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "stays")
    async with bash("env", tmp_path) as child:
        out = await all_output(child)
    assert b"canary" not in out
    assert b"TOKENIZERS_PARALLELISM=stays" in out
    assert b"TERM=dumb" in out


# --------------------------------------------------------------------- its end


@pytest.mark.soak(25)
@pytest.mark.parametrize("escape", ESCAPES)
async def test_end_leaves_no_process(tmp_path: Path, tag: str, escape: str) -> None:
    async with bash(ESCAPES[escape].replace("{tag}", tag), tmp_path) as child:
        assert b"ready" in await child.read()
        await until(lambda: living(tag))
        assert await child.end(0.1) == 0
        assert living(tag) == []


async def test_term_comes_first_so_that_a_program_can_clean_up(tmp_path: Path) -> None:
    script = 'trap "echo cleaned > trace; exit" TERM; echo ready; while :; do sleep 0.01; done'
    async with bash(script, tmp_path) as child:
        assert await child.read() == b"ready\n"
        await child.end(5.0)
    assert (tmp_path / "trace").read_text() == "cleaned\n"


async def test_a_stopped_program_is_continued_so_that_it_can_clean_up(tmp_path: Path) -> None:
    script = 'trap "echo cleaned > trace; exit" TERM; echo ready; kill -STOP $$'
    async with bash(script, tmp_path) as child:
        assert await child.read() == b"ready\n"
        await until(lambda: state_of(child.pid) == "T")
        await child.end(5.0)
    assert (tmp_path / "trace").read_text() == "cleaned\n"


async def test_what_had_ended_before_it_was_told_to_has_ended_by_itself(tmp_path: Path) -> None:
    """Also when its keeper sees the end and the order to end it in one moment."""
    async with bash("read x <> <(:); exit 7", tmp_path) as child:
        keeper = parent_of(child.pid)
        os.kill(keeper, signal.SIGSTOP)
        await until(lambda: state_of(keeper) == "T")
        os.kill(child.pid, signal.SIGINT)
        await until(lambda: state_of(child.pid) == "Z")
        ending = asyncio.create_task(child.end(0))
        for _ in range(5):
            await asyncio.sleep(0)  # the order is on its way
        os.kill(keeper, signal.SIGCONT)
        await ending
        assert child.keeper.by_itself
        assert child.exit_code == 128 + signal.SIGINT


async def test_end_without_grace_kills_at_once(tmp_path: Path, tag: str) -> None:
    async with bash(f'trap "" TERM; echo ready; sleep {tag}', tmp_path) as child:
        assert await child.read() == b"ready\n"
        assert await child.end(0) == 0
        assert child.exit_code == 128 + 9


async def test_end_runs_to_its_end_when_cancelled(tmp_path: Path, tag: str) -> None:
    async with bash(ESCAPES["ignores TERM, INT and HUP"].replace("{tag}", tag), tmp_path) as child:
        assert b"ready" in await child.read()
        ending = asyncio.create_task(child.end(0.2))
        for _ in range(3):
            await asyncio.sleep(0.01)
            ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
        assert living(tag) == []


async def test_leaving_the_block_ends_what_runs(tmp_path: Path, tag: str) -> None:
    async with bash(f"echo; exec sleep {tag}", tmp_path) as child:
        await child.read()
        assert living(tag) == [child.pid]
    assert living(tag) == []


async def test_other_commands_are_left_alone(tmp_path: Path, tag: str) -> None:
    async with (
        bash(f"echo; exec sleep {tag}1", tmp_path) as one,
        bash(f"echo; exec sleep {tag}2", tmp_path) as other,
    ):
        await one.read()
        await other.read()
        await one.end(0.1)
        assert living(f"{tag}1") == []
        assert living(f"{tag}2") == [other.pid]


async def test_a_background_process_goes_on_when_it_is_detached_and_ends_with_its_keeper(
    tmp_path: Path, tag: str
) -> None:
    async with bash(f"nohup setsid sleep {tag} >/dev/null 2>&1 & exit", tmp_path) as child:
        await all_output(child)
        await until(lambda: living(tag))
        keeper = child.detach()
    assert [line for _, line in await keeper.processes()] == [f"sleep {tag}"]
    assert living(tag) != []
    assert await keeper.end(0) == 0
    assert living(tag) == []
    assert await keeper.processes() == []
    keeper.close()


async def test_a_background_process_ends_with_the_block_when_nobody_takes_it(
    tmp_path: Path, tag: str
) -> None:
    async with bash(f"nohup setsid sleep {tag} >/dev/null 2>&1 & exit", tmp_path) as child:
        await all_output(child)
        await until(lambda: living(tag))
    assert living(tag) == []


async def test_missing_program_raises_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await Child.start([tmp_path / "none"], tmp_path)
    with pytest.raises(FileNotFoundError):
        await Child.start(["/bin/true"], tmp_path / "none")


async def test_fifty_commands_leave_no_zombie(tmp_path: Path) -> None:
    for _ in range(50):
        async with bash("exit 0", tmp_path) as child:
            await all_output(child)
        assert not Path(f"/proc/{child.pid}").exists()  # noqa: ASYNC240  a zombie would still be there


# ---------------------------------------------------------------------- finish


async def test_finish_lets_the_work_end_before_the_cancellation() -> None:
    record: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0.02)
        record.append("done")

    async def caller() -> None:
        try:
            await finish(work())
        except asyncio.CancelledError:
            record.append("cancelled")
            raise

    task = asyncio.create_task(caller())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert record == ["done", "cancelled"]


async def test_finish_passes_a_failure_on() -> None:
    async def work() -> None:
        raise KeyError(time.monotonic())

    with pytest.raises(KeyError):
        await finish(work())
