"""How the demo words what its tools really found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

from h2a_agent.providers.demo.moment import Result

__all__ = [
    "and_list",
    "command_report",
    "count",
    "excerpt",
    "fence",
    "found_lines",
    "quote",
    "readable",
    "topic_of",
    "unquoted",
    "went_wrong",
]

_WORD: Final = re.compile(r"[^\W\d_][\w-]{3,}")
_FLUFF: Final = re.compile(
    r"about|around|could|does|explain|find|from|have|hello|help|here|into|just|know|like|look|make|more|need|"
    r"please|search|shall|should|show|some|tell|that|them|then|there|these|thing|this|want|what|when|where|which|"
    r"will|with|would|your",
    re.IGNORECASE,
)
_TEXT_FILE: Final = re.compile(
    r".+\.(?:md|rst|txt|py|toml|json|js|ts|rs|go|c|h|sh|ya?ml|cfg|ini|html|css)", re.IGNORECASE
)


def quote(text: str, limit: int = 60) -> str:
    """`text` short, on one line and without backticks, to stand in a sentence, a table or a code span."""
    line = " ".join(text.replace("`", "'").replace("|", "¦").split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def unquoted(text: str) -> str:
    """`text` without the quotes somebody put round it."""
    text = text.strip()
    return text[1:-1] if len(text) > 2 and text[0] == text[-1] and text[0] in "`'\"" else text


def and_list(names: Sequence[str]) -> str:
    """`a`, `b` and `c`."""
    quoted = [f"`{quote(name)}`" for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " and " + quoted[-1]


def fence(code: str, language: str = "") -> str:
    """`code` as a fenced block, whatever backticks are in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    marks = "`" * (longest + 1)
    return f"{marks}{language}\n{code}\n{marks}"


def topic_of(words: str) -> str:
    """The word of a sentence that is worth a search: its longest one that is not fluff; "" when there is none."""
    candidates = [word for word in _WORD.findall(words) if not _FLUFF.fullmatch(word)]
    return max(candidates, key=len, default="")


def found_lines(result: Result | None) -> list[str]:
    """What a search or a listing brought; nothing when it was not done."""
    return result.lines if result is not None and result.state == "ok" else []


def count(result: Result | None, one: str, many: str) -> str:
    """`12 files`, `1 file`, `no files`, or why there is no number."""
    if result is None or result.state != "ok":
        return "stopped" if result is not None and result.state == "stopped" else "did not look"
    number = len(result.lines)
    return f"{number or 'no'} {one if number == 1 else many}"


def readable(result: Result | None) -> str:
    """The entry of a listing best worth reading: a README, else the first text file; "" when there is none."""
    names = [line.strip() for line in found_lines(result)]
    texts = [name for name in names if _TEXT_FILE.fullmatch(name)]
    readmes = [name for name in names if name.lower().startswith("readme") and not name.endswith("/")]
    return next(iter(readmes + texts), "")


def excerpt(result: Result | None, limit: int) -> str:
    """The beginning of a file that was read, as a code block."""
    if result is None or result.state != "ok":
        return went_wrong(result)
    path = str(result.arguments.get("path", "the file"))
    lines = [line[:100] for line in result.lines]
    if not lines:
        return f"`{quote(path)}` is empty. That was quick."
    language = PurePath(path).suffix.lstrip(".")
    rest = f"\n\n… and {len(lines) - limit} more lines that I have read." if len(lines) > limit + 1 else ""
    return f"`{quote(path)}` begins like this:\n\n{fence(chr(10).join(lines[:limit]), language)}{rest}"


def command_report(result: Result | None) -> str:
    """What came of a command, also when the user did not let it run."""
    if result is None or result.state not in ("ok", "failed"):
        return went_wrong(result)
    how = "It ran" if result.state == "ok" else "It failed"
    match result.lines:
        case []:
            return f"{how}, and had nothing to say."
        case [line]:
            return f"{how}, and said `{quote(line)}`."
        case [*lines]:
            return f"{how}, and had {len(lines)} lines to say. The last one: `{quote(lines[-1])}`."


def went_wrong(result: Result | None) -> str:
    """Why there is no result, plainly."""
    if result is None:
        return "That call is missing from what I was sent, so I have nothing to report."
    match result.state:
        case "refused":
            why = f" You said: “{quote(result.reason)}”." if result.reason else ""
            return f"You said no, so `{result.name}` did not run.{why} Quite right: you decide."
        case "stopped":
            return f"`{result.name}` was stopped on the way. What it had printed is kept."
        case "not allowed":
            return f"`{result.name}` is not allowed in plan mode, so I leave it. Start without `--mode plan` to see it."
        case "not started":
            return f"`{result.name}` was never started."
        case _:
            reason = quote(result.text, 160) or "no reason given"
            return f"`{result.name}` did not work out: {reason}"
