"""The transcript as a list of items, folded from the agent's events.

`apply` is the only way content gets in. It is cheap: text is only collected, and `settle` cuts what has come
into blocks before it is drawn; a short answer that is already over is never cut at all. An event that was seen
before (replayed, or sent again after a reconnect) changes nothing.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import Final, assert_never

from h2a_agent.events import (
    AnyEvent,
    ApprovalAnswered,
    ApprovalRequested,
    CompactionEnded,
    CompactionStarted,
    CompactionSwitched,
    Decision,
    Done,
    Error,
    FileRestored,
    InputRestored,
    Interrupt,
    JobsChanged,
    ModelChanged,
    PathChanged,
    QueueChanged,
    RetryScheduled,
    Settled,
    ShellStarted,
    Status,
    Thinking,
    TodoChanged,
    TokenStream,
    ToolCall,
    ToolOutput,
    ToolResult,
    Usage,
    UserInput,
)
from h2a_tui.format import duration, tokens
from h2a_tui.transcript.answer import Prose
from h2a_tui.transcript.checklist import Checklist
from h2a_tui.transcript.items import Foldable, Item, Notice, Summary, Thought, Tone, UserMessage
from h2a_tui.transcript.preview import Pictured, Wish
from h2a_tui.transcript.stream import LONG_PARAGRAPH, Splitter
from h2a_tui.transcript.tool_item import ShellItem, Stage, ToolItem
from h2a_tui.transcript.tool_views import is_picture

__all__ = ["Document"]

_CUTS: Final = {
    "steer": "you steered here",
    "abort": "stopped here",
    "connection": "the connection broke here",
    "crash": "the program ended here",
}
_ENDINGS: Final = {
    "max_tokens": ("the answer reached its length limit", "Send “go on” for the rest."),
    "refusal": ("the model declined to go on", "Put it another way, or send something else."),
}


_DECIDE: Final = "Nothing has changed yet. /compact accept lets it count, /compact drop forgets it."


def _switched(event: CompactionSwitched) -> str:
    size = tokens(event.context_tokens)
    if event.counts:
        return f"the summary counts: the model is told it and what came after · {size} tokens"
    return f"the summary does not count: the model is told the whole conversation · {size} tokens"


_BITE: Final = 2048  # characters cut into blocks at once: about a millisecond


class _OpenAnswer:
    """The text block that is being written. It is always the last item, or the last few."""

    def __init__(self, step: int, block: int, index: int) -> None:
        self.key = (step, block)
        self.index = index  # of the item that is open
        self.fresh: deque[str] = deque()  # pieces that were not cut into blocks yet, none longer than a bite
        self.waiting = 0  # characters in them
        self.size = 0
        self.splitter: Splitter | None = None

    def put(self, text: str) -> None:
        """More text."""
        self.fresh.extend(text[at : at + _BITE] for at in range(0, len(text), _BITE))
        self.waiting += len(text)
        self.size += len(text)

    def take(self) -> str:
        """Some of the fresh text, from its beginning."""
        taken: list[str] = []
        room = _BITE
        while self.fresh and len(self.fresh[0]) <= room:
            taken.append(self.fresh.popleft())
            room -= len(taken[-1])
        self.waiting -= _BITE - room
        return "".join(taken)


class Document:
    """Items in the order they are read. `dirty` holds the indices whose rows no longer hold; `Layout` takes them.

    `turned` are those of them that were folded or unfolded: what they are longer by has not come just now.
    """

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.dirty: set[int] = set()
        self.turned: set[int] = set()
        self._seq = 0
        self._done_step = 0
        self._step_items = 0  # how many items the step that is running has added
        self._answer: _OpenAnswer | None = None
        self._thought: tuple[tuple[int, int], int] | None = None  # its (step, block) and index
        self.pictures: dict[int, Pictured] = {}  # by the index of their item
        self._messages: dict[str, int] = {}
        self._tools: dict[str, int] = {}
        self._running: dict[int, float] = {}  # tools that run, and since when
        self._retry: int | None = None
        self._compaction: int | None = None

    # -------------------------------------------------------------- events in

    def apply(self, event: AnyEvent) -> None:
        """Fold `event` in."""
        if event.seq:
            if event.seq <= self._seq:
                return
            self._seq = event.seq
        match event:
            case UserInput():
                self._user_input(event)
            case TokenStream():
                self._text(event)
            case Thinking():
                self._thinking(event)
            case ToolCall():
                self._tool_call(event)
            case ToolOutput():
                index = self._tools.get(event.call_id)
                if index is not None and self._tool(index).stage is not Stage.DONE:
                    self._tool(index).receive(event.text)
                    self.dirty.add(index)
            case ToolResult():
                self._tool_result(event)
            case ShellStarted():
                if event.shell_id not in self._tools:
                    self._tools[event.shell_id] = self._append(ShellItem(event.command, event.private))
            case ApprovalRequested():
                self._ask(event)
            case ApprovalAnswered():
                self._answered(event)
            case Done():
                self._done(event)
            case InputRestored():
                for item_id in event.retracted:
                    self._retract(item_id)
            case RetryScheduled():
                self._retry_scheduled(event)
            case CompactionStarted():
                text = (
                    f"summarising the conversation ({event.reason})"
                    if event.reason
                    else "summarising the conversation"
                )
                self._compaction = self._append(Notice("⋯", text))
            case CompactionEnded():
                self._compaction_ended(event)
            case TodoChanged():
                self._append(Checklist(event.items))
            case FileRestored():
                self._restored(event)
            case CompactionSwitched():
                self._append(Notice("⋯", _switched(event)))
            case Error():
                self._append(Notice("✗", event.message, Tone.FAILURE, event.advice))
            case Settled():
                self._settled(event)
            case Status():
                self._look_again()  # a result is in the history by the time its step is over
            case QueueChanged() | Usage() | Interrupt() | ModelChanged() | JobsChanged():
                pass  # the queue panel, the status line and /jobs show them
            case PathChanged():
                pass  # whoever shows a document begins a new one with the event's past
            case _:
                assert_never(event)

    def tell(self, text: str) -> None:
        """Add a text that no event brought."""
        self._append(Notice("▤", text))

    def settle(self) -> bool:
        """Cut some of the text that has come into blocks; True when there is more to cut. About a millisecond."""
        answer = self._answer
        if answer is None or not answer.fresh:
            return False
        if answer.splitter is None:
            answer.splitter = Splitter()
        closed = answer.splitter.feed(answer.take())
        self._replace_open(answer, [*closed, answer.splitter.open])
        return bool(answer.fresh)

    @property
    def is_full(self) -> bool:
        """Has so much text come that it is better cut before the next event, which may end it?"""
        return self._answer is not None and self._answer.waiting > _BITE

    def is_final(self, index: int) -> bool:
        """Will item `index` stay as it is, but for being folded or taken back?"""
        if index in (self._answer and self._answer.index, self._compaction):
            return False
        if index == self._retry and index == len(self.items) - 1:
            return False  # the next attempt may be told in its place
        match self.items[index]:
            case ToolItem(stage=stage):
                return stage in (Stage.DONE, Stage.DROPPED)
            case Thought(live=live):
                return not live
            case _:
                return True

    @property
    def prompts(self) -> list[int]:
        """The indices of what people have said, in order."""
        return list(self._messages.values())

    @property
    def clock_runs(self) -> bool:
        """Does something show how long it has been going on?"""
        return bool(self._running)

    def tell_time(self, now: float) -> None:
        """It is `now`, in seconds since the epoch: tools that run show for how long they have."""
        for index, since in self._running.items():
            tool = self._tool(index)
            if since and tool.stage is Stage.RUNNING:
                tool.elapsed_s = max(0.0, now - since)
                self.dirty.add(index)

    # ---------------------------------------------------------------- folding

    def toggle_fold(self, index: int) -> bool:
        """Fold or unfold item `index`; False when there is nothing to fold."""
        item = self.items[index]
        if not isinstance(item, Foldable) or not item.foldable:
            return False
        item.folded = not item.folded
        self.dirty.add(index)
        self.turned.add(index)
        return True

    def fold(self, indices: Iterable[int], folded: bool) -> None:
        """Fold or unfold items that can be; they are drawn again when they are next in view."""
        for index in indices:
            item = self.items[index]
            if isinstance(item, Foldable) and item.folded is not folded:
                item.folded = folded
                item.forget()
                self.dirty.add(index)
                self.turned.add(index)

    # ------------------------------------------------------------ the user

    def _user_input(self, event: UserInput) -> None:
        if event.item_id in self._messages:
            return
        self._step_items = 0
        self._retry = None
        pictures = Pictured(event.item_id, event.images) if event.images else None
        index = self._append(UserMessage(event.text, event.kind, pictures))
        self._messages[event.item_id] = index
        if pictures is not None:
            self.pictures[index] = pictures

    def _look_again(self) -> None:
        for pictures in self.pictures.values():
            if pictures.wish is Wish.MISSING:
                pictures.wish = Wish.WANTED

    def _retract(self, item_id: str) -> None:
        index = self._messages.get(item_id)
        if index is None:
            return
        message = self.items[index]
        assert isinstance(message, UserMessage)
        message.retracted = True
        self.dirty.add(index)

    # ----------------------------------------------------------- the model

    def _text(self, event: TokenStream) -> None:
        if event.step <= self._done_step or not event.text:
            return
        answer = self._answer
        if answer is None or answer.key != (event.step, event.block):
            index = self._append(Prose())
            answer = self._answer = _OpenAnswer(event.step, event.block, index)
            self._step_items += 1
        answer.put(event.text)
        self.dirty.add(answer.index)

    def _close_answer(self) -> None:
        answer, self._answer = self._answer, None
        if answer is None:
            return
        if answer.splitter is None and answer.size <= LONG_PARAGRAPH:
            self._replace_open(answer, [Prose("".join(answer.fresh))])
            return
        splitter = answer.splitter or Splitter()
        closed: list[Item] = []
        while answer.fresh:
            closed += splitter.feed(answer.take())
        self._replace_open(answer, [*closed, *splitter.finish()])

    def _replace_open(self, answer: _OpenAnswer, items: list[Item]) -> None:
        self.items[answer.index :] = items
        self.dirty.add(answer.index)
        answer.index = len(self.items) - 1
        self.dirty.add(answer.index)

    def _thinking(self, event: Thinking) -> None:
        if event.step <= self._done_step or not event.text:
            return
        key = (event.step, event.block)
        if self._thought is None or self._thought[0] != key:
            thought = Thought()
            thought.began_at = event.time
            self._thought = key, self._append(thought)
            self._step_items += 1
        index = self._thought[1]
        thought = self._thought_at(index)
        thought.text += event.text
        thought.ended_at = event.time
        self.dirty.add(index)

    def _close_thought(self) -> None:
        if self._thought is not None:
            index = self._thought[1]
            self._thought_at(index).live = False
            self.dirty.add(index)
            self._thought = None

    def _done(self, event: Done) -> None:
        if event.step <= self._done_step:
            return
        self._close_open()
        self._done_step = event.step
        for index in self._tools.values():
            tool = self._tool(index)
            if tool.stage is Stage.FORMING:
                tool.stage = Stage.DROPPED
                self.dirty.add(index)
        for index in self._running:
            self._running[index] = event.time  # tools begin when the answer is whole
        if event.cut and (self._step_items or event.cut == "abort"):
            self._append(Notice("⊘", _CUTS.get(event.cut, f"cut here: {event.cut}"), Tone.CUT))
        elif ending := _ENDINGS.get(event.stop_reason):
            text, advice = ending
            self._append(Notice("⚠", text, Tone.WARNING, advice))
        self._step_items = 0

    # ----------------------------------------------------------- the tools

    def _tool_call(self, event: ToolCall) -> None:
        index = self._tools.get(event.call_id)
        if index is None:
            if event.step <= self._done_step:
                return
            index = self._tools[event.call_id] = self._append(ToolItem(event.name))
            self._step_items += 1
        tool = self._tool(index)
        if tool.stage is not Stage.FORMING:
            return
        if event.stage == "complete":
            tool.start(event.title, event.arguments)
            self._running[index] = event.time
        else:
            tool.receive(event.arguments_delta)
        self.dirty.add(index)

    def _tool_result(self, event: ToolResult) -> None:
        index = self._tools.get(event.call_id)
        if index is None:  # the call was before we began to listen
            index = self._tools[event.call_id] = self._append(ToolItem("tool"))
        tool = self._tool(index)
        if tool.stage is Stage.DONE:
            return
        self._running.pop(index, None)
        tool.finish(event.outcome, event.text, event.brief, event.diff, event.elapsed_s)
        if is_picture(tool.name, event.brief):
            self.pictures[index] = tool.pictures = Pictured(event.call_id)
        self.dirty.add(index)

    def _restored(self, event: FileRestored) -> None:
        glyph, verb = ("↷", "redid") if event.redo else ("↶", "undid")
        if event.problem:
            self._append(Notice(glyph, event.problem, Tone.WARNING))
        else:
            self._append(Notice(glyph, f"{verb} the edit of {event.path} · {event.brief}"))

    def _ask(self, event: ApprovalRequested) -> None:
        index = self._tools.get(event.call_id)
        if index is not None and self._tool(index).stage is Stage.RUNNING:
            self._tool(index).stage = Stage.WAITING
            self.dirty.add(index)

    def _answered(self, event: ApprovalAnswered) -> None:
        index = self._tools.get(event.call_id)
        if index is None or self._tool(index).stage is not Stage.WAITING:
            return
        tool = self._tool(index)
        tool.stage = Stage.RUNNING
        self._running[index] = event.time
        match event.decision:
            case Decision.REJECT | Decision.REJECT_AND_STEER:
                tool.note = event.note
            case Decision.ALLOW_CHANGED:
                tool.note = f"changed by you: {event.note}"
            case _:
                pass
        self.dirty.add(index)

    # ------------------------------------------------------------- the run

    def _retry_scheduled(self, event: RetryScheduled) -> None:
        wait = duration(math.ceil(event.wait_s))
        text = f"{event.reason} · trying again in {wait} ({event.attempt} of {event.limit})"
        if self._retry is not None and self._retry == len(self.items) - 1:
            self._rewrite(self._retry, Notice("↻", text, Tone.WARNING))
        else:
            self._retry = self._append(Notice("↻", text, Tone.WARNING))

    def _compaction_ended(self, event: CompactionEnded) -> None:
        if event.ok:
            sizes = f"{tokens(event.tokens_before)} → {tokens(event.tokens_after)} tokens"
            what = "conversation summarised" if event.counts else "this is what a summary would say"
            notice = Notice("⋯", f"{what} · {sizes}", advice="" if event.counts else _DECIDE)
        else:
            why = f"no summary: {event.reason}" if event.reason else "the summary failed"
            notice = Notice("⋯", f"{why}; the conversation is as it was", Tone.WARNING)
        if self._compaction is None:
            self._append(notice)
        else:
            self._rewrite(self._compaction, notice)
            self._compaction = None
        if event.summary:
            self._append(Summary(event.summary, folded=event.counts))

    def _settled(self, event: Settled) -> None:
        self._close_open()
        self._running.clear()
        self._retry = None
        last = self.items[-1] if self.items else None
        marked = isinstance(last, Notice) and last.tone is Tone.CUT
        if event.reason == "aborted" and not marked:
            self._append(Notice("⊘", "stopped", Tone.CUT))

    # ---------------------------------------------------------- bookkeeping

    def _append(self, item: Item) -> int:
        """Add an item after closing the one that is being written; returns its index."""
        self._close_open()
        self.items.append(item)
        return len(self.items) - 1

    def _rewrite(self, index: int, item: Item) -> None:
        self.items[index] = item
        self.dirty.add(index)

    def _close_open(self) -> None:
        self._close_thought()
        self._close_answer()

    def _thought_at(self, index: int) -> Thought:
        item = self.items[index]
        assert isinstance(item, Thought)
        return item

    def _tool(self, index: int) -> ToolItem:
        item = self.items[index]
        assert isinstance(item, ToolItem)
        return item
