"""A channel in one SQLite file: any number of processes of one machine, and kill -9 loses nothing.

    message   one row each; visible_at 0: waiting, else when a lease lapses or a wait ends
    seen      the ids of the duplicate window, oldest first
    dead      dead letters

One index on `visible_at` serves both questions: what comes back (0 < visible_at <= now), and what is next in
line (visible_at = 0, in the order of the row numbers).

Every verb is one transaction, on a thread of the channel's own, so the loop never waits for the disk. In WAL
mode a commit is one write to the log file: what is committed is safe from the death of any process. Safe from
power loss it is when the file system has written it out, which `fsync=True` waits for, at some milliseconds
per commit.

Other processes are noticed by `PRAGMA data_version`, one look at shared memory, every few milliseconds at
first and then every 50 while a receiver waits.

Leases go by the system's clock, the only one that processes share and that a restart does not reset. A clock
set forward lets them lapse early; a clock set back holds them as much longer.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from h2a_queue.channel import ChannelSettings, Receipt
from h2a_queue.channels.store import EXPIRED, LAPSED, Bell, Corpse, Parcel, Sizes, StoredDelivery, Taken
from h2a_queue.channels.stored import StoredChannel
from h2a_queue.errors import ErrorKind, QueueError

__all__ = ["SQLiteChannel"]

R = TypeVar("R")

APPLICATION_ID: Final = 0x48324151  # "H2AQ", by which a file is known as ours
SCHEMA_VERSION: Final = 1
FIRST_LOOK_S: Final = 0.002
LAST_LOOK_S: Final = 0.05
CHECKPOINT_PAGES: Final = 4000
CACHE_KB: Final = 16_000  # known ids lie scattered; 100,000 of them fit in

_SCHEMA: Final = (
    # The row number is the order of sending; AUTOINCREMENT, so that a receipt never fits a later message.
    """CREATE TABLE message (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        visible_at REAL NOT NULL DEFAULT 0,
        delivery INTEGER NOT NULL DEFAULT 0,
        leased INTEGER NOT NULL DEFAULT 0,
        expires_at REAL,
        body BLOB NOT NULL)""",
    "CREATE INDEX message_visible_at ON message (visible_at)",
    "CREATE TABLE seen (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at REAL NOT NULL)",
    """CREATE TABLE dead (
        seq INTEGER PRIMARY KEY,
        retry_count INTEGER NOT NULL,
        reason TEXT NOT NULL,
        died_at REAL NOT NULL,
        body BLOB NOT NULL)""",
)


class SQLiteChannel(StoredChannel):
    """A channel in the file `path`, made if there is none, readable by its owner only.

    `lock_timeout_s` is how long to wait for another process that is writing, which takes milliseconds when
    nothing is wrong. With `fsync`, what is sent also survives a power cut.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        settings: ChannelSettings | None = None,
        *,
        lock_timeout_s: float = 5.0,
        fsync: bool = False,
    ) -> None:
        """Make a channel; the file is opened at the first use, or by `async with`."""
        settings = settings or ChannelSettings()
        if not 0 <= lock_timeout_s < 1e6:
            raise QueueError(
                f"lock_timeout_s is {lock_timeout_s}; give seconds, 0 or more.",
                ErrorKind.CONFIGURATION,
                lock_timeout_s=lock_timeout_s,
            )
        file = _File(Path(path).absolute(), settings, lock_timeout_s, fsync)
        super().__init__(_SQLiteStore(file), settings, str(file.path))


