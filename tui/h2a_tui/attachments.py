"""What stands in an editor as a tag: long or unprintable pastes, and pictures.

An editor is for what a person types. A paste over the limit stands there as `[paste #1 · 120 lines]`, a
picture as `[image #1]`, and both are sent whole. Tags keep their meaning for as long as the program runs, so
one that comes back (history, undo, a restored draft) still stands for what it stood for. A picture that is
mentioned (`@plan.png`) stands there as its mention, which stays among the words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from h2a_agent.content import ImageBlock, TextBlock, UserBlock
from h2a_agent.safe_text import safe_text

__all__ = ["PASTE_LIMIT", "PASTE_LINES", "Attachments"]

PASTE_LIMIT: Final = 4096  # characters; a longer text makes every key press in the editor slow
PASTE_LINES: Final = 10  # of a paste; more would push the rest of the message out of sight
_EXPANDABLE: Final = 65_536  # characters

_TAG: Final = re.compile(r"\[paste #\d+ · [\d,]+ (?:chars|lines)\]|\[image #\d+\]")


class Attachments:
    """The pastes and pictures of one editor."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._images: dict[str, ImageBlock] = {}  # by tag
        self._mentions: dict[str, ImageBlock] = {}  # by `@path`
        self._numbered = 0  # pictures that have a tag, read or not

    # ----------------------------------------------------------- into the editor

    def shown(self, text: str) -> str:
        """`text` as the editor shows it: itself, or a tag when it is long or unfit for a terminal."""
        return text if _fits(text) else self._tagged(text)

    def pasted(self, text: str) -> str:
        """The same for a paste, which is also a tag when it has many lines."""
        return self._tagged(text) if _lines(text) > PASTE_LINES else self.shown(text)

    def shown_blocks(self, blocks: Sequence[UserBlock]) -> str:
        """The blocks of a message as the editor shows them."""
        return "\n".join(
            self.shown(block.text) if isinstance(block, TextBlock) else self._shown_image(block)
            for block in blocks
        )

    def fit(self, text: str) -> str:
        """`text`, which may be long and hold tags, as the editor shows it."""
        if _fits(text):
            return text
        images = [tag for tag in _TAG.findall(text) if tag in self._images]
        return " ".join([self.shown(self.words(text)), *images])

    def new_image_tag(self) -> str:
        """A tag for a picture that is still being read."""
        self._numbered += 1
        return f"[image #{self._numbered}]"

    def put_image(self, tag: str, image: ImageBlock) -> None:
        """`tag`, or a mention, stands for `image` from now on."""
        (self._mentions if tag.startswith("@") else self._images)[tag] = image

    def _shown_image(self, image: ImageBlock) -> str:
        self.put_image(tag := self.new_image_tag(), image)
        return tag

    def _tagged(self, text: str) -> str:
        size = f"{lines:,} lines" if (lines := _lines(text)) > 1 else f"{len(text):,} chars"
        tag = f"[paste #{len(self._texts) + 1} · {size}]"
        self._texts[tag] = text
        return tag

    # ------------------------------------------------------------- out of it again

    def expand(self, text: str) -> str:
        """`text` with the tags of pastes replaced by what was pasted; text inside a paste is left alone."""
        return _TAG.sub(lambda match: self._texts.get(match[0], match[0]), text)

    def words(self, text: str) -> str:
        """`text` as it can be kept on disk: pastes whole, pictures left out."""
        return self.expand(_TAG.sub(lambda match: "" if match[0] in self._images else match[0], text))

    def content(self, text: str) -> str | tuple[UserBlock, ...]:
        """What to send for `text`: its words, with the pictures its tags and mentions stand for behind them."""
        images = [self._images[tag] for tag in _TAG.findall(text) if tag in self._images]
        images += [image for mention, image in self._mentions.items() if _mentioned(mention, text)]
        if not images:
            return self.expand(text)
        words = _TAG.sub(lambda match: "" if match[0] in self._images else match[0], text).strip()
        return (*((TextBlock(self.expand(words)),) if words else ()), *images)

    # --------------------------------------------------------------- in the editor

    def tag_around(self, line: str, column: int) -> tuple[int, int] | None:
        """First and last column of the known tag that `column` lies inside of."""
        start = line.rfind("[", 0, column)
        match = _TAG.match(line, start) if start >= 0 else None
        if match is None or match.end() <= column or not self._knows(match[0]):
            return None
        return match.span()

    def expandable(self, tag: str) -> str:
        """The text `tag` stands for where an editor can show it, else ""."""
        text = self._texts.get(tag, "")
        return text if len(text) <= _EXPANDABLE and safe_text(text) == text else ""

    def _knows(self, tag: str) -> bool:
        return tag in self._texts or tag in self._images


def _fits(text: str) -> bool:
    return len(text) <= PASTE_LIMIT and safe_text(text) == text


def _lines(text: str) -> int:
    return text.removesuffix("\n").count("\n") + 1


def _mentioned(mention: str, text: str) -> bool:
    return re.search(rf"(?:(?<=\s)|^){re.escape(mention)}(?=\s|[.,;:!?)]|$)", text) is not None
