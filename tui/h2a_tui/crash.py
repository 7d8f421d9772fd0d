"""What is left when the program fails: a report on disk and three lines for the person."""

from __future__ import annotations

import platform
import time
import traceback
from pathlib import Path

from h2a_agent.redact import redact

__all__ = ["crash_message", "write_crash_report"]


def write_crash_report(error: BaseException, folder: Path) -> Path | None:
    """Write `error` with its traceback into a new file in `folder`; None when that is impossible too."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    path = folder / f"crash-{stamp}.log"
    report = redact("".join(traceback.format_exception(error)))
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(
            f"{stamp} Python {platform.python_version()} {platform.platform()}\n\n{report}", "utf-8"
        )
    except OSError:
        return None
    return path


def crash_message(report: Path | None, session: Path | None) -> str:
    """What the person reads after the terminal has been restored."""
    lines = ["h2a-chat has stopped because of a fault of its own."]
    lines.append(f"Report:  {report}" if report else "The report could not be written.")
    if session is not None:
        lines.append(f"Session: {session} (nothing in it is lost)")
    return "\n".join(lines)
