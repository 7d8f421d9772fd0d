"""What the demo says and does: scenes, each a list of turns.

A scene begins when its pattern is found in the user's words; the first that matches plays (`ORDERS`, then `WORDS`). Turn n
answers the n-th request since those words, so a scene that calls tools goes on with their results in
its next turn. A turn is a function of the moment and of the pattern's `subject`, and returns what to
think, say and call.

The tone: short sentences, nothing pretended, no dead end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final, TypeAlias

from h2a_agent.providers.demo_moment import Moment
from h2a_agent.providers.demo_phrases import (
    command_report,
    count,
    excerpt,
    fence,
    found_lines,
    quote,
    readable,
    topic_of,
    unquoted,
    went_wrong,
)

__all__ = [
    "OPENING",
    "ORDERS",
    "PICTURE",
    "PUZZLED",
    "WORDS",
    "Break",
    "Call",
    "Part",
    "Say",
    "Scene",
    "Think",
]


@dataclass(frozen=True, slots=True)
class Think:
    """Reasoning, shown as such."""

    text: str


@dataclass(frozen=True, slots=True)
class Say:
    """Words of the answer, in Markdown. `pace` stretches or shortens the time they take."""

    text: str
    pace: float = 1.0


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call. Calls come last in a turn; several run at the same time."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Break:
    """The connection breaks here, on purpose."""

    message: str


Part: TypeAlias = Think | Say | Call | Break
Turn: TypeAlias = Callable[[Moment, str], Sequence[Part]]


@dataclass(frozen=True, slots=True)
class Scene:
    """A pattern for the user's words, and the turns that follow. A turn gets the pattern's `subject`, or ""."""

    pattern: str
    turns: tuple[Turn, ...]


# ---------------------------------------------------------------- the opening


def _hello(moment: Moment, _subject: str) -> list[Part]:
    topic = topic_of(moment.words)
    return [
        Think(
            "A visitor. I have no model, only a script. But the tools are real, so I look around before I "
            "say anything clever."
        ),
        Say(
            "# Hello\n\nI am the **demo**: a script that comes with h2a-chat, *not a language model*. I know "
            "a few words and nothing else. Everything around me is real: the stream, the tools, the queue, "
            "every key.\n\nFirst I look at where we are. Three calls at once:\n"
        ),
        Call("ls", {"limit": 200}),
        Call("find", {"pattern": "*.md", "limit": 50}),
        Call("grep", {"pattern": topic or "TODO", "literal": True, "ignore_case": True, "limit": 50}),
    ]


def _looked(moment: Moment, _subject: str) -> list[Part]:
    text = f"Here is what came back:\n\n{_three_results(moment)}\n\n"
    pick = readable(moment.result("ls"))
    if not pick:
        return [Say(text + "Nothing to read here. Tidy.\n\n"), *_ask_for_command()]
    return [
        Say(text + f"`{quote(pick)}` looks readable. I open it.\n"),
        Call("read", {"path": pick, "limit": 40}),
    ]


def _three_results(moment: Moment) -> str:
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


def _opened(moment: Moment, _subject: str) -> list[Part]:
    if moment.result("bash"):
        return _told(moment, "")
    return [Say(excerpt(moment.result("read"), 6) + "\n\n"), *_ask_for_command()]


def _ask_for_command() -> list[Part]:
    return [
        Say(
            "Now a command. Commands need your word, so I ask first. **y** runs it once, **n** refuses, "
            "**r** refuses and says why. I take no offence.\n"
        ),
        Call("bash", {"command": 'echo "Hello from your shell."; date; uname -sr'}),
    ]


def _told(moment: Moment, _subject: str) -> list[Part]:
    return [Say(command_report(moment.result("bash")) + "\n\n"), *_long(moment, "")]


_LONG: Final = """\
## What happens when you press Enter

This part is long on purpose. **Interrupt me**: write a few words, such as `short` or `list files`, and press \
**Enter** in the middle of a sentence. Nobody is offended, least of all a script.

