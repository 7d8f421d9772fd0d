"""The message in the user's own editor: `$VISUAL`, `$EDITOR`, else nano or vi.

The editor gets the terminal and this process steps aside; the agent works on meanwhile. What stood in the editor is never
lost: it is kept until another text has been read back.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, Protocol

from h2a_agent.tools.finish import in_thread

__all__ = ["EditorFailed", "edit_text", "edit_written", "editor_command"]

_DEFAULTS: Final = ("nano", "vi")
_LONGEST: Final = 8 * 1024 * 1024  # bytes; who writes more has opened another file


class Editable(Protocol):
    """A message that is being written."""

    @property
    def text(self) -> str: ...
    def take_back(self, before: str, after: str) -> None:
        """Put `after` in the place of `before`; what came meanwhile stays."""
        ...


class EditorFailed(Exception):
    """The text could not be edited; the message says why."""


def editor_command(environ: Mapping[str, str]) -> list[str]:
    """The user's editor, as words.

    Raises:
        EditorFailed: there is none.
    """
    chosen = environ.get("VISUAL", "").strip() or environ.get("EDITOR", "").strip()
    try:
        words = shlex.split(chosen)
    except ValueError:
        raise EditorFailed(f"$VISUAL or $EDITOR cannot be read: {chosen}") from None
    found = words or [name for name in _DEFAULTS if shutil.which(name)][:1]
    if not found:
        raise EditorFailed("No editor: set $VISUAL or $EDITOR")
    return found


async def edit_text(step_aside: Callable[[], AbstractContextManager[None]], text: str) -> str:
    """`text` as the user leaves it in their editor, which has the terminal while we `step_aside`.

    Raises:
        EditorFailed: there is no editor, it fails, or what it leaves cannot be read.
    """
    command = editor_command(os.environ)
    try:
        path = await in_thread(_written, text)
    except OSError as error:
        raise EditorFailed(f"The text could not be handed over: {error.strerror}") from None
    try:
        with step_aside(), _signals_are_the_editors():
            trouble = await _run([*command, os.fspath(path)])  # nothing may be raised in here
        if trouble:
            raise EditorFailed(f"{Path(command[0]).name}: {trouble}; text kept")
        return await in_thread(_read, path)
    except OSError as error:
        raise EditorFailed(f"The text could not be read back: {error.strerror}") from None
    finally:
        await in_thread(path.unlink, True)  # True: it may be gone


async def edit_written(
    written: Editable, step_aside: Callable[[], AbstractContextManager[None]], notice: Callable[[str], None]
) -> None:
    """Have what is `written` edited so; why that fails is said."""
    before = written.text
    try:
        after = await edit_text(step_aside, before)
    except EditorFailed as failure:
        notice(str(failure))
    else:
        written.take_back(before, after)


async def _run(command: Sequence[str]) -> str:
    """Run it in the terminal; returns what went wrong, "" for nothing."""
    try:
        process = await asyncio.create_subprocess_exec(*command)
    except OSError as error:
        return error.strerror or str(error)
    code = await process.wait()
    return f"failed (exit {code})" if code else ""


def _written(text: str) -> Path:
    descriptor, name = tempfile.mkstemp(prefix="h2a-message-", suffix=".md")  # mode 0600
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    return Path(name)


def _read(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(_LONGEST + 1)
    if len(data) > _LONGEST:
        raise EditorFailed("The text is too long; your message is kept")
    return data.decode("utf-8", "replace").replace("\r\n", "\n").removesuffix("\n")


@contextmanager
def _signals_are_the_editors() -> Iterator[None]:
    """Ctrl+C in the terminal is for the editor, and so is Ctrl+Z; what we ignore by a handler, it does not inherit."""
    before = {number: signal.signal(number, _nothing) for number in (signal.SIGINT, signal.SIGQUIT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _nothing(_number: int, _frame: object) -> None:
    """Somebody else's."""
