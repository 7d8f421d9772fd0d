"""`/undo` and `/redo` of the agent's edits, as errands beside the run; `FileRestored` tells how each went."""

from __future__ import annotations

import asyncio
from typing import Final

from h2a_agent.bus import EventBus
from h2a_agent.events import FileRestored
from h2a_agent.run import Toolbox
from h2a_agent.safe_text import one_line, safe_text

__all__ = ["FileUndo"]


class FileUndo:
    """Takes edits of files back, one after the other, and makes them again."""

    def __init__(self, toolbox: Toolbox, bus: EventBus) -> None:
        self._toolbox: Final = toolbox
        self._bus: Final = bus
        self._errands: set[asyncio.Task[None]] = set()
        self._closed = False

    def begin(self, *, redo: bool) -> None:
        """Take the last change back, or make the one again that was taken back last."""
        if self._closed:
            return
        task = asyncio.get_running_loop().create_task(self._restored(redo), name="h2a undo")
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def aclose(self) -> None:
        """Finish what has begun, and forget the old contents."""
        self._closed = True
        if self._errands:
            await asyncio.wait(self._errands)
        await asyncio.to_thread(self._toolbox.files.undo.forget)

    async def _restored(self, redo: bool) -> None:
        from h2a_agent.tools.change import restore
        from h2a_agent.tools.disk import FileProblem

        box = self._toolbox
        try:
            done = await restore(box.files, box.workspace, box.spill_dir, redo=redo)
        except FileProblem as problem:
            self._bus.publish(FileRestored(redo, problem=safe_text(problem.text)))
        else:
            diff = done.diff
            self._bus.publish(FileRestored(redo, one_line(done.name, 200), diff.brief, safe_text(diff.shown)))
