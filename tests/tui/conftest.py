"""Textual reads its timings when it is first imported: as the program does, prepare them before that."""

import os

from h2a_tui import environment

environment.prepare(os.environ)
