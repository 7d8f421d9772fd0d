"""Pictures for a message: from a file that was dropped or mentioned, and from the clipboard.

A terminal has no way to paste a picture, so the desktop's own programs are asked, whichever there are.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from h2a_agent.content import ImageBlock
from h2a_agent.tools.finish import in_thread
from h2a_agent.tools.images import SOURCE_BYTES, BadPicture, fitted, media_type
from h2a_agent.tools.process import Child
from h2a_agent.tools.programs import find_program

__all__ = [
    "clipboard_programs",
    "dropped_picture",
    "is_picture",
    "picture_from_clipboard",
    "picture_from_file",
]

_SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp"})
_LONGEST_PATH: Final = 4096
_PATIENCE_S: Final = 5.0
# Each writes a PNG to its output and fails when the clipboard holds none.
_POWERSHELL: Final = (
    "Add-Type -A System.Windows.Forms; $i=[Windows.Forms.Clipboard]::GetImage(); if(!$i){exit 1}; "
    "$m=New-Object IO.MemoryStream; $i.Save($m,[Drawing.Imaging.ImageFormat]::Png); "
    "[Convert]::ToBase64String($m.ToArray())"
)
# Each writes a PNG to its output, as it is or in base64, and fails when the clipboard holds none.
_COMMANDS: Final = (
    ("wl-paste", "--no-newline", "--type", "image/png"),
    ("xclip", "-selection", "clipboard", "-target", "image/png", "-out"),
    ("pngpaste", "-"),
    ("powershell.exe", "-NoProfile", "-Command", _POWERSHELL),
)


def is_picture(path: str) -> bool:
    """Is it called like a picture a provider takes?"""
    return Path(path).suffix.lower() in _SUFFIXES


def dropped_picture(text: str) -> Path | None:
    """The picture whose path a terminal has pasted because its file was dropped there: quoted, escaped, or as a URL."""
    text = text.strip()
    if (
        not text
        or len(text) > _LONGEST_PATH
        or "\n" in text
        or not re.match(r"['\"]?(?:/|~|file:|\w:\\)", text)
    ):
        return None
    try:
        (word,) = [unquote(urlsplit(text).path)] if text.startswith("file:") else shlex.split(text)
        path = Path(word).expanduser()
        return path if is_picture(word) and path.is_file() else None
    except (ValueError, OSError, RuntimeError):
        return None


async def picture_from_file(path: Path) -> ImageBlock:
    """The picture in `path`, made smaller where it has to be.

    Raises:
        BadPicture: it is none, too large, or cannot be read.
    """
    return await in_thread(_from_file, path)


def clipboard_programs(workspace: Path) -> list[list[str]]:
    """The commands that can read a picture from this machine's clipboard."""
    found = ((find_program(command[0], workspace), command) for command in _COMMANDS)
    return [[os.fspath(program), *command[1:]] for program, command in found if program is not None]


async def picture_from_clipboard(workspace: Path) -> ImageBlock | None:
    """The picture in the clipboard; None when there is none.

    Raises:
        BadPicture: there is one that cannot be used.
    """
    for command in clipboard_programs(workspace):
        data = await _output(command, workspace)
        if not media_type(data[:16]):
            data = _decoded(data)
        if media_type(data[:16]):
            return await in_thread(_block, data)
    return None


async def _output(command: Sequence[str], folder: Path) -> bytes:
    """What it prints; nothing when it fails, takes too long or prints too much."""
    data = bytearray()
    try:
        async with asyncio.timeout(_PATIENCE_S), await Child.start(command, folder) as child:
            while chunk := await child.read():
                data += chunk
                if len(data) > SOURCE_BYTES:
                    return b""
            return bytes(data) if child.exit_code == 0 else b""
    except (OSError, TimeoutError):
        return b""


def _from_file(path: Path) -> ImageBlock:
    try:
        if path.stat().st_size > SOURCE_BYTES:
            raise BadPicture("is too large")
        return _block(path.read_bytes())
    except OSError as error:
        raise BadPicture(f"cannot be read: {error.strerror}") from None


def _block(data: bytes) -> ImageBlock:
    picture = fitted(data)
    return ImageBlock(picture.media_type, base64.b64encode(picture.data).decode())


def _decoded(data: bytes) -> bytes:
    try:
        return base64.b64decode(data)
    except ValueError:
        return b""
