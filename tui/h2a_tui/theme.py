"""A `h2a_themes.Theme` as Textual and Rich want it.

Style sheets see every token as a variable: `diff_added` is `$h2a-diff-added`. What is painted line by line
(the transcript) takes ready Rich styles from `styles_of`, each with its ground, so that no renderer names a
colour.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from rich.style import Style
from textual.theme import Theme as TextualTheme

from h2a_agent.events import Kind
from h2a_themes import TOKENS, Theme

if TYPE_CHECKING:
    from pygments.token import _TokenType

__all__ = ["Styles", "styles_of", "textual_theme"]

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


@lru_cache(maxsize=8)
def textual_theme(theme: Theme) -> TextualTheme:
    """`theme` for `App.register_theme`. Its name has a prefix, so that none of Textual's own is replaced."""
    variables = {f"h2a-{token.replace('_', '-')}": getattr(theme, token) for token in TOKENS}
    return TextualTheme(
        name=f"h2a-{theme.name}",
        dark=theme.dark,
        primary=theme.accent,
        secondary=theme.follow_up,
        accent=theme.accent,
        success=theme.success,
        warning=theme.warning,
        error=theme.error,
        foreground=theme.text,
        background=theme.background,
        surface=theme.surface,
        panel=theme.panel,
        variables={
            **variables,
            "text-muted": theme.muted,
            "text-disabled": theme.dim,
            "text-accent": theme.accent,
            "text-success": theme.success,
            "text-warning": theme.warning,
            "text-error": theme.error,
            "border": theme.border,
            "border-blurred": theme.border,
            "screen-selection-background": theme.selection,
            "screen-selection-foreground": theme.text,
        },
    )


@lru_cache(maxsize=8)
def styles_of(theme: Theme) -> Styles:
    """The styles of `theme`, made once."""
    return Styles(theme)


class Styles:
    """Ready Rich styles; all but the modifiers (`strong`, `emphasis`, `strike`) have colour and ground."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        page = theme.background

        self.page = Style(color=theme.text, bgcolor=page)
        self.muted = Style(color=theme.muted, bgcolor=page)
        self.dim = Style(color=theme.dim, bgcolor=page)
        self.rail = Style(color=theme.border, bgcolor=page)
        self.success = Style(color=theme.success, bgcolor=page)
        self.warning = Style(color=theme.warning, bgcolor=page)
        self.error = Style(color=theme.error, bgcolor=page)
        self.accent = Style(color=theme.accent, bgcolor=page)
        self.selection = Style(bgcolor=theme.selection)
        self.found = Style(color=theme.text, bgcolor=theme.selection, underline=True)
        self.found_here = Style(color=theme.background, bgcolor=theme.warning, bold=True)
        self.new_below = Style(color=theme.background, bgcolor=theme.accent)

        self.strong = Style(bold=True)
        self.emphasis = Style(italic=True)
        self.strike = Style(strike=True)

        self.user = Style(color=theme.user_text, bgcolor=theme.user_background)
        self.user_muted = Style(color=theme.muted, bgcolor=theme.user_background)
        self.kinds: Mapping[Kind, Style] = {
            Kind.PROMPT: Style(color=theme.prompt, bgcolor=theme.user_background),
            Kind.STEER: Style(color=theme.steer, bgcolor=theme.user_background),
            Kind.NUDGE: Style(color=theme.nudge, bgcolor=theme.user_background),
            Kind.FOLLOW_UP: Style(color=theme.follow_up, bgcolor=theme.user_background),
            Kind.COMPACT: Style(color=theme.muted, bgcolor=theme.user_background),
        }
        self.cut = Style(color=theme.steer, bgcolor=page)
        self.thinking = Style(color=theme.thinking, bgcolor=page, italic=True)
        self.thinking_mark = Style(color=theme.thinking, bgcolor=page)
        self.tool_title = Style(color=theme.tool_title, bgcolor=page, bold=True)
        self.tool_output = Style(color=theme.tool_output, bgcolor=page)
        self.tool_running = Style(color=theme.status_tools, bgcolor=page)

        self.headings = (
            Style(color=theme.heading, bgcolor=page, bold=True, underline=True),
            Style(color=theme.heading, bgcolor=page, bold=True),
            Style(color=theme.heading, bgcolor=page),
        )
        self.quote = Style(color=theme.quote, bgcolor=page, italic=True)
        self.quote_bar = Style(color=theme.quote, bgcolor=page)
        self.bullet = Style(color=theme.bullet, bgcolor=page)
        self.rule = Style(color=theme.rule, bgcolor=page)
        self.link = Style(color=theme.link, underline=True)
        self.inline_code = Style(color=theme.inline_code, bgcolor=theme.inline_code_background)
        self.code = Style(color=theme.code, bgcolor=theme.code_background)

        self.diff_added = Style(color=theme.diff_added, bgcolor=theme.diff_added_background)
        self.diff_removed = Style(color=theme.diff_removed, bgcolor=theme.diff_removed_background)
        self.diff_context = Style(color=theme.diff_context, bgcolor=theme.diff_background)
        self.diff_hunk = Style(color=theme.diff_hunk, bgcolor=theme.diff_background)

        self._syntax: dict[tuple[str, ...], Style] = {}

    def syntax(self, token: _TokenType) -> Style:
        """The style of a Pygments token type, or of its nearest parent that has one."""
        style = self._syntax.get(token)
        if style is None:
            found = next(
                (_SYNTAX[token[:n]] for n in range(len(token), 0, -1) if token[:n] in _SYNTAX), "code"
            )
            style = Style(
                color=getattr(self.theme, found),
                bgcolor=self.theme.code_background,
                italic=found == "syntax_comment",
            )
            self._syntax[token] = style
        return style
