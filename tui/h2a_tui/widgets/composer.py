"""The editor a person writes messages in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import ClassVar

from textual import events
from textual.message import Message
from textual.widgets import TextArea

from h2a_agent.content import UserBlock
from h2a_agent.events import InputRestored
from h2a_agent.tools.images import BadPicture
from h2a_tui.drafts import DraftFile, DraftKeeper
from h2a_tui.keymap import Action, Context, Keymap
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
from h2a_tui.vim import Mode as VimMode
from h2a_tui.widgets.editor import Editor, Perform
from h2a_tui.widgets.kept_keys import KeptKeys
from h2a_tui.widgets.popup import Popup
from h2a_tui.widgets.suggestions import Commands, HistorySearch, Suggestions
from h2a_tui.writing import Mode, mode_of

__all__ = ["Composer"]


class Composer(Editor):
    """Grows with its text up to eight rows or a third of the screen; Up and Down reach earlier messages.

    The draft is the person's: nothing but sending, clearing and their own keys takes words out of it. What
    the agent gives back (`restore`) goes above it.
    """

    DEFAULT_CSS = """
    Composer { max-height: 8; }
    """

    context: ClassVar[Context] = Context.COMPOSER

    class StateChanged(Message):
        """The keys mean something else now, because a list has come or gone or another `mode` has begun."""

    class Said(Message):
        """Something a person should know of what they are writing."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(
        self,
        keymap: Keymap,
        perform: Perform,
        *,
        workspace: Path,
        history: PromptHistory,
        commands: Commands,
        files: ProjectFiles,
        drafts: DraftFile,
    ) -> None:
        super().__init__(keymap, perform, placeholder="Say what to do")
        self.popup = Popup()
        self._suggestions = Suggestions(self.popup, commands, files, self._tell)
        self._workspace = workspace
        self._store = history
        self._drafts = DraftKeeper(drafts, lambda: self._unsent)
        self._recall = Recall()
        self._search: HistorySearch | None = None
        self._told = (False, Mode.MESSAGE)
        self._reading: set[str] = set()  # tags and mentions of pictures
        self.kept = KeptKeys()
        self.last_key_at = 0.0

    def on_mount(self) -> None:
        """Fetch what was written here before."""
        self.run_worker(self._load_history(), name="history")
        self.run_worker(self._load_draft(), name="draft")

    def on_unmount(self) -> None:
        """Look for nothing any more; what is written stays for the next time."""
        self._suggestions.end()
        self._drafts.end()

    # ------------------------------------------------------------- the draft

    @property
    def is_blank(self) -> bool:
        """Is there nothing to send?"""
        return not self.text.strip()

    @property
    def mode(self) -> Mode:
        """What is being written."""
        if self._search is not None:
            return Mode.SEARCH
        return mode_of(self.document.get_line(0))

    @property
    def popup_open(self) -> bool:
        """Do the keys choose from a list?"""
        return self._suggestions.is_open or self._search is not None

    def take(self) -> str | tuple[UserBlock, ...]:
        """Empty the editor, remember what was in it, and return what to send."""
        # A space before a slash says "not a command"; it is not part of the message.
        text = self.text.rstrip().lstrip("\n").removeprefix(" ")
        content = self._attachments.content(text)
        self._store.add(self._attachments.words(self.text))
        self._recall.add(self.text)
        self._drafts.forget()
        self.clear()
        self._vim.begin()
        self._look()
        return content

    def leave(self) -> list[events.Key | events.Paste]:
        """Give what is written, pastes whole, and what is kept to whoever comes next; it is no draft of this session any more."""
        words = self._unsent
        self._drafts.forget()
        return [*([events.Paste(words)] if words else ()), *self.kept.end()]

    def listen(self) -> None:
        """What was kept is for this session after all."""
        self.call_next(self._type_kept)

    async def _type_kept(self) -> None:
        for event in self.kept.end():
            if self.kept.take(event):
                continue
            if isinstance(event, events.Key):
                await super().on_key(event)
            else:
                super().on_paste(event)

    def restore(self, returned: InputRestored) -> None:
        """Put what came back, in order, above the draft, the cursor where it was."""
        shown = [self._attachments.shown_blocks(blocks) for blocks in returned.content]
        shown = shown or [self._attachments.shown(text) for text in returned.texts]
        above = "\n".join(text for text in shown if text)
        if not above:
            return
        self._end_search()
        row, column = self.cursor_location
        draft = self.text
        self._replace_all(f"{above}\n{draft}" if draft else above)
        if draft:
            self.move_cursor((row + above.count("\n") + 1, column))

    def take_back(self, before: str, after: str) -> None:
        """Put `after` in the place of `before`, which was edited elsewhere; what came meanwhile stays above it."""
        self._end_search()
        kept = self.text.removesuffix(before) if before else self.text
        self._replace_all(self._attachments.fit(kept + after))
        self._look()

    def remember(self, text: str) -> None:
        """Add an earlier message (a resumed session's) to what Up reaches."""
        self._recall.add(self._attachments.shown(text))

    def write(self, text: str) -> None:
        """Type `text` at the cursor."""
        self._end_search()
        self.insert(text, maintain_selection_offset=False)

    def limit_to(self, screen_rows: int) -> None:
        """Take no more than a third of a screen of `screen_rows`."""
        self.styles.max_height = max(1, min(8, screen_rows // 3))
        self.popup.limit_to(screen_rows)

    # ------------------------------------------------------------------ keys

    def on_key(self, event: events.Key) -> None:  # type: ignore[override]
        """Note that somebody is typing; `Editor.on_key` does the rest, unless it is for another session."""
        self.last_key_at = monotonic()
        self.kept.take(event)

    def on_paste(self, event: events.Paste) -> None:
        """Leave it to `Editor.on_paste`, unless it is for another session."""
        self.kept.take(event)

    @property
    def _contexts(self) -> tuple[Context, ...]:
        return (Context.POPUP, *super()._contexts) if self.popup_open else super()._contexts

    def _act(self, action: Action) -> bool:
        act = self._own_actions.get(action)
        if act is not None:
            return act(self)
        if self._search is not None and action in SENDING:
            return self._take_chosen()
        return super()._act(action)

    def _after_key(self) -> None:
        self._look()

    def _look(self) -> None:
        """Offer what fits, and tell when the keys mean something else."""
        if self._search is not None:
            self._search.look(self.text)
        elif self.vim is not None and self.vim.mode is not VimMode.INSERT:
            self._suggestions.close()
        else:
            row, column = self.cursor_location
            self._suggestions.look(row, self.document.get_line(row)[:column])
        self._tell()

    def _tell(self) -> None:
        if self._told != (now := (self.popup_open, self.mode)):
            self._told = now
            self.post_message(self.StateChanged())

    # --------------------------------------------------------- the list above

    def close_popup(self) -> None:
        """Take the list away; a search is over and the draft is back."""
        if self._search is not None:
            self._end_search()
        else:
            self._suggestions.close()
        self._tell()

    def take_chosen(self) -> None:
        """Put the chosen entry into the editor."""
        self._take_chosen()
        self._look()

    def _popup_take(self) -> bool:
        return self._take_chosen() or self._act(Action.SUBMIT)

    def _popup_complete(self) -> bool:
        if self.popup.chosen is None:
            self.popup.move(1)
        return self._take_chosen()

    def _move_choice(self, offset: int) -> bool:
        self.popup.move(offset)
        return True

    def _take_chosen(self) -> bool:
        """Put the chosen entry into the editor; False when none is chosen."""
        entry, offer = self.popup.chosen, self.popup.offer
        if self._search is not None:
            if entry is None:
                return True
            self._end_search()
            self._replace_all(entry.text)
        elif entry is None or offer is None:
            return False
        else:
            row, column = self.cursor_location
            space = " " if entry.text.startswith("@") else ""
            self.replace(
                entry.text + space, (row, offer.start), (row, column), maintain_selection_offset=False
            )
            if space and is_picture(entry.label):
                self._read_picture(entry.text, self._workspace / entry.label, instead=entry.text)
        return True

    # --------------------------------------------------------- earlier messages

    async def _load_history(self) -> None:
        earlier = await asyncio.to_thread(self._store.load)
        self._recall.add_earlier(self._attachments.shown(text) for text in earlier)

    def _older(self) -> bool:
        return self.cursor_at_first_line and self._show(-1)

    def _newer(self) -> bool:
        return self.cursor_at_last_line and self._show(1)

    def _leave_text(self, direction: int) -> None:
        if self._show(direction):
            self._vim.escape()  # so that the cursor stands on something

    def _show(self, offset: int) -> bool:
        """Show the message `offset` further on in the history."""
        text = self._recall.step(offset, self.text)
        if text is not None:
            self._replace_all(text)
        return text is not None

    def _begin_search(self) -> bool:
        self._suggestions.close()
        self._search = HistorySearch(self.popup, self._recall.messages, self.text, self.cursor_location)
        self.clear()
        return True

    def _end_search(self) -> bool:
        """Put back what the search has taken the place of; False when there is none."""
        if self._search is None:
            return False
        search, self._search = self._search, None
        self.popup.show(None)
        self._replace_all(search.draft)
        self.move_cursor(search.cursor)
        return True

    def _replace_all(self, text: str) -> None:
        self.replace(text, (0, 0), self.document.end, maintain_selection_offset=False)
        self.move_cursor(self.document.end)

    _own_actions: ClassVar[dict[Action, Callable[[Composer], bool]]] = {
        Action.HISTORY_OLDER: _older,
        Action.HISTORY_NEWER: _newer,
        Action.HISTORY_SEARCH: _begin_search,
        Action.EXPAND_PASTE: lambda self: self._expand_paste(),
        Action.PASTE: lambda self: self._paste(),
        Action.POPUP_TAKE: _popup_take,
        Action.POPUP_COMPLETE: _popup_complete,
        Action.POPUP_NEXT: lambda self: self._move_choice(1),
        Action.POPUP_PREVIOUS: lambda self: self._move_choice(-1),
        Action.COPY_CLEAR_QUIT: lambda self: self._end_search() or self._perform(Action.COPY_CLEAR_QUIT),
        Action.END_INPUT: lambda self: self._search is None and self._perform(Action.END_INPUT),
    }

    # ------------------------------------------------------------ draft on disk

    @property
    def _unsent(self) -> str:
        """What is written, also when a search has taken its place."""
        return self._attachments.words(self.text if self._search is None else self._search.draft)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Have the draft on disk within a second."""
        event.stop()
        self._drafts.changed()

    async def _load_draft(self) -> None:
        if draft := await self._drafts.load():
            self.restore(InputRestored((draft,)))
        self._drafts.begin()

    # ------------------------------------------------------- pastes and pictures

    @property
    def reading_pictures(self) -> bool:
        """Is a picture of this message still being read?"""
        return any(tag in self.text for tag in self._reading)

    def _insert_paste(self, text: str) -> None:
        self.last_key_at = monotonic()
        if (path := dropped_picture(text)) is None:
            super()._insert_paste(text)
            return
        tag = self._attachments.new_image_tag()
        self.replace(tag, *self.selection, maintain_selection_offset=False)
        self._read_picture(tag, path, instead=text.strip())

    def _read_picture(self, tag: str, path: Path, instead: str) -> None:
        if tag not in self._reading:
            self._reading.add(tag)
            self.run_worker(self._picture_read(tag, path, instead), name="picture")

    async def _picture_read(self, tag: str, path: Path, instead: str) -> None:
        try:
            self._attachments.put_image(tag, await picture_from_file(path))
        except BadPicture as reason:
            self.post_message(self.Said(f"{path.name} {reason}"))
            if tag != instead and tag in self.text:
                self._replace_all(self.text.replace(tag, instead))
        finally:
            self._reading.discard(tag)

    def _paste(self) -> bool:
        """Paste what was cut here, or, where a desktop can be asked, a picture from its clipboard."""
        if clipboard_programs(self._workspace):
            self.run_worker(self._paste_picture(), name="clipboard")
        else:
            self.action_paste()
        return True

    async def _paste_picture(self) -> None:
        try:
            image = await picture_from_clipboard(self._workspace)
        except BadPicture as reason:
            self.post_message(self.Said(f"The picture in the clipboard {reason}"))
            return
        if image is None:
            self.action_paste()
            return
        tag = self._attachments.new_image_tag()
        self._attachments.put_image(tag, image)
        self.write(tag)
