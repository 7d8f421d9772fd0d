"""A model's arguments for a tool, made to fit its schema where that is harmless, explained where they do not.

Models send a number as a string, a list as the text of its JSON, a null for what they leave out. None of that
can be misunderstood, so it is put right. Anything else is answered with what is wrong, what was given and
what is allowed, so that the next call is right.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError

from h2a_agent.safe_text import one_line

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["ArgumentsDoNotFit", "fitted"]

_SHOWN: Final = 80  # characters of a value that was given


class ArgumentsDoNotFit(ValueError):
    """The arguments do not fit; the message tells the model what to change, a line each."""


def fitted(params: type[BaseModel], arguments: Mapping[str, Any]) -> BaseModel:
    """`arguments` as an instance of `params`.

    Raises:
        ArgumentsDoNotFit: they do not fit, and no harmless change makes them.
    """
    given = dict(arguments)
    try:
        return params.model_validate(given)
    except ValidationError as error:
        problems = error.errors(include_url=False)
    for problem in problems:
        _mend(given, problem, params)
    try:
        return params.model_validate(given)
    except ValidationError as error:
        lines = [_explained(problem, params) for problem in error.errors(include_url=False)]
    raise ArgumentsDoNotFit(
        "The arguments do not fit the tool's schema. Send the call again, changed:\n" + "\n".join(lines)
    )


def _mend(given: dict[str, Any], problem: ErrorDetails, params: type[BaseModel]) -> None:
    """Put one argument right if what was meant is beyond doubt."""
    if len(problem["loc"]) != 1 or (name := problem["loc"][0]) not in given:
        return
    value, kind = given[str(name)], problem["type"]
    field = params.model_fields.get(str(name))
    if value is None and field is not None and not field.is_required():
        del given[str(name)]
    elif kind == "string_type" and isinstance(value, int | float) and not isinstance(value, bool):
        given[str(name)] = str(value)
    elif kind in ("list_type", "dict_type", "tuple_type", "model_type") and isinstance(value, str):
        try:
            given[str(name)] = json.loads(value)
        except (ValueError, RecursionError):
            pass  # the explanation names it


def _explained(problem: ErrorDetails, params: type[BaseModel]) -> str:
    """One problem: the argument, what is wrong with it, what was given."""
    name = ".".join(map(str, problem["loc"])) or "arguments"
    known = list(params.model_fields)
    match problem["type"]:
        case "missing":
            return f"- {name}: is required and was not given."
        case "extra_forbidden":
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            return f"- {name}: there is no such argument.{hint} The arguments are: {', '.join(known)}."
        case _:
            return f"- {name}: {problem['msg']}; you gave {one_line(repr(problem['input']), _SHOWN)}."
