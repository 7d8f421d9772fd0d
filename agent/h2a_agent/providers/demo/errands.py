"""What the demo does with the real tools: each errand calls them and, a turn later, talks about what they found."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Final

from h2a_agent.providers.demo.moment import Moment
from h2a_agent.providers.demo.parts import Call, Part, Say, Turn
from h2a_agent.providers.demo.phrases import (
    command_report,
    count,
    excerpt,
    fence,
    found_lines,
    quote,
    topic_of,
    unquoted,
    went_wrong,
)

__all__ = [
    "CODE",
    "COUNT",
    "LIST",
    "PUZZLED",
    "READ",
    "RUN",
    "SEARCH",
    "TABLE",
    "THREE",
    "WRITE",
    "three_results",
]


def _list(_moment: Moment, _subject: str) -> list[Part]:
    return [Say("I look.\n"), Call("ls", {"limit": 200})]


def _listed(moment: Moment, _subject: str) -> list[Part]:
    result = moment.result("ls")
    if result is None or result.state != "ok":
        return [Say(went_wrong(result))]
    names = result.lines
    shown = "\n".join(f"- `{quote(name, 60)}`" for name in names[:12])
    more = f"\n- … and {len(names) - 12} more" if len(names) > 12 else ""
    return [Say(f"{count(result, 'entry', 'entries').capitalize()} here:\n\n{shown}{more}".rstrip(":\n"))]


def _read(_moment: Moment, subject: str) -> list[Part]:
    return [Say(f"Opening `{quote(subject)}`.\n"), Call("read", {"path": subject, "limit": 60})]


def _have_read(moment: Moment, subject: str) -> list[Part]:
    result = moment.result("read")
    if result is not None and result.state == "failed":
        stem = PurePath(subject).name
        return [
            Say(f"No luck with `{quote(subject)}`. Perhaps it is somewhere else.\n"),
            Call("find", {"pattern": f"*{stem}*", "limit": 20}),
        ]
    return [Say(excerpt(result, 14))]


def _have_found(moment: Moment, subject: str) -> list[Part]:
    result = moment.result("find")
    if result is None or result.state != "ok" or not result.lines:
        return [Say(f"There is no `{quote(subject)}` here. `list files` shows what there is.")]
    names = "\n".join(f"- `{quote(line, 80)}`" for line in result.lines[:10])
    return [Say(f"These come close:\n\n{names}\n\nSay `read` and one of them.")]


def _search(_moment: Moment, subject: str) -> list[Part]:
    subject = unquoted(subject)
    if re.search(r"[*?]", subject):
        return [Say("By name, then.\n"), Call("find", {"pattern": subject, "limit": 50})]
    return [
        Say(f"Searching for “{quote(subject)}”.\n"),
        Call("grep", {"pattern": subject, "literal": True, "ignore_case": True, "limit": 50}),
    ]


def _searched(moment: Moment, subject: str) -> list[Part]:
    result = moment.results[0] if moment.results else None
    if result is None or result.state not in ("ok", "failed"):
        return [Say(went_wrong(result))]
    found = [line for line in result.lines if ":" in line or result.name == "find"]
    if result.state == "failed" or not found:
        return [Say(f"Nothing. “{quote(unquoted(subject))}” does not occur here, and I looked properly.")]
    body = "\n".join(line[:110] for line in found[:8])
    more = " The first eight are above." if len(found) > 8 else ""
    lines = "One line" if len(found) == 1 else f"{len(found)} lines"
    return [Say(f"{fence(body)}\n\n{lines} found.{more}")]


def _run(_moment: Moment, subject: str) -> list[Part]:
    return [
        Say("Your command, in your shell. You may be asked once more; that is the point of asking.\n"),
        Call("bash", {"command": unquoted(subject), "timeout_s": 120}),
    ]


def _ran(moment: Moment, _subject: str) -> list[Part]:
    return [Say(command_report(moment.result("bash")))]


def _count_up(_moment: Moment, _subject: str) -> list[Part]:
    return [
        Say(
            "A slow command: it counts to fifteen, once a second. You may be asked first (**y**). Then do not wait "
            "politely: write `table` and press **Enter** to steer it away, or **Alt+Enter** to queue it.\n"
        ),
        Call("bash", {"command": 'for i in $(seq 1 15); do echo "$i"; sleep 1; done', "timeout_s": 60}),
    ]


def _counted(moment: Moment, _subject: str) -> list[Part]:
    result = moment.result("bash")
    if result is None or result.state != "ok":
        return [Say(command_report(result))]
    return [Say("Fifteen. You let it finish. It would have stopped at any second, children and all.")]


def _three(_moment: Moment, _subject: str) -> list[Part]:
    return [
        Say("Three at once; the slowest decides.\n"),
        Call("ls", {"limit": 200}),
        Call("find", {"pattern": "*.md", "limit": 50}),
        Call("grep", {"pattern": "TODO", "literal": True, "limit": 50}),
    ]


def _three_told(moment: Moment, _subject: str) -> list[Part]:
    return [Say(three_results(moment))]


def _table(_moment: Moment, _subject: str) -> list[Part]:
    return [
        Say("A table of what lies here, by kind. First I find the files.\n"),
        Call("find", {"pattern": "*"}),
    ]


def _tabled(moment: Moment, _subject: str) -> list[Part]:
    result = moment.result("find")
    if result is None or result.state != "ok":
        return [Say(went_wrong(result))]
    if not result.lines:
        return [Say("There is nothing here to count.")]
    kinds: dict[str, list[str]] = {}
    for line in result.lines:
        kinds.setdefault(PurePath(line.strip()).suffix or "(none)", []).append(line.strip())
    ranked = sorted(kinds.items(), key=lambda kind: (-len(kind[1]), kind[0]))
    rows = "\n".join(
        f"| `{quote(kind, 20)}` | {len(names)} | `{quote(names[0], 48)}` |" for kind, names in ranked[:8]
    )
    rest = f"\n\nAnd {len(ranked) - 8} rarer kinds." if len(ranked) > 8 else ""
    return [Say(f"| kind | files | for example |\n|---|---:|---|\n{rows}{rest}")]


def _code(_moment: Moment, _subject: str) -> list[Part]:
    return [
        Say("I look for code to show.\n"),
        Call("find", {"pattern": "*.{py,js,ts,rs,go,c,sh}", "limit": 50}),
    ]


def _show_code(moment: Moment, _subject: str) -> list[Part]:
    files = [line.strip() for line in found_lines(moment.result("find"))]
    if not files:
        return [Say(f"No code here, so here is some of mine:\n\n{fence(_SAMPLE, 'python')}")]
    pick = min(files, key=lambda name: (len(PurePath(name).parts), "__init__" in name, name))
    return [Say(f"`{quote(pick)}`, for example.\n"), Call("read", {"path": pick, "limit": 40})]


def _shown_code(moment: Moment, _subject: str) -> list[Part]:
    return [Say(excerpt(moment.result("read"), 16))]


_SAMPLE: Final = """\
async for event in agent.subscribe():   # your own queue of events
    match event:
        case TokenStream(text=text):
            print(text, end="")
        case Settled():
            break"""

_NOTE: Final = "h2a-demo-note.md"
_NOTE_TEXT: Final = "# A note from the demo\n\nI was written by a script.\nYou may delete me.\n"


def _write(_moment: Moment, _subject: str) -> list[Part]:
    return [
        Say(
            "I can write one thing only: a small note. First I look, so that I overwrite nothing of yours.\n"
        ),
        Call("find", {"pattern": _NOTE, "limit": 5}),
    ]


def _write_note(moment: Moment, _subject: str) -> list[Part]:
    result = moment.result("find")
    if result is None or any(line.strip().endswith(_NOTE) for line in result.lines):
        return [Say(f"`{_NOTE}` is still here from last time. Delete it, and I make you a new one.")]
    return [
        Say("Now the file. If I have to ask, you see all of it before you say **y**.\n"),
        Call("write", {"path": _NOTE, "content": _NOTE_TEXT}),
    ]


def _edit_note(moment: Moment, _subject: str) -> list[Part]:
    result = moment.result("write")
    if result is None or result.state != "ok":
        return [Say(went_wrong(result))]
    return [
        Say("There it is. And a change to it, shown as a diff:\n"),
        Call(
            "edit",
            {
                "path": _NOTE,
                "edits": [{"old_text": "a script.", "new_text": "a script, and allowed by you."}],
            },
        ),
    ]


def _edited_note(moment: Moment, _subject: str) -> list[Part]:
    result = moment.result("edit")
    if result is None or result.state != "ok":
        return [Say(went_wrong(result))]
    return [Say(f"Done: one file, one change. `run rm {_NOTE}` cleans up after me.")]


def three_results(moment: Moment) -> str:
    """What `ls`, `find` and `grep` have brought, as a table."""
    grep = moment.result("grep")
    pattern = quote(str(grep.arguments.get("pattern", ""))) if grep else ""
    rows = (
        ("ls", "this folder", "entry", "entries"),
        ("find", "`*.md`", "file", "files"),
        ("grep", f"“{pattern}”", "line", "lines"),
    )
    table = "\n".join(
        f"| `{name}` | {what} | {count(moment.result(name), one, many)} |" for name, what, one, many in rows
    )
    return f"| call | looked for | found |\n|---|---|---:|\n{table}"


def _puzzled(moment: Moment, _subject: str) -> list[Part]:
    topic = topic_of(moment.words)
    if not topic:
        return [Say("That is beyond a script. `help` shows the words I know.")]
    return [
        Say(
            f"A model would now think about that. I can only look for “{quote(topic)}” in your files, so "
            "that is what I do.\n"
        ),
        Call("grep", {"pattern": topic, "literal": True, "ignore_case": True, "limit": 50}),
    ]


def _puzzled_searched(moment: Moment, _subject: str) -> list[Part]:
    return [*_searched(moment, topic_of(moment.words)), Say("\n\n`help` shows the words I really know.")]


# ---------------------------------------------------------- the turns of each errand

CODE: Final[tuple[Turn, ...]] = (_code, _show_code, _shown_code)
COUNT: Final[tuple[Turn, ...]] = (_count_up, _counted)
LIST: Final[tuple[Turn, ...]] = (_list, _listed)
PUZZLED: Final[tuple[Turn, ...]] = (_puzzled, _puzzled_searched)
READ: Final[tuple[Turn, ...]] = (_read, _have_read, _have_found)
RUN: Final[tuple[Turn, ...]] = (_run, _ran)
SEARCH: Final[tuple[Turn, ...]] = (_search, _searched)
TABLE: Final[tuple[Turn, ...]] = (_table, _tabled)
THREE: Final[tuple[Turn, ...]] = (_three, _three_told)
WRITE: Final[tuple[Turn, ...]] = (_write, _write_note, _edit_note, _edited_note)
