"""The Messages API's rules for a request, executable: the oracle for everything that builds requests.

`validate(payload)` returns every rule that is broken, as a sentence naming the place; a valid request gives
an empty list. The wording follows the API's own where it is known, so that error handling meets real text.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["Signatures", "validate"]

Json = dict[str, Any]

_ID: Final = re.compile(r"^[a-zA-Z0-9_-]+$")
_TOOL_NAME: Final = re.compile(r"^[a-zA-Z0-9_-]{1,128}$")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_MEDIA_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_USER_BLOCKS: Final = frozenset({"text", "image", "tool_result"})
_ASSISTANT_BLOCKS: Final = frozenset({"text", "thinking", "redacted_thinking", "tool_use"})
_LARGEST_PICTURE: Final = 5 * 1024 * 1024
_MOST_PICTURES: Final = 100
_TOP_LEVEL: Final = frozenset(
    {
        "cache_control",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "output_config",
        "stop_sequences",
        "stream",
        "system",
        "thinking",
        "tool_choice",
        "tools",
    }
)
_EFFORTS: Final = frozenset({"low", "medium", "high", "xhigh", "max"})


class Signatures:
    """The signatures a server has issued, each for exactly one text of thinking."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}  # signature -> SHA-256 of the thinking it signs
        self._redacted: set[str] = set()

    def issue(self, thinking: str) -> str:
        """A new signature for `thinking`."""
        digest = hashlib.sha256(thinking.encode("utf-8", "surrogatepass")).hexdigest()
        signature = base64.b64encode(f"sig-{len(self._texts)}-{digest}".encode()).decode()
        self._texts[signature] = digest
        return signature

    def issue_redacted(self) -> str:
        """New data for a redacted thinking block."""
        data = base64.b64encode(f"redacted-{len(self._redacted)}".encode()).decode()
        self._redacted.add(data)
        return data

    def covers(self, signature: str, thinking: str) -> bool:
        """Was `signature` issued for exactly `thinking`?"""
        digest = hashlib.sha256(thinking.encode("utf-8", "surrogatepass")).hexdigest()
        return self._texts.get(signature) == digest

    def knows_redacted(self, data: str) -> bool:
        """Was `data` issued for a redacted thinking block?"""
        return data in self._redacted


def validate(payload: Mapping[str, Any], signatures: Signatures | None = None) -> list[str]:
    """Every rule `payload` breaks, in the order of the request.

    `signatures` are those the server has issued; without them a thinking block only needs to have one.
    """
    return list(_request(payload, signatures))


def _request(payload: Mapping[str, Any], signatures: Signatures | None) -> Iterator[str]:
    for name in sorted(payload.keys() - _TOP_LEVEL):
        yield f"{name}: Extra inputs are not permitted"
    if not isinstance(payload.get("model"), str) or not payload["model"]:
        yield "model: Field required"
    max_tokens = payload.get("max_tokens")
    if type(max_tokens) is not int:
        yield "max_tokens: Field required"
    elif max_tokens < 1:
        yield "max_tokens: must be greater than or equal to 1"
    yield from _system(payload.get("system", "-"))
    yield from _tools(payload.get("tools", []))
    yield from _thinking_config(payload)
    yield from _messages(payload.get("messages"), signatures)
    if (pictures := sum(_pictures(block) for block in _blocks_of(payload))) > _MOST_PICTURES:
        yield f"Too much media: 0 document pages + {pictures} images > {_MOST_PICTURES}"
    yield from _cache_marks(payload)
    yield from (f"{path}: lone surrogate in a string" for path in _surrogates(dict(payload), ""))


