"""Code, line by line: syntax colours that cost O(1) per new line while a block is still being written.

Pygments lexes whole texts. `LineLexer` drives the rules of a `RegexLexer` itself and keeps the stack of states
between lines, so a line is looked at once. Lexers that bring their own driver are run on each line by itself.
What was lexed lately is kept. Everything is bounded: a line too long, too deep or too slow for its rules is shown plain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from rich.segment import Segment

from h2a_tui.theme import Styles
from h2a_tui.transcript.lines import Line, Run, wrap

if TYPE_CHECKING:
    from pygments.lexer import Lexer
    from pygments.token import _TokenType

    _Token: TypeAlias = tuple[_TokenType, str]

__all__ = ["FIRST_STATE", "LexerState", "LineLexer", "code_rows", "expand_tabs", "language_of"]

LexerState: TypeAlias = tuple[str, ...]

FIRST_STATE: Final[LexerState] = ("root",)

_LONG: Final = 1000  # characters; a longer line is data, not code
_DEEP: Final = 64  # states
_STEPS: Final = 4  # matches per character of a line; rules may match nothing to change state
_COMMENT: Final = "/* in a block comment"  # a state of ours, on top of the lexer's own
# Their rules want a block comment in one piece, which a line is not.
_C_FAMILY: Final = frozenset(
    {"c", "cpp", "csharp", "css", "go", "java", "javascript", "jsx", "kotlin", "less", "objective-c"}
    | {"php", "sass", "scala", "scss", "swift", "tsx", "typescript"}
)


def expand_tabs(text: str) -> str:
    """`text` with tabs as spaces, to stops of four."""
    return text.expandtabs(4) if "\t" in text else text


class _Grammar(NamedTuple):
    """How a language is lexed: by `rules`, which can go on from any state, or line by line by `lexer` itself."""

    lexer: Lexer
    rules: dict[str, list[Any]] | None
    block_comments: bool


@lru_cache(maxsize=64)
def _grammar(language: str) -> _Grammar | None:
    from pygments.lexer import RegexLexer
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
    rules = None
    if type(lexer).get_tokens_unprocessed is RegexLexer.get_tokens_unprocessed:
        # Pygments has no public way to go on lexing from a state; `_tokens` has been its table of
        # compiled rules since 2007.
        rules = lexer._tokens  # type: ignore[attr-defined]  # noqa: SLF001
    return _Grammar(lexer, rules, any(alias in _C_FAMILY for alias in lexer.aliases))


@lru_cache(maxsize=256)
def language_of(name: str) -> str:
    """The language of the file `name`, as fences call it; "" where it is not known."""
    from pygments.lexers import find_lexer_class_for_filename

    found = find_lexer_class_for_filename(name.rpartition("/")[2])
    return found.aliases[0] if found is not None and found.aliases else ""


class LineLexer:
    """Colours the lines of one block of code, from top to bottom. An unknown language stays plain."""

    def __init__(self, language: str, state: LexerState = FIRST_STATE) -> None:
        self.state = state
        self._language = language.lower()

    def line(self, text: str, styles: Styles) -> list[Run]:
        """The runs of the next line, which moves the state on."""
        if self._is_plain(text):
            return _plain(text, styles)
        tokens, self.state = _tokens(self._language, text, self.state)
        return _runs(tokens, styles)

    def peek(self, text: str, styles: Styles) -> list[Run]:
        """The runs of a line that is still growing; the state stays."""
        if self._is_plain(text):
            return _plain(text, styles)
        tokens, _ = _tokens.__wrapped__(self._language, text, self.state)  # nobody asks for this line again
        return _runs(tokens, styles)

    def _is_plain(self, text: str) -> bool:
        return len(text) > _LONG or not self._language or _grammar(self._language) is None


def _plain(text: str, styles: Styles) -> list[Run]:
    return [(text, styles.code)] if text else []


def _runs(tokens: Iterable[_Token], styles: Styles) -> list[Run]:
    return [(value, styles.syntax(token)) for token, value in tokens]


@lru_cache(maxsize=1024)
def _tokens(language: str, text: str, state: LexerState) -> tuple[list[_Token], LexerState]:
    """The tokens of one line, and the state after it; kept, so that another width or theme costs no lexing."""
    from pygments.token import Comment

    grammar = _grammar(language)
    assert grammar is not None
    tokens: list[_Token] = []
    if state[-1] == _COMMENT:
        end = text.find("*/")
        comment = text if end < 0 else text[: end + 2]
        tokens.append((Comment.Multiline, comment))
        if end < 0:
            return tokens, state
        text, state = text[end + 2 :], state[:-1]
    rest = ""
    if grammar.block_comments and (start := _open_comment(text)) >= 0:
        text, rest = text[:start], text[start:]
    if grammar.rules is None:
        tokens += grammar.lexer.get_tokens(text)
    else:
        found, state = _drive(grammar.lexer, grammar.rules, text, state)
        tokens += found
    if rest:
        tokens.append((Comment.Multiline, rest))
        state = (*state, _COMMENT)
    return [(token, value.replace("\n", "")) for token, value in tokens if value.strip("\n")], state


def _open_comment(text: str) -> int:
    """Where a block comment begins that does not end in this line; -1: nowhere."""
    start = text.rfind("/*")
    if start < 0 or "*/" in text[start:] or "//" in text[:start]:
        return -1
    before = text[:start]
    in_string = any(before.count(quote) % 2 for quote in "\"'`")
    return -1 if in_string else start


def _drive(
    lexer: Lexer, rules: dict[str, list[Any]], text: str, state: LexerState
) -> tuple[list[_Token], LexerState]:
    """One line through the rules of a `RegexLexer`, as its own loop would take it, from `state`."""
    from pygments.token import Error, Text, _TokenType

    line = text + "\n"
    stack = list(state)
    found: list[_Token] = []
    position = 0
    for _ in range(len(line) * _STEPS + _DEEP):
        if position >= len(line):
            break
        for match_at, action, new_state in rules.get(stack[-1], ()):
            match = match_at(line, position)
            if match is None:
                continue
            if action is not None:
                if type(action) is _TokenType:
                    found.append((action, match.group()))
                else:
                    found += [(token, value) for _, token, value in action(lexer, match)]
            position = match.end()
            if new_state is not None:
                _move(stack, new_state)
            break
        else:
            if line[position] == "\n":
                # What the rules do not know ends with the line.
                stack = list(FIRST_STATE)
            found.append((Text if line[position].isspace() else Error, line[position]))
            position += 1
    else:
        return [(Text, text)], state
    return found, tuple(stack[:_DEEP])


def _move(stack: list[str], new_state: Any) -> None:
    for step in new_state if isinstance(new_state, tuple) else (new_state,):
        if isinstance(step, int):
            del stack[max(1, len(stack) + step) :]
        elif step == "#pop":
            if len(stack) > 1:
                stack.pop()
        else:
            stack.append(stack[-1] if step == "#push" else step)


def code_rows(runs: Sequence[Run], width: int, styles: Styles) -> list[Line]:
    """One line of code as rows on the code's ground, with a cell of air at both sides."""
    rows = wrap(runs, width - 2)
    for row in rows:
        row.segments.insert(0, Segment(" ", styles.code))
        row.lead = 1
        row.fill = styles.code
    return rows
