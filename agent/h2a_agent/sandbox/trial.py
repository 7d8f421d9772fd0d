"""Which sandbox a session gets: the highest level that is here and holds when it is tried.

A level is shown only after a program has tried to get out of it (`probes.py`) and was held back. What a level
must hold is below; whatever else did not hold is a gap, and told. The trial uses a folder of its own and nothing
of the workspace, so it may run before a folder is trusted.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from h2a_agent.safe_text import one_line
from h2a_agent.sandbox.bubblewrap import find_bubblewrap
from h2a_agent.sandbox.probes import PROBES
from h2a_agent.sandbox.sandbox import OFF, Level, Sandbox
from h2a_agent.sandbox.settings import SandboxSettings
from h2a_agent.tools.child_env import child_env
from h2a_agent.tools.supervisor import guardian

__all__ = ["SessionSandbox", "choose"]

_TRIAL_S: Final = 5.0  # a busy machine; usually it takes 50 ms
_STAGES: Final = Path("/var/tmp")
_PROBES: Final = Path(__file__).with_name("probes.py")
_MUST_HOLD: Final = {
    Level.BUBBLEWRAP: frozenset(PROBES),
    Level.LANDLOCK: frozenset(
        {"writing elsewhere", "writing through links", "reading secrets", "the network"}
    ),
}


def choose(
    settings: SandboxSettings,
    workspace: Path,
    *,
    own: Iterable[Path] = (),
    shown: Iterable[Path] = (),
    python: str = sys.executable,
) -> Sandbox:
    """The sandbox for commands in `workspace`. Starts child processes and waits for them: belongs in a thread.

    Its `tmp` folder is new, and the caller's to remove.
    """
    tmp = _temporary_folder("h2a-")
    base = Sandbox(Level.NONE, "", (), settings, tuple(own), tuple(shown), tmp, python=python)
    reasons: list[str] = []
    for candidate in _candidates(base, workspace, reasons):
        held, trouble = _try(candidate)
        if candidate.level is Level.LANDLOCK and candidate.policy(workspace).exposed:
            held -= {"reading secrets"}  # the stage has none in its workspace, this one has
        if _MUST_HOLD[candidate.level] <= held:
            gaps = tuple(name for name in PROBES if name not in held)
            return replace(candidate, why="; ".join(reasons), gaps=gaps)
        missing = ", ".join(sorted(_MUST_HOLD[candidate.level] - held))
        reasons.append(
            f"{candidate.level.title} {f'failed: {trouble}' if trouble else f'let through: {missing}'}"
        )
    return replace(base, why="; ".join(reasons))


def _temporary_folder(prefix: str, where: str | None = None) -> Path:
    """A new folder, which goes with us even if we are killed."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=where))
    if (ours := guardian()) is not None:
        ours.remove_at_end(folder)
    return folder


def _candidates(base: Sandbox, workspace: Path, reasons: list[str]) -> Iterator[Sandbox]:
    """What there is to try, the best first; what there is not goes to `reasons`."""
    from h2a_agent.sandbox import landlock  # ctypes, which a first frame does not need

    if program := find_bubblewrap(workspace):
        yield replace(base, level=Level.BUBBLEWRAP, program=program)
    else:
        reasons.append("bubblewrap is not installed")
    if reason := landlock.why_not():
        reasons.append(reason)
    else:
        yield replace(base, level=Level.LANDLOCK)


# ------------------------------------------------------------------- the trial


def _try(sandbox: Sandbox) -> tuple[frozenset[str], str]:
    """What `sandbox` held back, and what went wrong when nothing could be tried."""
    with _stage() as root, socket.create_server(("127.0.0.1", 0)) as server:
        # Where we are installed below /tmp, the private /tmp would hide the very program that tries it.
        ours = (Path(sys.prefix), Path(sys.base_prefix), _PROBES.parent)
        on_stage = replace(sandbox, own=(root / "secret",), shown=ours, settings=SandboxSettings())
        probes = [sandbox.python, "-I", "-S", str(_PROBES), str(root), str(server.getsockname()[1])]
        argv = on_stage.wrap([*probes, str(os.getpid()), _started()], workspace=root / "work")
        try:
            trouble = _run(argv, root)
            held = (root / "work" / "held").read_text("utf-8")
        except FileNotFoundError:
            return frozenset(), trouble or "it said nothing"
        except OSError as error:
            return frozenset(), str(error)
    return frozenset(held.split("\n")), ""


@contextmanager
def _stage() -> Iterator[Path]:
    # Not in /tmp: a command's own /tmp would hide the stage, and then writing there fails whatever the rules say.
    elsewhere = str(_STAGES) if os.access(_STAGES, os.W_OK) else None
    root = _temporary_folder("h2a-trial-", elsewhere)
    try:
        for name in ("work/.git/hooks", "secret", "outside"):
            (root / name).mkdir(parents=True)
        (root / "secret" / "key").write_text("canary", "utf-8")
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _run(argv: list[str], root: Path) -> str:
    """Run the probes to their end; returns the last line of what they or the sandbox complain about."""
    with (root / "complaint").open("w+b") as complaint:
        process = subprocess.Popen(
            argv,
            cwd=root / "work",
            env=child_env({}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaint,
            start_new_session=True,
        )
        try:
            process.wait(_TRIAL_S)
        except subprocess.TimeoutExpired:
            return f"it had not answered after {_TRIAL_S:g} s"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        complaint.seek(0)
        lines = complaint.read(4096).decode("utf-8", "replace").strip().splitlines()
    return one_line(lines[-1], 200) if lines else ""


def _started() -> str:
    """When this process started, in the kernel's own count; "" where there is no /proc."""
    try:
        return Path("/proc/self/stat").read_text("utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return ""


# ----------------------------------------------------------------- a session's


class SessionSandbox:
    """The sandbox of one session: tried once, in a thread, when it is first wanted. Whoever wants it waits for the same trial."""

    def __init__(
        self,
        settings: SandboxSettings,
        workspace: Path,
        *,
        own: Iterable[Path] = (),
        shown: Iterable[Path] = (),
    ) -> None:
        self._settings = settings
        self._workspace = workspace
        self._own = tuple(own)
        self._shown = tuple(shown)
        self._task: asyncio.Task[Sandbox] | None = None
        self._off = replace(OFF, settings=settings) if settings.level == "off" else None

    @property
    def known(self) -> Sandbox | None:
        """The sandbox, None before the trial has ended."""
        if self._task is None or not self._task.done() or self._task.cancelled():
            return self._off
        return self._task.result()

    def begin(self) -> None:
        """Start the trial if nobody has."""
        if self._task is None and self._off is None:
            self._task = asyncio.create_task(self._choose(), name="sandbox trial")

    async def get(self) -> Sandbox:
        """The sandbox. Cancelling the wait leaves the trial to others."""
        self.begin()
        if self._task is None:
            assert self._off is not None
            return self._off
        return await asyncio.shield(self._task)

    async def aclose(self) -> None:
        """Remove the commands' folder for temporary files."""
        if self._task is None:
            return
        await asyncio.wait([self._task])
        if (sandbox := self.known) is not None:
            await asyncio.to_thread(shutil.rmtree, sandbox.tmp, ignore_errors=True)

    async def _choose(self) -> Sandbox:
        try:
            return await asyncio.to_thread(
                choose, self._settings, self._workspace, own=self._own, shown=self._shown
            )
        except OSError as error:  # no room for the trial, no descriptors: then nothing is known to hold
            return Sandbox(Level.NONE, f"it could not be tried: {error}", settings=self._settings)
