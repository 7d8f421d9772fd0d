"""Exports: everything that was said, for people and for programs, and no secret and no script in it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from h2a_agent.content import ImageBlock, TextBlock, ThinkingBlock, ToolUseBlock
from h2a_agent.events import Kind, Outcome
from h2a_agent.export import export_session, render_session
from h2a_agent.export.highlight import markdown_html
from h2a_agent.export.redact import REDACTED, Redactor, secrets_of
from h2a_agent.history import AssistantEntry
from h2a_agent.session import Session, SessionError
from h2a_agent.session_copy import import_session
from support.saved_sessions import Script

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u202e\x1b[2J"
PICTURE = ImageBlock("image/png", "iVBORw0KGgo=")


class Page(HTMLParser):
    """The tags, attributes and words of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """A prompt, an answer with every kind of block, a steer with a picture, a tool that changed a file."""
    script = Script(tmp_path)
    script.ask("Make it fast")
    script.answer(
        ThinkingBlock("Where is it slow?", "sig"),
        TextBlock("## Plan\n\n```python\nx = 1\n```\n\n[ok](https://e.org) ![pic](https://e.org/p.png)"),
        ToolUseBlock("a", "bash", {"command": "make test"}),
        ToolUseBlock("b", "edit", {"path": "a.py", "edits": []}),
    )
    script.result("a", "2 failed", Outcome.FAILED)
    script.result("b", "changed", diff="--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x = 1\n+x = 2")
    script.answer("Now I rewrite every", cut="steer")
    script.ask("Only the loop", PICTURE, kind=Kind.STEER)
    script.answer("Only the loop, then.")
    script.session.rename("Speed")
    return script


def test_a_page_shows_all_that_was_said_folded_and_marked(script: Script) -> None:
    page, redacted = render_session(script.close(), "html")
    parsed = Page(page)
    for words in (
        "Speed",
        "Make it fast",
        "Where is it slow?",
        "Plan",
        "make test",
        "2 failed",
        "Only the loop, then.",
    ):
        assert words in parsed.words
    assert redacted == 0
    assert [a.get("class") for t, a in parsed.tags if t == "details" and a.get("class") != "top"] == [
        "thought",
        "call bad",
        "call ok",
    ]
    assert [a["id"] for t, a in parsed.tags if t == "section" and "id" in a] == ["p1", "p2"]
    assert page.count('href="#p2"') == 3, "in both lists of prompts and at the prompt itself"
    assert page.index("cut here by the next message") < page.index('class="prompt steer"')
    assert '<span class="add">+x = 2</span>' in page
    assert '<span class="n">x</span>' in page, "code has colours"
    assert f'src="data:image/png;base64,{PICTURE.data}"' in page


