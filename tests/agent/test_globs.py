"""Globs match what ripgrep matches with them, and never take long."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2a_agent.tools.globs import Globs
from h2a_agent.tools.ripgrep import find_ripgrep

NAMES = ["a", "b.py", "ab.ts", ".c", "x y", "a[b", "Ä.py", "z{a}"]
PARTS = ["*", "**", "?", "a", "b.py", "*.py", "*.{py,ts}", "[ab]*", "[!a]*", "[^a]*", ".*", "a*", "*b*"]

globs = st.builds(
    lambda start, parts: start + "/".join(parts),
    st.sampled_from(["", "", "/", "!"]),
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=4),
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Files up to three folders deep."""
    top = tmp_path_factory.mktemp("tree")
    folders = ["", "d/", "d/a/", "d/a/b.py/", "ab.ts/", "a.d/"]
    for folder in folders:
        (top / folder).mkdir(parents=True, exist_ok=True)
    for folder in folders:
        for name in NAMES:
            if not (top / folder / name).exists():
                (top / folder / name).touch()
    files = [str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()]
    return top, sorted(files)


@settings(max_examples=100, deadline=None)
@given(patterns=st.lists(globs, min_size=1, max_size=3))
def test_matches_as_ripgrep_does(tree: tuple[Path, list[str]], patterns: list[str]) -> None:
    top, files = tree
    program = find_ripgrep(top)
    assert program is not None
    arguments: list[str] = [str(program), "--no-config", "--hidden", "--no-ignore", "--files", "--null"]
    listed = subprocess.run(
        [*arguments, *(f"--glob={one}" for one in patterns)], cwd=top, capture_output=True
    )
    theirs = sorted(filter(None, listed.stdout.decode().split("\0")))
    chosen = Globs(patterns)
    assert [path for path in files if chosen.match(path)] == theirs


@pytest.mark.parametrize(
    ("glob", "path", "fits"),
    [
        ("src/", "src/a/b", True),
        ("src/**", "src", False),
        ("./a", "a", True),
        ("./a", "b/a", False),
        ("a/**/b", "a/b", True),
        (r"\*", "*", True),
        (r"\*", "a", False),
    ],
)
def test_what_people_write(glob: str, path: str, fits: bool) -> None:
    assert Globs([glob]).match(path) is fits


def test_hostile_globs_end() -> None:
    assert not Globs(["*a" * 40 + "b"]).match("a" * 250)
    assert not Globs(["**/" * 40 + "b"]).match("/".join("a" * 250))
    assert not Globs(["/".join(["**", "a"] * 20) + "/b"]).match("/".join("a" * 250))
