"""Cut at any moment, `read` has changed nothing.

The model gets plain lines without numbers: text copied from them can be used in `edit` as it is, and numbers
cost tokens on every line; where a part begins is said in a notice.
"""

from __future__ import annotations

import asyncio
import base64
import threading
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from h2a_agent.content import ImageBlock
from h2a_agent.tools.base import Effect, Preview, ToolContext, ToolOutcome, WhenSteered
from h2a_agent.tools.disk import WHOLE_FILE_BYTES, FileProblem, content_hash, display_path, opened
from h2a_agent.tools.params import PathText, ToolParams, manual
from h2a_agent.tools.truncate import MAX_BYTES, MAX_LINES, count_text, head, size_text

__all__ = ["ReadParams", "ReadTool"]

# The providers' limit is 5 MB of base64, which is a third longer than the file.
IMAGE_BYTES: Final = 5 * 1024 * 1024 * 3 // 4
_CHUNK: Final = 256 * 1024
_SNIFFED: Final = 8192  # a NUL byte in the first so many bytes makes a file binary, as in git
_IMAGES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


class ReadParams(ToolParams):
    """What to read."""

    path: PathText = Field(description="The file, relative to the working directory or absolute.")
    offset: int = Field(default=1, ge=1, description="The first line to read, counted from 1.")
    limit: int = Field(default=MAX_LINES, ge=1, description=f"How many lines to read, at most {MAX_LINES}.")


@dataclass(frozen=True, slots=True)
class _Image:
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class _Part:
    """The bytes of the lines asked for, perhaps with more after them. `lines` is None when they were not counted."""

    data: bytes
    lines: int | None
    digest: str | None


class ReadTool:
    """Reads a text file or a picture."""

    name = "read"
    params: type[Any] = ReadParams
    effect = Effect.READ
    when_steered = WhenSteered.CANCEL

    def __init__(self) -> None:
        self.description = manual("read")

    def title(self, params: ReadParams) -> str:
        """The path, and from which line on."""
        return params.path if params.offset == 1 else f"{params.path} from line {params.offset}"

    def paths(self, params: ReadParams, ctx: ToolContext) -> tuple[Path, ...]:
        """The file."""
        return (ctx.resolve(params.path),)

    async def preview(self, params: ReadParams, ctx: ToolContext) -> Preview:
        """The file's absolute path."""
        return Preview(str(ctx.resolve(params.path)))

    async def run(self, params: ReadParams, ctx: ToolContext) -> ToolOutcome:
        """Read it, and remember what it held for the edits to come."""
        path = ctx.resolve(params.path)
        stop = threading.Event()
        try:
            found = await asyncio.to_thread(_read, path, params, stop)
        except FileProblem as problem:
            return problem.outcome()
        finally:
            stop.set()
        if isinstance(found, _Image):
            data = await asyncio.to_thread(lambda: base64.b64encode(found.data).decode())
            brief = f"{found.media_type.removeprefix('image/')} image, {size_text(len(found.data))}"
            text = f"{display_path(path, ctx.workspace)}: {brief}"
            return ToolOutcome(text, brief, images=(ImageBlock(found.media_type, data),))
        if found.digest is not None:
            ctx.files.remember(path, found.digest)
        return _text_outcome(found, params, path)