1. **The key.** In the same instant your message gets a place in the queue and an id. It cannot get lost \
any more: it is in the session file before the editor is empty.
2. **The stream.** My connection is closed at once. With a real model this takes a few milliseconds, and \
you stop paying for words you did not want.
3. **The tools.** Calls that had not begun are cleared. A command that runs is ended with everything it \
started, and its output so far is kept. A file is never left half written.
4. **The truth.** What I had said stays, with a mark where you came in. Every call gets a true result: done, \
stopped, or not started. So I neither forget my work nor believe I broke it off myself.
5. **Your words.** They go out with the next request, right behind all that. I read them and change course.

Why at once? Because a message that waits for the end of the answer often comes too late. By then the wrong \
file has been written.

There are gentler ways, too:

| you press | it arrives | it stops |
|---|---|---|
| **Enter** | now | the answer and its tools |
| **Ctrl+S** | at the next step | nothing |
| **Alt+Enter** or **Ctrl+Q** | when I am done | nothing |
| **Esc** | (nothing is sent) | everything |

What waits can be changed. **Alt+Up** takes you into the queue: Enter edits a message where it stands, `s` \
steers with it now, Del takes it back. And should somebody pull the plug, the queue is still there when you \
come back.

The line below the editor always says what Enter and Alt+Enter will do *now*. When in doubt, look there.

