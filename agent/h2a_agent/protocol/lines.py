"""Messages as lines, and lines as messages.

A line is ASCII: what else JSON allows in a string would be split by readers that take U+2028 for the end of a line,
and refused by those that expect another encoding.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from typing import Any, Final, NoReturn, TypeAlias, cast, get_args

from h2a_agent.content import ImageBlock
from h2a_agent.events import AnyEvent
from h2a_agent.protocol.commands import AnyCommand, Compact, Message, Words
from h2a_agent.protocol.replies import AnyReply, InputError
from h2a_agent.protocol.values import Mismatch, decode, encode, expected, members, tag
from h2a_agent.safe_text import encodable, one_line

__all__ = ["AnyOutput", "command_of", "line_of", "output_of"]

AnyOutput: TypeAlias = AnyEvent | AnyReply

_COMMANDS: Final = {tag(kind): kind for kind in get_args(AnyCommand)}
_ONE_COMMAND: Final = 'one JSON object a line, such as {"type": "steer", "text": "only the tests"}'
_MEDIA_TYPES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")
_ID_LIMIT: Final = 200  # characters of an item's id, which is kept for good


def line_of(message: AnyOutput) -> str:
    """`message` as a line, its end included."""
    return json.dumps(encode(message), separators=(",", ":"), allow_nan=False) + "\n"


def output_of(line: str) -> AnyOutput:
    """The event or reply that `line` is.

    Raises:
        ValueError: it is neither.
    """
    return cast("AnyOutput", decode(AnyOutput, _parsed(line)))


def command_of(data: bytes, number: int) -> AnyCommand | InputError:
    """The command that line `number` is, or what is wrong with it. A long line takes a while: use a thread."""
    caller: Any = None
    try:
        record = encodable(_parsed(data.decode("utf-8-sig" if number == 1 else "utf-8")))
        if not isinstance(record, dict):
            raise Mismatch("the line must be an object")
        if isinstance(record.get("id"), str | int):
            caller = record["id"]
        kind = _kind_of(record)
        if unknown := [key for key in record if key not in ("type", *(m.name for m in members(kind)))]:
            return InputError(
                number, f"{tag(kind)} has no {one_line(unknown[0], 40)!r}", _fields_of(kind), caller
            )
        try:
            return _checked(decode(kind, record))
        except Mismatch as wrong:
            return InputError(number, one_line(str(wrong), 400), _fields_of(kind), caller)
    except UnicodeDecodeError as wrong:
        return InputError(number, f"the line is not UTF-8 at byte {wrong.start}", _ONE_COMMAND)
    except _UnknownCommand as wrong:
        return InputError(number, str(wrong), f"type is one of: {', '.join(_COMMANDS)}", caller)
    except RecursionError:
        return InputError(number, "the line is nested too deeply", _ONE_COMMAND)
    except ValueError as wrong:
        return InputError(number, one_line(str(wrong), 200), _ONE_COMMAND)


class _UnknownCommand(ValueError):
    """There is no such command."""


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as wrong:
        raise ValueError(f"the line is not JSON: {wrong.msg} at character {wrong.pos + 1}") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"the line is not JSON: {name} is no number there")


def _kind_of(record: dict[str, Any]) -> type:
    name = record.get("type")
    if name is None:
        raise _UnknownCommand("the line has no type")
    if not isinstance(name, str) or name not in _COMMANDS:
        raise _UnknownCommand(f"there is no command {one_line(str(name), 40)!r}")
    return cast("type", _COMMANDS[name])


def _fields_of(kind: type) -> str:
    fields = (
        f"{m.name} ({'' if m.required else 'optional, '}{expected(m.kind)})"
        for m in members(kind)
        if m.name != "id"
    )
    return f"{tag(kind)} takes {'; '.join((*fields, 'id (optional, your own mark)'))}"


def _checked(command: AnyCommand) -> AnyCommand:
    """`command`, when its ids and pictures are what they should be.

    Raises:
        Mismatch: they are not.
    """
    item_id = command.item_id if isinstance(command, Message | Compact) else ""
    if len(item_id) > _ID_LIMIT or not item_id.isprintable():
        raise Mismatch(f"item_id must be printable and at most {_ID_LIMIT} characters long")
    if isinstance(command, Words):
        _check_images(block for block in command.content if isinstance(block, ImageBlock))
    return command


def _check_images(images: Iterable[ImageBlock]) -> None:
    for image in images:
        if image.media_type not in _MEDIA_TYPES:
            raise Mismatch(f"an image's media_type must be one of {', '.join(_MEDIA_TYPES)}")
        try:
            base64.b64decode(image.data, validate=True)
        except (binascii.Error, ValueError):
            raise Mismatch("an image's data must be base64") from None
