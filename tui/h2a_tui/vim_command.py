"""`/vim`: vim's keys in all editors, or no more."""

from __future__ import annotations

from h2a_tui.keymap import Action, Keymap

__all__ = ["change_editing"]


def change_editing(keymap: Keymap) -> str:
    """Let `keymap` mean vim's keys, or no longer; returns what to say of it."""
    keymap.editing = "emacs" if keymap.editing == "vim" else "vim"
    if keymap.editing == "vim":
        return f"Vim's keys: {keymap.label(Action.ESCAPE)} is normal mode · /vim ends it"
    return "Vim's keys are off"
