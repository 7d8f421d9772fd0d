"""Vim's keys for an editor: a state, a key and a text make a new state and what is to be done. No screen in here."""

from h2a_tui.vim.machine import Done, Mode, State, leave_insert, press
from h2a_tui.vim.page import Page

__all__ = ["Done", "Mode", "Page", "State", "leave_insert", "press"]
