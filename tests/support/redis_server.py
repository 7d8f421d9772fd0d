"""A real Redis server for a while, on a free port of this machine."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.children import start_child

__all__ = ["NO_REDIS", "free_port", "redis_server"]

NO_REDIS = "" if shutil.which("redis-server") else "redis-server is not installed (Debian: redis-server)"


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Run a server that keeps nothing; its URL."""
    for _ in range(5):  # somebody else may take the port in between
        port = free_port()
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with start_child(["redis-server", *options, "--dir", folder, "--logfile", "redis.log"]) as process:
            try:
                if _answers(process, port):
                    yield f"redis://127.0.0.1:{port}/0"
                    return
            finally:
                process.kill()
    raise RuntimeError(f"redis-server does not start; see {folder / 'redis.log'}")


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    while process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(16).startswith(b"+PONG"):
                    return True
        except ConnectionError:
            time.sleep(0.01)
    return False