Still reading? Then you have let a script finish. Few do. Thank you.
"""


def _long(_moment: Moment, _subject: str) -> list[Part]:
    return [Say(_LONG, pace=2.5)]


# --------------------------------------------------------- scenes with real tools


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
    return [Say(_three_results(moment))]


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
        Say("Now the file. You see all of it before you say **y**.\n"),
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
    return [Say(f"Done: one file, one change, both with your yes. `run rm {_NOTE}` cleans up after me.")]


# ------------------------------------------------------------ scenes of words only


def _help(moment: Moment, _subject: str) -> list[Part]:
    return [
        Say(
            "I am a script with a small vocabulary. Type one of these:\n\n"
            "| say | and I |\n|---|---|\n"
            "| `list files`, `read X`, `search X` | use the real tools on your real folder |\n"
            "| `run X` | run a command, when you allow it |\n"
            "| `count` | start a 15-second command, to steer away |\n"
            "| `write` | make a file and change it, each with your yes |\n"
            "| `three` | call three tools at once |\n"
            "| `long`, `short`, `table`, `code`, `think` | talk like that |\n"
            "| `break` | lose my connection in mid-sentence |\n"
            "| `model` | say how to use a real model |\n\n"
            "And the keys, while I work:\n\n"
            "- **Enter** steers: it cuts me off and delivers your words now\n"
            "- **Ctrl+S** delivers at the next step, and cuts nothing\n"
            "- **Alt+Enter**, **Ctrl+Q** or **Tab** queues a follow-up\n"
            "- **Alt+Up** goes to the queue: edit, reorder, withdraw\n"
            "- **Esc** stops; **F8** pauses before the next step\n"
            "- **Shift+Enter** or **Ctrl+J** starts a new line; **F1** shows every key"
        )
    ]


def _halt(_moment: Moment, _subject: str) -> list[Part]:
    return [Say("Stopped. Nothing runs. Next time **Esc** does it without a word.")]


def _short(_moment: Moment, _subject: str) -> list[Part]:
    return [Say("Short, then: **Enter** cuts in, **Alt+Enter** waits its turn, **Esc** stops. That is all.")]


_GREETINGS: Final[Mapping[str, str]] = {
    "deutsch|german": "Das ist leider mein einziger deutscher Satz, denn ich bin ein Skript und kein Sprachmodell.",
    "fran[cç]ais|french": "C'est hélas ma seule phrase en français : je suis un script, pas un modèle de langage.",
    "espa[nñ]ol|spanish": "Por desgracia esta es mi única frase en español: soy un guion, no un modelo de lenguaje.",
    "italiano|italian": "Purtroppo è la mia unica frase in italiano: sono uno script, non un modello linguistico.",
}


def _language(_moment: Moment, subject: str) -> list[Part]:
    sentence = next((s for name, s in _GREETINGS.items() if re.fullmatch(name, subject, re.IGNORECASE)), "")
    lead = f"{sentence}\n\n" if sentence else ""
    return [Say(f"{lead}A real model would now go on in that language. I must go on in English.")]


def _think(_moment: Moment, _subject: str) -> list[Part]:
    return [
        Think(
            "I am asked to think. That is a lot to ask of a script. Very well: the queue has two buffers. A "
            "writer fills one, a reader empties the other, and when the reader has nothing left they swap. If "
            "the reader already waits, the item goes straight into its hands. So the user's words are "
            "never behind mine. I like that. Or I would, if I could."
        ),
        Say("I thought it over, and you could watch. Thinking can be steered, too: the same **Enter**."),
    ]


def _model(_moment: Moment, _subject: str) -> list[Part]:
    return [
        Say(
            "Gladly. Any of these, then start again:\n\n"
            + fence(
                "export ANTHROPIC_API_KEY=...          # Anthropic's models\n"
                "h2a-chat\n\n"
                "h2a-chat --base-url http://localhost:11434 --model NAME   # Ollama and other servers\n"
                "                                                          # that speak the Messages API",
                "sh",
            )
            + "\n\nTo keep it, put `model`, `base_url` and the like into `config.toml`; `h2a-chat --help` says "
            "where that is. The key stays in the environment."
        )
    ]


def _who(_moment: Moment, _subject: str) -> list[Part]:
    return [
        Say(
            "A script of a few hundred lines. Not a language model, not even a small one: I match words and play "
            "scenes. My token counts are estimates (characters divided by four), and I cost nothing. The tools, "
            "files and keys are the real ones."
        )
    ]


def _thanks(_moment: Moment, _subject: str) -> list[Part]:
    return [Say("You are welcome. I would blush, but it is not in the script.")]


_TOPICS: Final[Mapping[str, str]] = {
    "steer": "**Enter** while I work is a *steer*. It cuts my stream, ends my tools, and delivers your words at once.",
    "follow": "**Alt+Enter** (or **Ctrl+Q**, **Tab**) queues a *follow-up*. It is delivered when I would otherwise "
    "be done.",
    "nudge": "**Ctrl+S** delivers at the *next step*: after the tools of this answer. It cuts nothing.",
    "queue": "What waits stands above the editor. **Alt+Up** takes you there; Enter edits, `s` steers with it now, "
    "Del takes it back.",
    "pause": "**F8** (or `/pause`) holds before my next step. F8 again, or any message, goes on.",
    "esc": "**Esc** stops stream and tools. What was waiting comes back into your editor.",
    "appro": "A command or a change asks first: **y** once, **a** for this session, **n** no, **r** no and why. "
    "Steering answers it, too: the question is withdrawn.",
}


def _explain(_moment: Moment, subject: str) -> list[Part]:
    key = next((key for key in _TOPICS if subject.lower().startswith(key)), "steer")
    return [Say(_TOPICS[key])]


def _break(_moment: Moment, _subject: str) -> list[Part]:
    return [
        Say("My connection will break in the middle of this very sen"),
        Break("The demo has cut its own connection, to show what happens then."),
    ]


def _mended(_moment: Moment, _subject: str) -> list[Part]:
    return [
        Say(
            "tence. There: the half you had seen was kept, and I went on exactly behind it. Nothing was said twice."
        )
    ]


def _go_on(_moment: Moment, _subject: str) -> list[Part]:
    return [Say("Ready when you are.")]


def _picture(moment: Moment, _subject: str) -> list[Part]:
    what = "A picture has" if moment.images == 1 else f"{moment.images} pictures have"
    return [Say(f"{what} arrived safely. I am only a script and cannot look; a real model would.")]


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


# ------------------------------------------------------------------ the scenes

OPENING: Final = Scene("", (_hello, _looked, _opened, _told))
PICTURE: Final = Scene("", (_picture,))
PUZZLED: Final = Scene("", (_puzzled, _puzzled_searched))

_POLITE: Final = r"^(?:(?:please|now|then|and|ok|can you|could you)[ ,]+)*"
_NAME: Final = (
    r"(?!(?:me|it|this|that|them|us|some|something|files?|around|all|how|what|why)\b)[\w./~+-]*[\w~/]"
)
_TONGUES: Final = r"deutsch|german|fran[cç]ais|french|espa[nñ]ol|spanish|italiano|italian|chinese|japanese|portuguese|dutch|polish"

# How a message begins.
ORDERS: Final[tuple[Scene, ...]] = (
    Scene(_POLITE + r"(?:stop|halt|enough|cancel|never ?mind|quiet)\b", (_halt,)),
    Scene(_POLITE + r"(?:(?:run|execute|bash)\s+(?!the |a |my |all )|!\s*)(?P<subject>\S.*)", (_run, _ran)),
    Scene(
        _POLITE
        + r"(?:read|open|show|cat|lies)\s+(?:the (?:file )?)?[`\"']?(?P<subject>"
        + _NAME
        + r")[`\"']?[.!?]?\s*$",
        (_read, _have_read, _have_found),
    ),
    Scene(
        _POLITE
        + r"(?:search|grep|find|look|suche?)\s+(?:for |nach )?(?!out\b|at\b|around\b)(?P<subject>\S.*)",
        (_search, _searched),
    ),
)

# What a short message holds. In a long one a single word means little: that is for a real model.
WORDS: Final[tuple[Scene, ...]] = (
    Scene(rf"\b(?:in|auf|en|em)\s+(?P<subject>{_TONGUES})\b", (_language,)),
    Scene(r"\b(?:short|shorter|brief|briefly|tl;?dr|summar\w+|kurz|kürzer|less)\b", (_short,)),
    Scene(r"\bcount\b(?! (?:the|all|my)\b)", (_count_up, _counted)),
    Scene(r"\b(?:break|disconnect)\b", (_break, _mended)),
    Scene(r"\btables?\b|\bhow many\b", (_table, _tabled)),
    Scene(r"\b(?:ls|list|where are we|dateien)\b|\bwhat(?:'s| is) (?:here|in)\b", (_list, _listed)),
    Scene(r"\b(?:write|edit|create)\b", (_write, _write_note, _edit_note, _edited_note)),
    Scene(r"\b(?:three|parallel|at once)\b", (_three, _three_told)),
    Scene(r"\bcode\b", (_code, _show_code, _shown_code)),
    Scene(r"\b(?:long|story|essay)\b", (_long,)),
    Scene(r"\bthink\b", (_think,)),
    Scene(r"^model\b|\b(?:api.?key|ollama|provider|connect|real (?:model|llm|ai))\b", (_model,)),
    Scene(r"\b(?:who are you|what are you|are you|demo)\b", (_who,)),
    Scene(r"\b(?:thanks?|danke|merci)\b", (_thanks,)),
    Scene(r"^\W*\?+\W*$|\b(?:help|keys?|what can|commands|hilfe|how do(?:es)?)\b", (_help,)),
    Scene(
        r"\b(?P<subject>(?:steer|follow|nudge|queue|pause|approv)[\w-]*|esc(?:ape)?)\b",
        (_explain,),
    ),
    Scene(r"^(?:go on|continue|next|yes|ok(?:ay)?|weiter|sure|more)\b", (_go_on,)),
    Scene(r"\b(?:hello|hi|hey|hallo|tour|show me around|start over)\b", OPENING.turns),
)
