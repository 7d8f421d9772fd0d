"""Does a command line only look? Then it may run without a question.

Everything must be known to be harmless, or the answer is no: the line is simple commands of literal words
(`shell.py`), each is a program of the table with arguments that fit its synopsis (`programs.py`, `synopsis.py`), or one of
the few with rules of their own below, and what it names may be looked at (`open_paths.py`).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from h2a_agent.permission import scripts
from h2a_agent.permission.open_paths import may_be_looked_at
from h2a_agent.permission.programs import ALIASES, COUNTING, OBEYS, PROGRAMS, VERSION_FLAGS
from h2a_agent.permission.shell import Command, Unreadable, Word, parse
from h2a_agent.permission.synopsis import How, Looked, Misfit, synopsis

__all__ = ["Look", "is_auto_allowed", "look"]


@dataclass(frozen=True, slots=True)
class Look:
    """A command line that only looks: at these paths, which may still lie where nobody said it may look.

    `git`: it runs git, which obeys the repository's configuration. `obeys` names files that would make a program of
    the line run something of the repository's.
    """

    paths: tuple[str, ...] = ()
    git: bool = False
    obeys: tuple[str, ...] = ()


def is_auto_allowed(command: str) -> bool:
    """May this bash command line run without a question?"""
    return look(command) is not None


def look(command: str) -> Look | None:
    """What the command line looks at; None when it may do anything else, or nobody can tell."""
    try:
        return look_at(parse(command))
    except Unreadable:
        return None


def look_at(commands: Sequence[Command]) -> Look | None:
    """As `look`, of a line that has been parsed."""
    paths: list[str] = []
    folder = ""
    names = {ALIASES.get(command.name, command.name) for command in commands}
    for command in commands:
        try:
            looked = judge(command.words)
        except Misfit:
            return None
        for one in looked:
            # A `cd` that fails leaves the others where they were: both places must do.
            forms = {one.path, posixpath.join(folder, one.path) if folder else one.path}
            if not all(may_be_looked_at(Looked(form, one.how)) for form in forms):
                return None
            paths += forms
        if command.name == "cd":
            if folder:
                return None  # from where to where, depends on what worked
            folder = looked[0].path
    verbs = {" ".join([ALIASES.get(one.name, one.name), *one.texts[1:2]]) for one in commands}
    obeys = tuple(file for name in sorted(names | verbs) for file in OBEYS.get(name, ()))
    if "cd" in names and ("git" in names or obeys):
        return None  # whose configuration holds there, nobody has looked at
    return Look(tuple(dict.fromkeys(paths)), bool(names & {"git", "gh", "go"}), obeys)


def judge(words: Sequence[Word]) -> tuple[Looked, ...]:
    """What one command looks at.

    Raises:
        Misfit: it may do more than look.
    """
    texts = [word.text for word in words]
    name = ALIASES.get(texts[0], texts[0])
    if len(words) == 2 and texts[1] in VERSION_FLAGS.get(texts[0], "").split():
        return ()
    if name in _OWN_RULES:
        return _OWN_RULES[name](words[1:])
    if name == "git":
        while len(texts) > 1 and texts[1] in ("--no-pager", "-P", "--no-optional-locks"):
            words, texts = [words[0], *words[2:]], [texts[0], *texts[2:]]
    for length in (3, 2, 1):
        verb = [name, *texts[1:length]]
        key = " ".join(verb)
        if len(words) >= length and key in PROGRAMS and " " not in "".join(verb):
            _CHECKS.get(key, _anything)(texts[length:])
            looked = synopsis(PROGRAMS[key]).match(words[length:])
            only_prints = _LANGUAGES.get(name, _is_no_script)
            if not all(only_prints(one.path) for one in looked if one.how is How.SCRIPT):
                raise Misfit("a script that may do more than print")
            return tuple(one for one in looked if one.how is not How.SCRIPT)
    raise Misfit(texts[0])


# ------------------------------------------ further checks of programs in the table


def _anything(_arguments: list[str]) -> None:
    pass


def _is_no_script(_pattern: str) -> bool:
    return True


def _lists_branches(arguments: list[str]) -> None:
    """A name makes a branch or a tag, unless a flag that lists stands before everything that might take it as a value."""
    plain = re.compile(
        r"-[avr]+|--(?:all|remotes|verbose|ignore-case|no-color|no-column|omit-empty)|--[\w-]+=.*"
    )
    listing = re.compile(r"-l|--list|--(?:no-)?contains(?:=.*)?|--(?:no-)?merged(?:=.*)?|--points-at(?:=.*)?")
    first = next((word for word in arguments if not plain.fullmatch(word) or listing.fullmatch(word)), "-")
    if not listing.fullmatch(first) and any(not word.startswith("-") for word in arguments):
        raise Misfit("it would make one")


def _no_secrets(arguments: list[str]) -> None:
    if any(re.search("secret", word, re.IGNORECASE) for word in arguments):
        raise Misfit("secrets")


def _public_key(arguments: list[str]) -> None:
    if any(
        re.search(r"header|token|password|secret|credential|proxy", word, re.IGNORECASE) for word in arguments
    ):
        raise Misfit("a secret")


def _ip_shows(arguments: list[str]) -> None:
    words = [word for word in arguments if not word.startswith("-")]
    if not re.fullmatch(
        r"(a|addr|address|l|link|r|ro|route|n|neigh|rule|maddr)( (s|sh|show|l|ls|list)( (dev )?[\w.@-]+)?)?",
        " ".join(words),
    ):
        raise Misfit("ip")


_CHECKS: Final[Mapping[str, Callable[[list[str]], None]]] = {
    "git branch": _lists_branches,
    "git tag": _lists_branches,
    "git config --get": _public_key,
    "git config get": _public_key,
    "kubectl get": _no_secrets,
    "kubectl describe": _no_secrets,
    "ip": _ip_shows,
}
_LANGUAGES: Final[Mapping[str, Callable[[str], bool]]] = {
    "awk": scripts.awk_only_prints,
    "jq": scripts.jq_only_prints,
    "sed": scripts.sed_only_prints,
    "yq": scripts.yq_only_prints,
}

# ------------------------------------------------------- programs with rules of their own


def _find(words: Sequence[Word]) -> tuple[Looked, ...]:
    places: list[Looked] = []
    left = list(words)
    while left and left[0].text in ("-L", "-P", "-H"):
        left.pop(0)
    while left and not left[0].text.startswith(("-", "(", ")", "!", ",")):
        if left[0].glob and left[0].text[0] in "*?[":
            raise Misfit("find")
        places.append(Looked(left.pop(0).text, How.NAME))
    while left:
        word = left.pop(0)
        arguments = 0 if re.fullmatch(r"-newer[aBcm][aBcmt]", word.text) is None else 1
        if word.glob or (not arguments and word.text not in _FIND):
            raise Misfit("find")
        for _ in range(arguments or _FIND[word.text]):
            value = left.pop(0) if left else None
            if value is None or (value.glob and not re.fullmatch(r"\*?[\w-]*\.\w+|\*\.\*?\w+", value.text)):
                raise Misfit("find")
            if "newer" in word.text or word.text == "-samefile":
                places.append(Looked(value.text, How.NAME))
    return tuple(places)


_FIND: Final = {
    **dict.fromkeys(["(", ")", "!", ",", "-a", "-o", "-and", "-or", "-not", "-true", "-false", "-empty", "-print", "-print0", "-ls", "-prune", "-quit", "-depth"], 0),
    **dict.fromkeys(["-daystart", "-follow", "-mount", "-xdev", "-noleaf", "-readable", "-writable", "-executable", "-nouser", "-nogroup"], 0),
    **dict.fromkeys(["-ignore_readdir_race", "-noignore_readdir_race", "-nowarn", "-warn"], 0),
    **dict.fromkeys(["-name", "-iname", "-path", "-ipath", "-wholename", "-iwholename", "-regex", "-iregex", "-regextype", "-type", "-xtype"], 1),
    **dict.fromkeys(["-size", "-mtime", "-mmin", "-atime", "-amin", "-ctime", "-cmin", "-newer", "-anewer", "-cnewer", "-samefile", "-used"], 1),
    **dict.fromkeys(["-perm", "-user", "-group", "-uid", "-gid", "-links", "-inum", "-lname", "-ilname", "-fstype", "-maxdepth", "-mindepth", "-printf"], 1),
}  # fmt: skip


def _test(words: Sequence[Word]) -> tuple[Looked, ...]:
    for word in words:
        if word.glob or (word.text.startswith("-") and word.text not in _TEST):
            raise Misfit("test")
    return tuple(Looked(word.text, How.NAME) for word in words if word.text not in _TEST)


_TEST: Final = frozenset(
    [
        "-a",
        "-b",
        "-c",
        "-d",
        "-e",
        "-f",
        "-g",
        "-h",
        "-k",
        "-L",
        "-n",
        "-N",
        "-o",
        "-O",
        "-G",
        "-p",
        "-r",
        "-s",
        "-S",
        "-u",
        "-w",
        "-x",
        "-z",
        "-nt",
        "-ot",
        "-ef",
        "-eq",
        "-ne",
        "-lt",
        "-le",
        "-gt",
        "-ge",
        "=",
        "==",
        "!=",
        "!",
        "(",
        ")",
        "<",
        ">",
    ]
)


def _bracket(words: Sequence[Word]) -> tuple[Looked, ...]:
    if not words or words[-1].text != "]":
        raise Misfit("[")
    return _test(words[:-1])


def _date(words: Sequence[Word]) -> tuple[Looked, ...]:
    looked: list[Looked] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word.glob:
            raise Misfit("date")
        if word.text in ("-d", "--date", "-r", "--reference"):
            if not left or left[0].glob:
                raise Misfit("date")
            looked.append(Looked(left.pop(0).text, How.NAME))
        elif not re.fullmatch(
            r"\+.*|-[uR]|-I\w*|-d.+|--(?:date|reference)=.*|--(?:utc|universal|iso-8601|rfc-email)|--(?:iso-8601|rfc-3339)=\w+",
            word.text,
            re.DOTALL,
        ):
            raise Misfit("date")
    return tuple(looked)


def _ps(words: Sequence[Word]) -> tuple[Looked, ...]:
    """Without what shows the processes' environments: `e` among letters without a dash.

    When words make no sense with dashes (a user who is not there), ps reads them again as if they had none; so with
    `-e` nothing may be selected by a name, and names are few.
    """
    left = [word.text for word in words]
    has_e = any(re.match("-[a-zA-Z]*e", text) for text in left)
    while left:
        text = left.pop(0)
        if not _PS.fullmatch(text):
            raise Misfit("ps")
        if re.fullmatch(r"-?[a-zA-Z]*[opC]", text):
            if not left or not re.fullmatch(r"[\w.,%=:/+-]+", left.pop(0)):
                raise Misfit("ps")
        elif re.fullmatch(r"-[uU]", text) and (
            (left and not re.fullmatch(r"root|\d+", left.pop(0))) or has_e
        ):
            raise Misfit("ps")
    return ()


_PS: Final = re.compile(
    r"[aAxufwljTsvHrLmno]+|-[aAxuwflj]+|-[eAadfFlLwHTjyMZNc]*[opC]?|-[opC][\w.,%=:/+-]+|-[uU]|\d+"
    r"|--(?:sort|pid|ppid|format|columns|cols)=[\w.,%=:/+-]+|--(?:forest|no-headers?|headers?|help|version|deselect)"
)


def _tar(words: Sequence[Word]) -> tuple[Looked, ...]:
    """Only a list of what is in an archive; a colon would make its name another machine's."""
    if len(words) < 2 or any(word.glob for word in words) or ":" in words[1].text:
        raise Misfit("tar")
    if not re.fullmatch(r"-?(?=[a-zA-Z]*t)[tvzjJa]*f", words[0].text):
        raise Misfit("tar")
    if any(word.text.startswith("-") for word in words[1:]):
        raise Misfit("tar")
    return (Looked(words[1].text, How.NAME),)


