"""The long kill -9 campaigns: `python tests/queue/soak_channels.py [kills]`, 1000 for each store if not said.

A random one of five processes on one channel is killed and started again, over and over. Nothing may be lost,
come twice as new, or come again after its acknowledgement. Ends with an error if something does.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from support.channel_campaign import Outcome, campaign
from support.redis_server import NO_REDIS, redis_server

KILLS_EACH = 100
"""Per campaign: each begins with an empty store, so its notes stay small enough to judge."""


@contextmanager
def stores(folder: Path) -> Iterator[dict[str, str]]:
    """Where the campaigns take place."""
    if NO_REDIS:
        print(f"Without Redis: {NO_REDIS}.")
        yield {"SQLite": str(folder / "channel.db")}
    else:
        with redis_server(folder) as url:
            yield {"SQLite": str(folder / "channel.db"), "Redis": url}


def main() -> None:
    """Kill until it has been enough."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    outcomes: dict[str, list[Outcome]] = {}
    for start in range(0, kills, KILLS_EACH):
        with tempfile.TemporaryDirectory() as folder, stores(Path(folder)) as places:
            for label, store in places.items():
                notes = Path(folder) / label
                notes.mkdir()
                some = min(KILLS_EACH, kills - start)
                outcome = asyncio.run(campaign(store, notes, kills=some, senders=2, receivers=3))
                outcomes.setdefault(label, []).append(outcome)
                tell(label, outcomes[label])
                if outcome.lost or outcome.doubled or outcome.undead:
                    sys.exit(f"{label}: {outcome}")


def tell(label: str, outcomes: list[Outcome]) -> None:
    kills, sent, again = (
        sum(getattr(outcome, name) for outcome in outcomes) for name in ("kills", "sent", "delivered_again")
    )
    print(
        f"{label}: {kills} kills, {sent:,} messages, {again:,} delivered again; 0 lost, 0 doubled", flush=True
    )


if __name__ == "__main__":
    main()
