"""What the demo plays: scenes, each a pattern and a list of turns.

A scene begins when its pattern is found in the user's words; the first that matches plays (`ORDERS`, then
`WORDS`). Turn n answers the n-th request since those words, so a scene that calls tools goes on with
their results in its next turn. A turn is a function of the moment and of the pattern's `subject`, and returns
what to think, say and call.

The tone: short sentences, nothing pretended, no dead end.
"""

from __future__ import annotations

from typing import Final

from h2a_agent.providers.demo import errands, talk
from h2a_agent.providers.demo.moment import Moment
from h2a_agent.providers.demo.parts import Call, Part, Say, Scene, Think
from h2a_agent.providers.demo.phrases import command_report, excerpt, quote, readable, topic_of

__all__ = ["OPENING", "ORDERS", "PICTURE", "PUZZLED", "WORDS"]


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
    text = f"Here is what came back:\n\n{errands.three_results(moment)}\n\n"
    pick = readable(moment.result("ls"))
    if not pick:
        return [Say(text + "Nothing to read here. Tidy.\n\n"), *_ask_for_command()]
    return [
        Say(text + f"`{quote(pick)}` looks readable. I open it.\n"),
        Call("read", {"path": pick, "limit": 40}),
    ]


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
        Call("bash", {"command": 'echo "Hello from $SHELL."; date; uname -sr'}),
    ]


def _told(moment: Moment, _subject: str) -> list[Part]:
    return [Say(command_report(moment.result("bash")) + "\n\n"), *talk.long(moment, "")]


# ------------------------------------------------------------------ the scenes

OPENING: Final = Scene("", (_hello, _looked, _opened, _told))
PICTURE: Final = Scene("", (talk.picture,))
PUZZLED: Final = Scene("", errands.PUZZLED)

_POLITE: Final = r"^(?:(?:please|now|then|and|ok|can you|could you)[ ,]+)*"
_NAME: Final = (
    r"(?!(?:me|it|this|that|them|us|some|something|files?|around|all|how|what|why)\b)[\w./~+-]*[\w~/]"
)
_TONGUES: Final = r"deutsch|german|fran[cç]ais|french|espa[nñ]ol|spanish|italiano|italian|chinese|japanese|portuguese|dutch|polish"

# How a message begins.
ORDERS: Final[tuple[Scene, ...]] = (
    Scene(_POLITE + r"(?:stop|halt|enough|cancel|never ?mind|quiet)\b", (talk.halt,)),
    Scene(_POLITE + r"(?:(?:run|execute|bash)\s+(?!the |a |my |all )|!\s*)(?P<subject>\S.*)", errands.RUN),
    Scene(
        _POLITE
        + r"(?:read|open|show|cat|lies)\s+(?:the (?:file )?)?[`\"']?(?P<subject>"
        + _NAME
        + r")[`\"']?[.!?]?\s*$",
        errands.READ,
    ),
    Scene(
        _POLITE
        + r"(?:search|grep|find|look|suche?)\s+(?:for |nach )?(?!out\b|at\b|around\b)(?P<subject>\S.*)",
        errands.SEARCH,
    ),
)

# What a short message holds. In a long one a single word means little: that is for a real model.
WORDS: Final[tuple[Scene, ...]] = (
    Scene(rf"\b(?:in|auf|en|em)\s+(?P<subject>{_TONGUES})\b", (talk.language,)),
    Scene(r"\b(?:short|shorter|brief|briefly|tl;?dr|summar\w+|kurz|kürzer|less)\b", (talk.short,)),
    Scene(r"\bcount\b(?! (?:the|all|my)\b)", errands.COUNT),
    Scene(r"\b(?:break|disconnect)\b", (talk.break_off, talk.mended)),
    Scene(r"\btables?\b|\bhow many\b", errands.TABLE),
    Scene(r"\b(?:ls|list|where are we|dateien)\b|\bwhat(?:'s| is) (?:here|in)\b", errands.LIST),
    Scene(r"\b(?:write|edit|create)\b", errands.WRITE),
    Scene(r"\b(?:three|parallel|at once)\b", errands.THREE),
    Scene(r"\bcode\b", errands.CODE),
    Scene(r"\b(?:long|story|essay)\b", (talk.long,)),
    Scene(r"\bthink\b", (talk.think,)),
    Scene(r"^model\b|\b(?:api.?key|ollama|provider|connect|real (?:model|llm|ai))\b", (talk.model,)),
    Scene(r"\b(?:who are you|what are you|are you|demo)\b", (talk.who,)),
    Scene(r"\b(?:thanks?|danke|merci)\b", (talk.thanks,)),
    Scene(r"^\W*\?+\W*$|\b(?:help|keys?|what can|commands|hilfe|how do(?:es)?)\b", (talk.help,)),
    Scene(
        r"\b(?P<subject>(?:steer|follow|nudge|queue|pause|approv)[\w-]*|esc(?:ape)?)\b",
        (talk.explain,),
    ),
    Scene(r"^(?:go on|continue|next|yes|ok(?:ay)?|weiter|sure|more)\b", (talk.go_on,)),
    Scene(r"\b(?:hello|hi|hey|hallo|tour|show me around|start over)\b", OPENING.turns),
)
