"""A `h2a_themes.Theme` as Rich and Pygments want it.

What is painted line by line (the transcript, the inline mode) takes ready Rich styles from `styles_of`, each with its
ground, so that no renderer names a colour. Style sheets have theirs from `textual_theme.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from rich.style import Style

from h2a_agent.events import Kind
from h2a_themes import TOKENS, Theme, as_256, load

if TYPE_CHECKING:
    from pygments.token import _TokenType

__all__ = ["Styles", "for_terminal", "styles_of"]

# A Pygments token type is a tuple of names; the longest prefix found here decides.
_SYNTAX: Final[Mapping[tuple[str, ...], str]] = {
    ("Comment",): "syntax_comment",
    ("Comment", "Preproc"): "syntax_decorator",
    ("Keyword",): "syntax_keyword",
    ("Keyword", "Type"): "syntax_builtin",
    ("Keyword", "Constant"): "syntax_number",
    ("Name", "Function"): "syntax_function",
    ("Name", "Class"): "syntax_class",
    ("Name", "Exception"): "syntax_class",
    ("Name", "Decorator"): "syntax_decorator",
    ("Name", "Attribute"): "syntax_decorator",
    ("Name", "Builtin"): "syntax_builtin",
    ("Name", "Constant"): "syntax_number",
    ("Name", "Tag"): "syntax_tag",
    ("Literal", "String"): "syntax_string",
    ("Literal", "String", "Doc"): "syntax_comment",
    ("Literal", "String", "Escape"): "syntax_number",
    ("Literal", "Number"): "syntax_number",
    ("Operator",): "syntax_operator",
    ("Operator", "Word"): "syntax_keyword",
    ("Punctuation",): "syntax_operator",
    ("Generic", "Heading"): "heading",
    ("Generic", "Inserted"): "diff_added",
    ("Generic", "Deleted"): "diff_removed",
    ("Generic", "Prompt"): "syntax_keyword",
    ("Generic", "Output"): "tool_output",
    ("Generic", "Traceback"): "tool_output",
}


def for_terminal(theme: Theme, color_system: str | None, *, no_color: bool) -> Theme:
    """`theme` as a terminal with this Rich colour system can show it, so that all of it can still be read.

    Sixteen colours are too few to come near a theme, so there its dark or light stand-in is shown. Without
    colour every token is the terminal's own.
    """
    if no_color or color_system is None:
        return Theme.of(theme.name, dark=theme.dark, given=dict.fromkeys(TOKENS, ""))
    if color_system in ("standard", "windows"):
        own = not any(colour.startswith("#") for colour in theme.colours.values())
        return theme if own else load("sixteen" if theme.dark else "sixteen-light")
    return as_256(theme) if color_system == "256" else theme


@lru_cache(maxsize=8)
def styles_of(theme: Theme) -> Styles:
    """The styles of `theme`, made once."""
    return Styles(theme)


class Styles:
    """Ready Rich styles; all but the modifiers (`strong`, `emphasis`, `strike`) have colour and ground."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        of = self.rich

        self.page = of("text")
        self.muted = of("muted")
        self.dim = of("dim")
        self.rail = of("border")
        self.success = of("success")
        self.warning = of("warning")
        self.error = of("error")
        self.accent = of("accent")
        # Where no colour tells what is selected, black and white change places.
        self.selection = of("text", on="selection") if theme.selection else Style(reverse=True)
        # Reversed, because whatever reads on the page is read on by the page's own colour.
        self.found = self.selection + Style(underline=True)
        self.found_here = self.warning + Style(reverse=True, bold=True)
        self.new_below = self.accent + Style(reverse=True)

        self.strong = Style(bold=True)
        self.emphasis = Style(italic=True)
        self.strike = Style(strike=True)

        self.user = of("user_text")
        self.user_muted = of("muted", on="user_background")
        self.kinds: Mapping[Kind, Style] = {
            Kind.PROMPT: of("prompt"),
            Kind.STEER: of("steer"),
            Kind.NUDGE: of("nudge"),
            Kind.FOLLOW_UP: of("follow_up"),
            Kind.COMPACT: of("muted", on="user_background"),
        }
        self.cut = of("steer", on="background")
        self.thinking = of("thinking") + self.emphasis
        self.thinking_mark = of("thinking")
        self.tool_title = of("tool_title") + self.strong
        self.tool_output = of("tool_output")
        self.tool_running = of("status_tools")

        heading = of("heading")
        self.headings = (heading + Style(bold=True, underline=True), heading + self.strong, heading)
        self.quote = of("quote") + self.emphasis
        self.quote_bar = of("quote")
        self.bullet = of("bullet")
        self.rule = of("rule")
        self.link = Style(color=_for_rich(theme.link), underline=True)
        self.inline_code = of("inline_code")
        self.code = of("code")

        self.diff_added = of("diff_added")
        self.diff_removed = of("diff_removed")
        self.diff_context = of("diff_context")
        self.diff_hunk = of("diff_hunk")

        self._syntax: dict[tuple[str, ...], Style] = {}

    def syntax(self, token: _TokenType) -> Style:
        """The style of a Pygments token type, or of its nearest parent that has one."""
        style = self._syntax.get(token)
        if style is None:
            found = next(
                (_SYNTAX[token[:n]] for n in range(len(token), 0, -1) if token[:n] in _SYNTAX), "code"
            )
            style = self.rich(found) + Style(italic=found == "syntax_comment")
            self._syntax[token] = style
        return style

    def rich(self, token: str, *, on: str = "") -> Style:
        """`token` on the ground of that name, or on its usual one, for Rich and Textual's strips."""
        colour, ground = self._pair(token, on)
        return Style(color=_for_rich(colour), bgcolor=_for_rich(ground))

    def _pair(self, token: str, on: str) -> tuple[str, str]:
        return getattr(self.theme, token), getattr(self.theme, on or TOKENS[token].on[0])


def _for_rich(colour: str) -> str:
    return colour or "default"
