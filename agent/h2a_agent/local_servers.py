"""Asks servers which models they have: one's own machine at the start, any provider when its models are listed.

A server on a well-known port may be anything, so what answers must look like a list of models and, where the
port is a common one, call itself by the right name. Names come from outside and are made safe. Nothing here
sends a key anywhere but to the origin it is for: redirects are not followed, and proxies not used on the way
to this machine.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from h2a_agent.catalogue import ProviderInfo, is_loopback, origin_of
from h2a_agent.keys import Key
from h2a_agent.safe_text import one_line

if TYPE_CHECKING:
    import httpx2

__all__ = ["LocalServer", "NoList", "find_local_servers", "list_models"]

_PROBE_S: Final = 0.3
_LIST_S: Final = 5.0
_MOST_BYTES: Final = 4 * 1024 * 1024
_MOST_MODELS: Final = 2000


Why: TypeAlias = Literal["unreachable", "refused", "unlisted"]


class NoList(Exception):
    """A server did not list its models; the message says why, in a few words that follow its name.

    `why`: it was not there, it did not take the key, or it answered something else.
    """

    def __init__(self, message: str, why: Why = "unlisted") -> None:
        super().__init__(message)
        self.why = why


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that runs here, and the names of its models."""

    provider: str
    models: tuple[str, ...]


async def find_local_servers(providers: Iterable[ProviderInfo]) -> list[LocalServer]:
    """Those of the local `providers` that answer within 300 ms. Only this machine is asked."""
    near = [info for info in providers if info.models_url and is_loopback(info.models_url)]
    async with await _client(trust_env=False) as client:
        answers = await asyncio.gather(*(_probe(client, info) for info in near))
    return [answer for answer in answers if answer is not None]


async def list_models(info: ProviderInfo, key: Key | None = None) -> tuple[str, ...]:
    """The names of the models `info` offers, as its server orders them.

    Raises:
        NoList: it cannot be reached, refuses, does not list models, or takes more than 5 s.
    """
    if not info.models_url or origin_of(info.models_url) != info.origin:
        raise NoList("does not list its models")
    try:
        async with (
            await _client(trust_env=not is_loopback(info.models_url)) as client,
            asyncio.timeout(_LIST_S),
        ):
            return _names(await _get(client, info, key), "")
    except TimeoutError:
        raise NoList(f"{info.origin} did not answer in time", "unreachable") from None


# --------------------------------------------------------- helpers, in call order


async def _client(*, trust_env: bool) -> httpx2.AsyncClient:
    """A client, made in a thread: the import and the certificates take a tenth of a second."""

    def make() -> httpx2.AsyncClient:
        import httpx2

        return httpx2.AsyncClient(follow_redirects=False, trust_env=trust_env, timeout=_LIST_S)

    return await asyncio.to_thread(make)


async def _probe(client: httpx2.AsyncClient, info: ProviderInfo) -> LocalServer | None:
    try:
        async with asyncio.timeout(_PROBE_S):
            names = _names(await _get(client, info, None), info.owned_by)
    except (NoList, TimeoutError):
        return None
    return LocalServer(info.name, names)


async def _get(client: httpx2.AsyncClient, info: ProviderInfo, key: Key | None) -> Any:
    """The JSON at the provider's list.

    Raises:
        NoList: there is none.
    """
    import httpx2

    headers = {"accept": "application/json", "anthropic-version": "2023-06-01"}
    if key is not None:
        value = key.value
        headers |= {"x-api-key": value} if info.auth == "x-api-key" else {"authorization": f"Bearer {value}"}
    try:
        async with client.stream("GET", info.models_url, headers=headers) as response:
            if response.status_code in (401, 403):
                raise NoList(f"{info.origin} refuses the key", "refused")
            if response.status_code != 200:
                raise NoList(f"{info.origin} answered HTTP {response.status_code}")
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > _MOST_BYTES:
                    raise NoList(f"{info.origin} does not list models")
    except httpx2.ConnectError as error:
        near = f"not running at {info.origin}"
        words = near if info.local else f"{info.origin} cannot be reached"
        raise NoList(words, "unreachable") from error
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise NoList(one_line(f"{info.origin}: {error}", 200), "unreachable") from error
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NoList(f"{info.origin} does not list models") from error


def _names(answer: Any, owned_by: str) -> tuple[str, ...]:
    """The ids in the list that both APIs use, `{"data": [{"id": ...}]}`; those of `owned_by` if it is given."""
    entries = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(entries, list):
        raise NoList("what answered is not a list of models")
    good = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
    if (entries and not good) or (owned_by and not any(e.get("owned_by") == owned_by for e in good)):
        raise NoList("what answered is not the server meant")
    return tuple(name for entry in good[:_MOST_MODELS] if (name := one_line(entry["id"], 200).strip()))