def _cache_marks(payload: Mapping[str, Any]) -> Iterator[str]:
    marks = 0
    for block in _blocks_of(payload):
        if "cache_control" in block:
            marks += 1
            if block["cache_control"] not in ({"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}):
                yield "cache_control: must be ephemeral"
            if block.get("type") in ("thinking", "redacted_thinking"):
                yield "cache_control: cannot be set for thinking blocks"
    if marks > 4:
        yield f"A maximum of 4 blocks with cache_control may be provided. Found {marks}."


def _pictures(block: Json) -> int:
    inner = block.get("content")
    own = 1 if block.get("type") == "image" else 0
    return own + sum(_pictures(b) for b in inner if isinstance(b, dict)) if isinstance(inner, list) else own


def _blocks_of(payload: Mapping[str, Any]) -> Iterator[Json]:
    messages = payload.get("messages")
    contents = (
        [m.get("content") for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []
    )
    for content in (payload.get("system"), payload.get("tools"), *contents):
        if isinstance(content, list):
            yield from (block for block in content if isinstance(block, dict))


def _system(system: object) -> Iterator[str]:
    if isinstance(system, str):
        if not system.strip():
            yield "system: text content must be non-empty"
    elif isinstance(system, list):
        for i, block in enumerate(system):
            if not isinstance(block, dict) or block.get("type") != "text":
                yield f"system.{i}: must be a text block"
            elif not str(block.get("text", "")).strip():
                yield f"system.{i}: text content blocks must be non-empty"
    else:
        yield "system: must be a string or a list of text blocks"


def _tools(tools: object) -> Iterator[str]:
    if not isinstance(tools, list):
        yield "tools: must be a list"
        return
    names: set[str] = set()
    for i, tool in enumerate(tools):
        at = f"tools.{i}"
        if not isinstance(tool, dict):
            yield f"{at}: must be an object"
            continue
        name = tool.get("name")
        if not isinstance(name, str) or not _TOOL_NAME.match(name):
            yield f"{at}.name: String should match pattern '{_TOOL_NAME.pattern}'"
        elif name in names:
            yield f"{at}.name: Tool names must be unique"
        else:
            names.add(name)
        if not isinstance(tool.get("description"), str) or not tool["description"].strip():
            yield f"{at}.description: Field required"
        schema = tool.get("input_schema")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            yield f"{at}.input_schema: must be a JSON schema of type object"


def _thinking_config(payload: Mapping[str, Any]) -> Iterator[str]:
    if "output_config" in payload:
        config = payload["output_config"]
        if not isinstance(config, dict) or config.get("effort", "high") not in _EFFORTS:
            yield "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'"
    if "thinking" not in payload:
        return
    config = payload["thinking"]
    match config:
        case {"type": "enabled", "budget_tokens": int(budget)}:
            if budget < 1024:
                yield "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
            max_tokens = payload.get("max_tokens")
            if isinstance(max_tokens, int) and budget >= max_tokens:
                yield "`max_tokens` must be greater than `thinking.budget_tokens`"
        case {"type": "adaptive" | "disabled" | "between_tools"}:
            pass
        case _:
            yield "thinking: must be enabled with a budget, adaptive, disabled or between_tools"


def _messages(messages: object, signatures: Signatures | None) -> Iterator[str]:
    if not isinstance(messages, list) or not messages:
        yield "messages: at least one message is required"
        return
    seen: set[str] = set()  # every tool_use id of the conversation
    owed: list[str] = []  # ids the next user message must answer
    expected = "user"
    for i, message in enumerate(messages):
        at = f"messages.{i}"
        role = message.get("role") if isinstance(message, dict) else None
        if role not in ("user", "assistant"):
            yield f"{at}.role: Input should be 'user' or 'assistant'"
            return
        if role != expected:
            yield f"{at}: roles must alternate between user and assistant, starting with user"
        expected = "assistant" if role == "user" else "user"
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not isinstance(blocks, list) or not blocks:
            yield f"{at}: all messages must have non-empty content"
            continue
        if not all(isinstance(block, dict) for block in blocks):
            yield f"{at}.content: every block must be an object"
            return
        if role == "user":
            yield from _user(at, blocks, owed)
            owed = []
        else:
            if owed:
                yield _unanswered(at, owed)
            yield from _assistant(at, blocks, seen, signatures)
            owed = [str(block.get("id")) for block in blocks if block.get("type") == "tool_use"]
    if owed:
        yield _unanswered(f"messages.{len(messages)}", owed)
    if messages[-1]["role"] != "user":
        yield "messages: the conversation must end with a user message"


def _unanswered(at: str, ids: list[str]) -> str:
    return (
        f"{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(ids)}. "
        "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )


def _user(at: str, blocks: list[Json], owed: list[str]) -> Iterator[str]:
    answered: list[str] = []
    others = False
    for j, block in enumerate(blocks):
        here = f"{at}.content.{j}"
        kind = block.get("type")
        if kind not in _USER_BLOCKS:
            yield f"{here}: a user message cannot hold a block of type {kind!r}"
        elif kind == "tool_result":
            call_id = str(block.get("tool_use_id"))
            if call_id not in owed:
                yield f"{here}: unexpected `tool_use_id` found in `tool_result` blocks: {call_id}"
            elif call_id in answered:
                yield f"{here}: each tool_use must have a single result. Found multiple for id: {call_id}"
            if others:
                yield f"{here}: `tool_result` blocks must come first in their message"
            answered.append(call_id)
            yield from _tool_result(here, block)
        else:
            others = True
            yield from _text_or_image(here, block)
    if missing := [call_id for call_id in owed if call_id not in answered]:
        yield _unanswered(at, missing)


def _tool_result(here: str, block: Json) -> Iterator[str]:
    if type(block.get("is_error", False)) is not bool:
        yield f"{here}.is_error: must be a boolean"
    content = block.get("content", [])
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list):
        yield f"{here}.content: must be a string or a list of blocks"
        return
    for k, inner in enumerate(content):
        if not isinstance(inner, dict) or inner.get("type") not in ("text", "image"):
            yield f"{here}.content.{k}: must be a text or an image block"
        else:
            yield from _text_or_image(f"{here}.content.{k}", inner)


def _text_or_image(here: str, block: Json) -> Iterator[str]:
    if block["type"] == "text":
        text = block.get("text")
        if not isinstance(text, str) or not text:
            yield f"{here}: text content blocks must be non-empty"
        elif not text.strip():
            yield f"{here}: text content blocks must contain non-whitespace text"
        return
    source = block.get("source")
    if not isinstance(source, dict) or source.get("type") != "base64":
        yield f"{here}.source: must be a base64 source"
        return
    if source.get("media_type") not in _MEDIA_TYPES:
        yield f"{here}.source.media_type: unknown media type {source.get('media_type')!r}"
    size = len(str(source.get("data", "")))
    if size > _LARGEST_PICTURE:
        yield f"{here}.source.base64: image exceeds 5 MB maximum: {size} bytes > {_LARGEST_PICTURE} bytes"
    try:
        if not base64.b64decode(str(source.get("data", "")), validate=True):
            yield f"{here}.source.data: image cannot be empty"
    except binascii.Error:
        yield f"{here}.source.data: invalid base64 data"


def _assistant(at: str, blocks: list[Json], seen: set[str], signatures: Signatures | None) -> Iterator[str]:
    called = False
    for j, block in enumerate(blocks):
        here = f"{at}.content.{j}"
        kind = block.get("type")
        if kind not in _ASSISTANT_BLOCKS:
            yield f"{here}: an assistant message cannot hold a block of type {kind!r}"
        elif kind == "tool_use":
            called = True
            yield from _tool_use(here, block, seen)
        else:
            if called:
                yield f"{here}: `tool_use` blocks must be last in their message"
            if kind == "text":
                yield from _text_or_image(here, block)
            else:
                yield from _thinking(here, block, signatures)
    if blocks[-1].get("type") in ("thinking", "redacted_thinking"):
        yield f"{at}: the final block in an assistant message cannot be `thinking`"


def _tool_use(here: str, block: Json, seen: set[str]) -> Iterator[str]:
    call_id = block.get("id")
    if not isinstance(call_id, str) or not _ID.match(call_id):
        yield f"{here}.id: String should match pattern '{_ID.pattern}'"
    elif call_id in seen:
        yield f"{here}.id: `tool_use` ids must be unique: {call_id}"
    else:
        seen.add(call_id)
    name = block.get("name")
    if not isinstance(name, str) or not _TOOL_NAME.match(name):
        yield f"{here}.name: String should match pattern '{_TOOL_NAME.pattern}'"
    if not isinstance(block.get("input"), dict):
        yield f"{here}.input: Input should be a valid dictionary"


def _thinking(here: str, block: Json, signatures: Signatures | None) -> Iterator[str]:
    if block["type"] == "redacted_thinking":
        data = block.get("data")
        if not isinstance(data, str) or not data:
            yield f"{here}.data: Field required"
        elif signatures is not None and not signatures.knows_redacted(data):
            yield f"{here}: Invalid `data` in `redacted_thinking` block"
        return
    # The text itself may be empty: a model that omits its thinking still signs it.
    text, signature = block.get("thinking"), block.get("signature")
    if not isinstance(text, str):
        yield f"{here}.thinking: Field required"
    elif not isinstance(signature, str) or not signature:
        yield f"{here}.signature: Field required"
    elif signatures is not None and not signatures.covers(signature, text):
        yield f"{here}: Invalid `signature` in `thinking` block"


def _surrogates(value: object, path: str) -> Iterator[str]:
    match value:
        case str():
            if _SURROGATE.search(value):
                yield path
        case dict():
            for key, inner in value.items():
                yield from _surrogates(key, f"{path}.{key!r}".lstrip("."))
                yield from _surrogates(inner, f"{path}.{key}".lstrip("."))
        case list():
            for i, inner in enumerate(value):
                yield from _surrogates(inner, f"{path}.{i}")
