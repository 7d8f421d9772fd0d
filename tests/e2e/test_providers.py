"""Providers and keys in the real program: kept, used, changed, and never seen."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from support.messages_api import Answer, MessagesServer, gate, text, tool
from support.pty_rig import Terminal

PROGRAM = (sys.executable, "-m", "h2a_tui")
KEPT = "sk-canary-KEPT/+0123456789"
NAMED = "sk-canary-NAMED/+9876543210"
START_S = 30.0


class Home:
    """A user's home with the program's folder in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.h2a = root / "h2a"
        self.folder = root / "project"
        self.folder.mkdir()
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "H2A_HOME": str(self.h2a),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
        }

    def configure(self, text: str) -> None:
        self.h2a.mkdir(mode=0o700, exist_ok=True)
        (self.h2a / "config.toml").write_text(textwrap.dedent(text), "utf-8")

    def run(self, *args: str, stdin: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*PROGRAM, *args],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.env,
            timeout=50,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    def written(self) -> dict[Path, bytes]:
        """Every file there is, but the key's own."""
        files = (path for path in self.root.rglob("*") if path.is_file())
        return {path: path.read_bytes() for path in files if path.parent != self.h2a / "keys"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
async def server() -> AsyncIterator[MessagesServer]:
    async with MessagesServer() as it:
        yield it
    assert it.violations == []


async def shows(terminal: Terminal, what: str, timeout_s: float = 15.0) -> None:
    await asyncio.to_thread(terminal.wait_for, what, timeout_s)


async def send(terminal: Terminal, words: str) -> None:
    terminal.type_text(words)
    await shows(terminal, words)
    terminal.press("enter")


# ------------------------------------------------------------------- h2a-chat key


def test_a_key_is_kept_listed_and_deleted_and_its_value_never_shown(home: Home) -> None:
    kept = home.run("key", "set", "deepseek", stdin=f"{KEPT}\n")
    file = home.h2a / "keys" / "deepseek@api.deepseek.com"
    assert (
        kept.stdout
        == f"Kept for deepseek (api.deepseek.com): {file}\nTo use it: h2a-chat --provider deepseek\n"
    )
    listed = home.run("key", "list")
    assert [line.split() for line in listed.stdout.splitlines()] == [
        ["deepseek", "api.deepseek.com", str(file)]
    ]
    deleted = home.run("key", "delete", "deepseek")
    assert deleted.stdout == f"Deleted the key for deepseek (api.deepseek.com): {file}\n"
    assert home.run("key", "list").stdout == ""
    assert home.run("key", "delete", "deepseek", code=1).stderr.startswith("No key is kept for deepseek")
    for done in (kept, listed, deleted):
        assert KEPT not in done.stdout + done.stderr


def test_a_key_on_the_command_line_is_refused_and_not_repeated(home: Home) -> None:
    done = home.run("key", "set", "deepseek", KEPT, code=2)
    assert done.stderr.startswith("h2a-chat: ")
    assert KEPT not in done.stderr
    assert "did you mean 'deepseek'?" in home.run("key", "set", "deepsek", stdin=KEPT, code=2).stderr


def test_a_key_typed_in_a_terminal_is_not_echoed(home: Home) -> None:
    with Terminal.spawn([*PROGRAM, "key", "set", "kimi"], env=home.env, cwd=home.folder) as terminal:
        terminal.wait_for("Key for kimi (api.moonshot.ai), not shown:", START_S)
        terminal.write(f"{KEPT}\r".encode())
        terminal.wait_for("Kept for kimi")
        assert terminal.wait_exit() == 0
        assert KEPT.encode() not in terminal.output
    assert (home.h2a / "keys" / "kimi@api.moonshot.ai").read_text("utf-8") == f"{KEPT}\n"


def test_other_words_that_begin_with_key_are_a_prompt(home: Home) -> None:
    for words in (["key"], ["key set in stone"]):
        assert "h2a-chat -p PROMPT" in home.run(*words, code=2).stderr


# ------------------------------------------------------------------ in the program


async def test_a_kept_key_goes_to_its_server_in_the_header_it_wants(
    home: Home, server: MessagesServer
) -> None:
    home.configure(
        f"""
        provider = "work"
        [providers.work]
        base_url = "{server.url}"
        auth = "x-api-key"
        model = "test-model"
        """
    )
    await asyncio.to_thread(home.run, "key", "set", "work", stdin=KEPT)
    server.script(Answer(text("Hello.")))
    done = await asyncio.to_thread(home.run, "-p", "hi")
    assert done.stdout == "Hello.\n"
    (request,) = server.requests
    assert request.headers["x-api-key"] == KEPT
    assert "authorization" not in request.headers


async def test_a_server_that_runs_here_is_offered_and_can_be_chosen(
    home: Home, server: MessagesServer
) -> None:
    home.configure(f'[providers.ollama]\nbase_url = "{server.url}"')
    server.script(Answer(text(["I am ", gate("mid"), "a model."])))
    with Terminal.spawn([*PROGRAM, "--demo"], env=home.env, cwd=home.folder, size=(100, 40)) as terminal:
        await shows(terminal, "ready", START_S)
        await send(terminal, "/setup")
        await shows(terminal, "runs here with 1 model")
        terminal.type_text("ollama")
        terminal.press("enter")
        await shows(terminal, "ollama/test-model answers from now on")
        await send(terminal, "who are you?")
        await server.reached("mid")
        await send(terminal, "/thinking high")
        await shows(terminal, "Thinking high from the next step on")
        server.open("mid")
        await shows(terminal, "a model.")
    (request,) = server.requests
    assert request.payload["model"] == "test-model"


# ------------------------------------------------------------------------ canaries

WITH_A_FAULT = """
    import base64, os, sys, urllib.parse
    from pathlib import Path
    from h2a_tui import commands
    from h2a_tui.cli import main

    def fault(chat, argument):
        kept = Path(os.environ["H2A_HOME"], "keys", argument).read_text().strip()
        secrets = [kept, os.environ["WORK_CREDENTIAL"]]
        raise RuntimeError([f(s) for s in secrets for f in (
            str, urllib.parse.quote, lambda s: base64.b64encode(b":" + s.encode()).decode())])

    commands.COMMANDS += (commands.Command("fault", "", "", fault),)
    sys.exit(main(sys.argv[1:]))
"""


def forms(key: str) -> list[bytes]:
    """A key as it is and in the dresses of `WITH_A_FAULT`, those without what may be another's bits."""
    return [key.encode(), quote(key).encode(), base64.b64encode(b":" + key.encode())[2:-4]]


async def test_no_key_is_in_anything_the_program_writes_says_or_starts_even_in_a_crash(
    home: Home, server: MessagesServer
) -> None:
    home.configure(
        f"""
        [providers.work]
        base_url = "{server.url}"
        key_env = "WORK_CREDENTIAL"
        [providers.other]
        base_url = "{server.url}"
        """
    )
    await asyncio.to_thread(home.run, "key", "set", "other", stdin=KEPT)
    (kept_in,) = (home.h2a / "keys").iterdir()
    script = home.root / "program.py"
    script.write_text(textwrap.dedent(WITH_A_FAULT), "utf-8")
    look = "env; cat /proc/self/environ | tr '\\\\0' '\\\\n'; tr '\\\\0' ' ' < /proc/$PPID/cmdline"
    server.script(
        Answer(tool("bash", {"command": look})), Answer(text("Looked.")), Answer(text("Looked again."))
    )
    argv = [sys.executable, str(script), "--model", "work/test-model", "--mode", "full"]
    env = home.env | {"WORK_CREDENTIAL": NAMED, "OTHER_COPY": f"Bearer {NAMED}"}
    with Terminal.spawn(argv, env=env, cwd=home.folder, size=(100, 30)) as terminal:
        await shows(terminal, "ready", START_S)
        await send(terminal, "look around")
        await shows(terminal, "Looked.")
        await send(terminal, "/model other/test-model")
        await shows(terminal, "other/test-model answers")
        await send(terminal, "once more")
        await shows(terminal, "Looked again.")
        await send(terminal, f"/fault {kept_in.name}")
        assert await asyncio.to_thread(terminal.wait_exit) == 1
        said = bytes(terminal.output)

    assert [request.headers["authorization"] for request in server.requests] == [
        f"Bearer {NAMED}",
        f"Bearer {NAMED}",
        f"Bearer {KEPT}",
    ]
    (report,) = (home.h2a / "logs").glob("crash-*.log")
    assert "RuntimeError" in report.read_text("utf-8"), "the fault was reported"
    places = home.written() | {Path("the terminal"): said}
    places |= {Path(f"request {r.number}"): repr(r.payload).encode() for r in server.requests}
    found = [
        str(place)
        for place, data in places.items()
        for key in (KEPT, NAMED)
        for form in forms(key)
        if form in data
    ]
    assert found == []
    assert "H2A_HOME" in repr(server.requests[1].payload), "the command has seen an environment"
