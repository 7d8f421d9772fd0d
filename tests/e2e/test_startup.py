"""What the first frame waits for: nothing that only an answer, a picture or another mode needs is imported before it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from support.pty_rig import Terminal

_LATER: Final = {
    "PIL",
    "anthropic",
    "httpx",
    "keyring",
    "markdown_it",
    "prompt_toolkit",
    "pygments",
    "rich.markdown",
    "rich.syntax",
    "sqlite3",
    "tree_sitter_bash",
    "wcwidth",
}

_PROGRAM: Final = """
import sys
from pathlib import Path

from h2a_tui import app, cli

def tell(self):
    Path("modules").write_text("\\n".join(sys.modules))
    self.exit()

app.H2AApp._after_first_frame = tell
sys.exit(cli.main(["--demo", "--trust"]))
"""


def test_first_frame_waits_for_no_import_that_can_come_later(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "H2A_HOME": str(tmp_path / "h2a")}
    with Terminal.spawn([sys.executable, "-P", "-c", _PROGRAM], env=env, cwd=tmp_path) as terminal:
        assert terminal.process.wait(30) == 0, terminal.text
    modules = set((tmp_path / "modules").read_text().splitlines())
    assert "h2a_agent.agent" in modules
    assert modules.isdisjoint(_LATER), sorted(modules & _LATER)
