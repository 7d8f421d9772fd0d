"""Do programs in small languages (awk, sed, jq, yq) only compute and print?

Each is read just far enough to be sure; a script that is not certain is refused. None of these languages can make a
dangerous word out of pieces, so the words themselves are looked for, in strings, too: for awk running a program,
reading a file of its own choosing or the environment, for jq and yq the environment and modules.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["awk_only_prints", "jq_only_prints", "sed_only_prints", "yq_only_prints"]

# ---------------------------------------------------------------------- awk

_AWK_BEWARE: Final = re.compile(
    r"\b(?:system|getline|close|fflush|ENVIRON|PROCINFO|ARGV|ARGC|ARGIND|SYMTAB|FUNCTAB|load|include|inplace)\b|[@\\]\n|@"
)
_AWK_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t]+)
      | (?P<string>"(?:\\.|[^"\\\n])*")
      | (?P<number>\d+(?:\.\d+)?)
      | (?P<name>[A-Za-z_]\w*)
      | (?P<operator>\|\||&&|>=|<=|==|!=|!~|\+\+|--|[-+*%^]=|[-+*%^!<=~?:,;$(){}\[\]\n|>/])""",
    re.VERBOSE,
)
_AWK_REGEX: Final = re.compile(r"/(?:\\.|\[\^?\]?[^\]/\n]*\]|[^/\\\[\n])+/")
_AWK_OPERAND: Final = re.compile(r"[\w.]+|\]|\".*\"", re.DOTALL)  # behind these it divides
# After these a slash begins a regular expression.
_BEFORE_REGEX: Final = frozenset(
    ("", "(", ",", "{", "}", ";", "\n", "!", "~", "!~", "&&", "||", "?", ":", "=")
) | {"print", "return", "printf", "exit", "in", "else", "do", "case"}


def awk_only_prints(program: str) -> bool:
    """Does this awk program neither run, read nor write anything but its input and standard output?"""
    if _AWK_BEWARE.search(program):
        return False
    at, before, depth, parens = 0, "", 0, 0
    while at < len(program):
        if program[at] == "/" and before in _BEFORE_REGEX:
            match = _AWK_REGEX.match(program, at)
        elif program[at] == "/" and not _AWK_OPERAND.fullmatch(before) and "/" in program[at + 1 :]:
            # Behind `)` it may be either, and a quote in a regular expression would hide what follows.
            return False
        else:
            match = _AWK_TOKEN.match(program, at)
        if match is None:
            return False
        at = match.end()
        if match.re is _AWK_TOKEN and match.lastgroup == "space":
            continue
        token = match[0]
        if token == "|" or (token == ">" and depth and not parens):
            return False  # a pipe, or print into a file; in parentheses and in patterns it compares
        if token in ("print", "printf") and parens:
            return False  # `for (print > file; ...)`
        depth += (token == "{") - (token == "}")
        parens += (token == "(") - (token == ")")
        before = token if match.re is _AWK_TOKEN else "/"
    return depth == parens == 0


# ---------------------------------------------------------------------- sed

_SED_ADDRESS: Final = re.compile(r"\d+(?:~\d+)?|\$|[+~]\d+")
_SED_COMMAND: Final = re.compile(r"[pPdDgGhHxnN=lz]|[qQ]\d*|:\w+|[btT] ?\w*")
_SED_FLAGS: Final = re.compile(r"[gpIiMm\d]*")
_SED_END: Final = re.compile(r"[ \t]*(?:[;\n]|(?=\})|\Z)")
_SED_BRACKET: Final = re.compile(r"\[\^?\]?(?:\[:[a-z]+:\]|[^\]\[\n])*\]")
_SED_GAP: Final = re.compile(r"[\s;]*")


class _No(Exception):
    """The script is not certain to be harmless."""


def sed_only_prints(script: str) -> bool:
    """Is this sed script made of addresses and of commands that change only what is printed?"""
    at = depth = 0
    try:
        while (at := _after(_SED_GAP, script, at)) < len(script):
            if script[at] == "}":
                depth, at = depth - 1, at + 1
                continue
            at = _sed_addresses(script, at)
            if script.startswith("{", at):
                depth, at = depth + 1, at + 1
                continue
            if script.startswith("s", at):
                delimiter = script[at + 1 : at + 2]
                at = _sed_part(script, _sed_part(script, at + 2, delimiter, regex=True), delimiter)
                at = _after(_SED_FLAGS, script, at)
            else:
                at = _after(_SED_COMMAND, script, at)
            at = _after(_SED_END, script, at)
    except _No:
        return False
    return depth == 0


def _sed_addresses(script: str, at: int) -> int:
    for _ in range(2):
        if script.startswith("/", at):
            at = _sed_part(script, at + 1, "/", regex=True)
            at += script.startswith("I", at)
        elif match := _SED_ADDRESS.match(script, at):
            at = match.end()
        else:
            break
        at = _after(_SED_GAP, script, at)
        if not script.startswith(",", at):
            break
        at = _after(_SED_GAP, script, at + 1)
    while script[at : at + 1] in ("!", " "):
        at += 1
    return at


def _sed_part(script: str, at: int, delimiter: str, regex: bool = False) -> int:
    """Behind the delimiter that ends a regular expression or a replacement.

    Seds differ on whether a delimiter in brackets counts, so none may stand there.
    """
    if delimiter not in "/|#,:@%!" or not delimiter:
        raise _No
    while at < len(script):
        if script[at] == delimiter:
            return at + 1
        if script[at] == "\\":
            at += 2
        elif script[at] == "\n":
            break
        elif regex and script[at] == "[":
            end = _after(_SED_BRACKET, script, at)
            if delimiter in script[at:end]:
                raise _No
            at = end
        else:
            at += 1
    raise _No


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    if match is None:
        raise _No
    return match.end()


# --------------------------------------------------------------- jq and yq

_JQ_BEWARE: Final = re.compile(r"(?<![.\w\"])(?:env|import|include)\b|\bENV\b|__prog|\.\.\s*env\b")
_YQ_BEWARE: Final = re.compile(r"load|env|system|import|include|split_doc|eval|filename", re.IGNORECASE)


def jq_only_prints(filter_: str) -> bool:
    """Does this jq filter keep to its input?"""
    return _JQ_BEWARE.search(filter_) is None


def yq_only_prints(expression: str) -> bool:
    """Does this yq expression keep to its input?"""
    return _YQ_BEWARE.search(expression) is None
