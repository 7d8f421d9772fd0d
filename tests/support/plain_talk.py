"""`--plain` as a person or a pipe talks to it: in a terminal, or from a pipe to its end."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any, Final

from support.program import PROGRAM, environment
from support.pty_rig import Terminal

__all__ = ["START_S", "Talk", "piped", "said"]

START_S: Final = 40.0


class Talk:
    """The program in a terminal."""

    def __init__(
        self, root: Path, url: str, *args: str, size: tuple[int, int] = (100, 40), **env: str
    ) -> None:
        (root / "project").mkdir(exist_ok=True)
        self.terminal = Terminal.spawn(
            [*PROGRAM, *args], env=environment(root, url) | env, cwd=root / "project", size=size
        )

    async def hears(self, words: str) -> None:
        """Wait until it has said `words`."""
        await asyncio.to_thread(self.terminal.wait_output, words.encode(), START_S)

    def types(self, line: str) -> None:
        """Type a line."""
        self.terminal.write(line.encode() + b"\n")

    async def exit_code(self) -> int:
        """Wait for its end."""
        return await asyncio.to_thread(self.terminal.wait_exit, START_S)

    @property
    def written(self) -> str:
        """All it has said."""
        return bytes(self.terminal.output).decode()


async def piped(root: Path, url: str, stdin: bytes, *args: str) -> tuple[int, str, str]:
    """Give it `stdin` and wait for its end: exit code, stdout, stderr."""
    (root / "project").mkdir(exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        "--plain",
        *args,
        cwd=root / "project",
        env=environment(root, url),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(stdin)
    process.stdin.close()
    out, errors = await process.stdout.read(), await process.stderr.read()
    return await process.wait(), out.decode(), errors.decode()


def said(message: dict[str, Any]) -> list[str]:
    """The texts of a message as the server got it."""
    content = message["content"]
    return (
        [content]
        if isinstance(content, str)
        else [part["text"] for part in content if part["type"] == "text"]
    )
