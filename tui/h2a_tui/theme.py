"""A `h2a_themes.Theme` as Textual, Rich, Pygments and prompt_toolkit want it.

Style sheets see every token as a variable: `diff_added` is `$h2a-diff-added`. What is painted line by line
(the transcript) takes ready Rich styles from `styles_of`, each with its ground, so that no renderer names a
colour. An inline screen takes the same styles as texts for prompt_toolkit.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from rich.style import Style
from textual.theme import Theme as TextualTheme

from h2a_agent.events import Kind
from h2a_themes import TOKENS, Theme, as_256, load

if TYPE_CHECKING:
    from pygments.token import _TokenType

__all__ = ["Styles", "for_terminal", "styles_of", "textual_theme"]

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
def textual_theme(theme: Theme) -> TextualTheme:
    """`theme` for `App.register_theme`.

    Its name is made of what is in it, so that another version of the same theme is a change, and none of
    Textual's own is replaced.
    """
    colours = {token: _for_textual(colour) for token, colour in theme.colours.items()}
    return TextualTheme(
        name=f"h2a-{hash(theme) & 0xFFFFFFFFFFFF:x}",
        dark=theme.dark,
        ansi=any(colour.startswith("ansi_") for colour in colours.values()),
        primary=colours["accent"],
        secondary=colours["follow_up"],
        accent=colours["accent"],
        success=colours["success"],
        warning=colours["warning"],
        error=colours["error"],
        foreground=colours["text"],
        background=colours["background"],
        surface=colours["surface"],
        panel=colours["panel"],
        variables={
            **{f"h2a-{token.replace('_', '-')}": colour for token, colour in colours.items()},
            # By themselves these would be rounded on a way through other colour spaces.
            "background": colours["background"],
            "foreground": colours["text"],
            "surface": colours["surface"],
            "panel": colours["panel"],
            "ansi-background": colours["background"],
            "ansi-foreground": colours["text"],
            "text-muted": colours["muted"],
            "text-disabled": colours["dim"],
            "text-accent": colours["accent"],
            "text-success": colours["success"],
            "text-warning": colours["warning"],
            "text-error": colours["error"],
            "border": colours["border"],
            "border-blurred": colours["border"],
            "block-cursor-foreground": colours["text"],
            "block-cursor-background": colours["panel"],
            "block-cursor-blurred-foreground": colours["text"],
            "block-cursor-blurred-background": colours["panel"],
            "input-selection-background": colours["selection"],
            "input-selection-foreground": colours["text"],
            "screen-selection-background": colours["selection"],
            "screen-selection-foreground": colours["text"],
            "scrollbar": colours["border"],
            "scrollbar-hover": colours["border"],
            "scrollbar-active": colours["accent"],
            "scrollbar-background": colours["surface"],
            "scrollbar-background-hover": colours["surface"],
            "scrollbar-background-active": colours["surface"],
            "scrollbar-corner-color": colours["surface"],
        },
    )


def _for_textual(colour: str) -> str:
    return colour if colour.startswith("#") else f"ansi_{colour or 'default'}"


_PROMPT_TOOLKIT_NAMES: Final[Mapping[str, str]] = {
    "": "default",
    "white": "ansigray",
    "bright_black": "ansibrightblack",
    "bright_white": "ansiwhite",
}


def _for_prompt_toolkit(colour: str) -> str:
    named = _PROMPT_TOOLKIT_NAMES.get(colour)
    return named or (colour if colour.startswith("#") else f"ansi{colour.replace('_', '')}")


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

    def prompt_toolkit(self, token: str, *, on: str = "") -> str:
        """`token` on the ground of that name, or on its usual one, as a style of prompt_toolkit."""
        colour, ground = map(_for_prompt_toolkit, self._pair(token, on))
        return f"fg:{colour} bg:{ground}"

    def _pair(self, token: str, on: str) -> tuple[str, str]:
        return getattr(self.theme, token), getattr(self.theme, on or TOKENS[token].on[0])


def _for_rich(colour: str) -> str:
    return colour or "default"
