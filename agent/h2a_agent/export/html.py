"""A conversation as one HTML page that needs nothing else: no script, no font, no server.

Every text is escaped where it enters the page, model's Markdown goes through a parser that knows no raw HTML,
and a content security policy forbids whatever should slip through: the page may show itself and pictures that
are in it, and load nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from importlib.resources import files
from typing import Final

from h2a_agent.content import ImageBlock
from h2a_agent.events import Kind, Outcome
from h2a_agent.export.conversation import Answer, Call, Conversation, Prompt, Thought, Words
from h2a_agent.export.highlight import code_block, diff_block, markdown_html, syntax_css
from h2a_agent.export.markdown import CUT_NOTES, when
from h2a_agent.safe_text import one_line

__all__ = ["to_html"]

_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
)
_PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_TONES: Final[Mapping[Outcome | None, str]] = {
    Outcome.OK: "ok",
    Outcome.FAILED: "bad",
    Outcome.STOPPED: "cut",
    Outcome.REJECTED: "cut",
    Outcome.UNKNOWN: "bad",
    Outcome.NOT_STARTED: "off",
    None: "off",
}
_KINDS: Final[Mapping[Kind, str]] = {
    Kind.PROMPT: "",
    Kind.STEER: "steer",
    Kind.NUDGE: "at the next step",
    Kind.FOLLOW_UP: "follow-up",
}


def to_html(conversation: Conversation) -> str:
    """The whole page."""
    title = escape(conversation.title)
    style = files("h2a_agent.export").joinpath("page.css").read_text("utf-8") + syntax_css()
    return "".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n',
            f"<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n",
            *_contents(conversation),
            f'<main>\n<header>\n<h1>{title}</h1>\n<p class="facts">{_facts(conversation)}</p>\n</header>\n',
            *map(_turn, conversation.turns),
            f"<footer>{_footer(conversation)}</footer>\n</main>\n</body>\n</html>\n",
        ]
    )


def _facts(conversation: Conversation) -> str:
    count = len(conversation.prompts)
    facts = [
        when(conversation.started),
        str(conversation.workspace),
        *conversation.models,
        f"{count} message{'' if count == 1 else 's'}",
    ]
    if conversation.cost_usd:
        facts.append(f"${conversation.cost_usd:.2f}")
    return " ".join(f"<span>{escape(fact)}</span>" for fact in facts if fact)


def _footer(conversation: Conversation) -> str:
    text = f"h2a-chat session {conversation.id}"
    if other := conversation.other_branches:
        text += (
            f" · {other} other branch{'es are' if other > 1 else ' is'} in the session and not on this page"
        )
    return escape(text)


def _contents(conversation: Conversation) -> Iterator[str]:
    """The list of prompts: at the side of a wide window, folded on top of a narrow one."""
    rows = []
    for prompt in conversation.prompts:
        steers = ' class="steer"' if prompt.kind is Kind.STEER else ""
        text = escape(one_line(prompt.text, 90) or "an image")
        label = f" <mark>{escape(prompt.label)}</mark>" if prompt.label else ""
        rows.append(f'<li{steers}><a href="#p{prompt.number}">{text}</a>{label}</li>\n')
    if len(rows) > 1:
        yield f'<nav class="side" aria-label="Prompts"><h2>Prompts</h2>\n<ol>\n{"".join(rows)}</ol></nav>\n'
        yield f'<details class="top"><summary>{len(rows)} prompts</summary>\n<ol>\n{"".join(rows)}</ol></details>\n'


def _turn(turn: Prompt | Answer | Call) -> str:
    match turn:
        case Prompt():
            return _prompt(turn)
        case Answer():
            return _answer(turn)
        case Call():
            return f'<section class="own">\n{_call(turn)}</section>\n'


def _prompt(prompt: Prompt) -> str:
    kind = _KINDS[prompt.kind]
    steer = " steer" if prompt.kind is Kind.STEER else ""
    tags = [f'<a class="number" href="#p{prompt.number}">{prompt.number}</a>', "<b>You</b>"]
    if kind:
        tags.append(f'<span class="tag">{kind}</span>')
    if prompt.label:
        tags.append(f"<mark>{escape(prompt.label)}</mark>")
    tags.append(f"<time>{when(prompt.time)}</time>")
    body = f'<div class="said">{escape(prompt.text)}</div>' if prompt.text else ""
    return (
        f'<section class="prompt{steer}" id="p{prompt.number}">\n<p class="who">{" ".join(tags)}</p>\n'
        f"{body}{_images(prompt.images)}</section>\n"
    )


def _answer(answer: Answer) -> str:
    parts = "".join(_part(part) for part in answer.parts)
    label = f"<p><mark>{escape(answer.label)}</mark></p>" if answer.label else ""
    cut = ""
    if answer.cut:
        tone = "by-steer" if answer.cut == "steer" else "by-other"
        cut = (
            f'<p class="cut-here {tone}"><span>✂ {escape(CUT_NOTES.get(answer.cut, answer.cut))}</span></p>\n'
        )
    return f'<section class="answer">\n{label}{parts}{cut}</section>\n'


def _part(part: Words | Thought | Call) -> str:
    match part:
        case Words(text):
            return f'<div class="words">{markdown_html(text)}</div>\n'
        case Thought(text):
            return (
                f'<details class="thought"><summary>Thinking</summary><div>{escape(text)}</div></details>\n'
            )
        case Call():
            return _call(part)


def _call(call: Call) -> str:
    elapsed = f'<span class="time">{call.elapsed_s:.1f} s</span>' if call.elapsed_s >= 0.05 else ""
    outcome = escape(str(call.outcome or "no result"))
    brief = f'<span class="brief">{escape(call.brief or outcome)}</span>'
    summary = (
        f'<i class="dot" title="{outcome}"></i><b>{escape(call.name)}</b> '
        f"<code>{escape(call.title)}</code>{brief}{elapsed}"
    )
    body = [_arguments(call)]
    if call.diff:
        body.append(diff_block(call.diff))
    if call.text.strip():
        body.append(f'<pre class="output">{escape(call.text.rstrip())}</pre>')
    body.append(_images(call.images))
    return f'<details class="call {_TONES[call.outcome]}"><summary>{summary}</summary>{"".join(body)}</details>\n'


def _arguments(call: Call) -> str:
    command = call.arguments.get("command")
    if isinstance(command, str) and len(call.arguments) == 1:
        return code_block(command, "bash")
    if call.diff:
        return ""  # it says what was to be changed, and more legibly
    return code_block(json.dumps(call.arguments, ensure_ascii=False, indent=2), "json")


def _images(images: tuple[ImageBlock, ...]) -> str:
    shown = [
        f'<img alt="picture" loading="lazy" src="data:{image.media_type};base64,{escape(image.data)}">'
        for image in images
        if image.media_type in _PICTURES
    ]
    return f'<div class="pictures">{"".join(shown)}</div>' if shown else ""
