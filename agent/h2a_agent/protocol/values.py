"""Dataclasses as JSON values and back, by their type hints alone.

`encode` needs only the value, `decode` the type as well. Every dataclass becomes an object whose `type` is its
`tag`; that is how a union knows which of its members an object is. Fields nobody knows are passed over, because a
newer program may have more of them.
"""

from __future__ import annotations

import math
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Final, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

__all__ = ["Member", "Mismatch", "decode", "encode", "expected", "is_union", "members", "tag"]

_SHOWN: Final = 40  # characters of a wrong value in a message
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SCALARS: Final[Mapping[Any, str]] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


class Mismatch(ValueError):
    """A JSON value is not of the type it should be; the message says where, what is allowed and what was there."""


class Member(NamedTuple):
    """A field of a dataclass as JSON sees it."""

    name: str
    kind: Any
    required: bool


def tag(kind: Any) -> str:
    """What stands as `type` in an object of this class: `ToolCall` is `tool_call`, `TextBlock` is `text`."""
    return _tag(kind.__name__)


@cache
def _tag(name: str) -> str:
    return _HUMP.sub("_", name).lower().removesuffix("_block")


@cache
def members(kind: Any) -> tuple[Member, ...]:
    """The fields of dataclass `kind`."""
    hints = get_type_hints(kind)
    return tuple(
        Member(f.name, hints[f.name], f.default is MISSING and f.default_factory is MISSING)
        for f in fields(kind)
    )


def is_union(kind: Any) -> bool:
    """Is `kind` a choice between types?"""
    return get_origin(kind) in (Union, types.UnionType)


# ---------------------------------------------------------------------- out


def encode(value: Any) -> Any:
    """`value` in plain JSON types. A number that JSON does not have becomes null."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if is_dataclass(value):
        kind: Any = type(value)
        encoded = {member.name: encode(getattr(value, member.name)) for member in members(kind)}
        return {"type": tag(kind), **encoded}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no form in JSON")


# ----------------------------------------------------------------------- in


def decode(kind: Any, value: Any, where: str = "the line") -> Any:
    """The value of type `kind` that `value` stands for; `where` is what it is called in a message.

    Raises:
        Mismatch: it stands for none.
    """
    if kind is Any:
        return value
    if kind in _SCALARS:
        return _scalar(kind, value, where)
    if is_union(kind):
        return _one_of(kind, value, where)
    origin = get_origin(kind)
    if origin is Literal:
        if value in get_args(kind) and not isinstance(value, bool):
            return value
    elif origin is tuple:
        if isinstance(value, list):
            item = get_args(kind)[0]
            return tuple(decode(item, one, f"{where}[{i}]") for i, one in enumerate(value))
    elif origin is not None and issubclass(origin, Mapping):
        if isinstance(value, dict):
            item = get_args(kind)[1]
            return {key: decode(item, one, f"{where}.{key}") for key, one in value.items()}
    elif issubclass(kind, Enum):
        if isinstance(value, str) and value in {one.value for one in kind}:
            return kind(value)
    elif isinstance(value, dict):
        return _object(kind, value, where)
    raise _mismatch(kind, value, where)


def _scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise _mismatch(kind, value, where)


def _one_of(kind: Any, value: Any, where: str) -> Any:
    choices = get_args(kind)
    if isinstance(value, dict):
        tagged = {tag(one): one for one in choices if is_dataclass(one)}
        chosen = value.get("type")
        if isinstance(chosen, str) and chosen in tagged:
            return decode(tagged[chosen], value, where)
        if tagged:
            raise _mismatch(Literal[tuple(tagged)], chosen, f"{where}.type")
    for one in choices:
        try:
            return decode(one, value, where)
        except Mismatch:
            continue
    raise _mismatch(kind, value, where)


def _object(kind: type, value: Mapping[str, Any], where: str) -> Any:
    return kind(**dict(_arguments(kind, value, where)))


def _arguments(kind: type, value: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    for member in members(kind):
        if member.name in value:
            inside = member.name if where == "the line" else f"{where}.{member.name}"
            yield member.name, decode(member.kind, value[member.name], inside)
        elif member.required:
            raise Mismatch(f"{where} lacks {member.name!r}, {expected(member.kind)}")


def expected(kind: Any) -> str:
    """What a value of type `kind` is, in words."""
    if kind in _SCALARS:
        return _SCALARS[kind]
    origin, parts = get_origin(kind), get_args(kind)
    if is_union(kind):
        return " or ".join(expected(one) for one in parts)
    if origin is Literal:
        return "one of " + ", ".join(map(repr, parts))
    if origin is tuple:
        return f"a list, each {expected(parts[0])}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "one of " + ", ".join(repr(one.value) for one in kind)
    return "an object" + (f" of type {tag(kind)!r}" if is_dataclass(kind) else "")


def _mismatch(kind: Any, value: Any, where: str) -> Mismatch:
    shown = "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else _short(value)
    return Mismatch(f"{where} must be {expected(kind)}, not {shown}")


def _short(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value[: _SHOWN + 1]) if isinstance(value, str) else str(value)[: _SHOWN + 1]
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
