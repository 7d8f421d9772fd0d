"""Ways out of a sandbox, each tried by a real process and judged from outside by what it has brought about.

`Scene` is what lies around a sandboxed command: a workspace with a repository, a folder that is none of its
business, a home with a key, the program's own folder, a process to hurt, and listeners on every kind of socket.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import tty
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from h2a_agent.sandbox import landlock
from h2a_agent.sandbox.bubblewrap import find_bubblewrap
from h2a_agent.sandbox.sandbox import Level

__all__ = [
    "BUBBLEWRAP",
    "ESCAPES",
    "KEY",
    "NOBODY",
    "OF_GIT",
    "OF_MODE",
    "Escape",
    "Scene",
    "levels_of",
    "scene",
]

BUBBLEWRAP: Final = find_bubblewrap(Path("/nonexistent"))
KEY: Final = "canary-4711"
NOBODY: Final = 65534
KEPT: Final = "kept as it was"


class Scene:
    """The surroundings; `got` is what the process printed. All of it belongs to `uid`."""

    def __init__(self, uid: int) -> None:
        self.uid = uid
        self.root = Path(tempfile.mkdtemp(prefix="scene-")).resolve()
        self.workspace = self.root / "work"
        self.outside = self.root / "outside"
        self.home = self.root / "home"
        self.own = self.home / ".config" / "h2a-chat"
        self.secret = self.home / ".ssh" / "id_ed25519"
        self.kept = self.outside / "kept"
        self.hooks = self.workspace / ".git" / "hooks"
        self.git_config = self.workspace / ".git" / "config"
        self.settings = self.own / "config.toml"
        self.tmp = self.root / "tmp"
        self.unix = self.root / "agent.sock"
        self.abstract = f"\0{self.root.name}"
        self.got = ""
        for folder in (self.hooks, self.outside, self.secret.parent, self.own, self.tmp):
            folder.mkdir(parents=True)
        self.secret.write_text(KEY)
        self.kept.write_text(KEPT)
        self.settings.write_text(KEPT + KEY)
        self.git_config.write_text(KEPT)
        self.master, slave = pty.openpty()
        tty.setraw(slave)  # nothing typed is echoed, so what the terminal shows has been written
        os.write(self.master, f"{KEY}\n".encode())
        self.terminal = os.ttyname(slave)
        self._slave = slave
        for path in (self.root, *self.root.rglob("*"), Path(self.terminal)):
            os.chown(path, uid, -1)
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.by_path = socket.socket(socket.AF_UNIX)
        self.by_path.bind(str(self.unix))
        self.by_path.listen()
        os.chown(self.unix, uid, -1)
        self.by_name = socket.socket(socket.AF_UNIX)
        self.by_name.bind(self.abstract)
        self.by_name.listen()
        self.victim = subprocess.Popen(
            self.become(["sleep", "600"]), cwd=self.outside, env={"PATH": os.defpath, "TOKEN": KEY}
        )
        name = Path(f"/proc/{self.victim.pid}/comm")
        while name.read_text() != "sleep\n":  # until then it may not be looked into
            time.sleep(0.001)

    def become(self, argv: list[str]) -> list[str]:
        """`argv` as the scene's user."""
        if self.uid == os.geteuid():
            return argv
        user = str(self.uid)
        return ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", *argv]

    def facts(self) -> str:
        """What an escape needs to know."""
        return json.dumps(
            {
                "workspace": str(self.workspace),
                "outside": str(self.outside),
                "kept": str(self.kept),
                "secret": str(self.secret),
                "settings": str(self.settings),
                "unix": str(self.unix),
                "abstract": self.abstract,
                "terminal": self.terminal,
                "tcp": self.tcp.getsockname()[1],
                "udp": self.udp.getsockname()[1],
                "victim": self.victim.pid,
            }
        )

    def close(self) -> None:
        self.victim.kill()
        self.victim.wait()
        for one in (self.tcp, self.udp, self.by_path, self.by_name):
            one.close()
        os.close(self.master)
        os.close(self._slave)
        shutil.rmtree(self.root)


@contextlib.contextmanager
def scene(uid: int) -> Iterator[Scene]:
    """A scene, cleared away at the end."""
    made = Scene(uid)
    try:
        yield made
    finally:
        made.close()


def levels_of(user: int) -> list[Level]:
    """The levels that `user` can have on this machine, judged without anything of ours."""
    found = []
    if not landlock.why_not():
        found.append(Level.LANDLOCK)
    if BUBBLEWRAP:
        plain = [
            BUBBLEWRAP,
            "--ro-bind",
            "/",
            "/",
            "--unshare-pid",
            "--unshare-net",
            "--proc",
            "/proc",
            "true",
        ]
        with scene(user) as place:
            if subprocess.run(place.become(plain), capture_output=True).returncode == 0:
                found.append(Level.BUBBLEWRAP)
    return found


@dataclass(frozen=True)
class Escape:
    """`code` is Python with the scene's facts as names; `is_out` judges when it has ended."""

    name: str
    code: str
    is_out: Callable[[Scene], bool]

    def argv(self, python: str, scene: Scene) -> list[str]:
        """The process that tries it."""
        head = "import json,os,signal,socket,subprocess,sys\nglobals().update(json.loads(sys.argv[1]))\n"
        return [python, "-I", "-c", head + self.code, scene.facts()]


