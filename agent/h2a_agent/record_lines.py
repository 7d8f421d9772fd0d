"""One record, one line: how it is framed, and how intact records are found in a damaged file.

    {"n":7,"type":"item","id":"01J…","state":"queued",…,"crc":"9f0c22d1"}

`n` counts up by one; `crc` is the CRC-32 of the line's bytes before `,"crc"`, so `jq` reads the file as it is
and a damaged line is recognised. Inside a JSON string every quote is escaped, so the beginning and the end of
a record cannot occur in its text: in a line that is no record (two that were fused, one behind a hole of NULs
or a torn one) whole records are found again by these marks, and their check sum decides.
"""

from __future__ import annotations

import json
import re
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = [
    "JournalRead",
    "RecordReader",
    "encode_record",
    "read_end",
    "read_head",
    "read_journal",
    "read_tail",
]

_CRC_MARK: Final = b',"crc":"'
_TAIL_LEN: Final = len(_CRC_MARK) + 8 + len(b'"}')
_BEGINS: Final = re.compile(rb'\{"n":\d+,"')
_ENDS: Final = re.compile(rb',"crc":"[0-9a-f]{8}"\}')
_SALVAGE_EFFORT: Final = 64  # times the bytes of a line; whoever nests marks on purpose gets no more


@dataclass(frozen=True, slots=True)
class JournalRead:
    """What a file held: the intact records in order, and what was wrong with it.

    `damaged` counts lines that hold something unreadable, `doubled` records that are there a second time
    (and are left out), `torn`: the file does not end with a line's end.
    """

    records: tuple[Mapping[str, Any], ...]
    damaged: int
    torn: bool
    doubled: int = 0


def encode_record(n: int, record: Mapping[str, Any]) -> bytes:
    """One line, newline included. Lone surrogates are escaped, so any text can be written."""
    body = json.dumps({"n": n, **record}, ensure_ascii=False, separators=(",", ":"))
    # A lone surrogate becomes the six characters \udXXX, which inside a JSON string is its escape again.
    data = body[:-1].encode("utf-8", "backslashreplace")
    return data + _CRC_MARK + b"%08x" % zlib.crc32(data) + b'"}\n'


def _decode(line: bytes) -> Mapping[str, Any] | None:
    if len(line) <= _TAIL_LEN or line[-_TAIL_LEN : -_TAIL_LEN + len(_CRC_MARK)] != _CRC_MARK:
        return None
    data = line[:-_TAIL_LEN]
    if b"%08x" % zlib.crc32(data) != line[-10:-2]:
        return None
    try:
        record = json.loads(data.decode() + "}")
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and isinstance(record.get("n"), int) else None


def _salvage(line: bytes) -> Iterator[tuple[Mapping[str, Any], bytes]]:
    """The whole records in a line that is none, each with its bytes."""
    begins = [match.start() for match in _BEGINS.finditer(line)]
    effort, after = len(line) * _SALVAGE_EFFORT, 0
    for end in (match.end() for match in _ENDS.finditer(line)):
        for begin in begins[bisect_left(begins, after) : bisect_left(begins, end)]:
            effort -= end - begin
            if effort < 0:
                return
            if (record := _decode(line[begin:end])) is not None:
                yield record, line[begin:end]
                after = end
                break


class RecordReader:
    """Iterates over the intact records of lines, those after damaged ones too, and counts what was wrong."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self.damaged = 0
        self.doubled = 0
        self.torn = False
        self._lines = lines
        self._seen: dict[int, bytes] = {}  # the number of each record, and its check sum

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for line in self._lines:
            self.torn = not line.endswith(b"\n")
            body = line.rstrip(b"\n")
            if (record := _decode(body)) is not None:
                if self._is_new(record, body):
                    yield record
            elif body:
                yield from self._rescued(body)

    def _rescued(self, body: bytes) -> Iterator[Mapping[str, Any]]:
        left = len(body)
        for record, data in _salvage(body):
            left -= len(data)
            if self._is_new(record, data):
                yield record
        self.damaged += left > 0

    def _is_new(self, record: Mapping[str, Any], data: bytes) -> bool:
        number, crc = record["n"], data[-10:-2]
        if self._seen.get(number) == crc:
            self.doubled += 1
            return False
        self._seen[number] = crc
        return True


def read_journal(path: Path) -> JournalRead:
    """Every intact record of `path`.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        reader = RecordReader(file)
        records = tuple(reader)
    return JournalRead(records, reader.damaged, reader.torn, reader.doubled)


def read_head(path: Path, limit_bytes: int = 65_536) -> Iterator[Mapping[str, Any]]:
    """The intact records in the first `limit_bytes` of `path`, decoded as they are asked for.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        lines = file.read(limit_bytes).splitlines()
    yield from (record for line in lines if (record := _decode(line)) is not None)


def read_end(path: Path, limit_bytes: int = 65_536) -> Iterator[Mapping[str, Any]]:
    """The intact records in the last `limit_bytes` of `path`, the newest first, decoded as they are asked for.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - limit_bytes))
        lines = file.read(limit_bytes).splitlines()
    yield from (record for line in reversed(lines) if (record := _decode(line)) is not None)


def read_tail(path: Path, limit_bytes: int = 4096) -> Mapping[str, Any] | None:
    """The last record of `path` when it is whole and no longer than `limit_bytes`.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - limit_bytes))
        lines = file.read(limit_bytes).splitlines()
    return _decode(lines[-1]) if lines else None
