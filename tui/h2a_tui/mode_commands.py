"""`/mode` and its key: what runs without a question. It holds from the agent's next step on.

Nobody comes to `full` by a slip: it is asked about first, and the answer that changes nothing stands first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol, get_args

from h2a_agent.run_settings import Mode
from h2a_tui.overlays import Choice

if TYPE_CHECKING:
    from h2a_tui.client import Client

__all__ = ["MEANINGS", "MODES", "cycle_mode", "mode_command"]

MODES: Final[tuple[Mode, ...]] = get_args(Mode)
MEANINGS: Final[Mapping[Mode, str]] = {
    "plan": "nothing that changes anything",
    "ask": "reads, asks before it changes anything",
    "edits": "edits files here, asks before commands",
    "full": "runs everything without asking",
}


class Chat(Protocol):
    """What this command uses of the chat."""

    @property
    def client(self) -> Client: ...
    def notice(self, text: str) -> None: ...
    def pick(
        self, title: str, choices: Sequence[Choice], chosen_is: Callable[[str], object], *, chosen: int = 0
    ) -> None: ...


def mode_command(chat: Chat, argument: str) -> bool:
    """Change the mode; without one say which there are."""
    current = chat.client.mode
    if not argument:
        chat.notice("/mode " + " ".join(f"[{mode}]" if mode == current else mode for mode in MODES))
        return True
    mode = next((mode for mode in MODES if mode == argument.lower()), None)
    if mode is None:
        chat.notice(f"There is no mode {argument!r}: /mode {'|'.join(MODES)}")
        return False
    if mode == "full" != current:
        _ask_before_full(chat, otherwise=next(known for known in MODES if known == current))
    else:
        _set(chat, mode)
    return True


def cycle_mode(chat: Chat) -> None:
    """Go on to the next mode."""
    places = [place for place, mode in enumerate(MODES) if mode == chat.client.mode]
    following = MODES[(places[0] + 1) % len(MODES)] if places else "ask"
    if following == "full":
        _ask_before_full(chat, otherwise=MODES[0])
    else:
        _set(chat, following)
        if chat.client.mode != following:  # it goes no higher in a folder nobody vouches for
            _set(chat, MODES[0])


def _ask_before_full(chat: Chat, *, otherwise: Mode) -> None:
    choices = [Choice(mode, mode, MEANINGS[mode]) for mode in (otherwise, "full")]

    def take(chosen: str) -> None:
        _set(chat, "full" if chosen == "full" else otherwise)

    chat.pick("Run everything without asking?", choices, take)


def _set(chat: Chat, mode: Mode) -> None:
    chat.client.configure(mode=mode)
    if chat.client.mode == mode:
        chat.notice(f"Mode {mode}: {MEANINGS[mode]}")
    else:
        chat.notice(f"Mode {chat.client.mode}: nobody vouches for this folder · h2a-chat --trust does")
