"""A channel on a Redis server: any number of machines, by a stream and a consumer group.

    h2a:{name}:stream   the messages: fields `b` body, `x` when it expires; the group's pending list is the
                        list of leases: who has which entry, since when, delivered how often
    h2a:{name}:due      entries that come back at a given moment (rejected, or given back): id -> ms
    h2a:{name}:seen     ids of the duplicate window: id -> ms
    h2a:{name}:dead     dead letters, a stream too

Each verb is one Lua script, so it happens wholly or not at all, whatever dies. A lease is the idle time of a
pending entry; entries of a consumer that died are claimed by XAUTOCLAIM like any other lapsed lease. An entry
that waits to come back stays pending, so that the server goes on counting its deliveries, and stands in `due`,
which overrules its idle time.

A receiver that finds nothing waits by a plain XREAD beside the group. It claims nothing, so cutting it off
loses nothing; a message that comes wakes the receivers, and one of them gets it. What falls due without an
entry being added is found by a look every quarter of a second.

Durable is what the server makes durable: with `appendonly yes` it loses nothing when it is killed, and with
`appendfsync always` nothing in a power cut. Needs Redis 6.2 or later, and `pip install 'h2a-chat[redis]'`;
the package is imported when a channel is opened.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from h2a_queue.channel import ChannelSettings, Receipt, RecoveryPolicy
from h2a_queue.channels import redis_scripts as scripts
from h2a_queue.channels.store import EXPIRED, LAPSED, Bell, Corpse, Parcel, Sizes, StoredDelivery, Taken
from h2a_queue.channels.stored import StoredChannel
from h2a_queue.errors import ErrorKind, QueueError

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.commands.core import AsyncScript

__all__ = ["RedisChannel"]

R = TypeVar("R")

LOOK_S: Final = 0.25
CONNECT_TIMEOUT_S: Final = 5.0
ANSWER_TIMEOUT_S: Final = 30.0
FORGET_CONSUMER_MS: Final = 3_600_000


class RedisChannel(StoredChannel):
    """The channel `name` on the server at `url` (`redis://[:password@]host:port/db`, or `rediss://`).

    `reconnection` says how often a verb that cannot reach the server tries again before it raises. A verb
    whose answer was lost on the way is asked again too, so `send` may then say "duplicate" of its own
    message, and `acknowledge` may miss one that it has removed.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379/0",
        name: str = "default",
        settings: ChannelSettings | None = None,
        *,
        reconnection: RecoveryPolicy | None = None,
    ) -> None:
        """Make a channel; the server is reached at the first use, or by `async with`."""
        settings = settings or ChannelSettings()
        reconnection = reconnection or RecoveryPolicy(max_retries=3, first_delay_s=0.1)
        super().__init__(_RedisStore(url, name, settings, reconnection), settings, f"{name} at {_place(url)}")


class _GroupGone(Exception):
    """The server has lost the consumer group."""


