"""The examples in the docstrings and in the queue's README run and say what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import h2a_queue

README = Path(__file__).parents[2] / "queue" / "README.md"
BLOCKS = re.findall(
    r"^```(python|pycon)\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
)
MODULES = [module.name for module in pkgutil.iter_modules(h2a_queue.__path__) if not module.ispkg]


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_the_docstrings_hold(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"h2a_queue.{module}")).failed == 0


@pytest.mark.parametrize(
    "module",
    [
        "backpressure",
        "batching",
        "core",
        "health",
        "metrics",
        "priority",
        "stream_buffer",
        "stream_manager",
        "streaming",
    ],
)
def test_modules_a_user_begins_with_have_an_example(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"h2a_queue.{module}")).attempted > 0


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_block_of_the_readme_runs_and_prints_what_it_says(
    number: int, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line `# prints: text` in a block promises a line of output; there must be no other."""
    monkeypatch.chdir(tmp_path)
    _, code = BLOCKS[number]
    exec(compile(code, f"{README.name}, block {number + 1}", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.splitlines() == re.findall(r"# prints: (.*)", code)


def test_readme_has_blocks_to_run() -> None:
    assert len(BLOCKS) >= 8


def test_readme_names_everything_the_package_offers() -> None:
    text = README.read_text(encoding="utf-8")
    assert [name for name in h2a_queue.__all__ if f"`{name}" not in text] == []
