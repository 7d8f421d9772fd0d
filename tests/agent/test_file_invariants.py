"""What must hold for files whatever happens: only what was meant changes, nothing is torn, nothing is lost, nothing escapes.

The names F1 to F4 are those of the list of invariants: bytes, races and kills, odd files, ways out.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2a_agent.permission import Permission, Verdict
from h2a_agent.tools import default_tools
from h2a_agent.tools.base import ToolContext, ToolOutcome
from h2a_agent.tools.encoding import encoding_of
from h2a_agent.tools.exchange import exchange

TOOLS = {tool.name: tool for tool in default_tools()}


@pytest.fixture
def ctx(tmp_path: Path) -> ToolContext:
    for name in ("work", "spill"):
        (tmp_path / name).mkdir()
    return ToolContext(tmp_path / "work", tmp_path / "spill")


async def call(ctx: ToolContext, name: str, **arguments: Any) -> ToolOutcome:
    tool = TOOLS[name]
    return await tool.run(tool.params.model_validate(arguments), replace(ctx))


def one_edit(old: str, new: str) -> list[dict[str, str]]:
    return [{"old_text": old, "new_text": new}]


# ------------------------------------------------------------------ F1: bytes


@given(st.binary(max_size=40) | st.text(max_size=20).map(lambda t: t.encode("utf-8", "surrogatepass")))
@settings(max_examples=2000)
def test_text_of_any_bytes_goes_back_to_the_same_bytes(data: bytes) -> None:
    encoding = encoding_of(data)
    if encoding is None:
        assert b"\0" in data
    else:
        assert encoding.encode(encoding.decode(data)) == data


_PIECES = st.sampled_from(
    [
        b"a",
        b" ",
        b"\t",
        b"\n",
        b"\r\n",
        b"\r",
        "é“".encode(),
        b"\xe9",
        b"\x93",
        b"\xff",
        b"\xc3",
        b"\f",
        b"\0",
    ]
)
_BYTES = st.lists(_PIECES, max_size=12).map(b"".join)
_MARKS = st.sampled_from([b"", b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])


@given(mark=_MARKS, before=_BYTES, after=_BYTES, new=st.sampled_from(["<<>>", "<<N>>", "<<N>> ", "x\ny"]))
@settings(max_examples=300)
def test_an_edit_changes_only_the_bytes_it_means(
    tmp_path_factory: pytest.TempPathFactory, mark: bytes, before: bytes, after: bytes, new: str
) -> None:
    home = tmp_path_factory.mktemp("bytes")
    path = home / "f"
    path.write_bytes(data := mark + before + b"<<old>>" + after)
    ctx = ToolContext(home, home)
    outcome = asyncio.run(call(ctx, "edit", path="f", edits=one_edit("<<old>>", new)))
    if outcome.is_error:
        assert path.read_bytes() == data
        assert b"\0" in data or mark in (b"\xff\xfe", b"\xfe\xff")
        return
    result = path.read_bytes()
    assert b"\0" not in data
    assert result.startswith(mark + before)
    assert result.endswith(after)
    middle = result[len(mark + before) : len(result) - len(after)]
    assert middle.replace(b"\r\n", b"\n") == new.encode()


@pytest.mark.parametrize(
    ("data", "old", "new", "result"),
    [
        (b"caf\xe9 \x93a\x94\n", "café “a”", "thé “b”", b"th\xe9 \x93b\x94\n"),
        (b"\xe9\x81\n", "é", "è", b"\xe8\x81\n"),
        ("é".encode() + b"\xff x\n", "é", "è", "è".encode() + b"\xff x\n"),
        (b"one\rtwo\rthree", "two", "2", b"one\r2\rthree"),
    ],
)
async def test_an_edit_in_an_old_encoding_stays_in_it(
    ctx: ToolContext, data: bytes, old: str, new: str, result: bytes
) -> None:
    (ctx.workspace / "f").write_bytes(data)
    outcome = await call(ctx, "edit", path="f", edits=one_edit(old, new))
    assert not outcome.is_error, outcome.text
    assert (ctx.workspace / "f").read_bytes() == result


@pytest.mark.parametrize("tool", ["edit", "write"])
async def test_a_character_the_encoding_has_not_is_refused_and_named(ctx: ToolContext, tool: str) -> None:
    (ctx.workspace / "f").write_bytes(b"caf\xe9\n")
    await call(ctx, "read", path="f")
    arguments = {"edits": one_edit("café", "→")} if tool == "edit" else {"content": "→\n"}
    outcome = await call(ctx, tool, path="f", **arguments)
    assert outcome.is_error
    assert "stored as Windows-1252, which has no '→'" in outcome.text
    assert (ctx.workspace / "f").read_bytes() == b"caf\xe9\n"


@pytest.mark.parametrize(
    ("data", "content", "result"),
    [
        (b"\xef\xbb\xbfa\r\nb\r\n", "c\nd\n", b"\xef\xbb\xbfc\r\nd\r\n"),
        (b"\xef\xbb\xbfa\n", "\ufeffb\n", b"\xef\xbb\xbfb\n"),
        (b"a\r\nb\n", "c\nd\n", b"c\nd\n"),
        (b"a\r\n", "b\r\nc\n", b"b\r\nc\n"),
        (b"caf\xe9\r\n", "th\u00e9\n", b"th\xe9\r\n"),
        (b"a\n", "b", b"b"),
    ],
)
async def test_write_keeps_what_read_does_not_show(
    ctx: ToolContext, data: bytes, content: str, result: bytes
) -> None:
    (ctx.workspace / "f").write_bytes(data)
    await call(ctx, "read", path="f")
    outcome = await call(ctx, "write", path="f", content=content)
    assert not outcome.is_error, outcome.text
    assert (ctx.workspace / "f").read_bytes() == result


# ------------------------------------------------------------------ F2: races and kills


async def test_what_somebody_writes_during_an_edit_is_never_lost(ctx: ToolContext, tmp_path: Path) -> None:
    """Somebody else replaces or rewrites the file at a random moment of an edit: their content is in the end."""
    path, theirs = ctx.workspace / "f", tmp_path / "theirs"
    refused = 0
    for race in range(500):
        path.write_text("ours: a\n" * 300)
        await call(ctx, "read", path="f")
        moment = threading.Event()

        def interfere(race: int = race, moment: threading.Event = moment) -> None:
            moment.wait()
            for _ in range(race * 12):
                pass
            if race % 2:
                theirs.write_text("them: a\n" * 300)
                theirs.replace(path)
            else:
                with path.open("r+") as file:
                    file.write("them: a\n" * 300)

        other = threading.Thread(target=interfere)
        other.start()
        moment.set()
        wanted = one_edit("a\n" + "ours: a\n" * 299, "b\n")
        outcome = await call(ctx, "edit", path="f", edits=wanted)
        await asyncio.to_thread(other.join)
        refused += outcome.is_error
        kept = path.read_text()
        in_place_before_the_exchange = race % 2 == 0 and not outcome.is_error
        assert "them" in kept or in_place_before_the_exchange, f"race {race}"
        assert kept != "ours: b\n" or not outcome.is_error
    assert [p.name for p in ctx.workspace.iterdir()] == ["f"]


@pytest.mark.parametrize("how", ["replaced", "rewritten in the same tick of the clock"])
async def test_what_somebody_writes_in_the_last_instant_stays(
    ctx: ToolContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    path = ctx.workspace / "f"
    path.write_text("ours\n")

    def late(one: str, other: str, folder: int) -> bool:
        monkeypatch.setattr("h2a_agent.tools.replace.exchange", exchange)
        before = path.stat()
        if how == "replaced":
            (tmp_path / "theirs").write_text("them\n")
            (tmp_path / "theirs").replace(path)
        else:
            path.write_text("them\n")
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        return exchange(one, other, folder)

    monkeypatch.setattr("h2a_agent.tools.replace.exchange", late)
    outcome = await call(ctx, "edit", path="f", edits=one_edit("ours", "edited"))
    assert outcome.is_error
    assert "at this very moment" in outcome.text
    assert path.read_text() == "them\n"
    assert [p.name for p in ctx.workspace.iterdir()] == ["f"]


async def test_a_file_made_in_the_last_instant_stays(
    ctx: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def late(*names: Any, **options: Any) -> None:
        (ctx.workspace / "f").write_text("them\n")
        link(*names, **options)

    monkeypatch.setattr("os.link", late)
    outcome = await call(ctx, "write", path="f", content="ours\n")
    assert outcome.is_error
    assert (ctx.workspace / "f").read_text() == "them\n"
    assert [p.name for p in ctx.workspace.iterdir()] == ["f"]


_KILLED = """
import os, random, signal, sys, time
from pathlib import Path
from h2a_agent.tools.disk import snapshot
from h2a_agent.tools.replace import replace_file

