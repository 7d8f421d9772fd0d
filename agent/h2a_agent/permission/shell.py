"""A command line as the simple commands it is made of, or nothing.

Two readers must agree. The syntax tree (tree-sitter-bash) says how the line is built: lists, pipelines, subshells,
redirects. The words of each simple command are cut by `split` below, which knows only blanks, quotes and
backslashes and gives up at everything else. Because every word is complete in itself and only blanks and known
operators stand between them, bash must cut the line in the same places.

What is given up at (`Unreadable`): every expansion, assignments, here-documents, redirects but the few that throw
output away or join it, functions, loops, background jobs, comments, whatever the grammar has in future.
Nothing here knows a program; whether the commands are harmless is for others to say.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tree_sitter import Language, Node

__all__ = ["Command", "Unreadable", "Word", "loose_commands", "parse", "split"]

MAX_BYTES: Final = 4096
MAX_COMMANDS: Final = 50

_BLANK: Final = " \t"
_META: Final = frozenset(";|&<>()\n\r")
_GLOB: Final = frozenset("*?[")
_REDIRECTS: Final = frozenset(
    {"2>&1", "1>&2", ">&2", ">/dev/null", "1>/dev/null", "2>/dev/null", "&>/dev/null", "</dev/null"}
)
_LISTS: Final = frozenset({"program", "list", "pipeline", "subshell", "negated_command"})
_OPERATORS: Final = frozenset({";", "&&", "||", "|", "|&", "(", ")", "!", "\n"})
_COMMANDS: Final = frozenset({"command", "test_command"})
_ARGUMENTS: Final = frozenset({"command_name", "word", "number", "string", "raw_string", "concatenation"})
_LETTER: Final = re.compile(
    "[LMN]|So"
)  # letters of any script, and emoji; no foreign blanks, dashes or quotes
# What a dollar sign must be followed by to mean itself between double quotes.
_PLAIN_DOLLAR: Final = frozenset(" |)/\\,.:;%\"'&^]+=")


class Unreadable(ValueError):
    """The line is more than simple commands of literal words; the message names what it holds."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word as the program gets it. `glob`: it has unquoted `*`, `?` or `[`, so bash may put file names there."""

    text: str
    glob: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A simple command."""

    words: tuple[Word, ...]

    @property
    def name(self) -> str:
        """The program."""
        return self.words[0].text

    @property
    def texts(self) -> tuple[str, ...]:
        """The words without what is known of their quoting."""
        return tuple(word.text for word in self.words)


def parse(line: str) -> tuple[Command, ...]:
    """The simple commands of `line`, in order.

    Raises:
        Unreadable: there is anything else in it.
    """
    source = line.encode("utf-8", "surrogatepass")
    if len(source) > MAX_BYTES:
        raise Unreadable("more than 4 kB")
    _check_characters(line)
    root = _tree(source)
    if root.has_error:
        raise Unreadable("what cannot be parsed")
    commands = tuple(_commands(root, source))
    if not commands:
        raise Unreadable("no command")
    if len(commands) > MAX_COMMANDS:
        raise Unreadable(f"more than {MAX_COMMANDS} commands")
    return commands


def _check_characters(line: str) -> None:
    for char in line:
        if char.isascii():
            if not char.isprintable() and char not in "\n\t":
                raise Unreadable("a control character")
        elif not _LETTER.match(unicodedata.category(char)) or unicodedata.normalize("NFKC", char) != char:
            raise Unreadable(f"U+{ord(char):04X}, which can be taken for another character")


@cache
def _language() -> Language:
    import tree_sitter_bash
    from tree_sitter import Language

    return Language(tree_sitter_bash.language())


def _tree(source: bytes) -> Node:
    from tree_sitter import Parser

    return Parser(_language()).parse(source).root_node


def _commands(node: Node, source: bytes) -> Iterator[Command]:
    if node.type in _COMMANDS:
        yield _simple(node, source)
        return
    if node.type == "redirected_statement":
        yield from _redirected(node, source)
        return
    if node.type not in _LISTS:
        raise Unreadable(_what(node))
    end = node.start_byte
    for child in node.children:
        _only_blanks_between(source, end, child.start_byte)
        end = child.end_byte
        if child.is_named:
            yield from _commands(child, source)
        elif _text(child, source).strip(_BLANK) not in _OPERATORS:
            raise Unreadable(_what(child))
    _only_blanks_between(source, end, node.end_byte)


def _redirected(node: Node, source: bytes) -> Iterator[Command]:
    body, *redirects = node.children
    end = body.end_byte
    for redirect in redirects:
        text = "".join(_text(redirect, source).split(" "))
        if redirect.type != "file_redirect" or text not in _REDIRECTS or redirect.child_count > 3:
            raise Unreadable("a redirect")
        _only_blanks_between(source, end, redirect.start_byte)
        end = redirect.end_byte
    yield from _commands(body, source)


def _simple(node: Node, source: bytes) -> Command:
    if node.type == "command":
        for child in node.children:
            if child.type not in _ARGUMENTS:
                raise Unreadable(_what(child))
    words = split(_text(node, source))
    if not words or words[0].glob:
        raise Unreadable("no program")
    return Command(words)


def _only_blanks_between(source: bytes, start: int, end: int) -> None:
    if source[start:end].replace(b"\\\n", b"").strip(b" \t\n"):
        raise Unreadable("what cannot be parsed")


def _text(node: Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", "surrogatepass")


def _what(node: Node) -> str:
    return "a " + node.type.replace("_", " ") if node.is_named else repr(node.type)


# ------------------------------------------------------------------- words


def split(text: str) -> tuple[Word, ...]:
    """The words of a simple command.

    Raises:
        Unreadable: there is anything but literal words and blanks.
    """
    words: list[Word] = []
    at = 0
    while at < len(text):
        if text[at] in _BLANK:
            at += 1
        elif text.startswith("\\\n", at):
            at += 2
        else:
            word, at = _word(text, at)
            words.append(word)
    return tuple(words)


def _word(text: str, at: int) -> tuple[Word, int]:
    start, out, glob = at, [], False
    while at < len(text) and text[at] not in _BLANK:
        char = text[at]
        if char == "'":
            end = text.find("'", at + 1)
            if end < 0:
                raise Unreadable("an open quote")
            out.append(text[at + 1 : end])
            at = end + 1
        elif char == '"':
            piece, at = _double_quoted(text, at + 1)
            out.append(piece)
        elif char == "\\":
            if at + 1 == len(text):
                raise Unreadable("a backslash at the end")
            out.append("" if text[at + 1] == "\n" else text[at + 1])
            at += 2
        elif char in _META or char in "$`" or (char == "#" and at == start):
            raise Unreadable(f"{char!r} outside quotes")
        else:
            glob |= char in _GLOB
            out.append(char)
            at += 1
    raw, word = text[start:at], "".join(out)
    if _may_be_braces(raw) or raw.startswith(("~+", "~-")):
        raise Unreadable("an expansion")
    return Word(word, glob and word != "["), at


def _double_quoted(text: str, at: int) -> tuple[str, int]:
    out: list[str] = []
    while at < len(text):
        char = text[at]
        if char == '"':
            return "".join(out), at + 1
        if char == "\\" and text[at + 1 : at + 2] in ("$", "`", '"', "\\", "\n"):
            out.append(text[at + 1].replace("\n", ""))
            at += 2
        elif char == "`" or (char == "$" and text[at + 1 : at + 2] not in _PLAIN_DOLLAR):
            raise Unreadable("an expansion")
        else:
            out.append(char)
            at += 1
    raise Unreadable("an open quote")


def _may_be_braces(raw: str) -> bool:
    """Could bash make several words of it? Quoted braces cannot; a comma or `..` between real ones can."""
    bare = re.sub(r"'[^']*'|\"(?:\\.|[^\"])*\"|\\.", "", raw, flags=re.DOTALL)
    inside = bare[bare.find("{") + 1 : bare.rfind("}")] if "{" in bare else ""
    return "," in inside or ".." in inside


# ------------------------------------------------------- every command anywhere


def loose_commands(line: str) -> tuple[tuple[tuple[str | None, ...], ...], bool]:
    """The words of all simple commands anywhere in `line`, in substitutions and loops, too; and whether that is certain.

    For rules that forbid: a word that is not literal is None. It is not certain where the line cannot be parsed
    or is too long, or where a program's name is not literal.
    """
    source = line.encode("utf-8", "surrogatepass")
    if len(source) > MAX_BYTES:
        return (), False
    root = _tree(source)
    found: list[tuple[str | None, ...]] = []
    left = [root]
    while left:
        node = left.pop()
        left.extend(node.children)
        if node.type == "command":
            found.append(
                tuple(_loose_word(child, source) for child in node.named_children if child.type in _LOOSE)
            )
    certain = not root.has_error and all(words and words[0] is not None for words in found)
    return tuple(found), certain


_LOOSE: Final = _ARGUMENTS | {"simple_expansion", "expansion", "command_substitution", "ansi_c_string"}


def _loose_word(node: Node, source: bytes) -> str | None:
    try:
        words = split(_text(node, source))
    except Unreadable:
        return None
    return words[0].text if len(words) == 1 else None
