"""What the guardian costs: to import, to start a command, and what a flood of output does to everybody else.

CPU of imports beside a bare interpreter, a command beside the same one through `asyncio.create_subprocess_exec`, the event
loop's lag in a flood beside its lag without one.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from h2a_agent.tools.base import ToolContext
from h2a_agent.tools.bash import BashParams, BashTool
from h2a_agent.tools.process import Child

__all__ = ["main"]

FLOODS = {
    "yes": "yes",
    "one endless line": "cat /dev/zero | tr '\\0' x",
    "lines of one character": "yes ''",
    "binary": "cat /dev/urandom",
}


def _cpu_ms(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


def _imports(rounds: int) -> None:
    rows: dict[str, list[float]] = {"pass": [], "import h2a_guardian.main": [], "import asyncio": []}
    for _ in range(rounds):
        for code, values in rows.items():
            values.append(_cpu_ms(code))
    for code, values in rows.items():
        print(f"{code:40}{median(values):8.1f}{min(values):8.1f}   ms CPU, median and least")


async def _commands(rounds: int) -> None:
    ours, theirs = [], []
    for _ in range(rounds):
        started = time.perf_counter()
        async with await Child.start(["/bin/true"], Path("/")) as child:
            while await child.read():
                pass
        ours.append((time.perf_counter() - started) * 1e3)
        started = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            "/bin/true", stdout=asyncio.subprocess.PIPE, start_new_session=True
        )
        assert process.stdout is not None
        await process.stdout.read()
        await process.wait()
        theirs.append((time.perf_counter() - started) * 1e3)
    for name, values in (("/bin/true, guarded", ours[1:]), ("/bin/true, asyncio", theirs[1:])):
        print(f"{name:40}{median(values):8.1f}{quantiles(values, n=20)[-1]:8.1f}   ms, p50 and p95")


async def _lags(seconds: float) -> list[float]:
    loop = asyncio.get_running_loop()
    ends, found = loop.time() + seconds, []
    while loop.time() < ends:
        asked = loop.time()
        await asyncio.sleep(0.002)
        found.append((loop.time() - asked - 0.002) * 1e3)
    return found


async def _flood(name: str, command: str, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        idle = await _lags(1.0)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        ctx = ToolContext(Path(folder), Path(folder))
        task = asyncio.create_task(BashTool().run(BashParams(command=command), ctx))
        lags = await _lags(seconds)
        started = time.perf_counter()
        task.cancel()
        await task
        ended_ms = (time.perf_counter() - started) * 1e3
        grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        spill_mb = sum(entry.stat().st_size for entry in os.scandir(folder)) / 1e6
    lag, quiet = quantiles(lags, n=100)[-1], quantiles(idle, n=100)[-1]
    print(f"{name:26}{lag:12.1f}{quiet:12.1f}{ended_ms:12.0f}{grown_mb:12.1f}{spill_mb:12.1f}")


def main(rounds: int = 15, seconds: float = float(os.environ.get("H2A_FLOOD_S", "3"))) -> None:
    """Print the tables."""
    _imports(rounds)
    asyncio.run(_commands(rounds * 4))
    print(
        f"\nFloods of {seconds:g} s: lag of the event loop p99, the same at rest, ms; end of the command, ms; memory, file, MB"
    )
    for name, command in FLOODS.items():
        asyncio.run(_flood(name, command, seconds))


if __name__ == "__main__":
    main()
