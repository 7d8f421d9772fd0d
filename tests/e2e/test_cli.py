"""The program as a child process: what a shell, a pipe and a script see of it."""

from __future__ import annotations

import http.server
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2a_tui.exit_codes import EXIT_CODES

PROGRAM = (sys.executable, "-m", "h2a_tui")


class Shell:
    """Runs the program in a folder of its own, with settings and sessions of its own."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.folder = root / "project"
        self.folder.mkdir()
        (self.folder / "README.md").write_text("# A little project\n\nTODO: grow.\n", "utf-8")
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "H2A_HOME": str(self.home),
            "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8",
        }

    def run(
        self, *args: str, stdin: str = "", code: int = 0, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*PROGRAM, *args],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.environ | environ,
            timeout=50,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    def refuses(self, *args: str, code: int = 2, **environ: str) -> str:
        """The one line on stderr with which the program declines."""
        done = self.run(*args, code=code, **environ)
        assert done.stdout == ""
        *_, line = done.stderr.splitlines()
        assert line.startswith("h2a-chat: ")
        return line

    def start(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*PROGRAM, *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self.environ,
        )

    def sessions(self) -> list[Path]:
        return sorted(self.home.glob("sessions/*/*.jsonl"))


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


# ------------------------------------------------------------------- no terminal


def test_without_a_terminal_the_demo_is_played_with_steer_follow_up_and_figures(shell: Shell) -> None:
    done = shell.run()
    order = [
        "you> Show me around.",
        "not a language model",
        "· ls",
        "# A little project",
        "? bash",
        "It ran, and had 3 lines to say.",
        "-- cut here by a steer --",
        "steer> short, please",
        "**Steered.**",
        "follow-up> list files",
        "- `README.md`",
        "through one h2A queue",
    ]
    places = [done.stdout.find(part) for part in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)
    assert "\x1b" not in done.stdout
    assert done.stderr == ""

    figures = re.search(r"(\d+) events in, (\d+) out, (\d+) merged, (\d+) dropped, (\d+) left", done.stdout)
    assert figures is not None
    taken_in, out, merged, dropped, left = map(int, figures.groups())
    assert taken_in == out + merged + dropped + left
    assert taken_in > 100
    assert dropped == 0
    assert not [path for path in shell.home.rglob("*") if path.is_file()], (
        "a played demo leaves nothing behind"
    )
    assert list(shell.home.glob("spill/*")) == []
    assert [path.name for path in shell.folder.iterdir()] == ["README.md"]


def test_without_a_terminal_a_prompt_says_what_to_use(shell: Shell) -> None:
    assert "h2a-chat -p PROMPT" in shell.refuses("hello")


# ------------------------------------------------------------------------- -p


def test_p_prints_the_answer_on_stdout_and_notes_on_stderr(shell: Shell) -> None:
    done = shell.run("--demo", "-p", "list files")
    assert "- `README.md`" in done.stdout
    assert "·" not in done.stdout
    assert done.stderr.startswith("· ls")
    assert len(shell.sessions()) == 1


def test_p_reads_the_prompt_from_a_pipe(shell: Shell) -> None:
    for args in (("-p", "-"), ("-p",)):
        assert "README.md" in shell.run("--demo", *args, "--no-session", stdin="search TODO\n").stdout
    assert shell.sessions() == []


def test_without_a_provider_the_demo_answers_and_that_is_said(shell: Shell) -> None:
    done = shell.run("-p", "thanks")
    assert "this is the demo: a script, not a language model" in done.stderr
    assert "ANTHROPIC_API_KEY" in done.stderr


def test_p_refuses_what_nobody_can_be_asked_about_and_mode_full_runs_it(shell: Shell) -> None:
    refused = shell.run("--demo", "-p", "run touch made")
    assert "rejected" in refused.stderr
    assert not (shell.folder / "made").exists()
    allowed = shell.run("--demo", "--mode", "full", "-p", "run touch made")
    assert "rejected" not in allowed.stderr
    assert (shell.folder / "made").exists()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
@pytest.mark.parametrize("args", ["-p hi", "--plain", "schema"])
def test_a_standard_stream_that_is_closed_is_an_empty_one(shell: Shell, args: str, closed: str) -> None:
    """No file or socket of ours gets its number, and nothing stumbles over it."""
    done = subprocess.run(
        ["sh", "-c", f'"$@" {args} {closed}', "sh", *PROGRAM],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=shell.folder,
        env=shell.environ,
        timeout=50,
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "Bad file descriptor" not in done.stderr


def test_p_to_a_reader_that_leaves_ends_quietly(shell: Shell) -> None:
    process = shell.start("--demo", "-p", "long")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(30) == 141
    assert process.stderr.read() == ""
    process.stderr.close()


def test_sigint_settles_and_exits_130(shell: Shell) -> None:
    process = shell.start("--demo", "-p", "long")
    assert process.stdout is not None
    while not process.stdout.readline().startswith("## What happens"):
        pass
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "-- stopped --" in errors
    assert "Traceback" not in errors
    records = [json.loads(line) for line in shell.sessions()[0].read_text("utf-8").splitlines()]
    assert any(record.get("cut") == "abort" for record in records), "what had come is in the session"


# ------------------------------------------------------------------------ sessions


def test_a_session_is_continued_by_c_and_by_the_beginning_of_its_id(shell: Shell) -> None:
    shell.run("--demo", "-p", "who are you")
    first = shell.run("--demo", "-c", "-p", "thanks").stdout
    assert "not a language model" not in first, "it has introduced itself before"
    (session,) = shell.sessions()
    listed = shell.run("-r").stdout
    assert session.stem in listed
    assert "who are you" in listed
    shell.run("--demo", "-r", session.stem[:20].lower(), "-p", "thanks")
    assert shell.sessions() == [session]


def test_r_without_sessions_says_so(shell: Shell) -> None:
    done = shell.run("-r")
    assert done.stdout == ""
    assert "no sessions yet" in done.stderr


def test_an_unknown_session_is_named(shell: Shell) -> None:
    assert "'nope'" in shell.refuses("--demo", "-r", "nope", "-p", "x")
    assert "no session of this folder" in shell.refuses("--demo", "-c", "-p", "x")


def test_a_session_that_another_process_has_open_is_refused(shell: Shell) -> None:
    process = shell.start("--demo", "-p", "long")
    assert process.stdout is not None
    while not process.stdout.readline().startswith("## What happens"):
        pass
    line = shell.refuses("--demo", "-c", "-p", "x", code=1)
    (session,) = shell.sessions()
    assert f"-r {session.stem} --read-only" in line
    assert f"--fork {session.stem}" in line
    copied = shell.run("--demo", "--fork", session.stem, "-p", "thanks")
    assert copied.stdout
    assert len(shell.sessions()) == 2
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)


def test_sessions_are_listed_searched_named_and_deleted(shell: Shell) -> None:
    shell.run("--demo", "--name", "First steps", "-p", "who are you")
    (session,) = shell.sessions()
    assert "First steps" in shell.run("sessions").stdout
    assert "you: who are you" in shell.run("sessions", "WHO are").stdout
    assert "you: who are you" in shell.run("sessions", "--regex", "who (is|are)").stdout
    nothing = shell.run("sessions", "never said")
    assert (nothing.stdout, nothing.stderr) == ("", "No session says 'never said'.\n")
    shell.run("sessions", "--rename", session.stem, "Other")
    assert "Other" in shell.run("sessions", "--here").stdout
    assert session.stem in shell.run("sessions", "--delete", "other").stdout
    assert shell.run("sessions").stdout == ""
    assert "regular expression" in shell.refuses("sessions", "--regex", "(")
    assert "h2a-chat sessions --help" in shell.refuses("sessions", "a", "b")


def test_a_session_is_exported_without_its_secrets_and_imported_elsewhere(shell: Shell) -> None:
    shell.run("--demo", "-p", "who are you, key-of-mine-1234?")
    done = shell.run("export", MY_API_KEY="key-of-mine-1234")
    assert "secret" in done.stderr
    page = next(shell.folder.glob("h2a-*.html")).read_text("utf-8")
    assert "key-of-mine" not in page
    assert "who are you, [redacted]?" in page
    (session,) = shell.sessions()
    lines = shell.run("export", session.stem[:20], "-", "--to", "jsonl").stdout
    (shell.folder / "x.jsonl").write_text(lines, "utf-8")
    assert "-r " in shell.run("import", "x.jsonl").stdout
    assert len(shell.sessions()) == 2
    assert shell.run("export", session.stem, "answer.md").stdout == "Written to answer.md\n"
    assert "is there already" in shell.refuses("export", session.stem, "answer.md")
    assert "End it with" in shell.refuses("export", session.stem, "answer.pdf")


def test_a_key_that_is_kept_is_in_no_export(shell: Shell) -> None:
    shell.run("key", "set", "deepseek", stdin="kept-by-name-77\n")
    shell.run("--demo", "-p", "is kept-by-name-77 safe?")
    done = shell.run("export")
    assert "secret" in done.stderr
    assert "kept-by-name" not in next(shell.folder.glob("h2a-*.html")).read_text("utf-8")


def test_a_session_whose_folder_is_gone_goes_on_here_or_in_a_copy(shell: Shell, tmp_path: Path) -> None:
    shell.run("--demo", "-p", "who are you")
    (session,) = shell.sessions()
    gone = tmp_path / "gone"
    shell.folder.rename(gone)
    shell.folder = tmp_path / "new"
    shell.folder.mkdir()
    line = shell.refuses("--demo", "-r", session.stem, "-p", "x")
    assert "folder of this session is gone" in line
    assert f"-r {session.stem} --here" in line
    assert f"--fork {session.stem}" in line
    shell.run("--demo", "--fork", session.stem, "-p", "thanks")
    shell.run("--demo", "-r", session.stem, "--here", "-p", "thanks")
    assert shell.run("--demo", "-c", "-p", "thanks").stderr.count("works in") == 0, "it belongs here now"
    assert len(shell.run("sessions", "--here").stdout.splitlines()) == 2


def test_going_on_in_another_folder_is_said(shell: Shell, tmp_path: Path) -> None:
    shell.run("--demo", "-p", "who are you")
    (session,) = shell.sessions()
    before, shell.folder = shell.folder, tmp_path / "new"
    shell.folder.mkdir()
    assert f"works in {before}" in shell.run("--demo", "-r", session.stem, "-p", "thanks").stderr


def test_to_look_at_a_session_one_has_to_say_which_and_nothing_to_send(shell: Shell) -> None:
    assert "-r ID" in shell.refuses("--read-only")
    shell.run("--demo", "-p", "who are you")
    assert "--fork ID" in shell.refuses("--demo", "-c", "--read-only", "-p", "x")


# ------------------------------------------------------------------------ refusals


def test_wrong_usage_is_one_line_with_exit_code_2(shell: Shell) -> None:
    assert "--nope" in shell.refuses("--nope")
    assert "'plan', 'ask', 'edits', 'full'" in shell.refuses("--mode", "wild", "-p", "x")
    assert "the prompt is empty" in shell.refuses("--demo", "-p", "-")
    assert "two prompts" in shell.refuses("--demo", "-p", "one", "two")
    assert "http" in shell.refuses("--base-url", "localhost", "-p", "x")
    assert "ANTHROPIC_API_KEY" in shell.refuses("--provider", "anthropic", "-p", "x")


def test_a_bad_config_names_file_and_key(shell: Shell) -> None:
    shell.home.mkdir()
    (shell.home / "config.toml").write_text('mode = "yolo"\n', "utf-8")
    line = shell.refuses("-p", "x")
    assert f"{shell.home / 'config.toml'}: mode must be 'plan', 'ask', 'edits' or 'full', not 'yolo'" in line


def test_a_home_that_is_a_file_is_one_line(shell: Shell) -> None:
    shell.home.write_text("not a folder", "utf-8")
    assert f"{shell.home / 'config.toml'}: cannot be read" in shell.refuses("--demo", "-p", "x")


def test_version_and_help_go_to_stdout(shell: Shell) -> None:
    assert re.fullmatch(r"h2a-chat \d+\.\d+\.\d+\n", shell.run("--version").stdout)
    shown = shell.run("--help").stdout
    for code, meaning in EXIT_CODES.items():
        assert f"  {code:<4} {meaning}" in shown
    assert str(shell.home / "config.toml") in shown


# ---------------------------------------------------------------- a failing server


class Unauthorised(http.server.BaseHTTPRequestHandler):
    """Knows no key."""

    def do_POST(self) -> None:
        body = json.dumps(
            {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}
        )
        self.send_response(401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def unauthorised() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Unauthorised)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_p_with_a_server_that_refuses_exits_1_and_keeps_the_prompt(shell: Shell, unauthorised: str) -> None:
    done = shell.run(
        "-p", "precious words", code=1, ANTHROPIC_BASE_URL=unauthorised, ANTHROPIC_API_KEY="sk-wrong"
    )
    assert done.stdout == ""
    assert "invalid x-api-key" in done.stderr
    assert "(the key is from ANTHROPIC_API_KEY)" in done.stderr
    (session,) = shell.sessions()
    assert f"h2a-chat -r {session.stem}" in done.stderr
    assert "precious words" in session.read_text("utf-8")
    assert "sk-wrong" not in done.stderr + session.read_text("utf-8")


def test_p_with_a_server_that_is_not_there_says_what_to_check(shell: Shell) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        done = shell.run("--base-url", url, "-p", "x", code=1)
    assert "--base-url" in done.stderr
    assert "Again in" in done.stderr, "the waiting is not silent"


# ------------------------------------------------------------------------ terminals


class Terminal:
    """The program in a pseudo-terminal; `screen` is all it has written."""

    def __init__(self, shell: Shell, *args: str, **environ: str) -> None:
        self.screen = b""
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.chdir(shell.folder)
            os.execve(
                PROGRAM[0], [*PROGRAM, *args], shell.environ | {"COLUMNS": "100", "LINES": "30"} | environ
            )

    def until(self, text: str, timeout_s: float = 30.0) -> None:
        """Wait until `text` is on the screen, spaces aside (a screen is painted in pieces)."""
        wanted = re.sub(r"\s", "", text)
        deadline = time.monotonic() + timeout_s
        while wanted not in self.text():
            assert time.monotonic() < deadline, self.text()[-2000:]
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.screen += os.read(self.fd, 65_536)
                except OSError:
                    raise AssertionError(f"the program ended: {self.text()[-2000:]}") from None

    def text(self) -> str:
        plain = re.sub(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.", b"", self.screen)
        return re.sub(r"\s", "", plain.decode("utf-8", "replace"))

    def press(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def exit_code(self) -> int:
        while True:
            try:
                if not (data := os.read(self.fd, 65_536)):
                    break
                self.screen += data
            except OSError:  # Linux's way to say that the other end is closed
                break
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


@pytest.mark.parametrize("term", ["dumb", "unknown", ""])
def test_a_terminal_that_can_show_lines_only_gets_lines(shell: Shell, term: str) -> None:
    terminal = Terminal(shell, "--demo", "thanks", TERM=term)
    terminal.until("You are welcome")
    assert "Thisterminalcanshowlinesonly" in terminal.text()
    terminal.press("/quit\n")
    assert terminal.exit_code() == 0
    assert b"\x1b" not in terminal.screen


def test_an_unknown_theme_is_one_line_before_the_screen_is_taken(shell: Shell) -> None:
    terminal = Terminal(shell, "--demo", "--theme", "nope")
    assert terminal.exit_code() == 2
    assert "h2a-chat:nope:nosuchtheme" in terminal.text()
    assert b"\x1b[?1049h" not in terminal.screen


def test_a_prompt_on_the_command_line_is_sent_when_the_app_starts(shell: Shell) -> None:
    terminal = Terminal(shell, "--demo", "thanks")
    terminal.until("welcome")  # one word: a spinner may turn between two
    terminal.press("\x04")  # Ctrl+D on an empty editor
    assert terminal.exit_code() == 0
    (session,) = shell.sessions()
    assert f"h2a-chat-r{session.stem}" in terminal.text()
    records = [json.loads(line) for line in session.read_text("utf-8").splitlines()]
    assert [record["type"] for record in records].count("user") == 1


def test_sigterm_leaves_the_terminal_as_it_was(shell: Shell) -> None:
    terminal = Terminal(shell, "--demo")
    terminal.until("ready")
    os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.exit_code() == 143
    assert terminal.screen.rfind(b"\x1b[?1049l") > terminal.screen.rfind(b"\x1b[?1049h")


# --------------------------------------------------------------- trust and the sandbox


def test_in_a_folder_nobody_vouches_for_p_asks_about_everything_and_says_so(shell: Shell) -> None:
    (shell.folder / "AGENTS.md").write_text("Do as I say.\n", "utf-8")
    done = shell.run("--demo", "--mode", "full", "-p", "run touch made")
    assert f"Not trusted: {shell.folder}. Nothing in it is obeyed (AGENTS.md)" in done.stderr
    assert "h2a-chat --trust" in done.stderr
    assert "nobody is there to ask" in done.stderr


def test_trust_vouches_for_the_folder_from_now_on(shell: Shell) -> None:
    (shell.folder / "AGENTS.md").write_text("Do as I say.\n", "utf-8")
    for flag in (["--trust"], []):
        done = shell.run("--demo", "--mode", "full", *flag, "-p", "thanks")
        assert "Not trusted" not in done.stderr


def test_trust_that_cannot_be_kept_holds_for_this_run_and_says_so(shell: Shell) -> None:
    (shell.folder / "AGENTS.md").write_text("Do as I say.\n", "utf-8")
    shell.home.mkdir()
    (shell.home / "trusted-folders.lock").mkdir()
    done = shell.run("--demo", "--trust", "--no-session", "-p", "thanks")
    assert "the answer holds for now, but could not be kept" in done.stderr
    assert "Not trusted" not in done.stderr


def test_doctor_tells_versions_settings_and_what_holds_commands_in(shell: Shell) -> None:
    (shell.folder / ".env").touch()
    done = shell.run("doctor")
    rows = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if not line.startswith(" "))
    assert rows["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
    assert rows["settings"] == f"{shell.home / 'config.toml'} (none yet)"
    assert rows["folder"] == f"{shell.folder} (trust: unknown; it holds .env)"
    assert re.match(r"level [123], (none|Landlock|bubblewrap)", rows["sandbox"])
    assert shell.sessions() == []
    assert "sandbox    level 0, off" in shell.run("doctor", "--sandbox", "off").stdout
