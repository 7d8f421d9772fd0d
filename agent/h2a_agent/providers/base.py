"""What a model provider is, whoever it is: the request it gets and the events it streams.

No vendor here. A provider is an object with `stream(request)`; what comes out is a sequence of provider
events that ends with exactly one `MessageStopped` or `Failed`. Errors are data: a stream raises only when
it is cancelled, and a cancelled stream has closed its connection by the time the cancellation leaves it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol, TypeAlias

from h2a_agent.content import Message
from h2a_agent.run_settings import ThinkingLevel

__all__ = [
    "ArgumentsDelta",
    "BlockStarted",
    "BlockStopped",
    "Failed",
    "FailureKind",
    "MessageStarted",
    "MessageStopped",
    "Provider",
    "ProviderEvent",
    "Request",
    "SignatureDelta",
    "TextDelta",
    "ThinkingDelta",
    "TokenUsage",
    "ToolSpec",
    "UsageReported",
]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model is told of it. `schema` is the JSON schema of its arguments (an object)."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One request, valid by construction: only `request.build_request` makes it.

    `thinking` is the level the user asked for, None to say nothing about it: a provider maps it to what its
    model takes. `caching` asks the
    server to keep the prompt for the next request. `max_tokens` limits the answer.
    """

    model: str
    system: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_tokens: int = 16_384
    thinking: ThinkingLevel | None = None
    caching: bool = True


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one request as the provider counted them; `input_tokens` excludes cache reads and writes."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    @property
    def context_tokens(self) -> int:
        """What the conversation weighs with this answer: the size of the next request, nearly."""
        return self.prompt_tokens + self.output_tokens

    @property
    def prompt_tokens(self) -> int:
        """What was sent, however it is charged."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def hit_rate(self) -> float:
        """Which part of the prompt came from the provider's cache, from 0 to 1."""
        return self.cache_read_tokens / self.prompt_tokens if self.prompt_tokens else 0.0


class FailureKind(StrEnum):
    """Why a stream failed. `retry.py` holds the table of what follows from each."""

    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    NOT_FOUND = "not found"
    INVALID_REQUEST = "invalid request"
    TOO_LARGE = "too large"  # the conversation does not fit the model
    TOO_MANY_BYTES = "request too big"  # the request does not fit the server, whatever the model could take
    RATE_LIMIT = "rate limit"
    USAGE_LIMIT = "usage limit"  # what was bought is used up, until a day or an hour
    OVERLOADED = "overloaded"
    SERVER = "server error"
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    INTERRUPTED = "interrupted"  # the stream ended without saying so
    PROTOCOL = "protocol"  # the answer was not the API's
    CONFIGURATION = "configuration"  # nothing was sent: no key, bad URL


# ------------------------------------------------------------ provider events


@dataclass(frozen=True, slots=True)
class MessageStarted:
    """The answer has begun. `model` is the one that answers."""

    model: str
    usage: TokenUsage = field(default_factory=TokenUsage)


@dataclass(frozen=True, slots=True)
class BlockStarted:
    """Block `index` begins. `id` and `name` are set for `tool_use`, `data` for `redacted_thinking`."""

    index: int
    kind: Literal["text", "thinking", "redacted_thinking", "tool_use"]
    id: str = ""
    name: str = ""
    data: str = ""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Words of block `index`. Surrogate pairs are whole: no lone surrogate leaves a provider."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """Reasoning of block `index`."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class SignatureDelta:
    """(A piece of) the signature of thinking block `index`."""

    index: int
    signature: str


@dataclass(frozen=True, slots=True)
class ArgumentsDelta:
    """A piece of the JSON of tool call `index`; only the whole of it can be parsed."""

    index: int
    json: str


@dataclass(frozen=True, slots=True)
class BlockStopped:
    """Block `index` is whole."""

    index: int


@dataclass(frozen=True, slots=True)
class UsageReported:
    """The usage so far, as totals of this request."""

    usage: TokenUsage


@dataclass(frozen=True, slots=True)
class MessageStopped:
    """The answer is whole. `stop_reason` is the API's word: end_turn, tool_use, max_tokens, refusal ...

    `detail` says more where the API does, such as the category of a refusal.
    """

    stop_reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The stream is over and the answer is not whole.

    `message` is for people, without secrets. `retry_after_s` is the server's own wish, None when it had
    none. `status` is the HTTP status, 0 where there was none. `final`: the server asks not to be asked again.
    """

    kind: FailureKind
    message: str
    status: int = 0
    retry_after_s: float | None = None
    final: bool = False


ProviderEvent: TypeAlias = (
    MessageStarted
    | BlockStarted
    | TextDelta
    | ThinkingDelta
    | SignatureDelta
    | ArgumentsDelta
    | BlockStopped
    | UsageReported
    | MessageStopped
    | Failed
)


class Provider(Protocol):
    """A source of answers. `name` is the word in the config, `model` the default model's id."""

    name: str
    model: str

    def stream(self, request: Request) -> AsyncGenerator[ProviderEvent, None]:
        """Send `request` and yield what comes back, ending with `MessageStopped` or `Failed`.

        Raises:
            asyncio.CancelledError: the caller cancelled; the connection is closed.
        """
        ...

    async def count_tokens(self, request: Request) -> int | None:
        """How many tokens `request` would send, as the provider counts; None where it cannot say. Never fails."""
        ...

    async def warm_up(self) -> None:
        """Load what the first request would otherwise wait for. Never fails; called after the first frame."""
        ...

    async def aclose(self) -> None:
        """Let go of connections. The provider is not used again."""
        ...