def _read(path: Path, params: ReadParams, stop: threading.Event) -> _Part | _Image:
    with opened(path) as file:
        start = _next(file, _CHUNK)
        media_type = _media_type(start)
        if media_type:
            data = start + _up_to(file, IMAGE_BYTES + 1 - len(start))
            if len(data) > IMAGE_BYTES:
                limit = size_text(IMAGE_BYTES)
                raise FileProblem(
                    f"{path} is an image larger than {limit}. Make a smaller copy with bash and read that.",
                    f"image larger than {limit}",
                )
            return _Image(media_type, data)
        _refuse_binary(path, start)
        wanted = min(params.limit, MAX_LINES)
        window = bytearray()
        digest = content_hash()
        size = newlines = taken = 0
        chunk = start
        ends_in_newline = True
        while chunk and not stop.is_set():
            digest.update(chunk)
            size += len(chunk)
            begin = _line_start(chunk, params.offset - 1 - newlines)
            count = chunk.count(b"\n")
            if begin is not None and len(window) <= MAX_BYTES and taken < wanted:
                piece = chunk[begin : begin + MAX_BYTES + 1]
                window += piece
                taken += piece.count(b"\n")
            newlines += count
            ends_in_newline = chunk.endswith(b"\n")
            full = len(window) > MAX_BYTES or taken >= wanted
            if size > WHOLE_FILE_BYTES and full:
                return _Part(bytes(window), None, None)
            chunk = _next(file, _CHUNK)
        whole = size <= WHOLE_FILE_BYTES
        return _Part(bytes(window), newlines + (not ends_in_newline), digest.hexdigest() if whole else None)


def _next(file: FileIO, size: int) -> bytes:
    """The next bytes; none, too, where the kernel would make us wait (some files in /proc)."""
    return file.read(size) or b""


def _up_to(file: FileIO, size: int) -> bytes:
    pieces = []
    while size > 0 and (piece := _next(file, size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _line_start(chunk: bytes, lines: int) -> int | None:
    """Where in `chunk` the line begins that comes after `lines` more line ends; None when not in here."""
    at = 0
    for _ in range(lines):
        at = chunk.find(b"\n", at) + 1
        if not at:
            return None
    return at if at < len(chunk) else None


def _media_type(start: bytes) -> str:
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image/webp"
    return next((media_type for magic, media_type in _IMAGES if start.startswith(magic)), "")


def _refuse_binary(path: Path, start: bytes) -> None:
    if b"\0" not in start[:_SNIFFED]:
        return
    kind = "UTF-16 text" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "a binary file"
    advice = "iconv, for example" if kind == "UTF-16 text" else "file, xxd or strings, for example"
    raise FileProblem(f"{path} is {kind}. Look into it with bash ({advice}).", f"is {kind}")


def _text_outcome(part: _Part, params: ReadParams, path: Path) -> ToolOutcome:
    total = part.lines
    if total == 0:
        return ToolOutcome("(the file is empty)", "empty")
    if not part.data:
        text = f"There is no line {params.offset}: {path} has {total} lines."
        return ToolOutcome(text, f"only {total} lines", is_error=True)
    data, too_much = part.data, len(part.data) > MAX_BYTES
    if too_much:
        data = data[: data.rfind(b"\n") + 1]
    text = data.decode("utf-8", "replace")
    if params.offset == 1:
        text = text.removeprefix("\ufeff")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    cut = head(lines[:-1] if data.endswith(b"\n") else lines, min(params.limit, MAX_LINES))
    if not data or not cut.lines:
        text = (
            f"[Line {params.offset} is longer than {size_text(MAX_BYTES)}. "
            f"Look at it in parts with bash: sed -n {params.offset}p FILE | cut -c1-2000]"
        )
        return ToolOutcome(text, f"line {params.offset} is too long", is_error=True)
    last = params.offset + cut.lines - 1
    of = "" if total is None else f" of {total}"
    notices = []
    if total is None or last < total:
        why = (
            f" {size_text(MAX_BYTES)} is the most at once."
            if cut.by_bytes or (cut.complete and too_much)
            else ""
        )
        notices.append(f"[Lines {params.offset}-{last}{of}.{why} Go on with offset={last + 1}.]")
    if "\ufffd" in cut.text:
        notices.append("[Bytes that are not UTF-8 are shown as \ufffd.]")
    text = "\n\n".join((cut.text, *notices))
    return ToolOutcome(text if text.strip() else "(only empty lines)", _brief(cut.lines, total))


def _brief(lines: int, total: int | None) -> str:
    if total is None or lines < total:
        of = "" if total is None else f" of {total}"
        return f"{lines}{of} lines"
    return count_text(lines, "line")