class _RedisStore:
    """The scripts, and the way to them."""

    def __init__(self, url: str, name: str, settings: ChannelSettings, reconnection: RecoveryPolicy) -> None:
        self._url = url
        self._settings = settings
        self._reconnection = reconnection
        # The braces keep the keys of one channel together in a cluster.
        self._keys = [f"h2a:{{{name}}}:{part}" for part in ("stream", "due", "seen", "dead")]
        self._consumer = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        self._client: Redis | None = None
        self._scripts: dict[str, AsyncScript] = {}
        # Looking for lapsed leases goes through all leases there are, so not at every `take`.
        self._next_lapsed_look = 0.0

    async def open(self) -> None:
        if self._client is None:
            self._client = _connect(self._url)
        await self._run(scripts.OPEN, FORGET_CONSUMER_MS)

    async def _run(self, script: str, *args: Any) -> Any:
        if script not in self._scripts:
            self._scripts[script] = self._redis.register_script(scripts.PREAMBLE + script)
        call = self._scripts[script]
        try:
            return await self._ask(lambda: call(keys=self._keys, args=args))
        except _GroupGone:
            # Somebody has emptied the server; a channel without messages is still a channel.
            opening = self._redis.register_script(scripts.PREAMBLE + scripts.OPEN)
            await self._ask(lambda: opening(keys=self._keys, args=[FORGET_CONSUMER_MS]))
            return await self._ask(lambda: call(keys=self._keys, args=args))

    @property
    def _redis(self) -> Redis:
        if self._client is None:
            raise QueueError("The channel is closed; make a new one to go on.", ErrorKind.CLOSED)
        return self._client

    async def _ask(self, question: Callable[[], Coroutine[Any, Any, R]]) -> R:
        """Ask the server, again if need be; its errors come out as ours."""
        from redis.exceptions import (
            AuthenticationError,
            AuthorizationError,
            ConnectionError,
            RedisError,
            TimeoutError,
        )

        retry = 0
        while True:
            try:
                return await _cancellable(question())
            except (AuthenticationError, AuthorizationError) as error:
                raise self._refused(error) from error
            except (ConnectionError, TimeoutError, OSError) as error:
                retry += 1
                if retry > self._reconnection.max_retries:
                    raise self._unreachable(error) from error
            except RedisError as error:
                if "NOGROUP" in str(error):
                    raise _GroupGone from error
                raise self._refused(error) from error
            await asyncio.sleep(self._reconnection.delay_s(retry))

    def _refused(self, error: Exception) -> QueueError:
        return QueueError(
            f"Redis at {_place(self._url)} refused ({error}); it must be 6.2 or later, and let this user write "
            f"{self._keys[0]}.",
            ErrorKind.BACKEND,
            server=_place(self._url),
        )

    def _unreachable(self, error: Exception) -> QueueError:
        return QueueError(
            f"Redis at {_place(self._url)} cannot be reached ({error}); start it, or correct the address, then "
            "try again.",
            ErrorKind.BACKEND,
            recoverable=True,
            server=_place(self._url),
        )

    # -- in --

    async def put(self, parcels: Sequence[Parcel]) -> int:
        args: list[str | bytes | int] = [_ms(self._settings.duplicate_window_s)]
        for id, body, expires_at in parcels:
            args += (id, body, "" if expires_at is None else _ms(expires_at))
        return int(await self._run(scripts.PUT, *args))

    # -- out --

    async def take(self, limit: int) -> Taken:
        settings = self._settings
        now = asyncio.get_running_loop().time()
        looks_for_lapsed = now >= self._next_lapsed_look
        if looks_for_lapsed:
            self._next_lapsed_look = now + LOOK_S
        entries, buried, due_in_ms, last_id = await self._run(
            scripts.TAKE,
            self._consumer,
            limit,
            _ms(settings.lease_s),
            settings.recovery.max_retries + 1,
            EXPIRED,
            LAPSED,
            int(looks_for_lapsed),
        )
        deliveries = [StoredDelivery(Receipt(id.decode(), delivery), body) for id, delivery, body in entries]
        return Taken(deliveries, buried, due_in_ms / 1000 if due_in_ms >= 0 else None, last_id)

    async def give_back(self, receipts: Sequence[Receipt]) -> None:
        await self._run(scripts.GIVE_BACK, self._consumer, *_flat(receipts))

    async def settle(self, receipts: Sequence[Receipt]) -> int:
        return int(await self._run(scripts.SETTLE, self._consumer, *_flat(receipts)))

    async def postpone(self, receipt: Receipt, delay_s: float) -> bool:
        return bool(await self._run(scripts.POSTPONE, self._consumer, *receipt, _ms(delay_s)))

    async def bury(self, receipt: Receipt, reason: str) -> bool:
        return bool(await self._run(scripts.BURY, self._consumer, *receipt, reason))

    async def wait(self, bell: Bell, heard: int, seconds: float | None, mark: object) -> None:
        """Wait for an entry after `mark`, up to the next look; that is when the bell is heard too."""
        if bell.rings == heard:
            rest_s = LOOK_S if seconds is None else min(seconds, LOOK_S)
            await self._ask(lambda: self._news(mark, rest_s))

    async def _news(self, last_id: Any, seconds: float) -> None:
        await self._redis.xread({self._keys[0]: last_id}, count=1, block=max(_ms(seconds), 1))

    # -- dead letters, sizes, end --

    async def corpses(self, limit: int) -> list[Corpse]:
        return [
            Corpse(id.decode(), body, retry_count, why.decode(), died_at_ms / 1000)
            for id, body, retry_count, why, died_at_ms in await self._run(scripts.DEAD, limit)
        ]

    async def revive(self, keys: Sequence[tuple[int | str, float | None]]) -> int:
        args: list[str | int] = []
        for key, expires_at in keys:
            args += (key, "" if expires_at is None else _ms(expires_at))
        return int(await self._run(scripts.REVIVE, *args))

    async def sizes(self) -> Sizes:
        return Sizes(*await self._run(scripts.SIZES))

    async def close(self) -> None:
        if self._client is None:
            return
        from redis.exceptions import RedisError

        client, self._client = self._client, None
        try:
            await client.register_script(scripts.PREAMBLE + scripts.LEAVE)(
                keys=self._keys, args=[self._consumer]
            )
        except (RedisError, OSError):
            pass  # only tidying up, which the next `open` does as well
        finally:
            await client.aclose()


async def _cancellable(question: Coroutine[Any, Any, R]) -> R:
    """Await an answer, and be cancelled when one is cancelled.

    redis-py (6.4 and 8.1 tried) loses about one cancel of fifty that comes while it reads. So the question is
    a task of its own, and the cancel is kept here; if it is lost there, the answer is waited for, a quarter of
    a second at most where nothing is wrong.
    """
    answer = asyncio.ensure_future(question)
    try:
        await asyncio.wait([answer])
    except asyncio.CancelledError:
        answer.cancel()
        await asyncio.wait([answer])
        if not answer.cancelled():
            answer.exception()  # looked at, and of no interest any more
        raise
    return answer.result()


def _connect(url: str) -> Redis:
    """A client that has not connected yet. It does not try again by itself: how often is ours to say."""
    try:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
    except ImportError as error:
        raise QueueError(
            "A Redis channel needs the redis package: pip install 'h2a-chat[redis]'.", ErrorKind.CONFIGURATION
        ) from error
    try:
        return Redis.from_url(
            url,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=ANSWER_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise QueueError(
            f"{_place(url)} is not the address of a Redis server ({error}); give redis://host:port/number.",
            ErrorKind.CONFIGURATION,
        ) from error


def _place(url: str) -> str:
    """The address without its password."""
    return urlsplit(url).netloc.rpartition("@")[2] or url.rpartition("@")[2]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _flat(receipts: Sequence[Receipt]) -> list[int | str]:
    return [value for receipt in receipts for value in receipt]
