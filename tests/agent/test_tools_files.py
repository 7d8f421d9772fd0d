"""read, write, edit and ls on real files: what is read, what is refused, and that nothing else is touched."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import random
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from h2a_agent.tools import default_tools
from h2a_agent.tools.base import Effect, ToolContext, ToolOutcome, WhenSteered
from h2a_agent.tools.diff import unified
from h2a_agent.tools.disk import Snapshot, snapshot
from h2a_agent.tools.matching import EditError, apply, locate
from h2a_agent.tools.notebook import notebook_of
from h2a_agent.tools.replace import replace_file

TOOLS = {tool.name: tool for tool in default_tools()}


@pytest.fixture
def ctx(tmp_path: Path) -> ToolContext:
    workspace = tmp_path / "work"
    workspace.mkdir()
    return ToolContext(workspace, tmp_path)


async def call(ctx: ToolContext, name: str, **arguments: Any) -> ToolOutcome:
    tool = TOOLS[name]
    return await tool.run(tool.params.model_validate(arguments), ctx)


def edits(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"old_text": old, "new_text": new} for old, new in pairs]


# ------------------------------------------------------------------ all tools


def test_default_tools_have_a_manual_and_a_schema_in_words() -> None:
    assert list(TOOLS)[:4] == ["read", "write", "edit", "bash"]
    assert {"grep", "find", "ls", "todo"} < set(TOOLS)
    for tool in TOOLS.values():
        assert len(tool.description) > 80
        schema = tool.params.model_json_schema()
        assert all("description" in field for field in schema["properties"].values())
        json.dumps(schema)
    finishing = {name for name, tool in TOOLS.items() if tool.when_steered is WhenSteered.FINISH}
    assert finishing == {"write", "edit", "todo", "job_stop"}
    assert {name for name, tool in TOOLS.items() if tool.effect is Effect.EXECUTE} == {"bash"}


@pytest.mark.parametrize("path", ["", " ", "a\0b", "\ud83d", "~nobody-of-this-name/x"])
@pytest.mark.parametrize("name", ["read", "ls", "grep", "find"])
def test_impossible_path_does_not_fit_the_schema(name: str, path: str) -> None:
    with pytest.raises(ValidationError):
        TOOLS[name].params.model_validate({"path": path, "pattern": "x"})


def test_misspelt_argument_is_refused() -> None:
    with pytest.raises(ValidationError):
        TOOLS["read"].params.model_validate({"path": "a", "ofset": 3})


# ------------------------------------------------------------------ read


async def test_read_gives_the_lines_as_they_are(ctx: ToolContext) -> None:
    (ctx.workspace / "a.py").write_text("def f():\n    return 1\n")
    outcome = await call(ctx, "read", path="a.py")
    assert (outcome.text, outcome.brief) == ("def f():\n    return 1", "2 lines")


async def test_read_says_where_to_go_on_and_does(ctx: ToolContext) -> None:
    lines = [f"line {n}" for n in range(1, 5313)]
    (ctx.workspace / "long").write_text("\n".join(lines) + "\n")
    outcome = await call(ctx, "read", path="long")
    assert outcome.brief == "2000 of 5312 lines"
    assert outcome.text.endswith("line 2000\n\n[Lines 1-2000 of 5312. Go on with offset=2001.]")
    outcome = await call(ctx, "read", path="long", offset=5311)
    assert outcome.text == "line 5311\nline 5312"
    outcome = await call(ctx, "read", path="long", offset=10, limit=2)
    assert outcome.text == "line 10\nline 11\n\n[Lines 10-11 of 5312. Go on with offset=12.]"
    outcome = await call(ctx, "read", path="long", offset=6000)
    assert outcome.is_error
    assert "has 5312 lines" in outcome.text


async def test_read_stops_at_50_kb_and_never_in_a_line(ctx: ToolContext) -> None:
    line = "é" * 499  # with its newline 999 bytes
    (ctx.workspace / "wide").write_text(f"{line}\r\n" * 100, newline="")
    outcome = await call(ctx, "read", path="wide")
    text, notice = outcome.text.split("\n\n")
    assert text == "\n".join([line] * 51)
    assert notice == "[Lines 1-51 of 100. 50 KB is the most at once. Go on with offset=52.]"


async def test_read_of_a_line_too_long_says_how_to_look_at_it(ctx: ToolContext) -> None:
    (ctx.workspace / "min.js").write_text("first\n" + "x" * 60_000 + "\nlast")
    outcome = await call(ctx, "read", path="min.js")
    assert outcome.text.startswith("first\n\n[Lines 1-1 of 3.")
    outcome = await call(ctx, "read", path="min.js", offset=2)
    assert "Line 2 is longer than 50 KB" in outcome.text
    assert (await call(ctx, "read", path="min.js", offset=3)).text == "last"


@given(
    lines=st.lists(st.text(alphabet="aé€\u2028\f ", max_size=20).map("#{}".format), min_size=1, max_size=40),
    end=st.sampled_from(["\n", "\r\n"]),
    size=st.integers(1, 9),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_read_in_parts_gives_the_whole(tmp_path: Path, lines: list[str], end: str, size: int) -> None:
    (tmp_path / "file").write_text(end.join(lines), newline="")
    ctx = ToolContext(tmp_path, tmp_path)

    async def parts() -> list[str]:
        found: list[str] = []
        while True:
            outcome = await call(ctx, "read", path="file", offset=len(found) + 1, limit=size)
            text, _, notice = outcome.text.partition("\n\n[Lines ")
            found += text.split("\n")
            if not notice:
                return found
            assert notice.endswith(f"Go on with offset={len(found) + 1}.]")

    assert asyncio.run(parts()) == lines


async def test_read_of_a_large_file_takes_only_what_is_asked_for(ctx: ToolContext) -> None:
    path = ctx.workspace / "large"
    with path.open("wb") as file:
        file.write(b"start\n" * 3000)
        file.truncate(10 * 1024**3)
    outcome = await call(ctx, "read", path="large", limit=2)
    assert outcome.text == "start\nstart\n\n[Lines 1-2. Go on with offset=3.]"
    assert ctx.files.last_seen(path) is None
    refused = await call(ctx, "edit", path="large", edits=edits(("start", "x")))
    assert "too large to be changed" in refused.text


async def test_read_hides_the_byte_order_mark_and_says_what_is_not_utf8(ctx: ToolContext) -> None:
    (ctx.workspace / "bom").write_bytes(b"\xef\xbb\xbfx = 1\r\n")
    assert (await call(ctx, "read", path="bom")).text == "x = 1"
    (ctx.workspace / "latin1").write_bytes(b"caf\xe9\n")
    assert (
        await call(ctx, "read", path="latin1")
    ).text == "café\n\n[The file is Windows-1252, not UTF-8; edit and write keep it so.]"
    (ctx.workspace / "stray").write_bytes("é".encode() + b"\xff\n")
    assert (
        await call(ctx, "read", path="stray")
    ).text == "é\ufffd\n\n[Bytes that are not UTF-8 are shown as \ufffd.]"
    (ctx.workspace / "utf16").write_bytes("één\ntwee\n".encode("utf-16"))
    assert (
        await call(ctx, "read", path="utf16")
    ).text == "één\ntwee\n\n[UTF-16 text, which edit and write do not change.]"
    (ctx.workspace / "empty").touch()
    assert (await call(ctx, "read", path="empty")).text == "(the file is empty)"


def picture(width: int, height: int, kind: str = "PNG", mode: str = "RGB", noise: bool = False) -> bytes:
    size = width * height * len(mode)
    image = Image.frombytes(mode, (width, height), random.Random(1).randbytes(size) if noise else bytes(size))
    image.save(buffer := io.BytesIO(), kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_read_gives_a_picture_by_its_first_bytes(ctx: ToolContext, kind: str) -> None:
    data = picture(30, 20, kind)
    (ctx.workspace / "picture.txt").write_bytes(data)
    outcome = await call(ctx, "read", path="picture.txt")
    (image,) = outcome.images
    assert image.media_type == f"image/{kind.lower()}"
    assert base64.b64decode(image.data) == data


@pytest.mark.parametrize(("width", "height", "mode"), [(9000, 30, "RGB"), (1500, 1500, "RGBA")])
async def test_read_makes_a_picture_smaller_that_a_provider_would_refuse(
    ctx: ToolContext, width: int, height: int, mode: str
) -> None:
    (ctx.workspace / "large.png").write_bytes(picture(width, height, mode=mode, noise=True))
    outcome = await call(ctx, "read", path="large.png")
    (image,) = outcome.images
    with Image.open(io.BytesIO(base64.b64decode(image.data))) as shown:
        assert max(shown.size) <= 2000
    assert len(image.data) <= 5 * 1024 * 1024
    assert f"made smaller, from {width} × {height}" in outcome.text


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(2000),
        picture(40, 40)[:-30],
        picture(40, 40, "JPEG")[:200],
        picture(9000, 9000, mode="L"),
        b"GIF89a" + b"\xff" * 40,
    ],
)
async def test_read_never_sends_a_picture_that_cannot_be_opened(ctx: ToolContext, data: bytes) -> None:
    (ctx.workspace / "bad").write_bytes(data)
    outcome = await call(ctx, "read", path="bad")
    assert outcome.is_error
    assert outcome.images == ()
    assert "looks like a picture, but is" in outcome.text


async def _odd_files(folder: Path) -> dict[str, str]:
    os.mkfifo(folder / "fifo")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(folder / "socket"))
    server.close()
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "binary").write_bytes(b"\x7fELF\0\0")
    (folder / "utf16").write_bytes("text".encode("utf-16"))
    (folder / "to zero").symlink_to("/dev/zero")
    return {
        "fifo": "a named pipe",
        "socket": "a socket",
        "folder": "a folder",
        "loop": "Too many levels of symbolic links",
        "dangling": "There is no file",
        "missing": "There is no file",
        "binary": "binary",
        "utf16": "UTF-16",
        "to zero": "a device",
        "/dev/tty": "a device",
        "x" * 300: "name too long",
        "binary/below": "Not a directory",
    }


@pytest.mark.parametrize("tool", ["read", "edit"])
async def test_odd_files_are_refused_at_once_and_in_words(ctx: ToolContext, tool: str) -> None:
    arguments = {"edits": edits(("a", "b"))} if tool == "edit" else {}
    for name, reason in (await _odd_files(ctx.workspace)).items():
        if (tool, name) == ("read", "utf16"):
            continue  # it can be looked at
        outcome = await call(ctx, tool, path=name, **arguments)
        assert outcome.is_error
        assert reason.lower() in outcome.text.lower(), name


async def test_write_refuses_odd_files_and_leaves_them(ctx: ToolContext) -> None:
    await _odd_files(ctx.workspace)
    for name in ("fifo", "socket", "folder", "loop", "to zero", "binary/below"):
        outcome = await call(ctx, "write", path=name, content="x")
        assert outcome.is_error, name
    assert stat.S_ISFIFO((ctx.workspace / "fifo").stat().st_mode)
    assert (ctx.workspace / "binary").read_bytes() == b"\x7fELF\0\0"


@pytest.mark.parametrize("path", ["/proc/self/status", "/proc/kmsg", "/proc/self/mem", "/proc/1/environ"])
async def test_read_in_proc_never_hangs(ctx: ToolContext, path: str) -> None:
    async with asyncio.timeout(10):
        assert (await call(ctx, "read", path=path)).text


# ------------------------------------------------------------------ notebooks


def notebook(*cells: dict[str, Any]) -> str:
    return json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def code(source: str | list[str], *outputs: dict[str, Any], count: int | None = 1) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs), "execution_count": count}


async def test_read_shows_a_notebook_as_cells_with_outputs(ctx: ToolContext) -> None:
    image = base64.b64encode(picture(4, 4)).decode()
    (ctx.workspace / "a.ipynb").write_text(
        notebook(
            {"cell_type": "markdown", "source": ["# Title\n", "words"]},
            code("x = 1\nx", {"output_type": "execute_result", "data": {"text/plain": ["1"]}}),
            code(
                "plot()", {"output_type": "display_data", "data": {"image/png": image, "text/plain": "<F>"}}
            ),
            code("p", {"output_type": "stream", "name": "stderr", "text": ["\x1b[31mred\x1b[0m\n"]}, count=3),
            code("f", {"output_type": "error", "ename": "E", "evalue": "no", "traceback": []}, count=None),
            code("t", {"output_type": "display_data", "data": {"text/html": "<b>"}}, count=None),
        )
    )
    outcome = await call(ctx, "read", path="a.ipynb")
    shown, notice = outcome.text.split("\n\n[A notebook")
    assert shown.split("\n") == [
        *("[cell 1: markdown]", "# Title", "words", ""),
        *("[cell 2: code, run 1]", "x = 1", "x", "[output: text/plain]", "1", ""),
        *("[cell 3: code, run 1]", "plot()", "[output: image/png]", ""),
        *("[cell 4: code, run 3]", "p", "[output: stderr]", "red", ""),
        *("[cell 5: code]", "f", "[output: error]", "E: no", ""),
        *("[cell 6: code]", "t", "[output: text/html]"),
    ]
    assert "raw=true" in notice
    assert [base64.b64decode(i.data) for i in outcome.images] == [picture(4, 4)]
    beginning = await call(ctx, "read", path="a.ipynb", limit=12)
    assert beginning.images == ()
    assert "Go on with offset=13.]" in beginning.text
    assert len((await call(ctx, "read", path="a.ipynb", offset=13, limit=1)).images) == 1


async def test_a_notebook_is_edited_as_the_json_it_is(ctx: ToolContext) -> None:
    path = ctx.workspace / "a.ipynb"
    path.write_text(notebook(code("x = 1")))
    assert (await call(ctx, "read", path="a.ipynb", raw=True)).text == path.read_text()
    outcome = await call(ctx, "edit", path="a.ipynb", edits=edits(("x = 1", "x = 2")))
    assert not outcome.is_error
    assert "x = 2" in (await call(ctx, "read", path="a.ipynb")).text


async def test_a_notebooks_pictures_are_limited_and_what_is_left_out_is_said(ctx: ToolContext) -> None:
    good, bad = (base64.b64encode(data).decode() for data in (picture(4, 4), b"\x89PNG\r\n\x1a\nbroken"))
    outputs = [{"output_type": "display_data", "data": {"image/png": data}} for data in [bad, *[good] * 10]]
    (ctx.workspace / "a.ipynb").write_text(notebook(code("x", *outputs)))
    outcome = await call(ctx, "read", path="a.ipynb")
    assert len(outcome.images) == 8
    assert outcome.text.endswith("[3 pictures not attached.]")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"cells": 3}',
        '{"cells": [3]}',
        '{"cells": [{"source": "x"}]}',
        "[" * 100_000,
        '"a',
        "x\ny",
    ],
)
async def test_a_broken_notebook_is_just_text(ctx: ToolContext, text: str) -> None:
    (ctx.workspace / "a.ipynb").write_text(text)
    outcome = await call(ctx, "read", path="a.ipynb")
    assert outcome.text.startswith(text[:50]) or "is longer than 50 KB" in outcome.text


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "cells",
                        "cell_type",
                        "source",
                        "outputs",
                        "output_type",
                        "data",
                        "text",
                        "image/png",
                        "traceback",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    )
)
def test_no_json_breaks_the_reading_of_a_notebook(value: Any) -> None:
    for stored in (value, {"cells": value}, {"cells": [value]}):
        found = notebook_of(json.dumps(stored).encode())
        assert found is None or all(isinstance(line, str) for line in found.lines)


# ------------------------------------------------------------------ names that are not there


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("main.yp", "main.py"),
        ("README.MD", "README.md"),
        ("cafe\u0301.txt", "café.txt"),
        ("sorce/deep/x.py", "source"),
        ("source/depe/x.py", "source/deep"),
    ],
)
@pytest.mark.parametrize("tool", ["read", "edit"])
async def test_a_name_that_is_not_there_is_answered_with_the_nearest(
    ctx: ToolContext, tool: str, asked: str, meant: str
) -> None:
    for name in ("main.py", "README.md", "café.txt", "source/deep/y", ".env"):
        (ctx.workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (ctx.workspace / name).touch()
    arguments = {"edits": edits(("a", "b"))} if tool == "edit" else {}
    outcome = await call(ctx, tool, path=asked, **arguments)
    assert outcome.brief == "no such file"
    assert f"Did you mean {ctx.workspace}/{meant}?" in outcome.text
    assert "Did you mean" not in (await call(ctx, tool, path=".envs", **arguments)).text
    assert "Did you mean" not in (await call(ctx, tool, path="nothing like it", **arguments)).text


# ------------------------------------------------------------------ write


async def test_write_makes_a_file_and_its_folders(ctx: ToolContext) -> None:
    outcome = await call(ctx, "write", path="src/new/a.py", content="x = 1\ny = 2\n")
    assert (ctx.workspace / "src/new/a.py").read_bytes() == b"x = 1\ny = 2\n"
    assert (outcome.text, outcome.brief) == ("Created src/new/a.py (2 lines).", "new, 2 lines")
    assert outcome.diff == "--- /dev/null\n+++ b/src/new/a.py\n@@ -0,0 +1,2 @@\n+x = 1\n+y = 2\n"


async def test_write_over_a_file_needs_a_read_and_keeps_mode_and_link(ctx: ToolContext) -> None:
    target, link = ctx.workspace / "run.sh", ctx.workspace / "link.sh"
    target.write_text("old\n")
    target.chmod(0o750)
    link.symlink_to("run.sh")
    refused = await call(ctx, "write", path="link.sh", content="new\n")
    assert refused.is_error
    assert "have not read it" in refused.text
    await call(ctx, "read", path="run.sh")
    outcome = await call(ctx, "write", path="link.sh", content="new\n")
    assert outcome.brief == "+1 -1"
    assert link.is_symlink()
    assert target.read_text() == "new\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o750
    again = await call(ctx, "write", path="run.sh", content="newer\n")
    assert not again.is_error, "what the model wrote itself it knows"
    assert sorted(p.name for p in ctx.workspace.iterdir()) == ["link.sh", "run.sh"]


@pytest.mark.parametrize("tool", ["write", "edit"])
async def test_change_by_somebody_else_is_not_overwritten(ctx: ToolContext, tool: str) -> None:
    path = ctx.workspace / "a.txt"
    path.write_text("one\n")
    await call(ctx, "read", path="a.txt")
    path.write_text("one\ntheirs\n")
    arguments = {"content": "mine\n"} if tool == "write" else {"edits": edits(("one", "mine"))}
    refused = await call(ctx, tool, path="a.txt", **arguments)
    assert refused.is_error
    assert "changed since you last read it" in refused.text
    assert path.read_text() == "one\ntheirs\n"
    await call(ctx, "read", path="a.txt")
    assert not (await call(ctx, tool, path="a.txt", **arguments)).is_error


def test_change_between_look_and_write_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("one")
    before = snapshot(path)
    path.write_text("somebody else was here")
    with pytest.raises(Exception, match="at this very moment"):
        replace_file(path, b"mine", before)
    with pytest.raises(Exception, match="at this very moment"):
        replace_file(path, b"mine", Snapshot(b"", None))
    assert path.read_text() == "somebody else was here"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Exception, match="No space left"):
        replace_file(path, b"new", snapshot(path))
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


async def test_parallel_edits_of_one_file_all_arrive(ctx: ToolContext) -> None:
    (ctx.workspace / "a").write_text("".join(f"<{n}>\n" for n in range(20)))
    outcomes = await asyncio.gather(
        *(call(ctx, "edit", path="a", edits=edits((f"<{n}>", f"[{n}]"))) for n in range(20))
    )
    assert not any(outcome.is_error for outcome in outcomes)
    assert (ctx.workspace / "a").read_text() == "".join(f"[{n}]\n" for n in range(20))


async def test_write_of_a_lone_surrogate_does_not_fit_the_schema() -> None:
    with pytest.raises(ValidationError):
        TOOLS["write"].params.model_validate({"path": "a", "content": "\ud83d"})


async def test_cancelled_write_is_whole_when_the_lock_is_free(ctx: ToolContext) -> None:
    task = asyncio.create_task(call(ctx, "write", path="a", content="x" * 1_000_000))
    await asyncio.sleep(0)
    while not ctx.files.lock(ctx.workspace / "a").locked():
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with ctx.files.lock(ctx.workspace / "a"):
        assert (ctx.workspace / "a").stat().st_size == 1_000_000


# ------------------------------------------------------------------ edit


async def test_edit_replaces_and_shows_the_diff(ctx: ToolContext) -> None:
    path = ctx.workspace / "a.py"
    path.write_text("a = 1\nb = 2\nc = 3\n")
    arguments = {"path": "a.py", "edits": edits(("b = 2\n", "b = 20\nb2 = 21\n"), ("c = 3", "c = 30"))}
    preview = await TOOLS["edit"].preview(TOOLS["edit"].params.model_validate(arguments), ctx)
    assert path.read_text() == "a = 1\nb = 2\nc = 3\n"
    outcome = await call(ctx, "edit", **arguments)
    assert path.read_text() == "a = 1\nb = 20\nb2 = 21\nc = 30\n"
    assert outcome.brief == "+3 -2"
    assert preview.kind == "diff"
    assert preview.text == outcome.diff
    assert "-b = 2\n" in outcome.diff
    assert "+b = 20\n" in outcome.diff


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ([("nowhere", "x")], "was not found"),
        ([("one\nTWO", "x")], "Its first line is at line 1"),
        ([("same", "x")], "occurs 2 times (lines 3, 4)"),
        ([("", "x")], "old_text is empty"),
        ([("one", "one")], "identical"),
        ([("one\ntwo", "x"), ("two", "y")], "edits 1 and 2 overlap"),
        ([("one", "x"), ("nowhere", "y")], "Edit 2 of 2: old_text was not found"),
        ([("one", "x"), ("x", "y")], "Edit 2 of 2: old_text was not found"),
    ],
)
async def test_edit_that_cannot_be_made_says_why_and_changes_nothing(
    ctx: ToolContext, pairs: list[tuple[str, str]], reason: str
) -> None:
    path = ctx.workspace / "a"
    path.write_text("one\ntwo\nsame\nsame\n")
    outcome = await call(ctx, "edit", path="a", edits=edits(*pairs))
    assert outcome.is_error
    assert reason in outcome.text
    assert path.read_text() == "one\ntwo\nsame\nsame\n"


def test_overlapping_occurrences_count_as_several() -> None:
    with pytest.raises(EditError, match="occurs 2 times"):
        locate("aXaXa", [("aXa", "b")])


@pytest.mark.parametrize(
    "arguments",
    [
        {"edits": [{"old_text": "a", "new_text": "b"}]},
        {"edits": {"old_text": "a", "new_text": "b"}},
        {"edits": '[{"old_text": "a", "new_text": "b"}]'},
        {"edits": '{"old_text": "a", "new_text": "b"}'},
        {"old_text": "a", "new_text": "b"},
    ],
)
async def test_edit_accepts_what_models_send(ctx: ToolContext, arguments: dict[str, Any]) -> None:
    (ctx.workspace / "f").write_text("a")
    await call(ctx, "edit", path="f", **arguments)
    assert (ctx.workspace / "f").read_text() == "b"


@pytest.mark.parametrize("arguments", [{}, {"edits": []}, {"edits": "["}, {"old_text": "a"}, {"edits": 3}])
def test_edit_refuses_what_is_no_edit(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TOOLS["edit"].params.model_validate({"path": "f", **arguments})


@pytest.mark.parametrize("data", [b"a\0b\n", "a".encode("utf-16")])
async def test_edit_refuses_what_is_not_text_it_can_keep(ctx: ToolContext, data: bytes) -> None:
    (ctx.workspace / "f").write_bytes(data)
    outcome = await call(ctx, "edit", path="f", edits=edits(("a", "b")))
    assert outcome.is_error
    assert (ctx.workspace / "f").read_bytes() == data


async def test_edit_keeps_byte_order_mark_line_ends_and_mode(ctx: ToolContext) -> None:
    path = ctx.workspace / "f"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\nthree\r\nfour")
    path.chmod(0o600)
    await call(ctx, "edit", path="f", edits=edits(("one\ntwo\nthree", "one\n1.5\ntwo\nTHREE")))
    assert path.read_bytes() == b"\xef\xbb\xbfone\r\n1.5\ntwo\nTHREE\r\nfour"
    await call(ctx, "edit", path="f", edits=edits(("four", "four\nfive\n")))
    assert path.read_bytes() == b"\xef\xbb\xbfone\r\n1.5\ntwo\nTHREE\r\nfour\r\nfive\r\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("text", "old", "new", "result"),
    [
        ("say “hi” now\n", 'say "hi" now', 'say "hi" later', "say “hi” later\n"),
        ("a – b — c\n", "a - b - c", "a - b - d", "a – b — d\n"),
        ("f()  \ng()\t\nh()\n", "f()\ng()\nh()", "f()\ng(1)\nh()", "f()  \ng(1)\t\nh()\n"),
        ("x\u00a0= 1\n", "x = 1", "x = 2", "x\u00a0= 2\n"),
        ("a…x\n", "a...x", "a...y", "a…y\n"),
        ("a…x\n", "a...x", "a..x", "a..x\n"),
        ("cafe\u0301 “1”\n", 'café "1"', 'café "2"', "cafe\u0301 “2”\n"),
        ("“a”\r\n“b”\r\n", '"a"\n"b"', '"a"\nnew\n"b"', "“a”\r\nnew\r\n“b”\r\n"),
        ("x\ny ", "x \ny", "x\nz", "x\nz "),
    ],
)
def test_edit_matches_tolerantly_and_keeps_what_did_not_change(
    text: str, old: str, new: str, result: str
) -> None:
    assert apply(text, locate(text, [(old, new)])) == result


@pytest.mark.parametrize(
    ("text", "old", "reason"),
    [
        ("“a” “a”", '"a"', "occurs 2 times"),
        ("foobar\n", "foo ", "not found"),
        ("…x\n", "..x", "not found"),
        ("a\n", "   ", "not found"),
    ],
)
def test_edit_is_not_too_tolerant(text: str, old: str, reason: str) -> None:
    with pytest.raises(EditError, match=reason):
        locate(text, [(old, "new")])


_LINE_ENDS = st.sampled_from(["\n", "\r\n", "\n", "\r\n", "\r#", "\f"])
_WORDS = st.text(alphabet="ab é“”…–\u00a0\u0301ﬁ\t", max_size=8)


@st.composite
def _file_and_edit(draw: st.DrawFn) -> tuple[str, str, int, int, str]:
    """A unique marked stretch in a file of mixed line ends, and what it becomes."""
    before = "".join(draw(_WORDS) + draw(_LINE_ENDS) for _ in range(draw(st.integers(0, 5))))
    inside = "".join(draw(_WORDS) + draw(_LINE_ENDS) for _ in range(draw(st.integers(0, 3))))
    after = "".join(draw(_WORDS) + draw(_LINE_ENDS) for _ in range(draw(st.integers(0, 5))))
    middle = f"<<{inside}>>"
    # Something solid after it: a combining mark there would belong to the match's last character.
    text = f"{before}{middle}!{after}"
    new = f"<<{draw(_WORDS)}\n{draw(_WORDS)}Z>>"
    return text, middle, len(before), len(before) + len(middle), new


@given(_file_and_edit())
def test_exact_edit_changes_nothing_outside_its_match(case: tuple[str, str, int, int, str]) -> None:
    text, middle, start, end, new = case
    result = apply(text, locate(text, [(middle.replace("\r\n", "\n"), new)]))
    assert result[:start] == text[:start]
    assert result[len(result) - (len(text) - end) :] == text[end:]
    assert result[start : len(result) - (len(text) - end)].replace("\r\n", "\n") == new


def _from_memory(text: str) -> str:
    """As a model might repeat a text: plain quotes, no spaces at line ends, composed characters."""
    import unicodedata

    plain = unicodedata.normalize("NFKC", text.replace("\r\n", "\n"))
    for fancy, ascii_form in (("“", '"'), ("”", '"'), ("–", "-")):
        plain = plain.replace(fancy, ascii_form)
    return "\n".join(line.rstrip() for line in plain.split("\n"))


@given(_file_and_edit())
def test_tolerant_edit_changes_nothing_outside_its_match(case: tuple[str, str, int, int, str]) -> None:
    text, middle, start, end, new = case
    remembered = _from_memory(middle)
    if remembered == new:
        return
    result = apply(text, locate(text, [(remembered, new)]))
    assert result[:start] == text[:start]
    assert result[len(result) - (len(text) - end) :] == text[end:]
    became = result[start : len(result) - (len(text) - end)]
    assert _from_memory(became) == _from_memory(new)


@given(
    st.text(alphabet="ab\r\n", max_size=60),
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(1, 6), st.text(alphabet="xy", max_size=4)), max_size=4
    ),
)
def test_several_exact_edits_equal_the_same_replacements_by_position(
    text: str, wanted: list[tuple[int, int, str]]
) -> None:
    text = "".join(f"{n:02}{char}" if char not in "\r\n" else char for n, char in enumerate(text)).replace(
        "\r", ""
    )
    spans, at = [], 0
    for offset, size, new in wanted:
        start, at = at + offset % 7, at + offset % 7 + size * 3
        if (
            at <= len(text)
            and text[start:at] != new
            and text.find(text[start:at], text.find(text[start:at]) + 1) < 0
        ):
            spans.append((start, at, new))
    expected = text
    for start, end, new in reversed(spans):
        expected = expected[:start] + new + expected[end:]
    if spans:
        assert apply(text, locate(text, [(text[s:e], new) for s, e, new in spans])) == expected


# ------------------------------------------------------------------ diff


@given(st.text(alphabet="ab\n", max_size=80), st.text(alphabet="ab\n", max_size=80))
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=100)
def test_diff_leads_from_the_old_text_to_the_new(old: str, new: str) -> None:
    assert _patched(old, unified(old, new, "f").text) == new


def test_diff_counts_lines_from_the_start_of_the_file() -> None:
    old = "".join(f"{n}\n" for n in range(1, 101))
    diff = unified(old, old.replace("50\n", "fifty\nmore\n"), "f")
    assert diff.text.split("\n")[:3] == ["--- a/f", "+++ b/f", "@@ -47,7 +47,8 @@"]


def test_diff_of_huge_changes_is_quick_and_right() -> None:
    old = "".join(f"{n % 7}\n" for n in range(20_000))
    new = "head\n" + "".join(f"{n % 5}\n" for n in range(20_000))
    diff = unified(old, new, "f")
    assert _patched(old, diff.text) == new
    one = unified(old, old.replace("3\n", "three\n", 1), "f")
    assert (one.added, one.removed) == (1, 1)
    assert len(one.text.splitlines()) == 2 + 1 + 3 + 2 + 3
    assert len(diff.shown) <= len(diff.text)
    assert len(unified("", "x" * 99 + "\n" * 1 + ("y" * 99 + "\n") * 10_000, "f").shown) < 263_000


def _patched(text: str, diff: str) -> str:
    """Apply a unified diff strictly: every context and removed line must be there."""
    old = text.split("\n")
    result: list[str] = []
    at = 0
    lines = diff.split("\n")[2:] if diff else []
    for n, line in enumerate(lines):
        bare = n + 1 < len(lines) and lines[n + 1].startswith("\\")
        if line.startswith("@@"):
            first, count = (line.split()[1][1:] + ",1").split(",")[:2]
            target = int(first) - (count != "0")
            result += [f"{kept}\n" for kept in old[at:target]]
            at = target
        elif line.startswith((" ", "-")):
            assert old[at] == line[1:]
            at += 1
        if line.startswith((" ", "+")):
            result.append(line[1:] if bare else f"{line[1:]}\n")
    rest = "\n".join(old[at:])
    return "".join(result) + rest


# ------------------------------------------------------------------ ls


async def test_ls_sorts_and_marks(ctx: ToolContext) -> None:
    for name in ("b.txt", "A.txt", ".hidden", "odd\nname\x1b[31m"):
        (ctx.workspace / name).touch()
    (ctx.workspace / "folder").mkdir()
    (ctx.workspace / "link").symlink_to("folder")
    (ctx.workspace / "broken").symlink_to("nowhere")
    outcome = await call(ctx, "ls")
    assert outcome.text.split("\n") == [
        ".hidden",
        "A.txt",
        "b.txt",
        "broken -> nowhere",
        "folder/",
        "link/ -> folder",
        "odd␊name␛[31m",
    ]
    assert outcome.brief == "7 entries"


async def test_ls_says_when_there_is_more_and_what_is_no_folder(ctx: ToolContext) -> None:
    for n in range(600):
        (ctx.workspace / f"{n:03}").touch()
    outcome = await call(ctx, "ls")
    assert outcome.brief == "500 of 600 entries"
    assert "\n499\n\n[500 of 600 entries." in outcome.text
    assert (await call(ctx, "ls", path="000")).brief == "is a file"
    assert (await call(ctx, "ls", path="none")).is_error
    (ctx.workspace / "sub").mkdir()
    assert (await call(ctx, "ls", path="sub")).text == "(sub is empty)"
