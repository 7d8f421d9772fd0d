"""Print the README's figures: `make bench`, or `make bench ARGS="steering"` for one of them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

BENCHMARKS = (
    "keystroke",
    "steering",
    "guardian",
    "queue_core",
    "queue_channels",
    "transcript",
    "screen",
    "sessions",
)


def main(names: list[str]) -> None:
    """Run the named benchmarks, all of them without a name."""
    here = Path(__file__).parent
    sys.path[:0] = [str(here), str(here.parent)]
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}")
    for name in names or BENCHMARKS:
        importlib.import_module(name).main()
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
