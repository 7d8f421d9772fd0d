"""Files of bash command lines, one a line: `␊` is a line break, `␍` a carriage return, `⟨202E⟩` that character."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["commands"]

_COMMENT = re.compile(r"#+ (?!comment)|\s*\Z")  # "# comment" is a command line of the corpus


def commands(path: Path) -> list[str]:
    """The command lines of the file."""
    lines = path.read_text("utf-8").split("\n")
    return [_decoded(line) for line in lines if not _COMMENT.match(line)]


def _decoded(line: str) -> str:
    line = line.replace("␊", "\n").replace("␍", "\r")
    return re.sub(r"⟨([0-9A-F]+)⟩", lambda match: chr(int(match[1], 16)), line)
