"""Every key and command, printed from the tables they are read from."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from textwrap import fill
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from h2a_tui.commands import COMMANDS
from h2a_tui.keymap import Context, Keymap, key_label
from h2a_tui.keymap_check import keymap_notes
from h2a_tui.vim.help import HELP

__all__ = ["help_table"]

_LEFT: Final = 24  # cells for keys and commands, so that there is room for what they do
_HANGING: Final[dict[str, Any]] = {
    "initial_indent": "  ",
    "subsequent_indent": "  ",
    "break_long_words": False,
    "break_on_hyphens": False,
}


def help_table(keymap: Keymap, leave_out: Collection[Context] = (Context.HELP,)) -> Table:
    """The keys by context, but those of contexts to `leave_out`, then the commands."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for left, right in _lines(keymap, leave_out):
        if right:
            table.add_row(fill(left, _LEFT, **_HANGING), right)
        else:
            table.add_row(Text.assemble((fill(left, _LEFT), "underline")), "")
    return table


def _lines(keymap: Keymap, leave_out: Collection[Context]) -> Iterator[tuple[str, str]]:
    for note in keymap_notes(keymap):
        yield "", note
    for context in Context:
        if context in leave_out:
            continue
        rows = [row for row in keymap.rows if row.context is context and row.keys]
        if rows:
            yield context.value, ""
            yield from ((", ".join(map(key_label, row.keys)), row.help) for row in rows)
            yield "", ""
    if keymap.editing == "vim":
        yield "In normal mode, as in vim", ""
        yield from HELP
        yield "", ""
    yield "Commands", ""
    for command in COMMANDS:
        yield f"/{command.name} {command.argument}".rstrip(), command.help
