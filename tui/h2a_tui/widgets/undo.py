"""An editor's steps of undo: Textual's, but never half a character, and as many edits in one as somebody wants."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual.document._edit import Edit
from textual.document._history import EditHistory

__all__ = ["Undo", "within_a_line"]

_STEPS = 200
_STEP_S = 2.0  # a pause this long begins a new step
_STEP_CHARACTERS = 100


class Undo(EditHistory):
    """Textual's steps may end in the middle of a character; here what `joins` one that is there already goes with it.

    From `begin_group` to `end_group` everything is one step.
    """

    def __init__(self, joins: Callable[[Edit], bool]) -> None:
        super().__init__(_STEPS, _STEP_S, _STEP_CHARACTERS)
        self._joins = joins
        self._grouping = False
        self._group: list[Edit] | None = None

    def begin_group(self) -> None:
        """Take the edits from here on as one."""
        self.checkpoint()
        self._grouping, self._group = True, None

    def end_group(self) -> None:
        """The next edit is a step of its own."""
        self.checkpoint()
        self._grouping, self._group = False, None

    def record(self, edit: Edit) -> None:
        """Remember `edit`: as part of the last step when it goes on with that one's last character, or with the group."""
        last = self._undo_stack[-1] if self._undo_stack and not self._redo_stack else None
        if last is not None and (last is self._group or self._joins(edit)):
            last.append(edit)
            return
        super().record(edit)
        if self._grouping and self._undo_stack:
            self._group = self._undo_stack[-1]


def within_a_line(edits: Iterable[Edit]) -> bool:
    """Has none of `edits` changed how many lines there are?"""
    return not any(
        "\n" in edit.text or (edit._edit_result is not None and "\n" in edit._edit_result.replaced_text)  # noqa: SLF001
        for edit in edits
    )
