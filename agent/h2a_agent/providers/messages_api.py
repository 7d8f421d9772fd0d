"""What the Messages API answers, in our words: its events and errors as ours.

Pure functions and one small state machine; no network and no SDK. What the API streams is checked for
order here, so that nothing behind a provider has to: an event that cannot follow is a `ProtocolError`.
Unknown events, blocks and deltas are passed over, because the API promises to add some.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from h2a_agent.providers.base import (
    ArgumentsDelta,
    BlockStarted,
    BlockStopped,
    Failed,
    FailureKind,
    MessageStarted,
    MessageStopped,
    ProviderEvent,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    TokenUsage,
    UsageReported,
)
from h2a_agent.safe_text import one_line, without_surrogates

__all__ = ["MessageStream", "ProtocolError", "failure_kind"]


# -------------------------------------------------------------------- their errors

_KIND_OF_TYPE: Final[Mapping[str, FailureKind]] = {
    "authentication_error": FailureKind.AUTHENTICATION,
    "billing_error": FailureKind.PERMISSION,
    "permission_error": FailureKind.PERMISSION,
    "not_found_error": FailureKind.NOT_FOUND,
    "invalid_request_error": FailureKind.INVALID_REQUEST,
    "request_too_large": FailureKind.TOO_MANY_BYTES,
    "rate_limit_error": FailureKind.RATE_LIMIT,
    "overloaded_error": FailureKind.OVERLOADED,
    "api_error": FailureKind.SERVER,
    "timeout_error": FailureKind.TIMEOUT,
}
_KIND_OF_STATUS: Final[Mapping[int, FailureKind]] = {
    401: FailureKind.AUTHENTICATION,
    402: FailureKind.PERMISSION,
    403: FailureKind.PERMISSION,
    404: FailureKind.NOT_FOUND,
    408: FailureKind.TIMEOUT,
    409: FailureKind.SERVER,  # a conflict with a request that is still running: it passes
    413: FailureKind.TOO_MANY_BYTES,
    429: FailureKind.RATE_LIMIT,
    529: FailureKind.OVERLOADED,
}
# Some things are a plain invalid_request_error, or a rate limit like any other; only their words tell.
_KIND_OF_WORDS: Final = (
    (
        re.compile(
            r"prompt is too long|exceeds? (the )?(maximum |model'?s? )?context|context (length|window|size)"
            r"|input is too long|too many tokens",
            re.IGNORECASE,
        ),
        FailureKind.TOO_LARGE,
    ),
    (re.compile(r"usage limit|quota", re.IGNORECASE), FailureKind.USAGE_LIMIT),
    (re.compile(r"credit balance|billing", re.IGNORECASE), FailureKind.PERMISSION),
)
_READ_FOR_WORDS: Final = frozenset(
    {FailureKind.INVALID_REQUEST, FailureKind.RATE_LIMIT, FailureKind.TOO_MANY_BYTES}
)


def failure_kind(status: int, error_type: str, message: str) -> FailureKind:
    """What kind of failure an error answer is, from its HTTP status (0: inside a stream) and its error's type.

    The type decides where it is known, since an error inside a stream has status 200 whatever it is.
    """
    kind = _KIND_OF_TYPE.get(error_type) or _KIND_OF_STATUS.get(status)
    if kind is None:
        if 300 <= status < 400:
            return FailureKind.PROTOCOL
        kind = FailureKind.INVALID_REQUEST if 400 <= status < 500 else FailureKind.SERVER
    if kind in _READ_FOR_WORDS:
        return next((told for words, told in _KIND_OF_WORDS if words.search(message)), kind)
    return kind


# -------------------------------------------------------------- their events to ours


class ProtocolError(ValueError):
    """The answer is not what the API may say; the message names what came."""


_KINDS: Final = frozenset({"text", "thinking", "redacted_thinking", "tool_use"})
_HIGH_THEN_LOW: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")


class MessageStream:
    """Translates one answer, event by event, and knows whether it is whole.

    `ended` turns true with the `MessageStopped` or `Failed` that ends it; nothing is translated after that.
    """

    def __init__(self) -> None:
        self.ended = False
        self._usage: TokenUsage | None = None  # None until message_start
        self._stop_reason = ""
        self._stop_detail = ""
        self._open: dict[int, str] = {}  # index -> kind; "" for a kind we pass over
        self._started: set[int] = set()
        self._halves: dict[int, str] = {}  # index -> first half of a surrogate pair
        self._whole_input: dict[int, str] = {}  # index -> arguments that came with the block's start

    def translate(self, event: Mapping[str, Any]) -> Iterator[ProviderEvent]:
        """What `event` says, in order.

        Raises:
            ProtocolError: it cannot come at this point, or lacks what its type must have.
        """
        try:
            yield from self._translate(event)
        except (KeyError, TypeError, AttributeError) as exc:
            raise ProtocolError(f"malformed {one_line(str(event.get('type')), 40)} event") from exc

    def finish(self) -> ProviderEvent:
        """How the answer has ended, when the connection ended without a message_stop."""
        self.ended = True
        if self._usage is None:
            return Failed(FailureKind.PROTOCOL, "The connection ended before the answer began.")
        if self._stop_reason and not self._open:
            return MessageStopped(self._stop_reason, self._stop_detail)
        return Failed(FailureKind.INTERRUPTED, "The connection ended in the middle of the answer.")

    def _translate(self, event: Mapping[str, Any]) -> Iterator[ProviderEvent]:
        match event.get("type"):
            case "message_start":
                if self._usage is not None:
                    raise ProtocolError("a second message_start")
                message = event["message"]
                self._usage = _usage(TokenUsage(), message.get("usage"))
                yield MessageStarted(str(message.get("model") or ""), self._usage)
            case "error":
                error = event.get("error") or {}
                words = str(error.get("message") or "no reason given")
                kind = failure_kind(0, str(error.get("type") or ""), words)
                self.ended = True
                yield Failed(kind, one_line(words, 300))
            case str(kind) if kind.startswith(("message_", "content_block_")) and self._usage is None:
                raise ProtocolError(f"{one_line(kind, 40)} before message_start")
            case "content_block_start":
                yield from self._block_started(event["index"], event["content_block"])
            case "content_block_delta":
                yield from self._delta(event["index"], event["delta"])
            case "content_block_stop":
                yield from self._block_stopped(event["index"])
            case "message_delta":
                self._stop_reason = str(event["delta"].get("stop_reason") or self._stop_reason)
                if isinstance(details := event["delta"].get("stop_details"), dict):
                    self._stop_detail = one_line(str(details.get("category") or ""), 40)
                self._usage = _usage(self._usage or TokenUsage(), event.get("usage"))
                yield UsageReported(self._usage)
            case "message_stop":
                if self._open:
                    raise ProtocolError("message_stop inside a block")
                self.ended = True
                if self._stop_reason:
                    yield MessageStopped(self._stop_reason, self._stop_detail)
                else:
                    yield Failed(FailureKind.INTERRUPTED, "The answer ended without a reason.")
            case _:  # pings, and what a later API adds
                return

    def _block_started(self, index: int, block: Mapping[str, Any]) -> Iterator[ProviderEvent]:
        if index in self._started:
            raise ProtocolError(f"block {index} started twice")
        kind = block["type"]
        self._started.add(index)
        self._open[index] = kind if kind in _KINDS else ""
        match kind:
            case "text":
                yield BlockStarted(index, "text")
                yield from self._text(index, TextDelta, block.get("text") or "")
            case "thinking":
                yield BlockStarted(index, "thinking")
                yield from self._text(index, ThinkingDelta, block.get("thinking") or "")
                if signature := block.get("signature"):
                    yield SignatureDelta(index, signature)
            case "redacted_thinking":
                yield BlockStarted(index, "redacted_thinking", data=block["data"])
            case "tool_use":
                yield BlockStarted(index, "tool_use", id=str(block["id"]), name=str(block["name"]))
                if block.get("input"):  # some servers send the arguments at once
                    self._whole_input[index] = json.dumps(block["input"])

    def _delta(self, index: int, delta: Mapping[str, Any]) -> Iterator[ProviderEvent]:
        if index not in self._open:
            raise ProtocolError(f"a delta for block {index}, which is not open")
        match self._open[index], delta["type"]:
            case "text", "text_delta":
                yield from self._text(index, TextDelta, delta["text"])
            case "thinking", "thinking_delta":
                yield from self._text(index, ThinkingDelta, delta["thinking"])
            case "thinking", "signature_delta":
                yield SignatureDelta(index, delta["signature"])
            case "tool_use", "input_json_delta":
                if delta["partial_json"]:
                    self._whole_input.pop(index, None)
                yield from self._text(index, ArgumentsDelta, delta["partial_json"])

    def _block_stopped(self, index: int) -> Iterator[ProviderEvent]:
        if index not in self._open:
            raise ProtocolError(f"a stop for block {index}, which is not open")
        kind = self._open.pop(index)
        if self._halves.pop(index, ""):
            yield _DELTAS[kind](index, "\ufffd")
        if arguments := self._whole_input.pop(index, ""):
            yield ArgumentsDelta(index, arguments)
        if kind:
            yield BlockStopped(index)

    def _text(
        self, index: int, delta: type[TextDelta | ThinkingDelta | ArgumentsDelta], text: str
    ) -> Iterator[ProviderEvent]:
        """`text` as a delta, without lone surrogates: a pair may be split over two deltas."""
        if not text.isascii() or index in self._halves:
            text = self._halves.pop(index, "") + text
            if text and "\ud800" <= text[-1] <= "\udbff":
                text, self._halves[index] = text[:-1], text[-1]
            text = without_surrogates(_HIGH_THEN_LOW.sub(_join, text))
        if text:
            yield delta(index, text)


_DELTAS: Final[Mapping[str, type[TextDelta | ThinkingDelta | ArgumentsDelta]]] = {
    "text": TextDelta,
    "thinking": ThinkingDelta,
    "tool_use": ArgumentsDelta,
}


def _join(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16", "surrogatepass").decode("utf-16")


def _usage(so_far: TokenUsage, reported: Mapping[str, Any] | None) -> TokenUsage:
    """`so_far` with the totals of `reported`; what it leaves out or has as null stays."""
    names = {
        "input_tokens": "input_tokens",
        "output_tokens": "output_tokens",
        "cache_read_input_tokens": "cache_read_tokens",
        "cache_creation_input_tokens": "cache_write_tokens",
    }
    totals = reported if isinstance(reported, Mapping) else {}
    changes = {ours: totals[theirs] for theirs, ours in names.items() if isinstance(totals.get(theirs), int)}
    return replace(so_far, **changes)
