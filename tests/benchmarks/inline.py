"""What a token costs in the inline mode beside the app, in one run: both as real programs in terminals.

    make bench ARGS="inline"

The figures are the program's CPU time (of /proc), which busy neighbours do not change, and for a burst the time until
its last word is on the screen. The terminal is pyte, which reads as fast as it can.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from support.scripted_app import ScriptedApp
from support.terminal_keys import encode

RATE = 100  # tokens per second
PACED = 1_000
BURST = 20_000
KEYS = 40


def cpu_s(pid: int) -> float:
    """User and system time of a process, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def words(count: int, first: int = 0) -> list[str]:
    """Tokens of paragraphs of some sixty words."""
    return [f"word{n} " + "\n\n" * (n % 60 == 59) for n in range(first, first + count)]


def paced(app: ScriptedApp) -> float:
    """CPU µs per token at the rate of a fast model."""
    pid, began, at = app.terminal.process.pid, cpu_s(app.terminal.process.pid), time.monotonic()
    for n, word in enumerate(words(PACED)):
        app.say(f"TokenStream(1, 0, {word!r})")
        time.sleep(max(0.0, at + (n + 1) / RATE - time.monotonic()))
    app.terminal.wait_for(f"word{PACED - 1}", 60)
    return (cpu_s(pid) - began) / PACED * 1e6


def echoes(app: ScriptedApp) -> list[float]:
    """Seconds from a key to its letter on the screen, while tokens come."""
    found = []
    for n in range(KEYS):
        app.say(*[f"TokenStream(1, 0, {word!r})" for word in words(5, PACED + 5 * n)])
        before, at = app.terminal.screen_text().count("z"), time.perf_counter()
        app.terminal.write(encode("z"))
        app.terminal.wait_for(lambda before=before: app.terminal.screen_text().count("z") > before, 20)  # type: ignore[misc]
        found.append(time.perf_counter() - at)
        if n % 20 == 19:
            app.terminal.press("ctrl+u")
            app.terminal.wait_gone("z", 20)
    return sorted(found)


def burst(app: ScriptedApp) -> tuple[float, float]:
    """Seconds until a burst is all there, and CPU µs per token."""
    pid = app.terminal.process.pid
    began, at = cpu_s(pid), time.monotonic()
    app.script(
        f"say(*[TokenStream(1, 0, f'burst{{n}} ' + '\\n\\n' * (n % 60 == 59)) for n in range({BURST})])"
    )
    app.terminal.wait_for(lambda: re.search(rf"burst{BURST - 1}\b", app.terminal.screen_text()), 120)
    return time.monotonic() - at, (cpu_s(pid) - began) / BURST * 1e6


def measure(inline: bool) -> None:
    """One front end's figures."""
    with ScriptedApp.start(inline=inline, size=(100, 30)) as app:
        app.say("Status(Phase.STREAMING, 1)")
        app.terminal.wait_for("thinking", 30)
        token_us = paced(app)
        waits = echoes(app)
        burst_s, burst_us = burst(app)
        print(
            f"{'inline' if inline else 'app':8} {token_us:6.0f} µs a token at {RATE}/s   "
            f"echo p50 {waits[KEYS // 2] * 1000:.0f} ms, p95 {waits[KEYS * 95 // 100] * 1000:.0f} ms   "
            f"{BURST:,} tokens at once: {burst_s:.1f} s, {burst_us:.0f} µs each"
        )


def main() -> None:
    """Both, in turns."""
    print("The inline mode beside the app, CPU of the program")
    for inline in (True, False, True, False):
        measure(inline)


if __name__ == "__main__":
    main()
