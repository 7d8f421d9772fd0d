"""What a theme has a colour for. One field per token; what is known about it is part of the field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Final

from h2a_themes.colours import ALLOWED, NAMES, PATTERN, Colour

__all__ = ["MARK", "TEXT", "TOKENS", "Theme", "Token", "schema", "token_table"]

TEXT: Final = 4.5
"""The contrast of what is read with its ground: WCAG 2.2, level AA."""

MARK: Final = 3.0
"""The contrast of lines and marks with theirs."""


@dataclass(frozen=True, slots=True)
class Token:
    """What is known about a token.

    `doc` says what it colours, `like` whose colour it has where a theme leaves it out ("": it must not), `on`
    the grounds it stands on, its usual one first, with at least `contrast` to each. A ground itself stands on none.
    """

    doc: str
    like: str = ""
    on: tuple[str, ...] = ("background",)
    contrast: float = TEXT


def _token(doc: str, like: str = "", *, on: str = "background", contrast: float = TEXT) -> Any:
    return field(metadata={"token": Token(doc, like, tuple(on.split()), contrast)})


def _ground(doc: str, like: str = "") -> Any:
    return _token(doc, like, on="")


def _mark(doc: str, like: str = "", *, on: str = "background") -> Any:
    return _token(doc, like, on=on, contrast=MARK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """A whole theme. Every token is a `Colour`.

    `dark` says whether light text stands on a dark ground.
    """

    name: str
    dark: bool

    # The page.
    text: str = _token("Words on the page", on="background surface panel selection")
    muted: str = _token(
        "What matters less: hints, briefs, ages", on="background surface panel user_background"
    )
    dim: str = _token("What may be overlooked: line counts, folded marks", on="background surface panel")
    background: str = _ground("The page")
    surface: str = _ground("A ground one step above the page: overlays")
    panel: str = _ground("A ground two steps above the page: chosen rows")
    border: str = _mark("Frames, and the position mark at the edge")
    accent: str = _token(
        "The one colour that draws the eye: the focused frame, the prompt mark", on="background surface"
    )
    success: str = _token("It worked", on="background surface")
    warning: str = _token("Look here", on="background surface")
    error: str = _token("It failed; nothing else is drawn in it", on="background surface")
    selection: str = _ground("The ground of selected text")

    # Messages and tools.
    user_text: str = _token("What the person wrote", "text", on="user_background")
    user_background: str = _ground("The ground of what the person wrote", "surface")
    thinking: str = _token("The model's reasoning", "muted")
    tool_title: str = _token("The name of a tool", "text")
    tool_output: str = _token("What a tool printed", "muted", on="background code_background")

    # Markdown.
    heading: str = _token("Headings", "accent")
    link: str = _token("Links", "accent", on="background user_background")
    quote: str = _token("Quoted text and its bar", "muted")
    bullet: str = _token("List bullets and numbers", "accent")
    rule: str = _mark("Horizontal rules and the lines of a table", "border")
    inline_code: str = _token("Code within a sentence", "text", on="inline_code_background")
    inline_code_background: str = _ground("The ground of code within a sentence", "surface")
    code: str = _token("Code in a block, where no syntax colour applies", "text", on="code_background")
    code_background: str = _ground("The ground of a code block", "surface")

    # Diffs.
    diff_added: str = _token("Added lines", "success", on="diff_added_background background")
    diff_added_background: str = _ground("The ground of added lines", "diff_background")
    diff_removed: str = _token("Removed lines", "error", on="diff_removed_background background")
    diff_removed_background: str = _ground("The ground of removed lines", "diff_background")
    diff_context: str = _token("Unchanged lines and file names of a diff", "muted", on="diff_background")
    diff_hunk: str = _token("The lines that say where a change is", "accent", on="diff_background background")
    diff_background: str = _ground("The ground of a diff", "code_background")

    # Kinds of messages, in the queue and in the transcript.
    prompt: str = _token("A message sent while nothing ran", "accent", on="user_background background panel")
    steer: str = _token(
        "A message that interrupts, and the mark where it cut in",
        "warning",
        on="user_background background panel",
    )
    nudge: str = _token("A message for the next step", "accent", on="user_background background panel")
    follow_up: str = _token(
        "A message for when the run would end", "success", on="user_background background panel"
    )

    # The words of the status line.
    status_ready: str = _token("Nothing runs", "success")
    status_thinking: str = _token("The model thinks", "accent")
    status_streaming: str = _token("The model writes", "accent")
    status_tools: str = _token("Tools run", "follow_up")
    status_approval: str = _token("A person is asked", "warning")
    status_retrying: str = _token("Waiting to try again", "warning")
    status_compacting: str = _token("The conversation is being summarised", "status_thinking")
    status_paused: str = _token("Nothing is delivered until resumed", "warning")

    # Code.
    syntax_comment: str = _token("Comments", "dim", on="code_background")
    syntax_keyword: str = _token("Keywords", "accent", on="code_background")
    syntax_function: str = _token("Names of functions", "code", on="code_background")
    syntax_class: str = _token("Names of classes and exceptions", "syntax_function", on="code_background")
    syntax_string: str = _token("Strings", "success", on="code_background")
    syntax_number: str = _token("Numbers and constants", "warning", on="code_background")
    syntax_operator: str = _token("Operators and punctuation", "code", on="code_background")
    syntax_builtin: str = _token("What the language brings along", "syntax_keyword", on="code_background")
    syntax_decorator: str = _token("Decorators and attributes", "syntax_number", on="code_background")
    syntax_tag: str = _token("Tags and keys of markup and data", "syntax_keyword", on="code_background")

    @classmethod
    def of(cls, name: str, *, dark: bool, given: Mapping[str, Colour]) -> Theme:
        """A theme of the `given` colours; a token that is left out has the one it is like."""

        def colour(token: str) -> Colour:
            return given[token] if token in given else colour(TOKENS[token].like)

        return cls(name=name, dark=dark, **{token: colour(token) for token in TOKENS})

    @property
    def colours(self) -> dict[str, Colour]:
        """Every token's colour, by its name."""
        return {token: getattr(self, token) for token in TOKENS}

    def recoloured(self, changes: Mapping[str, Colour]) -> Theme:
        """The same with `changes`."""
        return Theme.of(self.name, dark=self.dark, given={**self.colours, **changes})