def _cd(words: Sequence[Word]) -> tuple[Looked, ...]:
    if len(words) != 1 or words[0].glob or words[0].text.startswith(("-", "+")) or not words[0].text:
        raise Misfit("cd")
    return (Looked(words[0].text, How.NAME),)


def _sleep(words: Sequence[Word]) -> tuple[Looked, ...]:
    if len(words) != 1 or not re.fullmatch(r"\d{1,2}(?:\.\d+)?s?", words[0].text):
        raise Misfit("sleep")
    return ()


def _printenv(words: Sequence[Word]) -> tuple[Looked, ...]:
    known = {
        "PATH",
        "HOME",
        "PWD",
        "USER",
        "SHELL",
        "LANG",
        "LC_ALL",
        "TERM",
        "TZ",
        "VIRTUAL_ENV",
        "EDITOR",
        "TMPDIR",
    }
    if not words or any(word.text not in known for word in words):
        raise Misfit("printenv")
    return ()


def _command(words: Sequence[Word]) -> tuple[Looked, ...]:
    """`command -v` only; running a program by it would go around the function that guards git."""
    if len(words) < 2 or words[0].text not in ("-v", "-V") or any(word.glob for word in words):
        raise Misfit("command")
    return ()


def _wrapped(words: Sequence[Word]) -> tuple[Looked, ...]:
    """What a wrapper runs. Not git: it would be the program itself, not the guarding function."""
    if not words or ALIASES.get(words[0].text, words[0].text) in ("git", "gh", "go", "cd", *_WRAPPERS):
        raise Misfit("wrapper")
    return judge(words)


