"""What stands in the editor as a tag: long or unprintable pastes, and pictures.

An editor is for what a person types. A paste over the limit stands there as `[paste #1 · 5,210 chars]`, a
picture as `[image #1]`, and both are sent whole. Tags keep their meaning for as long as the program runs, so
one that comes back (history, undo, a restored draft) still stands for what it stood for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from h2a_agent.content import ImageBlock, TextBlock, UserBlock
from h2a_agent.safe_text import safe_text

__all__ = ["PASTE_LIMIT", "Attachments"]

PASTE_LIMIT: Final = 4096  # characters; a longer text makes every key press in the editor slow

_TAG: Final = re.compile(r"\[paste #\d+ · [\d,]+ chars\]|\[image #\d+\]")


class Attachments:
    """The pastes and pictures of one editor."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._images: dict[str, ImageBlock] = {}

    def shown(self, text: str) -> str:
        """`text` as the editor shows it: itself, or a tag when it is long or unfit for a terminal."""
        if self._fits(text):
            return text
        tag = f"[paste #{len(self._texts) + 1} · {len(text):,} chars]"
        self._texts[tag] = text
        return tag

    def shown_blocks(self, blocks: Sequence[UserBlock]) -> str:
        """The blocks of a message as the editor shows them."""
        return "\n".join(
            self.shown(block.text) if isinstance(block, TextBlock) else self._image(block) for block in blocks
        )

    def _image(self, image: ImageBlock) -> str:
        tag = f"[image #{len(self._images) + 1}]"
        self._images[tag] = image
        return tag

    def expand(self, text: str) -> str:
        """`text` with the tags of pastes replaced by what was pasted; text inside a paste is left alone."""
        return _TAG.sub(lambda match: self._texts.get(match[0], match[0]), text)

    def words(self, text: str) -> str:
        """`text` as it can be kept on disk: pastes whole, pictures left out."""
        return self.expand(_TAG.sub(lambda match: "" if match[0] in self._images else match[0], text))

    def fit(self, text: str) -> str:
        """`text`, which may be long and hold tags, as the editor shows it."""
        if self._fits(text):
            return text
        images = [tag for tag in _TAG.findall(text) if tag in self._images]
        return " ".join([self.shown(self.words(text)), *images])

    def content(self, text: str) -> str | tuple[UserBlock, ...]:
        """What to send for `text`: its words, with the pictures its tags stand for behind them."""
        images = tuple(self._images[tag] for tag in _TAG.findall(text) if tag in self._images)
        if not images:
            return self.expand(text)
        words = _TAG.sub(lambda match: "" if match[0] in self._images else match[0], text).strip()
        return (*((TextBlock(self.expand(words)),) if words else ()), *images)

    def tag_around(self, line: str, column: int) -> tuple[int, int] | None:
        """First and last column of the known tag that `column` lies inside of."""
        start = line.rfind("[", 0, column)
        match = _TAG.match(line, start) if start >= 0 else None
        if match is None or match.end() <= column or not self._knows(match[0]):
            return None
        return match.span()

    @staticmethod
    def _fits(text: str) -> bool:
        return len(text) <= PASTE_LIMIT and safe_text(text) == text

    def _knows(self, tag: str) -> bool:
        return tag in self._texts or tag in self._images
