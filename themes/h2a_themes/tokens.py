"""What a theme has a colour for. One field per token; its documentation is part of the field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Final

__all__ = ["TOKENS", "Theme", "schema"]


def _token(doc: str) -> Any:
    return field(metadata={"doc": doc})


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """A whole theme. Every colour is `#rrggbb` in lower case.

    `dark` says whether light text stands on a dark ground; the terminal's own idea of its background plays no
    part. Colours named `..._background` are grounds, the others stand on the ground of their group.
    """

    name: str
    dark: bool

    # The page.
    text: str = _token("Words on the page")
    muted: str = _token("What matters less: hints, briefs, ages")
    dim: str = _token("What may be overlooked: line counts, folded marks")
    background: str = _token("The page")
    surface: str = _token("A ground one step above the page: bars, the editor")
    panel: str = _token("A ground two steps above the page: dialogs, chosen rows")
    border: str = _token("Frames")
    accent: str = _token("The one colour that draws the eye: the focused frame, the prompt mark")
    success: str = _token("It worked")
    warning: str = _token("Look here")
    error: str = _token("It failed; nothing else is drawn in it")
    selection: str = _token("The ground of selected text")

    # Messages and tools.
    user_text: str = _token("What the person wrote")
    user_background: str = _token("The ground of what the person wrote")
    thinking: str = _token("The model's reasoning")
    tool_title: str = _token("The name of a tool")
    tool_output: str = _token("What a tool printed")

    # Markdown.
    heading: str = _token("Headings")
    link: str = _token("Links")
    quote: str = _token("Quoted text and its bar")
    bullet: str = _token("List bullets and numbers")
    rule: str = _token("Horizontal rules and the lines of a table")
    inline_code: str = _token("Code within a sentence")
    inline_code_background: str = _token("The ground of code within a sentence")
    code: str = _token("Code in a block, where no syntax colour applies")
    code_background: str = _token("The ground of a code block")

    # Diffs.
    diff_added: str = _token("Added lines")
    diff_added_background: str = _token("The ground of added lines")
    diff_removed: str = _token("Removed lines")
    diff_removed_background: str = _token("The ground of removed lines")
    diff_context: str = _token("Unchanged lines and file names of a diff")
    diff_hunk: str = _token("The lines that say where a change is")
    diff_background: str = _token("The ground of a diff")

    # Kinds of messages, in the queue and in the transcript.
    prompt: str = _token("A message sent while nothing ran")
    steer: str = _token("A message that interrupts, and the mark where it cut in")
    nudge: str = _token("A message for the next step")
    follow_up: str = _token("A message for when the run would end")

    # The words of the status line.
    status_ready: str = _token("Nothing runs")
    status_thinking: str = _token("The model thinks")
    status_streaming: str = _token("The model writes")
    status_tools: str = _token("Tools run")
    status_approval: str = _token("A person is asked")
    status_retrying: str = _token("Waiting to try again")
    status_compacting: str = _token("The conversation is being summarised")
    status_paused: str = _token("Nothing is delivered until resumed")

    # Code.
    syntax_comment: str = _token("Comments")
    syntax_keyword: str = _token("Keywords")
    syntax_function: str = _token("Names of functions")
    syntax_class: str = _token("Names of classes and exceptions")
    syntax_string: str = _token("Strings")
    syntax_number: str = _token("Numbers and constants")
    syntax_operator: str = _token("Operators and punctuation")
    syntax_builtin: str = _token("What the language brings along")
    syntax_decorator: str = _token("Decorators and attributes")
    syntax_tag: str = _token("Tags and keys of markup and data")


TOKENS: Final[Mapping[str, str]] = MappingProxyType(
    {field.name: field.metadata["doc"] for field in fields(Theme) if "doc" in field.metadata}
)
"""The tokens in order, each with what it colours."""


def schema() -> dict[str, Any]:
    """The JSON Schema of a theme file; `schema.json` holds it."""
    colour = {
        "type": "string",
        "pattern": "^(#[0-9a-fA-F]{6}|[A-Za-z][A-Za-z0-9_-]*)$",
        "description": "#rrggbb, or a name from [vars]",
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "h2a-chat theme",
        "type": "object",
        "additionalProperties": False,
        "required": ["dark", "colors"],
        "properties": {
            "name": {"type": "string", "description": "How the theme is called; the file's name if left out"},
            "dark": {"type": "boolean", "description": "Light text on a dark ground"},
            "vars": {
                "type": "object",
                "description": "Colours by a name of your own, to use them below more than once",
                "additionalProperties": {"type": "string", "pattern": "^#[0-9a-fA-F]{6}$"},
            },
            "colors": {
                "type": "object",
                "additionalProperties": False,
                "required": list(TOKENS),
                "properties": {name: {**colour, "description": doc} for name, doc in TOKENS.items()},
            },
        },
    }
