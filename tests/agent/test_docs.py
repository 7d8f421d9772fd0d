"""The examples of the agent's README run and say what they say; what it tells of the protocol is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from h2a_agent.protocol.commands import AnyCommand
from h2a_agent.protocol.values import tag

README = (Path(__file__).parents[2] / "agent" / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example_runs_and_prints_what_it_says(
    number: int, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line `# prints: text` promises a line of output; there must be no other."""
    monkeypatch.chdir(tmp_path)
    code = EXAMPLES[number]
    exec(compile(code, f"agent/README.md, example {number + 1}", "exec"), {"__name__": f"example_{number}"})
    assert capsys.readouterr().out.splitlines() == re.findall(r"# prints: (.*)", code)


def test_there_is_an_example_of_each_kind() -> None:
    assert len(EXAMPLES) == 4
    assert all(len(example.splitlines()) < 50 for example in EXAMPLES)


def test_every_command_is_named() -> None:
    assert [tag(kind) for kind in get_args(AnyCommand) if f"`{tag(kind)}`" not in README] == []
