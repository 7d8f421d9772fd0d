"""Answers from Anthropic's Messages API, or from any server that speaks it.

The only file that imports the `anthropic` SDK, and it does so lazily in a thread: the import costs some two
seconds of CPU. Of the SDK we use authentication, headers, error classes and the connection pool; the stream
is decoded here, from the bytes, because the SDK takes a truncated stream for a whole one, raises a dozen
foreign exceptions out of it and hides the pings a watchdog must tell from content. It never retries:
waiting is visible, and `retry.py`'s business.
"""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import json
import math
import os
import re
import sys
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from h2a_agent.providers.base import (
    Failed,
    FailureKind,
    Provider,
    ProviderEvent,
    Request,
)
from h2a_agent.providers.messages_api import MessageStream, ProtocolError, failure_kind
from h2a_agent.providers.messages_request import counted, frame
from h2a_agent.providers.request_body import BodyWriter
from h2a_agent.providers.sse import EventTooLarge, SseDecoder
from h2a_agent.safe_text import one_line

if TYPE_CHECKING:
    import anthropic
    import httpx2

__all__ = ["AnthropicProvider"]

_API: Final = "https://api.anthropic.com"
_NO_KEY: Final = "local"  # what a server that wants no key is sent, since the SDK must send something
_CONNECT_S: Final = 10.0
_COUNT_S: Final = 10.0
_LONGEST_WISH_S: Final = 366 * 86_400.0  # a server may ask for any number of seconds; clocks end somewhere
_FIRST_BYTE_S: Final = 60.0
_IDLE_S: Final = 90.0
# A model on one's own machine may read a long prompt for minutes before it says a word.
_LOCAL_S: Final = 600.0
# After the last event the body's end is nearly always there already; waiting for it keeps the connection.
_LINGER_S: Final = 0.02
_CONNECTIONS: Final = 10


class AnthropicProvider:
    """The Messages API as a provider.

    The key is `api_key`, else `ANTHROPIC_API_KEY`. The server is `base_url`, else `ANTHROPIC_BASE_URL`, else
    Anthropic's. The key of the environment goes to the server of the environment or to Anthropic, never to
    a `base_url` from elsewhere: whoever names a server by argument names its key too. A server on this
    machine or a private network needs none.

    A wrong configuration is not an error here: each stream then ends at once with a
    `Failed(CONFIGURATION)` that says what to do. `key_header` is the header the key goes
    in, `key_source` where it was found, for people. `first_byte_timeout_s` limits the wait for the answer to
    begin, `idle_timeout_s` a pause without content (pings are none); the defaults are 60 and 90
    seconds, and 10 minutes for a local server. A server that is known not to heed thinking levels
    (`thinks`), marks for its cache (`caches`) or questions for a count (`counts`) is spared them.
    """

    def __init__(
        self,
        model: str,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        name: str = "anthropic",
        key_header: Literal["bearer", "x-api-key"] = "bearer",
        key_source: str = "",
        first_byte_timeout_s: float | None = None,
        idle_timeout_s: float | None = None,
        thinks: bool = True,
        caches: bool = True,
        counts: bool = True,
    ) -> None:
        self.name = name
        self.model = model
        self._endpoint = _endpoint(api_key, base_url, key_header)
        local = isinstance(self._endpoint, _Endpoint) and self._endpoint.local
        self._key_source = key_source
        self._first_byte_s = first_byte_timeout_s or (_LOCAL_S if local else _FIRST_BYTE_S)
        self._idle_s = idle_timeout_s or (_LOCAL_S if local else _IDLE_S)
        self._thinks = thinks
        self._caches = caches
        self._counts = counts
        self._client: asyncio.Future[anthropic.AsyncAnthropic] | None = None
        self._body = BodyWriter()

    def __repr__(self) -> str:
        where = self._endpoint.url if isinstance(self._endpoint, _Endpoint) else "not configured"
        return f"<{type(self).__name__} {self.model} at {where}>"

    async def stream(self, request: Request) -> AsyncGenerator[ProviderEvent, None]:
        """Send `request` and yield the answer; see `Provider.stream`."""
        if isinstance(self._endpoint, Failed):
            yield self._endpoint
            return
        failed: ProviderEvent | None = None
        response: httpx2.Response | None = None
        answer = MessageStream()
        waited_s, patience_s = 0.0, self._first_byte_s
        try:
            client = await self._load(self._endpoint)
            request = self._heeded(request)
            body = await self._body.write(frame(request), request)
            before = time.monotonic()
            async with asyncio.timeout(patience_s):
                response = await _send(client, body)
            waited_s = time.monotonic() - before
            chunks = aiter(response.aiter_bytes())
            decoder = SseDecoder()
            while not answer.ended:
                # Only waiting counts: a slow reader of our events is not the server's silence.
                before = time.monotonic()
                async with asyncio.timeout(patience_s - waited_s):
                    chunk = await anext(chunks, None)
                waited_s += time.monotonic() - before
                if chunk is None:
                    yield answer.finish()
                    break
                for sent in decoder.feed(chunk):
                    event = _parse(sent.name, sent.data)
                    if event.get("type") != "ping":
                        waited_s, patience_s = 0.0, self._idle_s
                    for ours in answer.translate(event):
                        yield self._redacted(ours) if isinstance(ours, Failed) else ours
                    if answer.ended:
                        break
            await _linger(chunks)
        except Exception as exc:  # noqa: BLE001  # errors are data: the contract of `Provider.stream`
            failed = self._redacted(_failure(exc, self._endpoint))
        finally:
            if response is not None:
                await response.aclose()
        if failed is not None and not answer.ended:
            yield failed

    async def count_tokens(self, request: Request) -> int | None:
        """Ask the server; None when it does not count, or not in time."""
        if isinstance(self._endpoint, Failed) or not self._counts:
            return None
        try:
            client = await self._load(self._endpoint)
            request = replace(self._heeded(request), caching=False)
            body = await self._body.write(counted(request), request)
            async with asyncio.timeout(_COUNT_S):
                answer = await client.post("/v1/messages/count_tokens", cast_to=object, content=body)
            tokens = answer.get("input_tokens") if isinstance(answer, dict) else None
        except Exception:  # noqa: BLE001  # whatever it was, the number is not known
            return None
        return tokens if isinstance(tokens, int) else None

    async def warm_up(self) -> None:
        """Import the SDK and build its client, so that the first request finds both."""
        if isinstance(self._endpoint, _Endpoint):
            try:
                await self._load(self._endpoint)
            except ImportError:
                pass  # the first stream says so

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None and self._client.done() and not self._client.exception():
            await self._client.result().close()

    async def _load(self, endpoint: _Endpoint) -> anthropic.AsyncAnthropic:
        if self._client is None:
            loop = asyncio.get_running_loop()
            self._client = loop.create_future()
            # A daemon, not the loop's executor: whoever quits during the import does not wait for it.
            threading.Thread(
                target=_build, args=(endpoint, loop, self._client), name="import-anthropic", daemon=True
            ).start()
        # Shared by every stream and the warm-up, so one that is cancelled must not cancel it.
        return await asyncio.shield(self._client)

    def _heeded(self, request: Request) -> Request:
        """`request` without what the server is known not to understand."""
        return replace(
            request,
            thinking=request.thinking if self._thinks else None,
            caching=request.caching and self._caches,
        )

    def _redacted(self, failed: Failed) -> Failed:
        assert isinstance(self._endpoint, _Endpoint)
        if not self._endpoint.secret:
            return failed
        message = failed.message.replace(self._endpoint.key, "[API key]")
        if failed.kind is FailureKind.AUTHENTICATION and self._key_source:
            message += f" (the key is from {self._key_source})"
        return replace(failed, message=message)


