"""Where characters begin and end as people see them: a flag, a family or a letter with its marks is one.

Python counts code points; a cursor between two of one character would tear it apart. Columns here are code
points of one line. Lines of ASCII, which most are, cost nothing.
"""

from __future__ import annotations

import unicodedata
from typing import Final

__all__ = ["cluster", "word_left", "word_right"]

_REACH: Final = 128  # code points looked at on either side; no honest character is longer


def cluster(line: str, column: int) -> tuple[int, int]:
    """First and last column of the character that `column` lies inside of; twice `column` between two."""
    if not 0 < column < len(line) or line[column].isascii():
        return column, column
    from wcwidth import iter_graphemes  # 15 ms: not before the first frame

    begin = max(0, column - _REACH)
    for character in iter_graphemes(line[begin : column + _REACH]):
        end = begin + len(character)
        if end > column:
            return (begin, end) if begin < column else (column, column)
        begin = end
    return column, column


def word_left(line: str, column: int) -> int:
    """Where the word begins that ends at or before `column`; 0 when there is none."""
    while column and not _in_word(line[column - 1]):
        column -= 1
    while column and _in_word(line[column - 1]):
        column -= 1
    return column


def word_right(line: str, column: int) -> int:
    """Where the word ends that begins at or after `column`; the line's end when there is none."""
    while column < len(line) and not _in_word(line[column]):
        column += 1
    while column < len(line) and _in_word(line[column]):
        column += 1
    return column


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M"
