"""Our request in the words of the Messages API. Pure functions; no network and no SDK."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, assert_never

from h2a_agent.content import (
    AssistantBlock,
    ImageBlock,
    Message,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserBlock,
)
from h2a_agent.models import model_info
from h2a_agent.providers.base import Request
from h2a_agent.run_settings import ThinkingLevel

__all__ = ["cache_marks", "counted", "frame", "payload", "said"]

_KEEP: Final[Mapping[str, Any]] = {"cache_control": {"type": "ephemeral"}}
_LOOKBACK: Final = 18  # blocks; the API looks for an earlier cache entry at most 20 before a mark


def payload(request: Request) -> dict[str, Any]:
    """`request` as the JSON object the API takes."""
    marked = cache_marks(request)
    messages = [said(message, keep=i in marked) for i, message in enumerate(request.messages)]
    return {**frame(request), "messages": messages}


def frame(request: Request) -> dict[str, Any]:
    """`request` without its messages."""
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_tokens,
        "stream": True,
        **_thinking(request),
    }
    keep = _KEEP if request.caching else {}
    if request.system.strip():
        # What stands before a mark is kept: the tools, which the API puts first, and the system prompt.
        body["system"] = [{"type": "text", "text": request.system, **keep}]
    if request.tools:
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": dict(tool.schema)}
            for tool in request.tools
        ]
    return body


def counted(request: Request) -> dict[str, Any]:
    """What the API's token counter takes of `request`, without its messages."""
    taken = ("model", "system", "tools", "thinking")
    return {name: value for name, value in frame(request).items() if name in taken}


def cache_marks(request: Request) -> frozenset[int]:
    """The messages the server is to keep the prompt up to: the last, and the user's before it where that is far.

    The next request then finds the prefix this one has written. The API looks back only so many blocks from a
    mark, and a step with many calls has more than that.
    """
    if not request.caching or not request.messages:
        return frozenset()
    last = len(request.messages) - 1
    since = sum(len(message.content) for message in request.messages[max(0, last - 1) :])
    return frozenset({last, last - 2} if since > _LOOKBACK and last >= 2 else {last})


def said(message: Message, *, keep: bool = False) -> dict[str, Any]:
    """`message` in the words of the API; `keep` marks its end for the server's cache."""
    content = [_block(block) for block in message.content]
    if keep:
        content[-1] |= _KEEP
    return {"role": message.role, "content": content}


def _block(block: UserBlock | AssistantBlock | ToolResultBlock) -> dict[str, Any]:
    match block:
        case TextBlock(text):
            return {"type": "text", "text": text}
        case ImageBlock(media_type, data):
            return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}
        case ThinkingBlock(text, signature):
            return {"type": "thinking", "thinking": text, "signature": signature}
        case RedactedThinkingBlock(data):
            return {"type": "redacted_thinking", "data": data}
        case ToolUseBlock(call_id, name, arguments):
            return {"type": "tool_use", "id": call_id, "name": name, "input": dict(arguments)}
        case ToolResultBlock(call_id, content, is_error):
            result = {
                "type": "tool_result",
                "tool_use_id": call_id,
                "content": [_block(part) for part in content],
            }
            return {**result, "is_error": True} if is_error else result
        case _:
            assert_never(block)


_MIN_BUDGET: Final = 1024  # tokens; the API refuses less
_BUDGETS: Final[Mapping[ThinkingLevel, int]] = {"low": 4_096, "medium": 10_000, "high": 24_000, "max": 64_000}
# What a model says between its calls comes as thinking, which is empty unless its display is asked for.
_ADAPTIVE: Final[Mapping[str, Any]] = {"thinking": {"type": "adaptive", "display": "summarized"}}


def _thinking(request: Request) -> dict[str, Any]:
    """How `request.thinking` is said to its model; nothing where the table of models says nothing of it."""
    control, level = model_info(request.model).thinking, request.thinking
    if control is None or level is None:
        return {}
    if control.by == "budget":
        budget = min(_BUDGETS.get(level, 0), request.max_tokens - _MIN_BUDGET)
        if budget < _MIN_BUDGET or _answers_unthought_calls(request):
            return {}
        return {"thinking": {"type": "enabled", "budget_tokens": budget}}
    if level != "off":
        return {**_ADAPTIVE, "output_config": {"effort": control.words[level]}}
    match control.off:
        case "":
            return {}
        case "low":
            return {**_ADAPTIVE, "output_config": {"effort": "low"}}
        case kind:
            return {"thinking": {"type": kind}}


def _answers_unthought_calls(request: Request) -> bool:
    """Does `request` bring the results of an answer that began without thinking?

    A model that thinks by budget must then go on without, until the user has the word again.
    """
    if len(request.messages) < 2 or not isinstance(request.messages[-1].content[0], ToolResultBlock):
        return False
    return not isinstance(request.messages[-2].content[0], ThinkingBlock | RedactedThinkingBlock)
