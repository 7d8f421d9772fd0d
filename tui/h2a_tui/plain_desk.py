"""What slash commands use of a conversation in lines: the same face the app's chat has, in words.

A page is read out. A list is read out with numbers, and a number in the next line chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from h2a_agent.refusals import REFUSALS, reason_of
from h2a_tui.client import Client, Switch
from h2a_tui.context_text import breakdown_sentences
from h2a_tui.keymap import Action
from h2a_tui.overlays import Choice
from h2a_tui.plain_find import find_in
from h2a_tui.plain_questions import Questions
from h2a_tui.said_why import said_why
from h2a_tui.sending import send
from h2a_tui.settings import ScreenSettings
from h2a_tui.spoken import sentence

if TYPE_CHECKING:
    from rich.console import RenderableType

    from h2a_agent.content import UserBlock
    from h2a_agent.model_choice import ModelChoice
    from h2a_agent.session import Session
    from h2a_agent.session_search import Found
    from h2a_tui.theme_choice import ThemeChoice

__all__ = ["PlainDesk"]


class PlainDesk:
    """One conversation's desk. `say` speaks, `leave` ends the conversation, `work` lets a job go on beside it.

    `open_session` opens the session of an id; `switch_to` is the one to go on in, with `draft` to be said there.
    """

    themes: ThemeChoice | None = None  # there is nothing to wear

    def __init__(
        self,
        client: Client,
        models: ModelChoice,
        settings: ScreenSettings,
        questions: Questions,
        open_session: Callable[[str], Session],
        say: Callable[[str], None],
        leave: Callable[[], None],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self.client = client
        self.models = models
        self.settings = settings
        self.questions = questions
        self.switch_to: Session | None = None
        self.draft = ""
        self._open_session = open_session
        self.say = say
        self._leave = leave
        self._spawn = spawn
        self._choices: Sequence[Choice] = ()
        self._chosen_is: Callable[[str], object] = lambda _id: None
        self._started: list[Coroutine[Any, Any, None]] = []

    # ---------------------------------------------------------------- speaking

    def notice(self, text: str) -> None:
        """Say something, in its turn."""
        self.say(sentence(text.replace(" · ", "; ")))

    def read_out(self, lines: Iterable[str]) -> None:
        """Say `lines`, and nothing between them."""
        self.say("\n".join(map(sentence, lines)))

    def show_page(self, title: str, content: RenderableType) -> PlainPage:
        """Read a page out."""
        page = PlainPage(title, self.read_out)
        page.show(content)
        return page

    def pick(
        self, title: str, choices: Sequence[Choice], chosen_is: Callable[[str], object], *, chosen: int = 0
    ) -> None:
        """Read a list out; `chosen_is` is called with the id of the row whose number is in the next line."""
        rows = (
            f"{number}, {choice.text}" + (f", {choice.aside}" if choice.aside else "")
            for number, choice in enumerate(choices, 1)
        )
        head = f"{title}:" if title[-1:].isalnum() else title
        self.read_out([head, *rows, "A number in the next line chooses one."])
        self._choices, self._chosen_is = choices, chosen_is

    def find_row(
        self, title: str, choices: Sequence[Choice], chosen_is: Callable[[str], object], *, chosen: str = ""
    ) -> None:
        """The same, however many rows there are."""
        self.pick(title, choices, chosen_is)

    def chooses(self, text: str) -> bool:
        """Is `text` the number of a row of the list that was read out just before? Then it is chosen."""
        choices, self._choices = self._choices, ()
        number = text.strip()
        if not number.isdecimal() or not 0 < int(number) <= len(choices):
            return False
        self.attempt(lambda: self._chosen_is(choices[int(number) - 1].id))
        return True

    def show_context(self) -> None:
        """Say what fills the model's window."""

        async def tell() -> None:
            self.read_out(breakdown_sentences(await self.client.context()))

        self.work(tell())

    def find(self, text: str) -> None:
        """Say where `text` is in the conversation."""
        self.read_out(find_in(self.client.replay(), text))

    def show_help(self) -> None:
        """Nothing: `/help` is the conversation's own."""

    def toggle_todos(self) -> None:
        """Nothing: `/todo` is the conversation's own."""

    def change_editing(self) -> None:
        """Nothing: the terminal's own line is the editor."""

    def pick_theme(self, names: Sequence[str], themes: ThemeChoice) -> None:
        """Nothing: there are no colours."""

    def pick_model(self, models: ModelChoice) -> None:
        """Nothing: `/model` is the conversation's own."""

    def pick_session(self, found: Sequence[Found], wanted: str, here: bool) -> None:
        """Nothing: `/sessions` is the conversation's own."""

    def recent_sessions(self) -> Sequence[Found]:
        """None: nothing is completed in a line."""
        return ()

    def edit_settings(self, name: str) -> None:
        """Nothing: `/settings` is the conversation's own."""

    def try_keys(self) -> None:
        """Nothing: a line has one key, Enter."""

    def show_doctor(self) -> None:
        """Nothing: `h2a-chat doctor` says it in lines."""

    def set_up(self) -> None:
        """Nothing: `h2a-chat key set` and `/model` are for lines."""

    # ------------------------------------------------------------------- doing

    def send(self, content: str | Sequence[UserBlock], action: Action) -> None:
        """Send `content` as if it had been sent with the key of `action`."""
        send(self.client, content, action, self.settings.enter)

    def attempt(self, what: Callable[[], object]) -> None:
        """Do `what`; why it comes to nothing is said."""
        try:
            what()
        except REFUSALS as refused:
            self.notice(reason_of(refused))

    def work(self, job: Coroutine[Any, Any, None]) -> None:
        """Let `job` go on while lines are heard."""
        self._spawn(said_why(job, self.notice))

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something after which the conversation may be another: the next line waits for it (`finish_started`)."""
        self._started.append(work)

    async def finish_started(self) -> None:
        """Do what was started."""
        while self._started:
            await said_why(self._started.pop(0), self.notice)

    def leave_for(self, another: Coroutine[Any, Any, Switch]) -> None:
        """Leave for another session."""

        async def leave() -> None:
            found = await another
            self.switch_to, self.draft = self._open_session(found.session_id), found.draft
            self._leave()

        self.start(leave())

    def quit(self) -> None:
        """Leave; the session stays on disk."""
        self._leave()


class PlainPage:
    """A page that is read out, under its title."""

    def __init__(self, title: str, read_out: Callable[[Iterable[str]], None]) -> None:
        self._title = title
        self._read_out = read_out

    def show(self, content: RenderableType) -> None:
        """Read `content`: a table row by row, everything else as it is."""
        from rich.table import Table

        if not isinstance(content, Table):
            self._read_out([self._title, str(content)])
            return
        rows = zip(*(column.cells for column in content.columns), strict=True)
        self._read_out([self._title, *filter(None, map(_row, rows))])


def _row(cells: Sequence[RenderableType]) -> str:
    """A row of a table in words: what it is about, and what there is to say of it; "" when it is empty."""
    first, *rest = [str(cell).strip() for cell in cells]
    words = ", ".join(filter(None, rest))
    return f"{first}: {words}" if first and words else first or words
