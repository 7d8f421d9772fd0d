"""Cut at any moment, `read` has changed nothing.

The model gets plain lines without numbers: text copied from them can be used in `edit` as it is, and numbers
cost tokens on every line; where a part begins is said in a notice.
"""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final

from pydantic import Field

from h2a_agent.content import ImageBlock
from h2a_agent.tools.base import Effect, Preview, ToolContext, ToolOutcome, WhenSteered
from h2a_agent.tools.disk import WHOLE_FILE_BYTES, FileProblem, content_hash, display_path, opened, up_to
from h2a_agent.tools.encoding import STRAY, encoding_of, visible
from h2a_agent.tools.images import SOURCE_BYTES, BadPicture, Picture, fitted, media_type
from h2a_agent.tools.notebook import notebook_of
from h2a_agent.tools.params import PathText, ToolParams, manual
from h2a_agent.tools.truncate import MAX_BYTES, MAX_LINES, count_text, head, size_text

__all__ = ["ReadParams", "ReadTool"]

_CHUNK: Final = 256 * 1024
_SNIFFED: Final = 8192  # a NUL byte in the first so many bytes makes a file binary, as in git
_NOTEBOOK_PICTURES: Final = 8  # of one answer


class ReadParams(ToolParams):
    """What to read."""

    also: ClassVar[Mapping[str, str]] = {
        "start_line": "offset",
        "line": "offset",
        "max_lines": "limit",
        "num_lines": "limit",
    }
    example: ClassVar[Mapping[str, Any]] = {"path": "src/app.py", "offset": 120, "limit": 60}

    path: PathText = Field(description="The file, relative to the working directory or absolute.")
    offset: int = Field(default=1, ge=1, description="The first line to read, counted from 1.")
    limit: int = Field(default=MAX_LINES, ge=1, description=f"How many lines to read, at most {MAX_LINES}.")
    raw: bool = Field(
        default=False, description="Give a notebook as the JSON it is stored as, for example to edit it."
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """The bytes of the lines asked for, perhaps with more after them. `lines` is None when they were not counted."""

    data: bytes
    lines: int | None
    digest: str | None


@dataclass(frozen=True, slots=True)
class _Found:
    """The answer, and the digest of what it shows: None when the file is too large to be changed, or a picture."""

    outcome: ToolOutcome
    digest: str | None = None


class ReadTool:
    """Reads a text file, a notebook or a picture."""

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
            found = await asyncio.to_thread(_read, path, params, ctx, stop)
        except FileProblem as problem:
            return problem.outcome()
        finally:
            stop.set()
        if found.digest is not None:
            ctx.files.remember(ctx.real(path), found.digest)
        return found.outcome


def _read(path: Path, params: ReadParams, ctx: ToolContext, stop: threading.Event) -> _Found:
    name = display_path(path, ctx.workspace)
    with opened(ctx.real(path)) as file:
        start = up_to(file, _CHUNK)
        if media_type(start):
            return _Found(_picture(path, name, start + up_to(file, SOURCE_BYTES + 1 - len(start))))
        is_wide = (encoding := encoding_of(start[:2])) is not None and encoding.is_wide
        if is_wide or (path.suffix == ".ipynb" and not params.raw):
            data = start + up_to(file, WHOLE_FILE_BYTES + 1 - len(start))
            if len(data) <= WHOLE_FILE_BYTES:
                found = _wide(data, params, path) if is_wide else _notebook(data, params, path)
                if found is not None:
                    return found
            file.seek(len(start))
        if b"\0" in start[:_SNIFFED]:
            advice = "Look into it with bash (file, xxd or strings, for example)."
            raise FileProblem(f"{path} is a binary file. {advice}", "is a binary file")
        part = _scan(start, params, file.read, stop)
    return _Found(_text_outcome(part, params, path).outcome, part.digest)


def _scan(
    start: bytes,
    params: ReadParams,
    read: Callable[[int], bytes | None] = lambda _size: b"",
    stop: threading.Event | None = None,
) -> _Part:
    """The part asked for of what begins with `start` and goes on with `read`; no more of it is ever held."""
    wanted = min(params.limit, MAX_LINES)
    window = bytearray()
    digest = content_hash()
    size = newlines = taken = 0
    chunk = start
    ends_in_newline = True
    while chunk and not (stop is not None and stop.is_set()):
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
        chunk = read(_CHUNK) or b""  # none, too, where the kernel would make us wait (some files in /proc)
    whole = size <= WHOLE_FILE_BYTES
    return _Part(bytes(window), newlines + (not ends_in_newline), digest.hexdigest() if whole else None)


def _line_start(chunk: bytes, lines: int) -> int | None:
    """Where in `chunk` the line begins that comes after `lines` more line ends; None when not in here."""
    at = 0
    for _ in range(lines):
        at = chunk.find(b"\n", at) + 1
        if not at:
            return None
    return at if at < len(chunk) else None


# ------------------------------------------------------------------ not plain text


def _picture(path: Path, name: str, data: bytes) -> ToolOutcome:
    try:
        if len(data) > SOURCE_BYTES:
            raise BadPicture(f"is larger than {size_text(SOURCE_BYTES)}")
        picture = fitted(data)
    except BadPicture as problem:
        text = f"{path} looks like a picture, but {problem}. Make another copy with bash and read that."
        return ToolOutcome(text, f"picture {problem}", is_error=True)
    brief = f"{picture.media_type.removeprefix('image/')} image, {size_text(len(picture.data))}"
    note = f" ({picture.note})" if picture.note else ""
    return ToolOutcome(f"{name}: {brief}{note}", brief, images=(_block(picture),))


def _block(picture: Picture) -> ImageBlock:
    return ImageBlock(picture.media_type, base64.b64encode(picture.data).decode())


def _wide(data: bytes, params: ReadParams, path: Path) -> _Found | None:
    encoding = encoding_of(data)
    if encoding is None or not encoding.is_wide:
        return None
    text = visible(encoding.decode(data)).encode()
    note = f"[{encoding.name} text, which edit and write do not change.]"
    shown = _text_outcome(_scan(text, params), params, path, note)
    return _Found(shown.outcome, content_hash(data).hexdigest())


def _notebook(data: bytes, params: ReadParams, path: Path) -> _Found | None:
    notebook = notebook_of(data)
    if notebook is None:
        return None
    text = visible("\n".join(notebook.lines)).encode()
    note = "[A notebook, shown as cells. To edit it, read it with raw=true: edit works on that JSON.]"
    shown = _text_outcome(_scan(text, params), params, path, note)
    in_sight = range(params.offset - 1, shown.last)
    pictures = [data for line, data in notebook.pictures.items() if line in in_sight]
    return _Found(_with_pictures(shown.outcome, pictures), content_hash(data).hexdigest())


def _with_pictures(outcome: ToolOutcome, pictures: list[bytes]) -> ToolOutcome:
    """The outcome with the first pictures attached; what is left out is said."""
    blocks: list[ImageBlock] = []
    for data in pictures:
        try:
            if len(blocks) < _NOTEBOOK_PICTURES:
                blocks.append(_block(fitted(data)))
        except BadPicture:
            pass  # counted below as not attached
    text = outcome.text
    if left := len(pictures) - len(blocks):
        text += f"\n\n[{count_text(left, 'picture')} not attached.]"
    return replace(outcome, text=text, images=tuple(blocks))


# ------------------------------------------------------------------ text


@dataclass(frozen=True, slots=True)
class _Shown:
    outcome: ToolOutcome
    last: int = 0  # the number of the last line shown


def _text_outcome(part: _Part, params: ReadParams, path: Path, note: str = "") -> _Shown:
    total = part.lines
    if total == 0:
        return _Shown(ToolOutcome("(the file is empty)", "empty"))
    if not part.data:
        text = f"There is no line {params.offset}: {path} has {total} lines."
        return _Shown(ToolOutcome(text, f"only {total} lines", is_error=True))
    data, too_much = part.data, len(part.data) > MAX_BYTES
    if too_much:
        data = data[: data.rfind(b"\n") + 1]
    encoding = encoding_of(data) or STRAY
    text = visible(encoding.decode(data)).removeprefix("\ufeff" if params.offset == 1 else "")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    cut = head(lines[:-1] if data.endswith(b"\n") else lines, min(params.limit, MAX_LINES))
    if not data or not cut.lines:
        text = (
            f"[Line {params.offset} is longer than {size_text(MAX_BYTES)}. "
            f"Look at it in parts with bash: sed -n {params.offset}p FILE | cut -c1-2000]"
        )
        return _Shown(ToolOutcome(text, f"line {params.offset} is too long", is_error=True))
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
    elif encoding.codec != "utf-8":
        notices.append(f"[The file is {encoding.name}, not UTF-8; edit and write keep it so.]")
    notices += [note] if note else []
    text = "\n\n".join((cut.text, *notices))
    return _Shown(ToolOutcome(text if text.strip() else "(only empty lines)", _brief(cut.lines, total)), last)


def _brief(lines: int, total: int | None) -> str:
    if total is None or lines < total:
        of = "" if total is None else f" of {total}"
        return f"{lines}{of} lines"
    return count_text(lines, "line")
