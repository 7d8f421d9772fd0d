"""What vim's normal mode understands here, for people who look it up."""

from __future__ import annotations

from typing import Final

__all__ = ["HELP"]

HELP: Final = (
    ("h j k l, 0 ^ $, gg G", "Go by characters and lines, in the line, to a line"),
    ("w b e W B E, { }, %", "Go by words and paragraphs, to the other bracket"),
    ("f F t T ; ,", "Go to a character of the line, and to the next one"),
    ("d c y", "Delete, change, yank what a motion goes over; dd cc yy: lines"),
    ('iw aw i" a( ip ...', "What d c y and v can take instead: words, quotes, brackets, paragraphs"),
    ("x X D C Y s S r ~ J", "Short changes, as in vim"),
    ("p P u Ctrl+R .", "Put, undo, redo, the last change again"),
    ("i a I A o O", "Write"),
    ("v V", "Choose characters or lines; o goes to the other end"),
    ("2, 3, ...", "Before most of these: so many times"),
)
