"""Python imports this by itself when its folder is on PYTHONPATH: it writes down what a program starts and talks to.

`H2A_WATCH_LOG` is the file, `H2A_WATCH_FOLDER` the folder whose code must never run. A line is an event and a detail.
"""

import os
import sys

_LOG = os.open(os.environ["H2A_WATCH_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
_FOLDER = os.environ["H2A_WATCH_FOLDER"]
_STARTS = {"subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.forkpty", "pty.spawn"}
_TALKS = {"socket.connect", "socket.sendto", "socket.getaddrinfo"}


def _look(event: str, arguments: tuple[object, ...]) -> None:
    if event in _STARTS or event in _TALKS:
        os.write(_LOG, f"{event} {arguments!r}\n".encode())
    elif event == "exec":
        path = getattr(arguments[0], "co_filename", "")
        if path.startswith(_FOLDER):
            os.write(_LOG, f"code {path}\n".encode())


sys.addaudithook(_look)
