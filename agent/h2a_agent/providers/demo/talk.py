"""What the demo says when it only talks. Each function is one turn."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from h2a_agent.providers.demo.moment import Moment
from h2a_agent.providers.demo.parts import Break, Part, Say, Think
from h2a_agent.providers.demo.phrases import fence

__all__ = [
    "break_off",
    "explain",
    "go_on",
    "halt",
    "help",
    "language",
    "long",
    "mended",
    "model",
    "picture",
    "short",
    "thanks",
    "think",
    "who",
]


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


def long(_moment: Moment, _subject: str) -> list[Part]:
    return [Say(_LONG, pace=2.5)]


def help(moment: Moment, _subject: str) -> list[Part]:
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


def halt(_moment: Moment, _subject: str) -> list[Part]:
    return [Say("Stopped. Nothing runs. Next time **Esc** does it without a word.")]


def short(_moment: Moment, _subject: str) -> list[Part]:
    return [Say("Short, then: **Enter** cuts in, **Alt+Enter** waits its turn, **Esc** stops. That is all.")]


_GREETINGS: Final[Mapping[str, str]] = {
    "deutsch|german": "Das ist leider mein einziger deutscher Satz, denn ich bin ein Skript und kein Sprachmodell.",
    "fran[cç]ais|french": "C'est hélas ma seule phrase en français : je suis un script, pas un modèle de langage.",
    "espa[nñ]ol|spanish": "Por desgracia esta es mi única frase en español: soy un guion, no un modelo de lenguaje.",
    "italiano|italian": "Purtroppo è la mia unica frase in italiano: sono uno script, non un modello linguistico.",
}


def language(_moment: Moment, subject: str) -> list[Part]:
    sentence = next((s for name, s in _GREETINGS.items() if re.fullmatch(name, subject, re.IGNORECASE)), "")
    lead = f"{sentence}\n\n" if sentence else ""
    return [Say(f"{lead}A real model would now go on in that language. I must go on in English.")]


def think(_moment: Moment, _subject: str) -> list[Part]:
    return [
        Think(
            "I am asked to think. That is a lot to ask of a script. Very well: the queue has two buffers. A "
            "writer fills one, a reader empties the other, and when the reader has nothing left they swap. If "
            "the reader already waits, the item goes straight into its hands. So the user's words are "
            "never behind mine. I like that. Or I would, if I could."
        ),
        Say("I thought it over, and you could watch. Thinking can be steered, too: the same **Enter**."),
    ]


def model(_moment: Moment, _subject: str) -> list[Part]:
    return [
        Say(
            "Gladly. A model that runs on this machine, at once: `/model ollama/NAME`; `/model` alone lists what "
            "there is. For a server that wants a key, one of these, then start again:\n\n"
            + fence(
                "export ANTHROPIC_API_KEY=...          # Anthropic's models\n"
                "h2a-chat\n\n"
                "h2a-chat key set deepseek             # or openrouter, kimi, glm, minimax, qwen\n"
                "h2a-chat --provider deepseek\n\n"
                "h2a-chat --base-url URL --model NAME   # any other that speaks the Messages API",
                "sh",
            )
            + "\n\nTo keep the choice, `/model NAME --save`, or write `provider` and `model` into `config.toml`; "
            "`h2a-chat --help` says where that is."
        )
    ]


def who(_moment: Moment, _subject: str) -> list[Part]:
    return [
        Say(
            "A script of a few hundred lines. Not a language model, not even a small one: I match words and play "
            "scenes. My token counts are estimates (characters divided by four), and I cost nothing. The tools, "
            "files and keys are the real ones."
        )
    ]


def thanks(_moment: Moment, _subject: str) -> list[Part]:
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


def explain(_moment: Moment, subject: str) -> list[Part]:
    key = next((key for key in _TOPICS if subject.lower().startswith(key)), "steer")
    return [Say(_TOPICS[key])]


def break_off(_moment: Moment, _subject: str) -> list[Part]:
    return [
        Say("My connection will break in the middle of this very sen"),
        Break("The demo has cut its own connection, to show what happens then."),
    ]


def mended(_moment: Moment, _subject: str) -> list[Part]:
    return [
        Say(
            "tence. There: the half you had seen was kept, and I went on exactly behind it. Nothing was said twice."
        )
    ]


def go_on(_moment: Moment, _subject: str) -> list[Part]:
    return [Say("Ready when you are.")]


def picture(moment: Moment, _subject: str) -> list[Part]:
    what = "A picture has" if moment.images == 1 else f"{moment.images} pictures have"
    return [Say(f"{what} arrived safely. I am only a script and cannot look; a real model would.")]
