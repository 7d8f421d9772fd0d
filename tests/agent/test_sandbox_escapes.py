"""Some thirty ways out of a sandbox, tried at every level this machine has, as every user a test can be.

Without a sandbox each of them must succeed, else it would prove nothing about one.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from h2a_agent.sandbox import landlock
from h2a_agent.sandbox.landlock_launcher import landlock_abi
from h2a_agent.sandbox.sandbox import Level, Sandbox
from support.escapes import (
    BUBBLEWRAP,
    ESCAPES,
    NOBODY,
    OF_GIT,
    OF_MODE,
    Escape,
    Scene,
    levels_of,
    scene,
)

# One that every user may run: the tests' own may lie in somebody's home.
PYTHON = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
USERS = [os.geteuid(), NOBODY] if os.geteuid() == 0 and shutil.which("setpriv") else [os.geteuid()]
# Landlock has no rights for these, and says so in its gaps; nor for signals, before Linux 6.12.
LANDLOCK_GAPS = {escape.name for escape in (*OF_GIT, OF_MODE)}
if not landlock.why_not() and landlock_abi(ctypes.CDLL(None, use_errno=True)) < 6:
    LANDLOCK_GAPS.add("a signal to another process")


LEVELS = [(level, user) for user in USERS for level in (Level.NONE, *levels_of(user))]


def run(place: Scene, level: Level, argv: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Run `argv` at `level` as the scene's user, as the bash tool would."""
    sandbox = Sandbox(
        level, own=(place.own,), tmp=place.tmp, program=BUBBLEWRAP, python=PYTHON, home=place.home
    )
    monkeypatch.setattr(os, "geteuid", lambda: place.uid)
    wrapped = sandbox.wrap(argv, workspace=place.workspace)
    monkeypatch.undo()
    done = subprocess.run(
        place.become(wrapped),
        cwd=place.workspace,
        env={"PATH": os.defpath, "HOME": str(place.home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
        timeout=30,
    )
    place.got = done.stdout
    return done.returncode


@pytest.mark.parametrize("escape", ESCAPES, ids=lambda escape: escape.name)
@pytest.mark.parametrize(("level", "user"), LEVELS, ids=lambda value: getattr(value, "name", f"user {value}"))
def test_escape(escape: Escape, level: Level, user: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with scene(user) as place:
        run(place, level, escape.argv(PYTHON, place), monkeypatch)
        is_out = escape.is_out(place)
        assert "could not be set up" not in place.got
        assert "bwrap:" not in place.got
    gaps = LANDLOCK_GAPS if level is Level.LANDLOCK else set()
    assert is_out == (level is Level.NONE or escape.name in gaps), place.got


@pytest.mark.parametrize(("level", "user"), LEVELS, ids=lambda value: getattr(value, "name", f"user {value}"))
def test_ordinary_work_is_not_held_back(level: Level, user: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files, temporary files, pipes, processes, semaphores, git: what a build does."""
    work = """
        set -e
        echo new > new; mkdir -p a/b; mv new a/b/; ln -s a/b/new link; cat link; chmod +x a/b/new; rm link
        test -w "${TMPDIR:-/tmp}"; f=$(mktemp); echo t > "$f"; mv "$f" moved; cat <<< here > /dev/null; (sleep 0; true) & wait
        ls / ~ /usr/bin > /dev/null; ls -la ~/.ssh > /dev/null; cat /proc/self/status > /dev/null; head -c1 /dev/urandom > /dev/null
        rm -rf .git; git init -q .; git add a; git -c user.name=n -c user.email=e@x commit -qm one; git log --oneline
        PYTHON -c 'import multiprocessing as m; m.Lock(); print(m.Pool(2).map(abs, [-1]))'
        PYTHON -c 'import asyncio; asyncio.run(asyncio.sleep(0))'
        echo done
    """.replace("PYTHON", PYTHON)
    with scene(user) as place:
        shutil.rmtree(place.workspace / ".git")
        assert run(place, level, ["/bin/bash", "-c", work], monkeypatch) == 0, place.got
        assert place.got.endswith("[1]\ndone\n")
        assert (place.workspace / "moved").exists()


@pytest.mark.parametrize(("level", "user"), LEVELS, ids=lambda value: getattr(value, "name", f"user {value}"))
def test_a_hidden_folder_says_no_instead_of_losing_what_is_written(
    level: Level, user: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scene(user) as place:
        failed = run(place, level, ["/bin/sh", "-c", "echo x > ~/.ssh/config"], monkeypatch) != 0
    assert failed == (level is not Level.NONE)


@pytest.mark.parametrize(("level", "user"), LEVELS, ids=lambda value: getattr(value, "name", f"user {value}"))
def test_root_keeps_power_over_files_and_none_over_the_machine(
    level: Level, user: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scene(user) as place:
        run(place, level, ["/bin/cat", "/proc/self/status"], monkeypatch)
    powers = {line.split()[0]: int(line.split()[1], 16) for line in place.got.splitlines() if "Cap" in line}
    if level is not Level.NONE:
        # CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID and SETUID are the first bits, without DAC_READ_SEARCH.
        assert powers["CapEff:"] & ~0b11111011 == 0
        assert "NoNewPrivs:\t1" in place.got
