"""A `h2a_themes.Theme` as Textual wants it: style sheets see every token as a variable, `diff_added` as `$h2a-diff-added`."""

from __future__ import annotations

from functools import lru_cache

from textual.theme import Theme as TextualTheme

from h2a_themes import Theme

__all__ = ["textual_theme"]


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
