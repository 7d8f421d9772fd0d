"""The message being written: earlier ones, what can be taken at the cursor, pastes and pictures, the draft on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from time import monotonic
from typing import Any

from h2a_agent.content import UserBlock
from h2a_agent.events import InputRestored
from h2a_agent.tools.images import BadPicture
from h2a_tui.drafts import DraftFile, DraftKeeper
from h2a_tui.inline.editor import InlineEditor
from h2a_tui.keymap import Action
from h2a_tui.pictures import (
    clipboard_programs,
    dropped_picture,
    is_picture,
    picture_from_clipboard,
    picture_from_file,
)
from h2a_tui.project_files import ProjectFiles
from h2a_tui.prompt_history import PromptHistory
from h2a_tui.recall import Recall
from h2a_tui.verbs import SENDING
from h2a_tui.widgets.offered import Offered
from h2a_tui.widgets.suggestions import Commands, HistorySearch, Suggestions
from h2a_tui.writing import Mode, mode_of

__all__ = ["InlineComposer"]

Work = Callable[[Coroutine[Any, Any, None]], None]


class InlineComposer:
    """The draft is the person's: nothing but sending, clearing and their own keys takes words out of it.

    `work` lets a job go on in the background, `changed` is called when something else is to be drawn, `said` says something.
    """

    def __init__(
        self,
        *,
        workspace: Path,
        history: PromptHistory,
        commands: Commands,
        files: ProjectFiles,
        drafts: DraftFile,
        work: Work,
        changed: Callable[[], None],
        said: Callable[[str], None],
    ) -> None:
        self.editor = InlineEditor("Say what to do")
        self.offered = Offered()
        self.last_key_at = 0.0
        self._workspace = workspace
        self._store = history
        self._work = work
        self._changed = changed
        self._said = said
        self._recall = Recall()
        self._suggestions = Suggestions(self.offered, commands, files, changed)
        self._search: HistorySearch | None = None
        self._drafts = DraftKeeper(drafts, lambda: self._unsent)
        self._reading: set[str] = set()  # tags and mentions of pictures
        self.editor.changed = self._drafts.changed
        self.editor.beyond = self._leave_text

    def begin(self) -> None:
        """Fetch what was written here before."""
        self._work(self._load())

    def end(self) -> None:
        """Look for nothing any more; what is written stays for the next time."""
        self._suggestions.end()
        self._drafts.end()

    def leave(self) -> str:
        """Give what is written to whoever comes next, pastes whole; it is no draft of this session any more."""
        self._drafts.forget()
        return self._unsent

    async def _load(self) -> None:
        if draft := await self._drafts.load():
            self.restore(InputRestored((draft,)))
        self._drafts.begin()
        earlier = await asyncio.to_thread(self._store.load)
        self._recall.add_earlier(self.editor.attachments.shown(text) for text in earlier)

    # ------------------------------------------------------------- what is written

    @property
    def text(self) -> str:
        """As it is shown, with tags."""
        return self.editor.text

    @property
    def message(self) -> str:
        """The words, pastes whole."""
        return self.editor.message

    @property
    def is_blank(self) -> bool:
        """Is there nothing to send?"""
        return self.editor.is_blank

    @property
    def mode(self) -> Mode:
        """What is being written."""
        return Mode.SEARCH if self._search is not None else mode_of(self.editor.text)

    @property
    def popup_open(self) -> bool:
        """Do the keys choose from a list?"""
        return self._suggestions.is_open or self._search is not None

    @property
    def _unsent(self) -> str:
        """What is written, also when a search has taken its place."""
        return self.editor.attachments.words(self.editor.text if self._search is None else self._search.draft)

    def take(self) -> str | tuple[UserBlock, ...]:
        """Empty the editor, remember what was in it, and return what to send."""
        shown, attachments = self.editor.text, self.editor.attachments
        # A space before a slash says "not a command"; it is not part of the message.
        content = attachments.content(shown.rstrip().lstrip("\n").removeprefix(" "))
        self._store.add(attachments.words(shown))
        self._recall.add(shown)
        self._drafts.forget()
        self.editor.load("")
        self.editor.vim.begin()
        self.look()
        return content

    def restore(self, returned: InputRestored) -> None:
        """Put what came back, in order, above the draft, the cursor where it was."""
        attachments = self.editor.attachments
        shown = [attachments.shown_blocks(blocks) for blocks in returned.content]
        shown = shown or [attachments.shown(text) for text in returned.texts]
        above = "\n".join(text for text in shown if text)
        if not above:
            return
        self._end_search()
        draft, cursor = self.editor.text, self.editor.cursor
        self.editor.load(
            f"{above}\n{draft}" if draft else above, len(above) + 1 + cursor if draft else len(above)
        )
        self._changed()

    def take_back(self, before: str, after: str) -> None:
        """Put `after` in the place of `before`, which was edited elsewhere; what came meanwhile stays above it."""
        self._end_search()
        text = self.editor.text
        kept = text.removesuffix(before) if before else text
        self.editor.load(self.editor.attachments.fit(kept + after))
        self.look()

    def remember(self, text: str) -> None:
        """Add an earlier message (a resumed session's) to what Up reaches."""
        self._recall.add(self.editor.attachments.shown(text))

    def write(self, text: str) -> None:
        """Type `text` at the cursor."""
        self._end_search()
        self.editor.insert(text)
        self.look()

    # ------------------------------------------------------------------ keys

    def touched(self) -> None:
        """Somebody is typing."""
        self.last_key_at = monotonic()

    def look(self) -> None:
        """Offer what fits what stands before the cursor now."""
        if self._search is not None:
            self._search.look(self.editor.text)
        elif not self.editor.vim.writes:
            self._suggestions.close()
        else:
            self._suggestions.look(*self.editor.before)
        self._changed()

    def act(self, action: Action) -> bool | None:
        """Do what only an editor of messages does; None: that is for somebody else."""
        if self._search is not None:
            if action in SENDING:
                return self._take_chosen()
            if action is Action.COPY_CLEAR_QUIT:
                return self._end_search()
            if action is Action.END_INPUT:
                return False
        match action:
            case Action.HISTORY_OLDER:
                return self.editor.on_first_line and self._show(-1)
            case Action.HISTORY_NEWER:
                return self.editor.on_last_line and self._show(1)
            case Action.HISTORY_SEARCH:
                return self._begin_search()
            case Action.EXPAND_PASTE:
                return self.editor.expand_paste()
            case Action.PASTE:
                return self._paste_from_desktop()
            case Action.POPUP_TAKE:
                return self._take_chosen() or None
            case Action.POPUP_COMPLETE:
                if self.offered.chosen is None:
                    self.offered.move(1)
                return self._take_chosen()
            case Action.POPUP_NEXT | Action.POPUP_PREVIOUS:
                self.offered.move(1 if action is Action.POPUP_NEXT else -1)
                return True
            case _:
                return None

    def close_popup(self) -> None:
        """Take the list away; a search is over and the draft is back."""
        if not self._end_search():
            self._suggestions.close()
        self._changed()

    def _take_chosen(self) -> bool:
        """Put the chosen entry into the editor; False when none is chosen."""
        entry, offer = self.offered.chosen, self.offered.offer
        if self._search is not None:
            if entry is not None:
                self._end_search()
                self.editor.load(entry.text)
            return True
        if entry is None or offer is None:
            return False
        space = " " if entry.text.startswith("@") else ""
        _row, before = self.editor.before
        self.editor.replace_before(len(before) - offer.start, entry.text + space)
        if space and is_picture(entry.label):
            self._read_picture(entry.text, self._workspace / entry.label, instead=entry.text)
        return True

    def _show(self, offset: int) -> bool:
        text = self._recall.step(offset, self.editor.text)
        if text is not None:
            self.editor.load(text)
        return text is not None

    def _leave_text(self, direction: int) -> None:
        if self._show(direction):
            self.editor.vim.escape()  # so that the cursor stands on something

    def _begin_search(self) -> bool:
        self._suggestions.close()
        before = 0, self.editor.cursor
        self._search = HistorySearch(self.offered, self._recall.messages, self.editor.text, before)
        self.editor.load("")
        return True

    def _end_search(self) -> bool:
        """Put back what the search has taken the place of; False when there is none."""
        if self._search is None:
            return False
        search, self._search = self._search, None
        self.offered.show(None)
        self.editor.load(search.draft, search.cursor[1])
        return True

    # ------------------------------------------------------- pastes and pictures

    @property
    def reading_pictures(self) -> bool:
        """Is a picture of this message still being read?"""
        return any(tag in self.editor.text for tag in self._reading)

    def paste(self, text: str) -> None:
        """Insert a paste: a long one as its tag, the path of a picture that was dropped here as that picture."""
        self.touched()
        if (path := dropped_picture(text)) is None:
            self.editor.paste(text)
        else:
            tag = self.editor.attachments.new_image_tag()
            self.editor.insert(tag)
            self._read_picture(tag, path, instead=text.strip())
        self.look()

    def _read_picture(self, tag: str, path: Path, instead: str) -> None:
        if tag not in self._reading:
            self._reading.add(tag)
            self._work(self._picture_read(tag, path, instead))

    async def _picture_read(self, tag: str, path: Path, instead: str) -> None:
        try:
            self.editor.attachments.put_image(tag, await picture_from_file(path))
        except BadPicture as reason:
            self._said(f"{path.name} {reason}")
            if tag != instead and tag in self.editor.text:
                self.editor.load(self.editor.text.replace(tag, instead))
        finally:
            self._reading.discard(tag)
            self._changed()

    def _paste_from_desktop(self) -> bool:
        """Paste what was cut here, or, where a desktop can be asked, a picture from its clipboard."""
        if clipboard_programs(self._workspace):
            self._work(self._paste_picture())
        else:
            self.editor.edit("paste")
        return True

    async def _paste_picture(self) -> None:
        try:
            image = await picture_from_clipboard(self._workspace)
        except BadPicture as reason:
            self._said(f"The picture in the clipboard {reason}")
            return
        if image is None:
            self.editor.edit("paste")
        else:
            tag = self.editor.attachments.new_image_tag()
            self.editor.attachments.put_image(tag, image)
            self.write(tag)
        self._changed()
