"""The protocol as a JSON schema (draft 2020-12), made from the classes and checked in beside them.

    h2a-chat schema > agent/h2a_agent/data/protocol.schema.json

Its root is any line of either direction; `$defs/input` is a line to the agent, `$defs/output` one from it. What a
class says about itself is the description.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from enum import Enum
from typing import Any, Final, Literal, get_args, get_origin

from h2a_agent.events import AnyEvent
from h2a_agent.protocol.commands import AnyCommand
from h2a_agent.protocol.replies import PROTOCOL, AnyReply
from h2a_agent.protocol.values import is_union, members, tag

__all__ = ["protocol_schema", "schema_text"]

_SCALARS: Final[Mapping[Any, str]] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


def schema_text() -> str:
    """The schema as it is checked in."""
    return json.dumps(protocol_schema(), indent=2, ensure_ascii=False) + "\n"


def protocol_schema() -> dict[str, Any]:
    """The schema of both directions."""
    definitions = _Definitions()
    commands = [definitions.reference(kind) for kind in get_args(AnyCommand)]
    outputs = [definitions.reference(kind) for kind in (*get_args(AnyEvent), *get_args(AnyReply))]
    for kind in get_args(AnyCommand):  # a misspelt field of a command is refused, not passed over
        definitions.all[kind.__name__]["additionalProperties"] = False
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"h2a-chat, protocol {PROTOCOL}",
        "oneOf": [{"$ref": "#/$defs/input"}, {"$ref": "#/$defs/output"}],
        "$defs": {
            "input": {"description": "A line to the agent.", "oneOf": commands},
            "output": {"description": "A line from the agent.", "oneOf": outputs},
            **dict(sorted(definitions.all.items())),
        },
    }


class _Definitions:
    """The definitions met so far, by class name."""

    def __init__(self) -> None:
        self.all: dict[str, dict[str, Any]] = {}

    def reference(self, kind: type) -> dict[str, Any]:
        """A reference to the definition of dataclass or enumeration `kind`."""
        if kind.__name__ not in self.all:
            self.all[kind.__name__] = {}  # before its fields: one of them may be of its own kind
            made = self._enumeration(kind) if issubclass(kind, Enum) else self._object(kind)
            self.all[kind.__name__].update(made)
        return {"$ref": f"#/$defs/{kind.__name__}"}

    def of(self, kind: Any) -> dict[str, Any]:
        """The schema of a value of type `kind`."""
        if kind is Any:
            return {}
        if kind in _SCALARS:
            return {"type": _SCALARS[kind]}
        if is_union(kind):
            return {"anyOf": [self.of(one) for one in get_args(kind)]}
        origin = get_origin(kind)
        if origin is Literal:
            return {"enum": list(get_args(kind))}
        if origin is tuple:
            return {"type": "array", "items": self.of(get_args(kind)[0])}
        if origin is not None and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(get_args(kind)[1])}
        if is_dataclass(kind) or issubclass(kind, Enum):
            return self.reference(kind)
        raise TypeError(f"no JSON schema for {kind!r}")

    def _object(self, kind: type) -> dict[str, Any]:
        properties = {member.name: self.of(member.kind) for member in members(kind)}
        return {
            "description": _description(kind),
            "type": "object",
            "properties": {"type": {"const": tag(kind)}, **properties},
            "required": ["type", *_required(kind)],
        }

    def _enumeration(self, kind: type[Enum]) -> dict[str, Any]:
        return {"description": _description(kind), "enum": [one.value for one in kind]}


def _required(kind: type) -> Iterable[str]:
    return (member.name for member in members(kind) if member.required)


def _description(kind: type) -> str:
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split())
