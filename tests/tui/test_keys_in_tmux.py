"""Keys through a real tmux, which answers no question about kitty's protocol and rewrites what it passes on."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2a_tui.keymap import KEYMAP
from support.pty_rig import TIMEOUT_S

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux here")

NAMES = {"pageup": "PPage", "pagedown": "NPage", "delete": "DC", "backspace": "BSpace", "slash": "/"}
NAMES |= {"left_square_bracket": "[", "right_square_bracket": "]", "shift+tab": "BTab"}
MODIFIERS = {"ctrl": "C", "alt": "M", "shift": "S"}
# What is another key to the parser, too.
SAME = {"alt+backspace": "ctrl+w"}


class Tmux:
    """A server of our own, with `h2a-chat keys` in it."""

    def __init__(self, root: Path, extended_keys: str) -> None:
        self._socket = str(root / "tmux")
        (root / "tmux.conf").write_text(
            f"set -s extended-keys {extended_keys}\nset -g prefix None\nset -g history-limit 9000\n"
            "set -s escape-time 10\nset -g default-terminal screen-256color\n"
        )
        env = {"PATH": os.environ["PATH"], "H2A_HOME": str(root), "ESCDELAY": "10000", "LANG": "C.UTF-8"}
        program = shlex.join(
            ["env", *(f"{k}={v}" for k, v in env.items()), sys.executable, "-m", "h2a_tui", "keys"]
        )
        self.run("-f", str(root / "tmux.conf"), "new-session", "-d", "-x", "140", "-y", "50", program)

    def run(self, *words: str) -> str:
        argv = ["tmux", "-S", self._socket, *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    def wait_for(self, text: str) -> list[str]:
        """The rows so far, once `text` is among them."""
        end = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end:
            rows = self.run("capture-pane", "-p", "-S", "-").splitlines()
            if any(text in row for row in rows):
                return rows
        raise AssertionError(f"no {text!r} in\n" + "\n".join(rows))


@pytest.fixture(params=["off", "on", "always"])
def tmux(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tmux]:
    tmux = Tmux(tmp_path, request.param)
    try:
        yield tmux
    finally:
        tmux.run("kill-server")


def tmux_name(key: str) -> str:
    if key in NAMES:
        return NAMES[key]
    *modifiers, name = key.split("+")
    name = NAMES.get(name, name if len(name) == 1 else name.capitalize())
    return "-".join([*(MODIFIERS[modifier] for modifier in modifiers), name])


def test_every_key_of_the_table_arrives_through_tmux(tmux: Tmux) -> None:
    tmux.wait_for("Press keys")
    keys = sorted({key for row in KEYMAP for key in row.keys} - {"ctrl+c", "escape"})
    for key in keys:
        tmux.run("send-keys", tmux_name(key))
    tmux.run("send-keys", "-l", "ö")  # what ends it
    rows = tmux.wait_for("c3 b6")
    # Bytes that were read together are shown together, in a column as wide as they need.
    arrived = {columns[1] for row in rows if len(columns := re.split(r" {2,}", row.strip())) > 1}
    assert [key for key in keys if key not in arrived and SAME.get(key) not in arrived] == []
