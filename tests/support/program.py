"""`h2a-chat --input stream-json` as a child process, and the test as the program that talks to it.

    async with Program.start(folder, server.url) as program:
        await program.send(type="prompt", text="hello", id=1)
        ack = await program.until("ack")
        ...
        assert await program.ended() == 0

Whatever it prints on stdout must be a line of the protocol: each is checked against the schema as it comes.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator

__all__ = ["PROGRAM", "Program", "environment", "validate_input", "validate_output"]

PROGRAM: Final = (sys.executable, "-m", "h2a_tui")
_PATIENCE_S: Final = 30.0
_LINE_LIMIT: Final = 64 * 1024 * 1024


@cache
def _validators(direction: str) -> Mapping[str, Draft202012Validator]:
    """By the `type` of a line: `oneOf` alone would try every one of them."""
    schema = json.loads(files("h2a_agent").joinpath("data/protocol.schema.json").read_text("utf-8"))
    definitions = schema["$defs"]
    references = definitions[direction]["oneOf"]
    names = [reference["$ref"].rpartition("/")[2] for reference in references]
    return {
        definitions[name]["properties"]["type"]["const"]: Draft202012Validator(
            {**schema, "oneOf": [reference]}
        )
        for name, reference in zip(names, references, strict=True)
    }


def validate_output(record: Any) -> None:
    """Is `record` a line from the agent?

    Raises:
        KeyError: there is no such type.
        ValidationError: the checked-in schema says no.
    """
    _validators("output")[record["type"]].validate(record)


def validate_input(record: Any) -> None:
    """Is `record` a line to the agent? Raises as `validate_output`."""
    _validators("input")[record["type"]].validate(record)


def environment(root: Path, url: str = "") -> dict[str, str]:
    """What a child gets: a home of its own, and the server's address where there is one."""
    server = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "sk-test-000000"} if url else {}
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(root),
        "H2A_HOME": str(root / "home"),
        "TERM": "xterm-256color",
        "LC_ALL": "C.UTF-8",
        **server,
    }


class Program:
    """A running child. `lines` are those read so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self._stopped = False

    @classmethod
    @asynccontextmanager
    async def start(cls, root: Path, url: str = "", *args: str) -> AsyncIterator[Program]:
        """Start it in `root`/project; it is killed at the end if it still runs."""
        folder = root / "project"
        folder.mkdir(exist_ok=True)
        process = await asyncio.create_subprocess_exec(
            *PROGRAM,
            *(args or ("--input", "stream-json")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            env=environment(root, url),
            limit=_LINE_LIMIT,
        )
        program = cls(process)
        try:
            yield program
        finally:
            if process.returncode is None:
                process.kill()
            await program.drain()
            await process.wait()

    # ----------------------------------------------------------------- writing

    async def send(self, **command: Any) -> None:
        """Send a command, which the schema must know."""
        validate_input(command)
        await self.write(json.dumps(command).encode() + b"\n")

    async def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        async with asyncio.timeout(_PATIENCE_S):
            await self.process.stdin.drain()

    def end_input(self) -> None:
        """Nothing more comes."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    # ----------------------------------------------------------------- reading

    def stop_reading(self) -> None:
        """Let its stdout fill up."""
        self._stdout.pause_reading()
        self._stopped = True

    def go_on_reading(self) -> None:
        """Undo `stop_reading`."""
        self._stopped = False
        self._stdout.resume_reading()

    def close_stdout(self) -> None:
        """Want no more of it."""
        self._stdout.close()

    @property
    def _stdout(self) -> asyncio.ReadTransport:
        transport: asyncio.SubprocessTransport = self.process._transport  # type: ignore[attr-defined]
        pipe = transport.get_pipe_transport(1)
        assert isinstance(pipe, asyncio.ReadTransport)
        return pipe

    async def line(self) -> dict[str, Any] | None:
        """The next line, None at the end."""
        assert self.process.stdout is not None
        async with asyncio.timeout(_PATIENCE_S):
            data = await self.process.stdout.readline()
        if not data:
            return None
        assert data.isascii()
        assert data.endswith(b"\n")
        record: dict[str, Any] = json.loads(data)
        validate_output(record)
        self.lines.append(record)
        return record

    async def until(self, kind: str, /, **fields: Any) -> dict[str, Any]:
        """Read on to a line of type `kind` with these `fields`."""
        while (record := await self.line()) is not None:
            if record["type"] == kind and all(record[key] == value for key, value in fields.items()):
                return record
        raise AssertionError(f"no {kind} {fields} came; the last lines: {self.lines[-5:]}")

    async def ended(self) -> int:
        """Read to the end; the exit code."""
        while await self.line() is not None:
            pass
        async with asyncio.timeout(_PATIENCE_S):
            return await self.process.wait()

    async def errors(self) -> str:
        """What it has written to stderr, once it has ended."""
        assert self.process.stderr is not None
        return (await self.process.stderr.read()).decode()

    async def drain(self) -> None:
        """Read what nobody wants any more."""
        self.end_input()
        if self._stopped:
            self.go_on_reading()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            await stream.read()

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The lines of type `kind` read so far."""
        return [line for line in self.lines if line["type"] == kind]

    def text(self) -> str:
        """The model's words so far."""
        return "".join(line["text"] for line in self.of("token_stream"))
