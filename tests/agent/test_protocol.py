"""The protocol for programs: types to JSON and back, the schema, and lines that are wrong."""

from __future__ import annotations

import json
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from h2a_agent.content import ImageBlock, TextBlock
from h2a_agent.events import AnyEvent, Outcome, TokenStream, ToolCall, ToolResult
from h2a_agent.protocol.commands import AnyCommand, Prompt, Steer
from h2a_agent.protocol.lines import command_of, line_of, output_of
from h2a_agent.protocol.replies import AnyReply, InputError
from h2a_agent.protocol.schema import protocol_schema, schema_text
from h2a_agent.protocol.values import Mismatch, decode, encode, is_union, members, tag
from support.program import validate_input, validate_output

OUTPUTS = (*get_args(AnyEvent), *get_args(AnyReply))
COMMANDS = get_args(AnyCommand)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type the protocol may use."""
    simple: dict[Any, st.SearchStrategy[Any]] = {
        str: st.text(),
        int: st.integers(),
        float: st.floats(allow_nan=False, allow_infinity=False),
        bool: st.booleans(),
        type(None): st.none(),
        Any: JSON,
    }
    if kind in simple:
        return simple[kind]
    origin, parts = get_origin(kind), get_args(kind)
    if is_union(kind):
        return st.one_of(*map(values, parts))
    if origin is Literal:
        return st.sampled_from(parts)
    if origin is tuple:
        return st.lists(values(parts[0]), max_size=3).map(tuple)
    if origin is not None:
        return st.dictionaries(st.text(), values(parts[1]), max_size=3)
    if issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    return _built(kind)


@cache
def _built(kind: Any) -> st.SearchStrategy[Any]:
    """Deferred, because an event may hold events."""
    return st.deferred(lambda: st.builds(kind, **{m.name: values(m.kind) for m in members(kind)}))


# -------------------------------------------------------------------- the schema


def test_the_checked_in_schema_is_that_of_the_types() -> None:
    """When this fails: h2a-chat schema > agent/h2a_agent/data/protocol.schema.json"""
    assert files("h2a_agent").joinpath("data/protocol.schema.json").read_text("utf-8") == schema_text()


def test_the_schema_is_one_and_describes_every_class() -> None:
    schema = protocol_schema()
    Draft202012Validator.check_schema(schema)
    for name, definition in schema["$defs"].items():
        assert definition["description"], name
    assert len(schema["$defs"]["input"]["oneOf"]) == len(COMMANDS)
    assert len(schema["$defs"]["output"]["oneOf"]) == len(OUTPUTS)


def test_no_two_lines_of_one_direction_share_a_type() -> None:
    for kinds in (OUTPUTS, COMMANDS):
        assert len({tag(kind) for kind in kinds}) == len(kinds)


# ------------------------------------------------------------------- round trips


@pytest.mark.parametrize("kind", OUTPUTS, ids=tag)
@settings(max_examples=25)
@given(data=st.data())
def test_what_is_said_is_an_ascii_line_of_the_schema_and_comes_back_the_same(
    kind: type, data: st.DataObject
) -> None:
    message = data.draw(values(kind))
    line = line_of(message)
    assert line.isascii()
    assert line.count("\n") == 1
    validate_output(json.loads(line))
    assert output_of(line) == message


@pytest.mark.parametrize("kind", COMMANDS, ids=tag)
@settings(max_examples=25)
@given(data=st.data())
def test_a_command_is_understood_as_it_was_meant(kind: type, data: st.DataObject) -> None:
    command = data.draw(values(kind))
    record = encode(command)
    validate_input(record)
    assert decode(kind, json.loads(json.dumps(record))) == command


def test_a_number_that_json_lacks_becomes_null() -> None:
    call = ToolCall(1, 0, "c", "bash", "complete", arguments={"n": float("inf"), "deep": [float("nan")]})
    assert json.loads(line_of(call))["arguments"] == {"n": None, "deep": [None]}


def test_a_field_a_newer_program_has_is_passed_over() -> None:
    record = {**encode(TokenStream(1, 0, "hi")), "mood": "good"}
    validate_output(record)
    assert output_of(json.dumps(record)) == TokenStream(1, 0, "hi")


def test_a_value_of_the_wrong_type_is_named_with_its_place() -> None:
    with pytest.raises(Mismatch, match=r"outcome must be one of 'ok', .*, not 'fine'"):
        decode(ToolResult, {**encode(ToolResult("c", Outcome.OK, "", "")), "outcome": "fine"})
    item = {"type": "queue_item", "id": "i", "kind": "steer", "state": "queued", "text": "", "images": True}
    changed = json.dumps({"type": "queue_changed", "items": [item]})
    with pytest.raises(Mismatch, match=r"items\[0\]\.images must be a whole number, not true"):
        output_of(changed)


# ------------------------------------------------------------- lines to the agent


def line(**record: Any) -> bytes:
    return json.dumps(record).encode()


def test_a_message_is_its_text_and_then_its_blocks() -> None:
    picture = {"type": "image", "media_type": "image/png", "data": "aGk="}
    command = command_of(line(type="steer", text="look", content=[picture], id="x"), 1)
    assert isinstance(command, Steer)
    assert command.blocks == (TextBlock("look"), ImageBlock("image/png", "aGk="))
    assert command.id == "x"


def test_a_lone_surrogate_does_not_get_in() -> None:
    command = command_of(rb'{"type": "prompt", "text": "a\ud800b"}', 1)
    assert isinstance(command, Prompt)
    assert command.text == "a�b"


def test_a_byte_order_mark_is_taken_from_the_first_line_only() -> None:
    marked = "﻿".encode() + line(type="abort")
    assert not isinstance(command_of(marked, 1), InputError)
    assert isinstance(command_of(marked, 2), InputError)


@pytest.mark.parametrize(
    ("data", "message", "allowed"),
    [
        (b"hello", "not JSON", "one JSON object a line"),
        (b'{"type": "steer"', "not JSON: Expecting ',' delimiter at character 17", "one JSON object a line"),
        (b'{"type": "steer", "text": NaN}', "NaN is no number", "one JSON object a line"),
        (b"\xff\xfe", "not UTF-8 at byte 0", "one JSON object a line"),
        (b"[" * 100_000, "nested too deeply", "one JSON object a line"),
        (b"[1]", "must be an object", "one JSON object a line"),
        (b'"steer"', "must be an object", "one JSON object a line"),
        (b"{}", "no type", "prompt, steer, nudge"),
        (b'{"type": 7}', "no command '7'", "prompt, steer, nudge"),
        (b'{"type": "stear"}', "no command 'stear'", "prompt, steer, nudge"),
        (b'{"type": "steer", "txt": "a"}', "steer has no 'txt'", "text (optional, a string)"),
        (b'{"type": "steer", "text": 5}', "text must be a string, not 5", "text (optional, a string)"),
        (b'{"type": "reorder", "item_id": "a"}', "lacks 'offset'", "offset (a whole number)"),
        (b'{"type": "reorder", "item_id": "a", "offset": 1.5}', "whole number, not 1.5", "offset"),
        (b'{"type": "promote", "item_id": "a", "kind": "x"}', "'prompt', 'steer', 'nudge'", "kind"),
        (b'{"type": "steer", "content": [{"type": "audio"}]}', "content[0].type", "'image'"),
        (
            b'{"type": "steer", "content": [{"type": "image", "media_type": "image/bmp", "data": ""}]}',
            "media_type must be one of",
            "steer takes",
        ),
        (
            b'{"type": "steer", "content": [{"type": "image", "media_type": "image/png", "data": "?"}]}',
            "must be base64",
            "steer takes",
        ),
        (b'{"type": "steer", "text": "a", "item_id": "\\u0007"}', "item_id must be printable", "item_id"),
        (b'{"type": "set_mode", "mode": "wild"}', "one of 'plan', 'ask'", "mode"),
        (b'{"type": "branch"}', "lacks 'entry'", "branch takes entry (a string)"),
        (
            b'{"type": "shell", "command": ["ls"]}',
            "command must be a string, not a list",
            "command (a string)",
        ),
        (
            b'{"type": "shell", "command": "ls", "private": 1}',
            "private must be true or false, not 1",
            "private",
        ),
        (b'{"type": "compact", "preview": "yes"}', "preview must be true or false, not 'yes'", "preview"),
        (b'{"type": "compact", "item_id": "\\u0007"}', "item_id must be printable", "item_id"),
        (b'{"type": "find_sessions", "limit": "all"}', "limit must be a whole number", "limit"),
        (b'{"type": "switch_session", "id": 1}', "lacks 'session'", "session (a string)"),
        (b"9" * 5000, "4300 digits", "one JSON object a line"),
    ],
)
def test_a_wrong_line_is_told_what_is_wrong_and_what_would_do(
    data: bytes, message: str, allowed: str
) -> None:
    wrong = command_of(data, 3)
    assert isinstance(wrong, InputError)
    assert wrong.line == 3
    assert message in wrong.message
    assert allowed in wrong.allowed
    validate_output(encode(wrong))


def test_a_wrong_line_carries_the_callers_mark_back() -> None:
    wrong = command_of(line(type="steer", txt="a", id=17), 1)
    assert isinstance(wrong, InputError)
    assert wrong.id == 17


def test_the_schema_refuses_what_the_program_refuses() -> None:
    for record in ({"type": "steer", "txt": "a"}, {"type": "reorder", "item_id": "a"}):
        with pytest.raises(ValidationError):
            validate_input(record)


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_line_whatever_it_holds_raises(data: bytes) -> None:
    command_of(data, 1)


@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from([tag(kind) for kind in COMMANDS])},
        optional={m.name: JSON for kind in COMMANDS for m in members(kind)},
    )
)
def test_whatever_stands_in_a_command_it_is_understood_or_refused(record: dict[str, Any]) -> None:
    command = command_of(json.dumps(record).encode(), 1)
    if isinstance(command, InputError):
        assert command.allowed
    else:
        validate_input(record)