def _timeout(words: Sequence[Word]) -> tuple[Looked, ...]:
    left = list(words)
    while left and re.fullmatch(
        r"-[ks]|--(?:kill-after|signal)=\w+|--preserve-status|--foreground", left[0].text
    ):
        taken = left.pop(0)
        if taken.text in ("-k", "-s") and left:
            left.pop(0)
    if not left or not re.fullmatch(r"\d+(?:\.\d+)?[smh]?", left.pop(0).text):
        raise Misfit("timeout")
    return _wrapped(left)


def _nice(words: Sequence[Word]) -> tuple[Looked, ...]:
    if words and re.fullmatch(r"-n\d+|-\d+", words[0].text):
        return _wrapped(words[1:])
    if len(words) > 1 and words[0].text == "-n" and words[1].text.isdecimal():
        return _wrapped(words[2:])
    return _wrapped(words)


def _xargs(words: Sequence[Word]) -> tuple[Looked, ...]:
    """Only of programs that show no contents and for which every word is harmless: nobody has seen their arguments."""
    left = list(words)
    while left and left[0].text.startswith("-"):
        flag = left.pop(0).text
        if flag in ("-n", "-L", "-P", "-d") and left:
            left.pop(0)
        elif not re.fullmatch(
            r"-[0rtx]+|-[nLP]\d+|-d.+|--null|--no-run-if-empty|--max-(?:args|procs)=\d+", flag
        ):
            raise Misfit("xargs")
    if not left:
        raise Misfit("xargs")
    if left[0].text not in COUNTING:
        raise Misfit("xargs")
    return judge(left)


_WRAPPERS: Final = ("timeout", "nice", "time", "xargs", "command", "env", "nohup")
_OWN_RULES: Final[Mapping[str, Callable[[Sequence[Word]], tuple[Looked, ...]]]] = {
    "[": _bracket,
    "cd": _cd,
    "command": _command,
    "date": _date,
    "find": _find,
    "nice": _nice,
    "printenv": _printenv,
    "ps": _ps,
    "sleep": _sleep,
    "tar": _tar,
    "test": _test,
    "time": _wrapped,
    "timeout": _timeout,
    "xargs": _xargs,
}
