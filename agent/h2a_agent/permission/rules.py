"""The user's own rules, `[permissions]` in config.toml: what to allow, ask about or deny, whatever the mode says.

    [permissions]
    allow = ["bash(npm test)", "bash(npm run lint *)", "edit(src/**)", "read(~/notes/**)"]
    ask = ["bash(git push *)"]
    deny = ["bash(rm *)", "edit(migrations/**)"]

`bash(...)` is about words, not about text, because bash would read the text differently from any pattern: each word
must be equal, a lone `*` stands for one word, at the end for any further ones. An allow rule covers a command only when
nothing is in it but literal words, and in a line of several each must be covered or only look. `read(...)` is about
looking (read, grep, find, ls), `edit(...)` and `write(...)` both about changing; in a path `*` stops at a slash and `**` does not.
Relative paths start in the workspace. A path with a star never allows what may hold secrets or what programs obey.

Deny outranks ask, ask outranks allow. Deny and ask rules look everywhere in a line, behind sudo and the like, too;
where they cannot (a program's name in a variable), the line is asked about. What a script does inside, no rule sees.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from h2a_agent.permission.shell import Command, Unreadable, loose_commands, split

__all__ = ["Rule", "RuleError", "Rules", "propose_for_command", "propose_for_path"]

Subject: TypeAlias = Literal["bash", "read", "edit"]
_SUBJECTS: Final[Mapping[str, Subject]] = {"bash": "bash", "read": "read", "edit": "edit", "write": "edit"}
_SHAPE: Final = re.compile(r"([a-z]+)\((.*)\)\Z", re.DOTALL)

# Programs that run what they are given: with a star behind them a rule would allow everything.
_RUNS_ANYTHING: Final = frozenset(
    [
        "sh",
        "bash",
        "dash",
        "zsh",
        "fish",
        "ksh",
        "csh",
        "tcsh",
        "busybox",
        "python",
        "python2",
        "python3",
        "pypy3",
        "node",
        "deno",
        "bun",
        "ruby",
        "perl",
        "php",
        "lua",
        "R",
        "Rscript",
        "julia",
        "osascript",
        "awk",
        "gawk",
        "mawk",
        "nawk",
        "sed",
        "find",
        "fd",
        "xargs",
        "parallel",
        "env",
        "sudo",
        "doas",
        "su",
        "nohup",
        "setsid",
        "nice",
        "ionice",
        "timeout",
        "time",
        "stdbuf",
        "watch",
        "strace",
        "ltrace",
        "gdb",
        "script",
        "command",
        "builtin",
        "exec",
        "eval",
        "source",
        ".",
        "coproc",
        "trap",
        "ssh",
        "scp",
        "rsync",
        "npx",
        "bunx",
        "pnpx",
        "uvx",
        "pipx",
        "tmux",
        "screen",
        "vi",
        "vim",
        "nvim",
        "emacs",
        "ed",
        "less",
        "more",
        "man",
        "tar",
        "zip",
        "curl",
        "wget",
        "nc",
        "ncat",
        "socat",
        "expect",
        "make-me",
        "busybox",
        "chroot",
        "unshare",
        "nsenter",
        "flock",
        "entr",
        "direnv",
        "poetry",
        "pipenv",
        "rlwrap",
    ]
)
# These have a verb; `git *` is no verb, and `git -c` runs anything.
_HAS_VERBS: Final = frozenset(
    [
        "git",
        "docker",
        "podman",
        "kubectl",
        "npm",
        "pnpm",
        "yarn",
        "cargo",
        "go",
        "uv",
        "make",
        "just",
        "rake",
        "mvn",
        "gradle",
        "gh",
        "helm",
        "systemctl",
        "apt",
        "apt-get",
        "brew",
        "pip",
        "pip3",
        "terraform",
        "aws",
        "gcloud",
        "az",
        "conda",
        "dotnet",
        "bundle",
        "composer",
        "mix",
        "rustup",
    ]
)
_WRAPPERS: Final = frozenset(
    [
        "sudo",
        "doas",
        "env",
        "nohup",
        "setsid",
        "nice",
        "ionice",
        "timeout",
        "time",
        "stdbuf",
        "watch",
        "strace",
        "xargs",
        "command",
        "builtin",
        "exec",
        "eval",
        "chroot",
        "unshare",
        "flock",
        "parallel",
        "busybox",
    ]
)


class RuleError(ValueError):
    """A rule cannot be used; the message says why and what to write instead."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `words` are those of a command, None standing for any; `path` is a path with stars."""

    text: str
    subject: Subject
    words: tuple[str | None, ...] = ()
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read `text`.

        Raises:
            RuleError: it is no rule.
        """
        match = _SHAPE.match(text.strip())
        if match is None or match[1] not in _SUBJECTS or not match[2].strip():
            raise RuleError("must be bash(words ...), read(path), edit(path) or write(path)")
        subject, body = _SUBJECTS[match[1]], match[2].strip()
        if subject != "bash":
            return cls(text.strip(), subject, path=body)
        return cls(text.strip(), subject, words=tuple(_words(body)))

    def covers(self, words: Sequence[str]) -> bool:
        """Is this a rule for a command of these words?"""
        own = self.words
        if own and own[-1] is None and len(words) >= len(own) - 1:
            own, words = own[:-1], words[: len(own) - 1]
        return len(own) == len(words) and all(
            mine in (None, word) for mine, word in zip(own, words, strict=True)
        )

    def covers_path(self, path: Path, workspace: Path) -> bool:
        """Is this a rule for `path`?"""
        return _glob(str(_anchored(self.path, workspace))).fullmatch(str(path)) is not None

    def is_below(self, folder: Path, workspace: Path) -> bool:
        """May something that the rule is about lie below `folder`?"""
        fixed = re.split(r"[*?]", str(_anchored(self.path, workspace)))[0]
        return Path(fixed).is_relative_to(folder) or folder.is_relative_to(Path(fixed).parent)

    @property
    def has_star(self) -> bool:
        """Does it speak of more than one thing?"""
        return None in self.words or "*" in self.path or "?" in self.path

    def check_allows(self) -> None:
        """See that it may be an allow rule.

        Raises:
            RuleError: it would allow anything at all.
        """
        if self.subject != "bash" or not self.has_star:
            return
        name = self.words[0]
        if name is None:
            raise RuleError("would allow every command; name the program")
        if name.rpartition("/")[2] in _RUNS_ANYTHING or re.fullmatch(
            r"(python|ruby|perl|lua|php|node)[\d.]*", name
        ):
            raise RuleError(f"{name} runs whatever it is given; write the whole command without *")
        if name in _HAS_VERBS and (
            len(self.words) < 2 or self.words[1] is None or self.words[1].startswith("-")
        ):
            raise RuleError(
                f"would allow everything {name} can do; name what it is to do, such as {name} VERB *"
            )


def _words(body: str) -> Iterator[str | None]:
    try:
        words = split(body)
    except Unreadable as error:
        raise RuleError(f"holds {error}; a rule is of literal words") from error
    for word in words:
        if word.glob and word.text != "*":
            raise RuleError(f"has a star inside the word {word.text!r}; * stands for whole words only")
        yield None if word.glob else word.text


def _anchored(path: str, workspace: Path) -> Path:
    return workspace / Path(path).expanduser()


def _glob(pattern: str) -> re.Pattern[str]:
    out = ""
    for piece in re.split(r"(/\*\*(?=/|\Z)|\*\*|\*|\?)", pattern):
        match piece:
            case "/**":
                out += "(?:/.*)?"
            case "**":
                out += ".*"
            case "*":
                out += "[^/]*"
            case "?":
                out += "[^/]"
            case _:
                out += re.escape(piece)
    return re.compile(out, re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of the user."""

    allow: tuple[Rule, ...] = ()
    ask: tuple[Rule, ...] = ()
    deny: tuple[Rule, ...] = ()

    @classmethod
    def parse(cls, table: Mapping[str, Sequence[str]]) -> Rules:
        """Read the lists of a `[permissions]` table.

        Raises:
            RuleError: one cannot be used; the message names it.
        """
        lists: dict[str, tuple[Rule, ...]] = {}
        for name, texts in table.items():
            rules = []
            for text in texts:
                try:
                    rule = Rule.parse(text)
                    if name == "allow":
                        rule.check_allows()
                except RuleError as error:
                    raise RuleError(f"permissions.{name}: {text!r} {error}") from error
                rules.append(rule)
            lists[name] = tuple(rules)
        return cls(**lists)

    # ------------------------------------------------------------- commands

    def on_line(self, line: str) -> tuple[Literal["deny", "ask", ""], str]:
        """What deny and ask rules say of a command line, and the rule that says it."""
        for name, rules in (("deny", self.deny), ("ask", self.ask)):
            own = [rule for rule in rules if rule.subject == "bash"]
            if not own:
                continue
            commands, certain = loose_commands(line)
            for rule in own:
                if any(_concerns(rule, words) for words in commands):
                    return ("deny" if name == "deny" else "ask"), rule.text
            if not certain:
                return "ask", ""
        return "", ""

    def allows(self, command: Command) -> bool:
        """Is there an allow rule for a command of literal words?"""
        if any(word.glob for word in command.words):
            return False
        return any(rule.subject == "bash" and rule.covers(command.texts) for rule in self.allow)

    # ---------------------------------------------------------------- paths

    def on_path(
        self, subject: Subject, forms: Sequence[Path], workspace: Path, whole_folders: bool = False
    ) -> tuple[Literal["deny", "ask", ""], str]:
        """What deny and ask rules say of a path in all its `forms` (as written, with links followed).

        `whole_folders`: everything below is meant, too, so a rule about something down there counts.
        """
        for name, rules in (("deny", self.deny), ("ask", self.ask)):
            for rule in rules:
                if rule.subject != subject:
                    continue
                if any(rule.covers_path(form, workspace) for form in forms):
                    return ("deny" if name == "deny" else "ask"), rule.text
                if whole_folders and any(rule.is_below(form, workspace) for form in forms):
                    return "ask", rule.text
        return "", ""

    def allows_path(self, subject: Subject, real: Path, workspace: Path, delicate: bool) -> bool:
        """Is there an allow rule for the real path? One with a star does not count for what is `delicate`."""
        return any(
            rule.subject == subject
            and not (delicate and rule.has_star)
            and (rule.covers_path(real, workspace) or rule.covers_path(real, workspace.resolve()))
            for rule in self.allow
        )


def _concerns(rule: Rule, words: Sequence[str | None]) -> bool:
    """Is a deny or ask rule about these words? Those nobody knows are only met by stars."""
    known = ["\0" if word is None else word for word in words]
    if not known:
        return False
    starts = range(len(known)) if known[0] in _WRAPPERS else range(1)
    return any(
        rule.covers(known[start:]) or rule.covers([known[start].rpartition("/")[2], *known[start + 1 :]])
        for start in starts
    )


# ------------------------------------------------------------------ proposals


def propose_for_command(command: Command) -> str:
    """The rule that allows exactly this command, "" where none may be proposed."""
    if (
        any(word.glob for word in command.words)
        or command.name in _RUNS_ANYTHING
        or not command.name.isprintable()
    ):
        return ""
    body = " ".join(map(shlex.quote, command.texts))
    text = f"bash({body})"
    try:
        rule = Rule.parse(text)
    except RuleError:
        return ""
    return text if rule.words == command.texts and text.isprintable() else ""


def propose_for_path(subject: Subject, path: str) -> str:
    """The rule that allows exactly this path, "" where it cannot be written as one."""
    text = f"{subject}({path})"
    return text if text.isprintable() and not re.search(r"[*?()]|^\s|\s$", path) else ""
