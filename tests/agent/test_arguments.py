"""A model's arguments: put right where that is harmless, explained where they do not fit."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from h2a_agent.arguments import ArgumentsDoNotFit, fitted
from h2a_agent.tools.params import ToolParams


class Edit(BaseModel):
    old: str
    new: str


class Params(ToolParams):
    """Arguments of every kind."""

    path: str
    limit: int = Field(default=10, ge=1, le=100)
    exact: bool = False
    ratio: float | None = None
    mode: Literal["first", "all"] = "first"
    names: list[str] = Field(default_factory=list)
    edit: Edit | None = None


def fit(**given: Any) -> dict[str, Any]:
    return fitted(Params, {"path": "a", **given}).model_dump(exclude_unset=True, exclude={"path"})


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"limit": "5"}, {"limit": 5}),
        ({"limit": 5.0}, {"limit": 5}),
        ({"exact": "true"}, {"exact": True}),
        ({"ratio": "0.5"}, {"ratio": 0.5}),
        ({"path": 404}, {}),
        ({"names": '["a", "b"]'}, {"names": ["a", "b"]}),
        ({"edit": '{"old": "a", "new": "b"}'}, {"edit": {"old": "a", "new": "b"}}),
        ({"limit": None}, {}),
        ({"mode": None, "names": None}, {}),
    ],
)
def test_what_cannot_be_misunderstood_is_put_right(given: dict[str, Any], meant: dict[str, Any]) -> None:
    assert fit(**given) == meant


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"limit": "many"}, ["- limit:", "valid integer", "'many'"]),
        ({"limit": 1000}, ["- limit:", "less than or equal to 100", "1000"]),
        ({"limit": 5.5}, ["- limit:", "5.5"]),
        ({"mode": "last"}, ["- mode:", "'first' or 'all'", "'last'"]),
        ({"nmaes": []}, ["- nmaes:", "no such argument", "Did you mean 'names'?", "path, limit, exact"]),
        ({"names": "not json"}, ["- names:", "list", "'not json'"]),
        ({"names": '{"a": 1}'}, ["- names:", "list"]),
        ({"edit": {"old": "a"}}, ["- edit.new:", "required"]),
        ({"path": None}, ["- path:", "string", "None"]),
        ({"path": ["a"]}, ["- path:", "string", "['a']"]),
    ],
)
def test_what_does_not_fit_is_named_with_what_was_given_and_what_is_allowed(
    given: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ArgumentsDoNotFit) as refused:
        fit(**given)
    for word in words:
        assert word in str(refused.value)


def test_each_problem_has_its_line_and_one_put_right_does_not_hide_another() -> None:
    with pytest.raises(ArgumentsDoNotFit) as refused:
        fitted(Params, {"limit": None, "exact": "maybe"})
    lines = str(refused.value).splitlines()[1:]
    assert [line.split(":")[0] for line in lines] == ["- path", "- exact"]
    assert "required" in lines[0]


def test_a_huge_or_hostile_value_is_shown_short_and_safe() -> None:
    with pytest.raises(ArgumentsDoNotFit) as refused:
        fit(limit="\x1b[31m" + "9x" * 100_000)
    assert len(str(refused.value)) < 400
    assert "\x1b" not in str(refused.value)


def test_the_given_arguments_are_left_as_they_were() -> None:
    given = {"path": 4, "limit": None}
    fitted(Params, given)
    assert given == {"path": 4, "limit": None}