def test_a_page_loads_nothing_and_runs_nothing(script: Script) -> None:
    page, _ = render_session(script.close(), "html")
    parsed = Page(page)
    policy = next(a["content"] for t, a in parsed.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    assert {tag for tag, _ in parsed.tags} & {
        "script",
        "link",
        "iframe",
        "object",
        "embed",
        "form",
        "base",
    } == set()
    for _, attributes in parsed.tags:
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        assert str(attributes.get("src", "data:image/")).startswith("data:image/")
        assert str(attributes.get("href", "#")).startswith(("#", "https://e.org"))
    assert "url(" not in page
    assert "@import" not in page


def test_nothing_hostile_becomes_markup_wherever_it_comes_from(tmp_path: Path) -> None:
    workspace = tmp_path / "<script>alert(0)<"
    script = Script(tmp_path, workspace)
    script.ask(
        HOSTILE, ImageBlock('image/png"><script>', '"><script>'), ImageBlock("image/png", '"><script>')
    )
    script.answer(
        ThinkingBlock(HOSTILE, "sig"),
        TextBlock(
            HOSTILE
            + f"\n\n```{HOSTILE}\n{HOSTILE}\n```\n\n[x](javascript:alert(1)) ![{HOSTILE}](data:text/html,x)"
        ),
        ToolUseBlock("a", HOSTILE, {HOSTILE: HOSTILE, "command": HOSTILE}),
        ToolUseBlock("b", "bash", {"command": HOSTILE}),
        model=HOSTILE,
    )
    script.result("a", HOSTILE, diff=f"+{HOSTILE}\n@@{HOSTILE}")
    script.session.rename(HOSTILE)
    script.session.label(script.answer("x", cut="steer").id, HOSTILE)
    page, _ = render_session(script.close(), "html")
    parsed = Page(page)
    assert {tag for tag, _ in parsed.tags} & {"script", "iframe"} == set()
    assert not any(name.startswith("on") for _, attributes in parsed.tags for name in attributes)
    assert all("javascript" not in str(attributes.get("href")) for _, attributes in parsed.tags)
    assert "\x1b" not in page
    assert "\u202e" not in page


@given(st.text(alphabet=st.sampled_from(list("<>&\"'[](){}!`*_#|~-\\/ \n\tajsx:=.;")), max_size=200))
@example("<a href='javascript:x'>")
@example("[a](java\nscript:x)")
@example('![a]("onerror=alert(1) x=")')
@settings(max_examples=300, deadline=None)
def test_no_markdown_makes_a_tag_that_markdown_does_not_have(text: str) -> None:
    allowed = {
        *[
            "p",
            "ul",
            "ol",
            "li",
            "a",
            "em",
            "strong",
            "s",
            "code",
            "pre",
            "span",
            "blockquote",
            "hr",
            "br",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
        ]
    }
    allowed |= {f"h{level}" for level in range(1, 7)}
    for tag, attributes in Page(markdown_html(text)).tags:
        assert tag in allowed
        assert set(attributes) <= {"href", "rel", "title", "class", "start", "style"}
        assert re.match(r"text-align:", str(attributes.get("style", "text-align:")))
        assert (
            not str(attributes.get("href", ""))
            .lower()
            .startswith(("javascript:", "data:", "vbscript:", "file:"))
        )


def test_markdown_keeps_its_fences_closed_whatever_is_in_them(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask("one\n# not a heading")
    script.answer(ToolUseBlock("a", "bash", {"command": "x"}))
    script.result("a", "```\n````\n# not a heading either")
    text, _ = render_session(script.close(), "md")
    assert "> # not a heading" in text
    assert "`````\n```\n````\n# not a heading either\n`````" in text


def test_markdown_has_a_heading_a_prompt_and_marks_where_a_steer_cut_in(script: Script) -> None:
    text, _ = render_session(script.close(), "md")
    headings = [line for line in text.splitlines() if line.startswith(("# ", "## "))]
    assert headings == ["# Speed", "## 1. Prompt: Make it fast", "## Plan", "## 2. Steer: Only the loop"]
    assert "*✂ cut here by the next message*" in text
    assert "*This message cut the answer above.*" in text


def test_json_lines_lose_nothing_and_can_be_imported(script: Script, tmp_path: Path) -> None:
    script.session.branch(script.session.history.path[0].id)
    script.answer("on another branch")
    script.session.label(script.session.history.head, "other")
    target = tmp_path / "out.jsonl"
    export_session(script.close(), target)
    session = Session.open(import_session(target, tmp_path / "in" / "x", tmp_path))
    assert list(session.history.nodes) == list(script.session.history.nodes)
    assert session.history.head == script.session.history.head
    assert (session.name, session.labels) == (script.session.name, script.session.labels)
    session.close()
    assert all(json.loads(line) for line in target.read_text("utf-8").splitlines())


def test_an_export_says_that_there_are_other_branches(script: Script) -> None:
    script.session.branch(script.session.history.path[0].id)
    page, _ = render_session(script.close(), "html")
    assert "1 other branch is in the session and not on this page" in page


def test_an_export_overwrites_nothing_and_needs_a_known_ending(script: Script, tmp_path: Path) -> None:
    source = script.close()
    (tmp_path / "a.html").write_text("mine")
    with pytest.raises(SessionError, match="is there already"):
        export_session(source, tmp_path / "a.html")
    with pytest.raises(SessionError, match=r"ends with .html, .md or .jsonl"):
        export_session(source, tmp_path / "a.pdf")
    assert (tmp_path / "a.html").read_text() == "mine"
    made = export_session(source, tmp_path / "b.md")
    assert made.path.stat().st_mode & 0o077 == 0, "it holds what was pasted"


# ------------------------------------------------------------------ secrets

KEY = "a-very/secret+value=of-mine"


@pytest.mark.parametrize(
    "secret",
    [
        "sk-ant-api03-abcdefghijklmnopqrstuv",
        "ghp_" + "a1" * 18,
        "github_pat_" + "a" * 40,
        "AKIAIOSFODNN7EXAMPLE",
        "AIza" + "a" * 35,
        "xoxb-123456789012-abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTYifQ.abcdefghijklmno",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nabcdefghijklmnopqrstuvwxyz\n-----END OPENSSH PRIVATE KEY-----",
        KEY,
        quote(KEY, safe=""),
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(b"user:" + KEY.encode()).decode(),
        base64.b64encode(b"xy" + KEY.encode() + b"z").decode(),
    ],
)
@pytest.mark.parametrize("format", ["html", "md", "jsonl"])
def test_a_secret_is_in_no_export_and_is_counted(tmp_path: Path, secret: str, format: str) -> None:
    script = Script(tmp_path)
    script.ask(f"use {secret} please")
    script.answer(f"I use {secret}.", ToolUseBlock("a", "bash", {"command": f"curl -H 'X: {secret}'"}))
    script.result("a", f"got {secret}\n", diff=f"+KEY={secret}")
    script.session.rename(f"with {secret}")
    text, redacted = render_session(script.close(), format, secrets=[KEY])
    lines = secret.splitlines()
    assert lines[len(lines) // 2][4:18] not in text
    assert REDACTED in text
    assert redacted >= 5


@pytest.mark.parametrize(
    "form",
    [
        lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
        lambda secret: json.dumps(secret),
        lambda secret: quote(secret),
    ],
    ids=["base64 for addresses", "a JSON string", "a path of an address"],
)
def test_a_known_secret_is_found_in_every_form(form: Callable[[str], str]) -> None:
    secret = 'pass>>>???~~~/word"\\'
    redactor = Redactor([secret])
    assert REDACTED in redactor.text(f"see {form(secret)}")
    assert redactor.count == 1


def test_ordinary_words_are_left_alone(tmp_path: Path) -> None:
    words = "a sk-ill, task-ant-hill-and-more-of-it, AKIA, eyJ, the key is short, 0123456789abcdef" * 3
    assert Redactor(["short"]).text(words) == words


def test_a_thought_a_secret_was_taken_out_of_loses_its_signature_and_others_keep_it(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask("one")
    script.answer(
        ThinkingBlock("uses ghp_" + "a" * 36, "c2ln"), ThinkingBlock("nothing", "c2ln"), TextBlock("x")
    )
    target = tmp_path / "x.jsonl"
    export_session(script.close(), target)
    answer = Session.look_at(target).history.last
    assert isinstance(answer, AssistantEntry)
    assert [b.signature for b in answer.content if isinstance(b, ThinkingBlock)] == ["", "c2ln"]


def test_secrets_are_known_by_the_names_of_variables() -> None:
    environ = {
        "ANTHROPIC_API_KEY": "k1",
        "GITHUB_TOKEN": "k2",
        "DB_PASSWORD": "k3",
        "SIGNING_PASSPHRASE": "k4",
        "MYAPIKEY": "k5",
        "HOST_KEY": "k6",
        "KEYBOARD": "us",
        "HOME": "/",
    }
    assert secrets_of(environ) == ["k1", "k2", "k3", "k4", "k5", "k6"]


@given(st.text(max_size=80), st.text(min_size=8, max_size=30).filter(lambda s: s.strip() == s))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_known_value_is_taken_out_of_any_text(around: str, secret: str) -> None:
    assert (
        secret not in Redactor([secret]).text(around + secret + around).replace(REDACTED, "")
        or secret in around * 2
    )