# ---------------------------------------------------------------------- configuration


@dataclass(frozen=True, slots=True, repr=False)
class _Endpoint:
    """Where requests go and with which key. No repr: tracebacks with locals print those."""

    url: str
    key: str
    local: bool
    key_header: Literal["bearer", "x-api-key"] = "bearer"

    @property
    def secret(self) -> bool:
        return self.key != _NO_KEY


def _endpoint(
    api_key: str | None, base_url: str | None, key_header: Literal["bearer", "x-api-key"] = "bearer"
) -> _Endpoint | Failed:
    url = (base_url or os.environ.get("ANTHROPIC_BASE_URL") or _API).strip()
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        host, port_is_valid = "", False
    if not host or not port_is_valid or parts.scheme not in ("http", "https"):
        return _unusable(f"{one_line(url, 80)!r} is not a URL of a server. It should look like {_API}.")
    local = _is_local(host)
    if parts.scheme == "http" and not local:
        return _unusable(f"{host} would get the API key unencrypted. Use an https URL.")
    key = (api_key or "").strip()
    if not key and (not base_url or host == urlsplit(_API).hostname):
        key = os.environ.get("ANTHROPIC_API_KEY", "").strip()
    if not key and local:
        key = _NO_KEY
    if not key:
        return _unusable(f"No API key for {host}. Set ANTHROPIC_API_KEY, or H2A_API_KEY for another server.")
    if not (key.isascii() and key.isprintable() and " " not in key):
        return _unusable("The API key contains characters no key has. Copy it again.")
    return _Endpoint(url, key, local, key_header)


def _unusable(message: str) -> Failed:
    return Failed(FailureKind.CONFIGURATION, message)


def _is_local(host: str) -> bool:
    """Is `host` this machine or on a private network?"""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local"))


# ------------------------------------------------------------------------- connection


def _build(
    endpoint: _Endpoint, loop: asyncio.AbstractEventLoop, done: asyncio.Future[anthropic.AsyncAnthropic]
) -> None:
    """In a thread: import the SDK, make the client with its TLS context, hand it to the loop."""
    first = "anthropic" not in sys.modules
    result: anthropic.AsyncAnthropic | ImportError
    try:
        result = _new_client(endpoint)
    except ImportError as exc:
        result = exc
    if first:
        gc.freeze()  # three thousand modules need not be walked in every collection

    def hand_over() -> None:
        if done.done():
            return  # cancelled with its loop
        if isinstance(result, ImportError):
            done.set_exception(result)
        else:
            done.set_result(result)

    try:
        loop.call_soon_threadsafe(hand_over)
    except RuntimeError:
        pass  # the loop was closed during the import