class _SQLiteStore:
    """The file, from the loop's side: every verb is a job for one thread, in the order asked."""

    def __init__(self, file: _File) -> None:
        self._file = file
        self._thread: ThreadPoolExecutor | None = None

    async def _do(self, job: Callable[..., R], *args: Any) -> R:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="h2a-sqlite")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, job, *args)
        except sqlite3.Error as error:
            raise _failure(self._file.path, error) from error

    async def open(self) -> None:
        await self._do(self._file.open)

    async def put(self, parcels: Sequence[Parcel]) -> int:
        return await self._do(self._file.put, parcels)

    async def take(self, limit: int) -> Taken:
        return await self._do(self._file.take, limit)

    async def give_back(self, receipts: Sequence[Receipt]) -> None:
        await self._do(self._file.give_back, receipts)

    async def settle(self, receipts: Sequence[Receipt]) -> int:
        return await self._do(self._file.settle, receipts)

    async def postpone(self, receipt: Receipt, delay_s: float) -> bool:
        return await self._do(self._file.postpone, receipt, delay_s)

    async def bury(self, receipt: Receipt, reason: str) -> bool:
        return await self._do(self._file.bury, receipt, reason)

    async def wait(self, bell: Bell, heard: int, seconds: float | None, mark: object) -> None:
        """Listen to the bell, and look every now and then whether another process has written."""
        clock = asyncio.get_running_loop().time
        end = None if seconds is None else clock() + seconds
        look_s = FIRST_LOOK_S
        while bell.rings == heard and await self._do(self._file.version) == mark:
            rest_s = look_s if end is None else min(end - clock(), look_s)
            if rest_s <= 0:
                return
            await bell.wait(heard, rest_s)
            look_s = min(look_s * 1.5, LAST_LOOK_S)

    async def corpses(self, limit: int) -> list[Corpse]:
        return await self._do(self._file.corpses, limit)

    async def revive(self, keys: Sequence[tuple[int | str, float | None]]) -> int:
        return await self._do(self._file.revive, keys)

    async def sizes(self) -> Sizes:
        return await self._do(self._file.sizes)

    async def close(self) -> None:
        if self._thread is not None:
            await self._do(self._file.close)
            self._thread.shutdown(wait=False)