TOKENS: Final[Mapping[str, Token]] = MappingProxyType(
    {field.name: field.metadata["token"] for field in fields(Theme) if field.metadata}
)
"""The tokens in order."""


def schema() -> dict[str, Any]:
    """The JSON Schema of a theme file; `schema.json` holds it."""
    named = {"type": "string", "pattern": "^[a-z][a-z0-9_-]*$", "description": "a name from [vars]"}
    colour = {
        "description": f"{ALLOWED}; or a name from [vars]",
        "anyOf": [
            {"type": "string", "pattern": PATTERN, "examples": ["#1f2430", "", NAMES[1]]},
            {"type": "integer", "minimum": 0, "maximum": 255},
            named,
        ],
    }
    reference = {"$ref": "#/$defs/colour"}
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
                "description": "Colours by a name of your own, to use them more than once; one may name another",
                "propertyNames": {"pattern": named["pattern"]},
                "additionalProperties": reference,
            },
            "colors": {
                "type": "object",
                "additionalProperties": False,
                "required": [name for name, token in TOKENS.items() if not token.like],
                "properties": {
                    name: {**reference, "description": _described(token)} for name, token in TOKENS.items()
                },
            },
        },
        "$defs": {"colour": colour},
    }


def _described(token: Token) -> str:
    return f"{token.doc} (left out: like {token.like})" if token.like else token.doc


def token_table() -> Iterator[str]:
    """The tokens as lines of a Markdown table; the README holds it."""
    yield "| token | colours | left out, it is like | stands on | contrast |"
    yield "|---|---|---|---|---|"
    for name, token in TOKENS.items():
        on = ", ".join(f"`{ground}`" for ground in token.on)
        like = f"`{token.like}`" if token.like else "(needed)"
        yield f"| `{name}` | {token.doc} | {like} | {on} | {f'{token.contrast}:1' if token.on else ''} |"
