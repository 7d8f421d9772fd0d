"""What the arguments of several tools have in common: how they are read, and how a mistake in them is told.

Models send arguments from memory. What can only mean one thing is taken as meant: another tool's name of the
same argument (`file_path`), `oldText` for `old_text`, null for an argument that has a default, one value where
a list of one is meant. Everything else is an error that says which argument, what was given, and what would do.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

__all__ = ["Listed", "PathText", "Text", "ToolParams", "manual"]

T = TypeVar("T")

_EXPLAINED: Final = "argument"  # the type of an error that is in our words already
_SHOWN_CHARACTERS: Final = 60
_CLASS: Final = re.compile(r" or instance of \w+")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_EVERYWHERE: Final = {"file_path": "path", "filepath": "path", "filename": "path"}


class ToolParams(BaseModel):
    """Arguments from a model: an unknown name is an error, so that a misspelt option is not silently ignored.

    `also` maps other names that models use to the field they mean; `example` is a call that fits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    also: ClassVar[Mapping[str, str]] = {}
    example: ClassVar[Mapping[str, Any]] = {}

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, data: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        try:
            return handler(dict(cls._as_meant(data)) if isinstance(data, Mapping) else data)
        except ValidationError as error:
            problems = error.errors(include_url=False)
            words = [p["msg"] if p["type"] == _EXPLAINED else cls._in_words(p) for p in problems]
            if cls.example:
                words[-1] += f" For example: {json.dumps(cls.example)}"
            told = [_told(problem, text) for problem, text in zip(problems, words, strict=True)]
            raise ValidationError.from_exception_data(cls.__name__, told) from None

    @classmethod
    def names(cls, name: str) -> bool:
        """Is `name` an argument, or taken for one?"""
        return cls._field(name) in cls.model_fields

    @classmethod
    def _as_meant(cls, data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        meant = Counter(map(cls._field, data))
        for name, value in data.items():
            known = cls._field(name)
            if meant[known] > 1:
                known = name  # several are there: which one is meant, nobody can tell
            field = cls.model_fields.get(known)
            if value is not None or field is None or field.is_required():
                yield known, value

    @classmethod
    def _field(cls, name: str) -> str:
        if name in cls.model_fields:
            return name
        plain = _HUMP.sub("_", name).lower()
        meant = cls.also.get(name) or cls.also.get(plain) or _EVERYWHERE.get(plain) or plain
        return meant if meant in cls.model_fields else name

    @classmethod
    def _in_words(cls, problem: ErrorDetails) -> str:
        field = cls.model_fields.get(str(problem["loc"][0])) if problem["loc"] else None
        manual = f" It is: {field.description}" if field is not None and field.description else ""
        match problem["type"]:
            case "missing":
                return f"is missing.{manual}"
            case "extra_forbidden":
                names = list(cls.model_fields)
                near = get_close_matches(str(problem["loc"][-1]), names, n=1)
                hint = f" Did you mean {near[0]}?" if near else ""
                return f"there is no such argument.{hint} There are: {', '.join(names)}."
            case _:
                reason = _CLASS.sub("", problem["msg"].removeprefix("Value error, ").removeprefix("Input "))
                return f"{reason}, not {_shown(problem['input'])}.{manual}"


def _told(problem: ErrorDetails, words: str) -> InitErrorDetails:
    error = PydanticCustomError(_EXPLAINED, "{words}", {"words": words})
    return InitErrorDetails(type=error, loc=problem["loc"], input=problem["input"])


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it holds a lone surrogate, which no file can hold") from None
    return text


def _path(text: str) -> str:
    _encodable(text)
    if not text.strip():
        raise ValueError("a path may not be empty")
    if "\0" in text:
        raise ValueError("a path may not hold a NUL character")
    try:
        os.fspath(Path(text).expanduser())
    except RuntimeError as error:  # ~somebody who is not here
        raise ValueError(str(error)) from None
    return text


def _listed(value: Any) -> Any:
    """A list from one value alone, or from a list written as a JSON string."""
    if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
        try:
            value = json.loads(value)
        except ValueError:
            pass  # then it is a text that begins so, such as the glob `[ab].py`
    return [value] if isinstance(value, str | Mapping) else value


Text = Annotated[str, AfterValidator(_encodable)]
PathText = Annotated[str, AfterValidator(_path)]
Listed = Annotated[list[T], BeforeValidator(_listed)]


@cache
def manual(name: str) -> str:
    """What the model reads about the tool `name`: the Markdown file beside its code."""
    return (files("h2a_agent.tools") / f"{name}.md").read_text("utf-8").strip()