def _new_client(endpoint: _Endpoint) -> anthropic.AsyncAnthropic:
    import anthropic
    import httpx2

    headers: dict[str, Any] = {}
    if endpoint.key_header == "x-api-key":
        headers = {"x-api-key": endpoint.key, "Authorization": anthropic.Omit()}
    return anthropic.AsyncAnthropic(
        api_key=endpoint.key,  # given, so that the SDK looks for no credential of its own
        default_headers=headers,
        base_url=endpoint.url,
        max_retries=0,
        open_telemetry=False,
        http_client=anthropic.DefaultAsyncHttpxClient(
            # The waits for an answer are ours to limit (`stream`); a redirect could lead the key elsewhere.
            timeout=httpx2.Timeout(connect=_CONNECT_S, read=None, write=_FIRST_BYTE_S, pool=_CONNECT_S),
            limits=httpx2.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=2),
            follow_redirects=False,
        ),
    )


async def _send(client: anthropic.AsyncAnthropic, body: bytes) -> httpx2.Response:
    """Send `body`; the response with its head read and its body still to come."""
    import anthropic

    stream = await client.post(
        "/v1/messages",
        cast_to=object,
        content=body,
        stream=True,
        stream_cls=anthropic.AsyncStream[Any],
    )
    response = stream.response
    content_type = response.headers.get("content-type", "")
    if content_type and not content_type.startswith("text/event-stream"):
        await response.aclose()
        raise ProtocolError(f"the answer is {one_line(content_type, 60)}, not a stream of events")
    return response


def _parse(name: str, data: str) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise ProtocolError(f"an event that is not JSON: {one_line(data, 60)}") from exc
    if not isinstance(event, dict):
        raise ProtocolError(f"an event that is not an object: {one_line(data, 60)}")
    return event if event.get("type") else {**event, "type": name}


async def _linger(chunks: AsyncIterator[bytes]) -> None:
    """Read the body to its end if that is here, so that the connection serves the next request."""
    try:
        async with asyncio.timeout(_LINGER_S):
            async for _ in chunks:
                pass
    except TimeoutError:
        pass  # the server keeps the body open: the connection is closed instead


# --------------------------------------------------------------------------- failures


def _failure(exc: Exception, endpoint: _Endpoint) -> Failed:
    """What `exc`, from anywhere in a stream, means."""
    import anthropic
    import httpx2

    host = urlsplit(endpoint.url).hostname
    match exc:
        case anthropic.APIStatusError():
            words = exc.api_message or f"{exc.response.reason_phrase or 'no reason given'} from {host}"
            headers = exc.response.headers
            wait_s = _retry_after_s(headers)
            return Failed(
                failure_kind(exc.status_code, exc.type or "", words),
                one_line(f"HTTP {exc.status_code}: {words}", 300),
                exc.status_code,
                _access_again_s(words) if wait_s is None else wait_s,
                final=headers.get("x-should-retry", "").strip().lower() == "false",
            )
        case TimeoutError() | anthropic.APITimeoutError() | httpx2.TimeoutException():
            return Failed(FailureKind.TIMEOUT, f"{host} did not answer in time.")
        case anthropic.APIConnectionError():
            cause = exc.__cause__ or exc
            return Failed(FailureKind.CONNECTION, one_line(f"No connection to {host}: {cause}", 300))
        case httpx2.TransportError() | OSError():
            return Failed(
                FailureKind.INTERRUPTED, f"The connection to {host} broke in the middle of the answer."
            )
        case ProtocolError() | EventTooLarge() | httpx2.DecodingError():
            return Failed(FailureKind.PROTOCOL, one_line(f"{host} does not answer like the API: {exc}", 300))
        case ImportError():
            return Failed(FailureKind.CONFIGURATION, f"The anthropic package cannot be imported: {exc}")
        case _:
            return Failed(FailureKind.PROTOCOL, one_line(f"Unexpected {type(exc).__name__}: {exc}", 300))


def _retry_after_s(headers: httpx2.Headers) -> float | None:
    """The server's wish in seconds, never negative; None when it has none or it cannot be read."""
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000
        else:
            seconds = float(headers["retry-after"])
    except KeyError:
        return None
    except ValueError:
        try:
            seconds = parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time()
        except (KeyError, ValueError):
            return None
    return min(max(0.0, seconds), _LONGEST_WISH_S) if math.isfinite(seconds) else None


_ACCESS_AGAIN: Final = re.compile(r"regain access on (\d{4}-\d\d-\d\d) at (\d\d:\d\d) UTC")


def _access_again_s(words: str) -> float | None:
    """The seconds until the day on which a used up limit begins anew, when `words` name it."""
    if (told := _ACCESS_AGAIN.search(words)) is None:
        return None
    try:
        then = datetime.fromisoformat(f"{told[1]}T{told[2]}+00:00")
    except ValueError:
        return None
    return max(0.0, then.timestamp() - time.time())


if TYPE_CHECKING:
    _fits: Provider = AnthropicProvider("")