def _new_file(scene: Scene) -> bool:
    return (scene.outside / "new").exists()


def _changed(scene: Scene) -> bool:
    return not scene.kept.exists() or scene.kept.read_text() != KEPT


def _told(scene: Scene) -> bool:
    return KEY in scene.got


def _heard(name: str) -> Callable[[Scene], bool]:
    return lambda scene: bool(select.select([getattr(scene, name)], [], [], 0)[0])


def _killed(scene: Scene) -> bool:
    # Of two pending signals the one with the lower number is taken, so ours cannot overtake a SIGTERM on its way.
    scene.victim.send_signal(signal.SIGPROF)
    return scene.victim.wait() == -signal.SIGTERM


OF_GIT: Final = (
    Escape(
        "a hook for git",
        "open(workspace + '/.git/hooks/pre-commit', 'w').write('x')",
        lambda scene: any(scene.hooks.iterdir()),
    ),
    Escape(
        "git's configuration",
        "open(workspace + '/.git/config', 'w').write('[core] fsmonitor = x')",
        lambda scene: scene.git_config.read_text() != KEPT,
    ),
    Escape(
        "another .git in place of the first",
        "os.rename(workspace + '/.git', workspace + '/old')\n"
        "os.makedirs(workspace + '/.git/hooks')\n"
        "open(workspace + '/.git/hooks/pre-commit', 'w').write('x')",
        lambda scene: any(scene.hooks.iterdir()),
    ),
    Escape(
        "another folder of hooks in place of the first",
        "os.rename(workspace + '/.git/hooks', workspace + '/.git/old')\n"
        "os.mkdir(workspace + '/.git/hooks')\n"
        "open(workspace + '/.git/hooks/pre-commit', 'w').write('x')",
        lambda scene: any(scene.hooks.iterdir()),
    ),
)
OF_MODE: Final = Escape(
    "the mode of a file outside",
    "os.chmod(kept, 0o4777)",
    lambda scene: bool(scene.kept.stat().st_mode & 0o4000),
)

ESCAPES: Final = (
    Escape("a new file outside", "open(outside + '/new', 'w').write('x')", _new_file),
    Escape("a new folder outside", "os.mkdir(outside + '/new')", _new_file),
    Escape("a file outside overwritten", "open(kept, 'w').write('x')", _changed),
    Escape("a file outside cut short", "os.truncate(kept, 1)", _changed),
    Escape("a file outside deleted", "os.remove(kept)", _changed),
    Escape("a file outside renamed", "os.rename(kept, kept + '2')", _changed),
    Escape("a file outside carried in", "os.rename(kept, workspace + '/kept')", _changed),
    Escape(
        "through a symbolic link",
        "os.symlink(kept, workspace + '/link'); open(workspace + '/link', 'w').write('x')",
        _changed,
    ),
    Escape(
        "through a hard link",
        "os.link(kept, workspace + '/link'); open(workspace + '/link', 'w').write('x')",
        _changed,
    ),
    Escape("through one's own /proc", "open('/proc/self/root' + kept, 'w').write('x')", _changed),
    Escape("through another's /proc", "open(f'/proc/{victim}/cwd/new', 'w').write('x')", _new_file),
    Escape("a key", "print(open(secret).read())", _told),
    Escape(
        "a key through a link",
        "os.symlink(secret, workspace + '/key'); print(open(workspace + '/key').read())",
        _told,
    ),
    Escape(
        "a key through a hard link",
        "os.link(secret, workspace + '/key'); print(open(workspace + '/key').read())",
        _told,
    ),
    Escape("a key through another's /proc", "print(open(f'/proc/{victim}/root{secret}').read())", _told),
    Escape(
        "a key after undoing the mounts",
        "subprocess.run(['unshare', '-rm', 'sh', '-c', 'umount -l \"${1%/*}\"; umount -l /; cat \"$1\"', 'x', secret])",
        _told,
    ),
    Escape("the environment of another process", "print(open(f'/proc/{victim}/environ').read())", _told),
    Escape("a signal to another process", "os.kill(victim, signal.SIGTERM)", _killed),
    Escape("the program's settings read", "print(open(settings).read())", _told),
    Escape(
        "the program's settings written",
        "open(settings, 'w').write('x')",
        lambda s: KEPT not in s.settings.read_text(),
    ),
    Escape("TCP", "socket.create_connection(('127.0.0.1', tcp), 2)", _heard("tcp")),
    Escape(
        "UDP",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', udp))",
        _heard("udp"),
    ),
    Escape("a socket in /tmp", "socket.socket(socket.AF_UNIX).connect(unix)", _heard("by_path")),
    Escape("an abstract socket", "socket.socket(socket.AF_UNIX).connect(abstract)", _heard("by_name")),
    Escape(
        "the user's terminal",
        "os.write(os.open(terminal, os.O_WRONLY | os.O_NOCTTY), b'x')",
        _heard("master"),
    ),
    Escape(
        "what is typed at the user's terminal",
        "print(os.read(os.open(terminal, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY), 99))",
        _told,
    ),
    OF_MODE,
    *OF_GIT,
)