class _File:
    """The file, from the thread's side. After `open`, only one thread may use it."""

    def __init__(self, path: Path, settings: ChannelSettings, lock_timeout_s: float, fsync: bool) -> None:
        self.path = path
        self._settings = settings
        self._lock_timeout_s = lock_timeout_s
        self._fsync = fsync
        self._connection: sqlite3.Connection | None = None

    # -- opening --

    def open(self) -> None:
        if self._connection is not None:
            return
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise QueueError(
                f"{self.path} cannot be opened ({error.strerror}); choose a file in a folder you may write.",
                ErrorKind.BACKEND,
                path=str(self.path),
            ) from error
        db = sqlite3.connect(
            self.path, timeout=self._lock_timeout_s, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(db)
        except BaseException:
            db.close()
            raise
        self._connection = db

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Refuse a file that is not ours before anything in it is changed, then make what is missing."""
        self._check(db)
        self._enter_wal(db)
        db.execute(f"PRAGMA synchronous = {'FULL' if self._fsync else 'NORMAL'}")
        db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        db.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        with _transaction(db):
            if self._check(db):  # again: another process may have come in between
                for statement in _SCHEMA:
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _check(self, db: sqlite3.Connection) -> bool:
        """Whether the file is empty; `QueueError` if it is not ours, or newer than this program."""
        version = _number(db, "PRAGMA user_version")
        is_empty = not _number(db, "SELECT count(*) FROM sqlite_schema")
        if not is_empty and _number(db, "PRAGMA application_id") != APPLICATION_ID:
            raise QueueError(
                f"{self.path} is a database of another program, and was left as it is; choose another file.",
                ErrorKind.BACKEND,
                path=str(self.path),
            )
        if version > SCHEMA_VERSION:
            raise QueueError(
                f"{self.path} was written by a newer version (schema {version}, this one knows "
                f"{SCHEMA_VERSION}), and was left as it is; update h2a-chat, or choose another file.",
                ErrorKind.BACKEND,
                path=str(self.path),
                version=version,
            )
        return is_empty

    def _enter_wal(self, db: sqlite3.Connection) -> None:
        """Switch to WAL. SQLite does not wait for a lock here, so two that make the file at once must."""
        deadline = time.monotonic() + self._lock_timeout_s
        while True:
            try:
                db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if not _is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(FIRST_LOOK_S)
            else:
                return

    @property
    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            raise QueueError("The channel is closed; make a new one to go on.", ErrorKind.CLOSED)
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # -- in --

    def put(self, parcels: Sequence[Parcel]) -> int:
        with _transaction(self._db) as db:
            fresh = self._without_duplicates(db, parcels) if self._settings.duplicate_window_s else parcels
            db.executemany(
                "INSERT INTO message (expires_at, body) VALUES (?, ?)",
                [(parcel.expires_at, parcel.body) for parcel in fresh],
            )
        return len(fresh)

    def _without_duplicates(self, db: sqlite3.Connection, parcels: Sequence[Parcel]) -> list[Parcel]:
        """Those whose id is new, which from now on it is not; and forget old ids, about as many as come."""
        now = time.time()
        cutoff = now - self._settings.duplicate_window_s
        db.execute(
            "DELETE FROM seen WHERE seq IN (SELECT seq FROM seen ORDER BY seq LIMIT ?) AND at <= ?",
            (2 * len(parcels) + 10, cutoff),
        )
        known = {
            id
            for (id,) in db.execute(
                "SELECT id FROM seen WHERE at > ? AND id IN (SELECT value FROM json_each(?))",
                (cutoff, json.dumps([parcel.id for parcel in parcels])),
            )
        }
        fresh: list[Parcel] = []
        for parcel in parcels:
            if parcel.id not in known:
                known.add(parcel.id)
                fresh.append(parcel)
        db.executemany(
            "INSERT OR REPLACE INTO seen (id, at) VALUES (?, ?)", [(parcel.id, now) for parcel in fresh]
        )
        return fresh

    # -- out --

    def take(self, limit: int) -> Taken:
        now = time.time()
        # Noted before the look, so that what another process writes after it is news.
        mark = self.version()
        due_in_s = self._due_in_s(now)
        if due_in_s is None or due_in_s > 0:  # then do without the write lock
            return Taken([], 0, due_in_s, mark)
        with _transaction(self._db) as db:
            rows = self._lease(db, "visible_at > 0 AND visible_at <= ?", "visible_at", (now, limit), now)
            if len(rows) < limit:
                rows += self._lease(db, "visible_at = 0", "seq", (limit - len(rows),), now)
            deliveries, buried = [], 0
            for seq, delivery, expires_at, body in rows:
                if expires_at is not None and expires_at <= now:
                    self._bury(db, seq, max(delivery - 2, 0), EXPIRED)
                    buried += 1
                elif delivery > self._settings.recovery.max_retries + 1:
                    self._bury(db, seq, delivery - 2, LAPSED)
                    buried += 1
                else:
                    deliveries.append(StoredDelivery(Receipt(seq, delivery), body))
        return Taken(deliveries, buried, None, mark)

    def _due_in_s(self, now: float) -> float | None:
        (due,) = self._db.execute("SELECT min(visible_at) FROM message").fetchone()
        return None if due is None else max(due - now, 0)

    def _lease(
        self, db: sqlite3.Connection, which: str, order: str, args: tuple[float, ...], now: float
    ) -> list[tuple[int, int, float | None, bytes]]:
        rows: list[tuple[int, int, float | None, bytes]] = db.execute(
            "UPDATE message SET visible_at = ?, delivery = delivery + 1, leased = 1 WHERE seq IN "
            f"(SELECT seq FROM message WHERE {which} ORDER BY {order} LIMIT ?) "
            "RETURNING seq, delivery, expires_at, body",
            (now + self._settings.lease_s, *args),
        ).fetchall()
        rows.sort()  # RETURNING promises no order
        return rows

    def give_back(self, receipts: Sequence[Receipt]) -> None:
        with _transaction(self._db) as db:
            db.executemany(
                "UPDATE message SET visible_at = 0, delivery = delivery - 1, leased = 0 "
                "WHERE seq = ? AND delivery = ? AND leased = 1",
                receipts,
            )

    def settle(self, receipts: Sequence[Receipt]) -> int:
        with _transaction(self._db) as db:
            return db.executemany(
                "DELETE FROM message WHERE seq = ? AND delivery = ? AND leased = 1", receipts
            ).rowcount

    def postpone(self, receipt: Receipt, delay_s: float) -> bool:
        with _transaction(self._db) as db:
            cursor = db.execute(
                "UPDATE message SET visible_at = ?, leased = 0 WHERE seq = ? AND delivery = ? AND leased = 1",
                (time.time() + delay_s, *receipt),
            )
        return cursor.rowcount == 1

    def bury(self, receipt: Receipt, reason: str) -> bool:
        with _transaction(self._db) as db:
            held = db.execute(
                "SELECT 1 FROM message WHERE seq = ? AND delivery = ? AND leased = 1", receipt
            ).fetchone()
            if held:
                self._bury(db, int(receipt.key), receipt.delivery - 1, reason)
        return held is not None

    def _bury(self, db: sqlite3.Connection, seq: int, retry_count: int, reason: str) -> None:
        db.execute(
            "INSERT INTO dead SELECT seq, ?, ?, ?, body FROM message WHERE seq = ?",
            (retry_count, reason, time.time(), seq),
        )
        db.execute("DELETE FROM message WHERE seq = ?", (seq,))

    def version(self) -> int:
        """A number that changes when another process writes, and not when this one does."""
        return _number(self._db, "PRAGMA data_version")

    # -- dead letters, sizes --

    def corpses(self, limit: int) -> list[Corpse]:
        rows = self._db.execute(
            "SELECT seq, body, retry_count, reason, died_at FROM dead ORDER BY died_at, seq LIMIT ?", (limit,)
        )
        return [Corpse(*row) for row in rows]

    def revive(self, keys: Sequence[tuple[int | str, float | None]]) -> int:
        with _transaction(self._db) as db:
            db.executemany(
                "INSERT INTO message (expires_at, body) SELECT ?, body FROM dead WHERE seq = ?",
                [(expires_at, key) for key, expires_at in keys],
            )
            return db.executemany("DELETE FROM dead WHERE seq = ?", [(key,) for key, _ in keys]).rowcount

    def sizes(self) -> Sizes:
        leased, everything, dead = self._db.execute(
            "SELECT (SELECT count(*) FROM message WHERE leased), (SELECT count(*) FROM message), "
            "(SELECT count(*) FROM dead)"
        ).fetchone()
        return Sizes(everything - leased, leased, dead)


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing. The write lock is taken at once: taken later, SQLite would not wait for it."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _number(db: sqlite3.Connection, query: str) -> int:
    (value,) = db.execute(query).fetchone()
    return int(value)


def _is_busy(error: sqlite3.Error) -> bool:
    # The lower byte is the code, the rest says why.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _failure(path: Path, error: sqlite3.Error) -> QueueError:
    """What went wrong with the file, and what to do."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    advice, recoverable = _ADVICE.get(code, ("see what SQLite says", False))
    return QueueError(
        f"{path} cannot be used ({error}); {advice}.",
        ErrorKind.BACKEND,
        recoverable=recoverable,
        path=str(path),
        sqlite=getattr(error, "sqlite_errorname", ""),
    )


_DAMAGED: Final = (
    "nothing in it was changed: keep a copy, try `sqlite3 FILE .recover`, and go on with another file"
)
# SQLite's code: what to do, and whether it can pass by itself.
_ADVICE: Final = {
    sqlite3.SQLITE_BUSY: ("another process holds its lock: wait for it or end it, then try again", True),
    sqlite3.SQLITE_LOCKED: ("another process holds its lock: wait for it or end it, then try again", True),
    sqlite3.SQLITE_FULL: ("the disk is full: make room, then try again", True),
    sqlite3.SQLITE_IOERR: ("the disk reports an error: look at the system's log", True),
    sqlite3.SQLITE_NOTADB: (_DAMAGED, False),
    sqlite3.SQLITE_CORRUPT: (_DAMAGED, False),
    sqlite3.SQLITE_READONLY: ("it, or its folder, is read-only: change that, or choose another file", False),
    sqlite3.SQLITE_CANTOPEN: ("choose a file in a folder you may write", False),
}
