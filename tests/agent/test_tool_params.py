"""Arguments as models write them: what is taken as meant, and what an error says so that the next call fits."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from h2a_agent.tools import default_tools

TOOLS = {tool.name: tool for tool in default_tools()}


def accepted(name: str, **arguments: Any) -> dict[str, Any]:
    """The arguments that were given, as the tool takes them."""
    return dict(TOOLS[name].params.model_validate(arguments).model_dump(exclude_unset=True))


def refused(name: str, **arguments: Any) -> dict[str, str]:
    """What each wrong argument is told."""
    with pytest.raises(ValidationError) as caught:
        TOOLS[name].params.model_validate(arguments)
    return {".".join(map(str, e["loc"])): e["msg"] for e in caught.value.errors()}


@pytest.mark.parametrize(
    ("name", "arguments", "meant"),
    [
        ("read", {"file_path": "a"}, {"path": "a"}),
        ("read", {"filePath": "a"}, {"path": "a"}),
        ("read", {"path": "a", "offset": "3", "limit": 2.0}, {"path": "a", "offset": 3, "limit": 2}),
        ("read", {"path": "a", "offset": None, "raw": "true"}, {"path": "a", "raw": True}),
        ("write", {"path": "a", "file_text": "x"}, {"path": "a", "content": "x"}),
        ("grep", {"pattern": "x", "-C": 2, "glob": "*.py"}, {"pattern": "x", "context": 2, "glob": ["*.py"]}),
        ("grep", {"pattern": "x", "ignoreCase": True}, {"pattern": "x", "ignore_case": True}),
        ("grep", {"pattern": "x", "glob": "[ab].py"}, {"pattern": "x", "glob": ["[ab].py"]}),
        ("grep", {"pattern": "x", "output_mode": "content"}, {"pattern": "x", "mode": "lines"}),
        ("ls", {"directory": "src"}, {"path": "src"}),
        (
            "edit",
            {"file_path": "a", "old_string": "x", "new_string": "y"},
            {"path": "a", "edits": [{"old_text": "x", "new_text": "y"}]},
        ),
        (
            "edit",
            {"path": "a", "edits": {"oldText": "x", "newText": ""}},
            {"path": "a", "edits": [{"old_text": "x", "new_text": ""}]},
        ),
    ],
)
def test_what_can_only_mean_one_thing_is_taken_as_meant(
    name: str, arguments: dict[str, Any], meant: dict[str, Any]
) -> None:
    assert accepted(name, **arguments) == meant


def test_two_names_of_one_argument_are_nobodys_guess() -> None:
    assert list(refused("read", path="a", file_path="b")) == ["file_path"]
    assert list(refused("read", file_path="a", filename="b")) == ["path", "file_path", "filename"]


@pytest.mark.parametrize(
    ("name", "arguments", "where", "words"),
    [
        ("read", {}, "path", "is missing. It is: The file, relative to"),
        ("read", {"path": None}, "path", "should be a valid string, not null."),
        (
            "read",
            {"path": "a", "ofset": 3},
            "ofset",
            "Did you mean offset? There are: path, offset, limit, raw.",
        ),
        ("read", {"path": "a", "offset": "ten"}, "offset", 'not "ten". It is: The first line to read'),
        ("read", {"path": "a", "offset": 0}, "offset", "should be greater than or equal to 1, not 0."),
        ("read", {"path": ["a"]}, "path", 'should be a valid string, not ["a"].'),
        ("write", {"path": "a", "content": "x\ud83d"}, "content", "a lone surrogate, which no file can hold"),
        (
            "grep",
            {"pattern": "x", "mode": "all"},
            "mode",
            "should be 'lines', 'files' or 'count', not \"all\".",
        ),
        (
            "edit",
            {"path": "a", "edits": [{"old_text": "x"}]},
            "edits.0.new_text",
            "is missing. It is: What to put",
        ),
        ("edit", {"path": "a", "edits": [3]}, "edits.0", "should be a valid dictionary, not 3."),
        ("edit", {"path": "a", "edits": []}, "edits", "at least 1 item"),
    ],
)
def test_an_error_says_which_argument_what_was_given_and_what_would_do(
    name: str, arguments: dict[str, Any], where: str, words: str
) -> None:
    told = refused(name, **arguments)
    assert words in told[where]
    assert "For example: {" in list(told.values())[-1]


def test_an_example_is_told_once_and_fits() -> None:
    for name, tool in TOOLS.items():
        if example := getattr(tool.params, "example", {}):
            accepted(name, **example)
    told = refused("edit", edits=[{"old_text": 1}, {"new_text": "x", "why": "y"}], path=3)
    assert " ".join(told.values()).count("For example") == 1
    assert len(told) == 5


def test_a_huge_argument_is_not_sent_back() -> None:
    told = refused("read", path="a", offset="9" * 10_000)
    assert len(told["offset"]) < 400