path = Path(sys.argv[1]) / "f"
contents = [b"a" * 300_000, b"b" * 200_000]
path.write_bytes(contents[0])
chance = random.Random(7)
for kill in range(100):
    child = os.fork()
    if not child:
        turn = 0
        while True:
            turn += 1
            replace_file(path, contents[turn % 2], snapshot(path))
    time.sleep(chance.random() * 0.012)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert path.read_bytes() in contents, kill
print("whole after every kill")
"""


def test_a_file_is_whole_after_a_kill_at_any_moment(tmp_path: Path) -> None:
    run = [sys.executable, "-c", _KILLED, str(tmp_path)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=50, check=False)
    assert done.stdout == "whole after every kill\n", done.stderr


async def test_an_edit_keeps_owner_mode_and_attributes_and_cuts_hard_links(ctx: ToolContext) -> None:
    path, sibling = ctx.workspace / "f", ctx.workspace / "sibling"
    path.write_text("one\n")
    path.chmod(0o4751)
    sibling.hardlink_to(path)
    try:
        os.setxattr(path, "user.colour", b"red")
        has_attributes = True
    except (OSError, AttributeError):
        has_attributes = False
    before = path.stat()
    await call(ctx, "edit", path="f", edits=one_edit("one", "two"))
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert not has_attributes or os.getxattr(path, "user.colour") == b"red"
    assert (path.read_text(), sibling.read_text()) == ("two\n", "one\n")


# ------------------------------------------------------------------ F3: odd files


async def test_reading_a_huge_file_holds_only_a_part_of_it(ctx: ToolContext) -> None:
    with (ctx.workspace / "sparse").open("wb") as file:
        file.write(b"text\n" * 5000)
        file.truncate(10 * 1024**3)
    (ctx.workspace / "one line").write_bytes(b"x" * 40_000_000)
    tracemalloc.start()
    try:
        for name, offset in (("sparse", 1), ("sparse", 4000), ("one line", 1)):
            await call(ctx, "read", path=name, offset=offset, limit=5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 1024 * 1024


async def test_names_of_every_kind_can_be_read_edited_and_listed(ctx: ToolContext) -> None:
    names = ["two\nlines", "esc\x1b[31m", "é", "e\u0301", "-rf", "x" * 255, "𝒳" * 63, "a b", "*?[x]"]
    for name in names:
        (ctx.workspace / name).write_text("one\n")
        assert (await call(ctx, "read", path=name)).text == "one", name
        outcome = await call(ctx, "edit", path=name, edits=one_edit("one", "two"))
        assert not outcome.is_error, outcome.text
    listed = await call(ctx, "ls")
    assert listed.brief == f"{len(names)} entries"
    assert "\x1b" not in listed.text


# ------------------------------------------------------------------ F4: ways out


def _ways_out(work: Path, outside: Path) -> list[str]:
    """Names that lead from the workspace to `outside/f`, written in every way we know."""
    (work / "sub").mkdir()
    (work / "leaf").symlink_to(outside / "f")
    (work / "folder").symlink_to(outside)
    (work / "relative").symlink_to("../outside/f")
    (work / "chain").symlink_to("leaf")
    (work / "sub/up").symlink_to("../..")
    (work / "sub/leaf").symlink_to("../folder/f")
    (work / "NFC é").symlink_to(outside / "f")
    (work / "NFD e\u0301").symlink_to(outside / "f")
    (work / "LEAF").symlink_to(outside / "f")
    home = os.path.relpath(outside, Path.home())
    return [
        "../outside/f",
        "sub/../../outside/f",
        "./sub/.././../outside/f",
        "sub/../sub/../../outside/f",
        str(outside / "f"),
        f"/{outside}/f",
        f"{work}/../outside/f",
        f"~/{home}/f",
        "leaf",
        "./leaf",
        "sub/../leaf",
        "folder/f",
        "folder/../outside/f",
        "relative",
        "chain",
        "sub/up/outside/f",
        "sub/leaf",
        "NFC é",
        "NFD e\u0301",
        "LEAF",
        f"/proc/self/root{outside}/f",
        f"/proc/self/cwd/{os.path.relpath(outside, Path.cwd())}/f",
    ]


@pytest.mark.parametrize("tool", ["read", "grep", "edit", "write"])
async def test_no_name_leads_out_unasked(ctx: ToolContext, tool: str) -> None:
    outside = ctx.workspace.parent / "outside"
    outside.mkdir()
    (outside / "f").write_text("secret\n")
    extra: dict[str, dict[str, Any]] = {
        "grep": {"pattern": "s"},
        "edit": {"edits": one_edit("secret", "gone")},
        "write": {"content": "gone"},
    }
    for name in _ways_out(ctx.workspace, outside):
        params = TOOLS[tool].params.model_validate({"path": name, **extra.get(tool, {})})
        judged = Permission().decide("edits", TOOLS[tool], params, replace(ctx))
        assert judged.verdict is Verdict.ASK, f"{name}: {judged.reason}"


@pytest.mark.parametrize("swapped", ["leaf", "middle"])
@pytest.mark.parametrize("tool", ["read", "edit", "write", "grep", "find", "ls"])
async def test_a_link_turned_after_the_decision_leads_nowhere(
    ctx: ToolContext, tool: str, swapped: str
) -> None:
    outside, inside = ctx.workspace.parent / "outside", ctx.workspace / "inside"
    for folder in (outside, inside):
        (folder / "deep").mkdir(parents=True)
        (folder / "deep/f").write_text(f"{folder.name} one\n")
    (outside / "deep/only there").touch()
    link = ctx.workspace / "link"
    link.symlink_to("inside/deep")
    extra: dict[str, dict[str, Any]] = {
        "edit": {"edits": one_edit("one", "two")},
        "write": {"content": "two\n"},
        "grep": {"pattern": "one"},
        "find": {"pattern": "*"},
    }
    is_folder = tool in ("ls", "find")
    path = {"leaf": "link", "middle": "inside/deep"}[swapped] + ("" if is_folder else "/f")
    ctx.files.remember(ctx.workspace / path, "what it held, as far as the model knows")
    params = TOOLS[tool].params.model_validate({"path": path, **extra.get(tool, {})})
    assert Permission().decide("edits", TOOLS[tool], params, ctx)[0] is Verdict.ALLOW
    if swapped == "leaf":
        link.unlink()
        link.symlink_to(outside / "deep")
    else:
        inside.rename(ctx.workspace / "elsewhere")
        inside.symlink_to(outside)
    outcome = await TOOLS[tool].run(params, ctx)
    assert "outside" not in outcome.text.replace(str(outside), "")
    assert "only there" not in outcome.text
    assert (outside / "deep/f").read_text() == "outside one\n"
    assert sorted(p.name for p in (outside / "deep").iterdir()) == ["f", "only there"]


async def test_a_folder_swapped_all_the_time_never_lets_an_edit_out(ctx: ToolContext) -> None:
    outside, folder, away = ctx.workspace.parent / "outside", ctx.workspace / "d", ctx.workspace / "away"
    for place in (outside, folder):
        place.mkdir()
        (place / "f").write_text("one\n")
    away.symlink_to(outside)
    over = threading.Event()

    def swap() -> None:
        top = os.open(ctx.workspace, os.O_RDONLY)
        while not over.is_set():
            exchange("d", "away", top)
        os.close(top)

    other = threading.Thread(target=swap)
    other.start()
    try:
        for number in range(150):
            this = replace(ctx)
            if this.real(ctx.workspace / "d/f").is_relative_to(outside):
                continue  # it would have been asked about
            tool = TOOLS["write"]
            await tool.run(tool.params.model_validate({"path": "d/f", "content": f"{number}\n"}), this)
            found = await TOOLS["read"].run(TOOLS["read"].params.model_validate({"path": "d/f"}), this)
            assert "outside" not in found.text
    finally:
        over.set()
        await asyncio.to_thread(other.join)
    assert (outside / "f").read_text() == "one\n"
    assert [p.name for p in outside.iterdir()] == ["f"]
