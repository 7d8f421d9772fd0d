"""What a search found: under each file its lines, with their numbers, the match marked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.segment import Segment
from rich.style import Style

from h2a_tui.transcript.items import Excerpt, bounded
from h2a_tui.transcript.lines import Line, Page, crop_line, restyled, wrap
from h2a_tui.transcript.view import View, behind_gutter

__all__ = ["Hit", "HitsView", "hits_of", "match_finder"]

_HIT: Final = re.compile(r"([^:]+):(\d+):(.*)")
_AROUND: Final = re.compile(r"-(\d+)-(.*)")
_REPEATED: Final = re.compile(r"[*+{]")
_ESCAPED: Final = re.compile(r"\\.")
_GUESSES: Final = 3  # of "?" in a pattern


@dataclass(frozen=True, slots=True)
class Hit:
    """A line of a file. `number` is 0 for the head of a file; `matches` is False for a line around a match."""

    text: str
    number: int = 0
    matches: bool = True


def hits_of(lines: Iterable[str], *, context: bool) -> list[Hit]:
    """The lines under their files; what is no hit, such as a notice, stands by itself. `context`: lines around."""
    lines = list(lines)
    paths = {match[1] for line in lines if (match := _HIT.match(line))}
    hits: list[Hit] = []
    path = ""
    for line in lines:
        around = _line_around(line, path, paths) if context else None
        found, hit = around or _matching_line(line) or ("", Hit(line, 0, matches=False))
        if context and line == "--":
            continue
        if found != path and found:
            hits.append(Hit(found))
        path = found or path
        hits.append(hit)
    return hits


def _matching_line(line: str) -> tuple[str, Hit] | None:
    match = _HIT.match(line)
    return (match[1], Hit(match[3], int(match[2]))) if match else None


def _line_around(line: str, path: str, paths: set[str]) -> tuple[str, Hit] | None:
    """A line around a match: its file is one of those that have matches, most likely the one before."""
    for name in (path, *paths):
        if name and line.startswith(f"{name}-") and (match := _AROUND.fullmatch(line, len(name))):
            return name, Hit(match[2], int(match[1]), matches=False)
    return None


def match_finder(arguments: Mapping[str, Any]) -> re.Pattern[str] | None:
    """Finds in a line what a search with these arguments found; None where that cannot be told in little time.

    The pattern is the model's. One that could take long on any line (nested or several repetitions) is not tried.
    """
    pattern = arguments.get("pattern")
    if not isinstance(pattern, str) or not pattern:
        return None
    if arguments.get("literal"):
        pattern = re.escape(pattern)
    else:
        bare = _ESCAPED.sub("", pattern)
        branches = bare.split("|") if "(" not in bare else [bare]
        costly = any(len(_REPEATED.findall(branch)) > 1 for branch in branches)
        if costly or "(?" in bare or re.search(r"\)[*+?{]", bare) or bare.count("?") > _GUESSES:
            return None
    try:
        return re.compile(pattern, re.IGNORECASE if arguments.get("ignore_case") else 0)
    except re.error:
        return None


class HitsView(View[Hit]):
    """Hits. `finder` finds the match in a line."""

    excerpt = Excerpt(6, 0)

    def __init__(self, hits: Sequence[Hit], finder: re.Pattern[str] | None) -> None:
        super().__init__(hits)
        self._finder = finder

    def drawer(self, page: Page, width: int, *, whole: bool) -> Callable[[Hit], list[Line]]:
        """A file's name, or a line behind its number."""
        styles = page.styles
        digits = len(str(max((hit.number for hit in self.entries), default=0)))
        found = styles.accent + Style(bold=True)

        def draw(hit: Hit) -> list[Line]:
            text = bounded(hit.text)
            if not hit.number:
                run = (text, styles.tool_title if hit.matches else styles.muted)
                return wrap([run], width) if whole else [crop_line([run], width, styles.dim)]
            spans = [m.span() for m in self._finder.finditer(text)] if self._finder and hit.matches else []
            base = styles.tool_output if hit.matches else styles.muted
            runs = restyled([(text, base)], [s for s in spans if s[1] > s[0]], found)
            gutter = Segment(f"{hit.number:>{digits}} ", styles.dim)
            return behind_gutter([gutter], runs, width, whole=whole)

        return draw
