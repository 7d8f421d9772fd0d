"""What the arguments of several tools have in common."""

from __future__ import annotations

import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

__all__ = ["PathText", "Text", "ToolParams", "manual"]


class ToolParams(BaseModel):
    """Arguments from a model: an unknown name is an error, so that a misspelt option is not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


Text = Annotated[str, AfterValidator(_encodable)]
PathText = Annotated[str, AfterValidator(_path)]


@cache
def manual(name: str) -> str:
    """What the model reads about the tool `name`: the Markdown file beside its code."""
    return (files("h2a_agent.tools") / f"{name}.md").read_text("utf-8").strip()
