"""The guardian with a real program in a real terminal: whatever dies, nothing is left behind.

The program is `support/guarded_program.py`, which is killed in every way there is; a shell stands in for the person's own and looks
at what it gets back.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import processes
from support.processes import (
    ESCAPES,
    children,
    command_line,
    environments,
    kill_all,
    living,
    new_tag,
    program_of,
    wait_until,
)
from support.pty_rig import Terminal, modes_left_on

PROGRAM = str(Path(processes.__file__).with_name("guarded_program.py"))
_START = (
    "import os, sys\n"
    "from h2a_guardian.guardian import Guardian\n"
    "from h2a_guardian.terminal import Terminal\n"
    "from h2a_guardian.vault import take_secrets\n"
    "secrets = take_secrets(os.environ)\n"
    "sys.exit(Guardian(secrets, Terminal.found()).run([sys.executable, *sys.argv[1:]], os.environ))"
)
GUARDED = (sys.executable, "-c", _START, PROGRAM)
CANARY = "canary-6ba1f2"
_CODE = re.compile(rb"CODE (\d+)\.")


@pytest.fixture
def tag() -> Iterator[str]:
    number = new_tag()
    yield number
    kill_all(number)


class Shell:
    """A shell in a terminal that has started the guarded program, and tells its exit code when it has it back."""

    def __init__(
        self, how: str, *commands: str, before: str = "", after: str = "", start: str = "", **environ: str
    ) -> None:
        command = shlex.join([sys.executable, "-c", start or _START, PROGRAM, how])
        environ["COMMANDS"] = json.dumps(commands)
        script = f"read begin; {before} {command} {after}; echo CODE $?.; read line"
        self.terminal = Terminal.spawn(["/bin/sh", "-c", script], env=environ, size=(200, 40))
        # Looked at while the shell still waits: the program changes them.
        self.modes = termios.tcgetattr(self.terminal._master)
        self.terminal.write(b"\n")

    def ready(self) -> Shell:
        self.terminal.wait_output(b"READY")
        return self

    def processes(self) -> tuple[int, int]:
        """The guardian and its program."""
        (guardian,) = children(self.terminal.process.pid)
        return guardian, program_of(guardian)

    def code(self) -> int:
        """The exit code the shell got."""
        self.terminal.wait_for(lambda: _CODE.search(self.terminal.output))
        code = _CODE.search(self.terminal.output)
        assert code is not None
        return int(code[1])

    def said(self) -> str:
        """What stands on the terminal behind the last thing that put it back."""
        return self.terminal.output.decode().rpartition("\x1b[?25h")[2]

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.terminal.close()


# ------------------------------------------------------------------- the terminal

SIGNALS = ("SIGKILL", "SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGTERM", "SIGHUP", "SIGQUIT")
DEATHS = {name: 128 + signal.Signals[name] for name in SIGNALS} | {
    "raise": 1,
    "sys.exit": 3,
    "os._exit": 4,
    "null pointer": 128 + signal.SIGSEGV,
    "clean": 0,
}


@pytest.mark.soak(20)
@pytest.mark.parametrize("how", DEATHS)
def test_terminal_and_processes_are_as_before_however_the_program_dies(how: str, tag: str) -> None:
    """U2 and P1: without the guardian every one of these but `clean` leaves both. Mutant: no `Terminal.restore`."""
    command = ESCAPES["everything at once"].replace("{tag}", tag)
    with Shell(how, command).ready() as shell:
        wait_until(lambda: len(living(tag)) == 2)
        shell.terminal.write(b"x")
        assert shell.code() == DEATHS[how]
        assert living(tag) == []
        assert termios.tcgetattr(shell.terminal._master) == shell.modes
        assert modes_left_on(shell.terminal.output) == {}
        if how == "clean":
            assert "h2a-chat" not in shell.said()
        else:
            assert "its commands have ended" in shell.said()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_to_the_guardian_reaches_the_program(number: signal.Signals) -> None:
    with Shell("wait").ready() as shell:
        guardian, _ = shell.processes()
        os.kill(guardian, number)
        assert shell.code() == 128 + number
        assert modes_left_on(shell.terminal.output) == {}


def test_one_line_tells_how_to_go_on_and_where_the_log_is(tmp_path: Path) -> None:
    session, log = tmp_path / "session.jsonl", tmp_path / "now.log"
    session.write_text("{}")
    log.write_text("Fatal error")
    with Shell("SIGSEGV", SESSION=str(session), LOG=str(log)).ready() as shell:
        shell.terminal.write(b"x")
        shell.code()
        line = "h2a-chat was killed (SIGSEGV); its commands have ended.  Go on: h2a-chat -r THIS  Log: "
        assert line + str(log) in shell.said()


def test_temporary_folders_go_with_a_program_that_is_killed_and_nothing_else(tmp_path: Path) -> None:
    folder, other = tmp_path / "scratch", tmp_path / "other"
    for one in (folder, other):
        (one / "deep").mkdir(parents=True)
        (one / "deep" / "file").write_text("x")
    (folder / "link").symlink_to(other)
    with Shell("SIGKILL", FOLDER=str(folder)).ready() as shell:
        shell.terminal.write(b"x")
        assert shell.code() == 128 + signal.SIGKILL
    assert not folder.exists()
    assert (other / "deep" / "file").exists()


def test_what_there_is_not_is_not_named(tmp_path: Path) -> None:
    log = tmp_path / "now.log"
    log.touch()
    with Shell("SIGKILL", SESSION=str(tmp_path / "none"), LOG=str(log)).ready() as shell:
        shell.terminal.write(b"x")
        shell.code()
        assert "Go on" not in shell.said()
        assert "Log" not in shell.said()
        assert not log.exists(), "an empty log is of no use"


def test_stopping_the_program_stops_the_guardian_too_and_both_go_on() -> None:
    """Job control works as if there were no guardian. Mutant: the guardian does not stop, and the shell waits for ever."""
    with Shell("wait").ready() as shell:
        guardian, program = shell.processes()
        os.kill(program, signal.SIGSTOP)
        wait_until(lambda: _state(guardian) == "T")
        os.kill(guardian, signal.SIGCONT)
        wait_until(lambda: _state(guardian) == _state(program) == "S")
        os.kill(program, signal.SIGTERM)
        assert shell.code() == 128 + signal.SIGTERM


def test_ctrl_z_gives_the_shell_back_also_with_the_output_in_a_file(tag: str) -> None:
    """Mutant: stops are followed only with a terminal of our own, and the shell waits for ever."""
    with Shell("wait", f"echo ready; sleep {tag}", before="set -m;", after="> /dev/null") as shell:
        wait_until(lambda: living(tag))
        shell.terminal.write(b"\x1a")
        assert shell.code() == 128 + signal.SIGSTOP
    wait_until(lambda: not living(tag))


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


# ------------------------------------------------------------ the terminal is gone


@pytest.mark.soak(20)
@pytest.mark.parametrize("how", ["wait", "deaf"])
@pytest.mark.parametrize("hang_up", ["closed", "closed while hang-ups are ignored"])
def test_nothing_lives_on_without_its_terminal(how: str, hang_up: str, tag: str) -> None:
    """U4: also a program that ignores SIGHUP and SIGTERM. Mutant: the guardian does not watch the terminal."""
    before = "trap '' HUP;" if "ignored" in hang_up else ""
    with Shell(how, f"echo ready; sleep {tag}", before=before).ready() as shell:
        processes = shell.processes()
        assert living(tag)
        shell.terminal.hang_up()
        wait_until(lambda: not any(command_line(pid) for pid in processes))
        wait_until(lambda: not living(tag))


# --------------------------------------------------------------------- processes


@pytest.mark.soak(25)
@pytest.mark.parametrize(
    "trigger", ["program killed", "guardian killed", "terminated", "program stopped and killed"]
)
def test_no_command_outlives_the_program(trigger: str, tag: str) -> None:
    """P1: every way a command tries to get away. Mutant: a keeper that is no subreaper leaves the daemons."""
    # One that kills its keeper is the guardian's to end, so the two may not die together.
    escapes = [command for name, command in ESCAPES.items() if name != "kills its keeper"]
    commands = [command.replace("{tag}", tag) for command in escapes]
    with Shell("wait", *commands).ready() as shell:
        guardian, program = shell.processes()
        wait_until(lambda: len(living(tag)) >= len(commands))
        match trigger:
            case "program killed":
                os.kill(program, signal.SIGKILL)
            case "guardian killed":
                os.kill(guardian, signal.SIGKILL)
                os.kill(program, signal.SIGKILL)
            case "terminated":
                os.kill(guardian, signal.SIGTERM)
            case _:
                os.kill(program, signal.SIGSTOP)
                os.kill(program, signal.SIGKILL)
                wait_until(lambda: not command_line(program))
                os.kill(guardian, signal.SIGCONT)
        wait_until(lambda: not living(tag))


def test_what_the_program_started_itself_ends_with_it(tag: str) -> None:
    with Shell("wait", STRAY=f"sleep {tag}").ready() as shell:
        (guardian,) = children(shell.terminal.process.pid)
        wait_until(lambda: living(tag))
        os.kill(guardian, signal.SIGTERM)
        shell.code()
        assert living(tag) == []


def test_a_command_that_kills_its_keeper_still_ends_with_it(tag: str) -> None:
    with Shell(
        "wait", f"setsid sleep {tag} & echo ready; sleep 0.1; kill -9 $PPID; sleep {tag}"
    ).ready() as shell:
        wait_until(lambda: not living(tag))
        assert shell.processes()


def test_without_a_terminal_it_keeps_the_processes_only(tag: str) -> None:
    environ = {**os.environ, "COMMANDS": json.dumps([f"(env -i setsid sleep {tag} &); echo ready"])}
    with subprocess.Popen(
        ["setsid", *GUARDED, "SIGKILL"], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == b"READY\n"
        wait_until(lambda: living(tag))
        child.stdin.write(b"x")
        child.stdin.flush()
        assert child.wait(10) == 128 + signal.SIGKILL
        assert living(tag) == []
        assert b"\x1b" not in child.stdout.read()


# ------------------------------------------------------------------------- keys


def test_no_environment_shows_a_key(tag: str) -> None:
    """S4: neither the guardian's, the keepers', the program's nor a command's. Mutant: `unsetenv` without overwriting."""
    with Shell(
        "wait", f"echo ready; sleep {tag}", ANTHROPIC_API_KEY=CANARY, GITHUB_TOKEN=CANARY, PLAIN="stays"
    ) as shell:
        shell.ready()
        ours = [*shell.processes(), *living(tag)]
        shown = environments()
        assert all(pid in shown for pid in ours)
        assert not [pid for pid in ours if CANARY.encode() in shown[pid]]
        assert all(b"PLAIN=stays" in shown[pid] for pid in ours)


def test_the_program_gets_the_keys_from_the_guardian() -> None:
    script = (
        "import os; from h2a_agent.tools.supervisor import guardian\n"
        "print(sorted(guardian().secrets.items()), 'X_TOKEN' in os.environ)"
    )
    command = [*GUARDED[:-1], "-c", script]
    environ = {**os.environ, "ANTHROPIC_API_KEY": CANARY, "X_TOKEN": "t", "KEYBOARD": "us"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=20, check=True)
    assert f"('ANTHROPIC_API_KEY', '{CANARY}')" in done.stdout
    assert "('X_TOKEN', 't')" in done.stdout
    assert "KEYBOARD" not in done.stdout
    assert done.stdout.endswith("False\n")


# ------------------------------------------------------------ where Linux's help is missing

_ELSEWHERE = (
    "import os\n"
    "import h2a_guardian.kernel as kernel, h2a_guardian.tree as tree\n"
    "kernel._libc, tree._HAS_PROC = None, False\n"
    "del os.pidfd_open\n"
)


@pytest.mark.parametrize(
    "escape", ["foreground", "background", "ignores TERM, INT and HUP", "own session", "pipes"]
)
def test_without_subreapers_proc_and_pidfds_what_keeps_its_parent_still_ends(tag: str, escape: str) -> None:
    """As on macOS, as far as Linux can play that."""
    command = ESCAPES[escape].replace("{tag}", tag)
    with Shell("SIGKILL", command, start=_ELSEWHERE + _START).ready() as shell:
        wait_until(lambda: living(tag))
        shell.terminal.write(b"x")
        assert shell.code() == 128 + signal.SIGKILL
        assert modes_left_on(shell.terminal.output) == {}
        wait_until(lambda: not living(tag))


# ---------------------------------------------------------------------- its weight


def test_it_imports_little_and_only_the_standard_library() -> None:
    script = "import sys; before = set(sys.modules); import h2a_guardian.main; print(*sorted(set(sys.modules) - before))"
    out = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, timeout=20, check=True
    )
    loaded = set(out.stdout.split())
    foreign = {n.partition(".")[0] for n in loaded} - set(sys.stdlib_module_names) - {"h2a_guardian"}
    assert foreign == set()
    assert loaded.isdisjoint(
        {"asyncio", "subprocess", "logging", "argparse", "pathlib", "dataclasses", "typing_extensions"}
    )
