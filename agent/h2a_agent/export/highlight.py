"""Code and Markdown as HTML. Colours are classes, so one page can be light and dark."""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token
    from markdown_it.utils import OptionsDict

__all__ = ["code_block", "diff_block", "markdown_html", "syntax_css"]

_LONG: Final = 100_000  # characters; longer code is shown without colours
_LIGHT, _DARK = "friendly", "github-dark"
_BACKGROUND: Final = re.compile(r"background(?:-color)?: *[^;}]+;? *")


def syntax_css() -> str:
    """The colours of code, for light pages and for dark ones."""
    return f"{_colours(_LIGHT)}@media (prefers-color-scheme: dark) {{\n{_colours(_DARK)}}}\n"


def _colours(style: str) -> str:
    from pygments.formatters.html import HtmlFormatter

    formatter = HtmlFormatter(style=style)
    rules = formatter.get_style_defs("code.hl").splitlines()  # type: ignore[no-untyped-call]
    # The page has its own ground; a lexer's "error" is mostly a dialect it does not know.
    kept = [
        _BACKGROUND.sub("", rule) for rule in rules if rule.startswith("code.hl .") and ".err" not in rule
    ]
    return "".join(f"{rule}\n" for rule in kept)


def code_block(code: str, language: str) -> str:
    """`code` with the colours of `language`; plain when that is unknown."""
    return f'<pre><code class="hl">{_highlighted(code.rstrip(), language)}</code></pre>'


def _highlighted(code: str, language: str) -> str:
    from pygments import highlight
    from pygments.formatters.html import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    if not language or len(code) > _LONG:
        return escape(code)
    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return escape(code)
    return highlight(code, lexer, HtmlFormatter(nowrap=True)).rstrip("\n")


def diff_block(diff: str) -> str:
    """A unified diff, line by line on its own ground."""
    lines = (
        f'<span class="{_diff_class(line)}">{escape(line) or " "}</span>'
        for line in diff.rstrip().split("\n")
    )
    return f'<pre class="diff"><code>{"".join(lines)}</code></pre>'


def _diff_class(line: str) -> str:
    if line.startswith(("+++", "---")):
        return "file"
    return {"+": "add", "-": "del", "@": "hunk"}.get(line[:1], "same")


def markdown_html(text: str) -> str:
    """A model's Markdown. Raw HTML in it is shown as text, pictures from elsewhere become links."""
    html: str = _markdown().render(text)
    return html


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.add_render_rule("image", _image)
    parser.add_render_rule("fence", _fence)
    parser.add_render_rule("link_open", _link)
    return parser


def _image(
    _renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    _options: OptionsDict,
    _env: MutableMapping[str, object],
) -> str:
    token = tokens[index]
    source = escape(str(token.attrGet("src") or ""))
    return f'<a href="{source}" rel="noopener noreferrer">{escape(token.content) or source}</a>'


def _fence(
    _renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    _options: OptionsDict,
    _env: MutableMapping[str, object],
) -> str:
    token = tokens[index]
    language = token.info.split()[0] if token.info.split() else ""
    return diff_block(token.content) if language == "diff" else code_block(token.content, language)


def _link(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: MutableMapping[str, object],
) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer")
    return renderer.renderToken(tokens, index, options, env)
