"""What a person can choose about the screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from h2a_tui.attention import Signals
from h2a_tui.keymap import Action, AltEnter, Editing, Enter, Keymap

__all__ = ["ListedSetting", "ScreenSettings"]


class ListedSetting(NamedTuple):
    """One setting as a list shows it, and where its value comes from."""

    name: str
    value: str
    place: str


@dataclass(frozen=True, slots=True)
class ScreenSettings:
    """The screen's settings, with their defaults.

    `enter` is what Enter does while the agent works, `alt_enter` what Alt+Enter does. `keys` replaces the
    keys of actions. `signals` is what the terminal is told besides, `listed` all settings for
    who wants to read them. `log_dir` is where a crash report goes. `mouse` off leaves selection and the wheel to
    the terminal. `diffs` says how changes are drawn where there is room for two columns.
    `editing` is whose keys the editors understand, a shell's or vim's. `paste_burst`: text with line ends that comes
    faster than anybody types is a paste. `direct`: what changes is written straight to the terminal where that is
    possible, not painted by Textual. `prompts_file` is where the messages of all sessions are remembered, `draft_for` the
    session's file, beside which the draft is kept, `config_file` where settings are; None: nowhere. `tips_file` remembers
    what has been told of keys.
    `images` draws small pictures in the conversation where the terminal has the colours for it. `reduced_motion`: nothing
    moves by itself.
    """

    log_dir: Path
    enter: Enter = "steer"
    alt_enter: AltEnter = "follow-up"
    keys: Mapping[Action, tuple[str, ...]] = field(default_factory=dict)
    mouse: bool = True
    signals: Signals = field(default_factory=Signals)
    listed: tuple[ListedSetting, ...] = ()
    diffs: Literal["side-by-side", "unified"] = "side-by-side"
    paste_burst: bool = True
    direct: bool = True
    prompts_file: Path | None = None
    draft_for: Path | None = None
    images: bool = True
    reduced_motion: bool = False
    config_file: Path | None = None
    editing: Editing = "emacs"
    tips_file: Path | None = None

    def keymap(self) -> Keymap:
        """The key table under these settings."""
        return Keymap(alt_enter=self.alt_enter, overrides=self.keys, editing=self.editing)
