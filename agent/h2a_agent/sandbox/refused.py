"""A command failed, and the sandbox may be why: said in words that a model and a person can act on."""

from __future__ import annotations

import re
from typing import Final

from h2a_agent.sandbox.sandbox import Needs, Sandbox

__all__ = ["explain"]

_NO_SANDBOX: Final = re.compile(r"^(?:bwrap|h2a-sandbox): .*$", re.MULTILINE)
_NO_NETWORK: Final = re.compile(
    r"Network is unreachable|Could not resolve|Temporary failure in name resolution|Name or service not known"
    r"|No address associated with hostname|failed to lookup address|getaddrinfo|ENETUNREACH|EAI_AGAIN|ENOTFOUND"
    r"|no such host|Failed to establish a new connection|unable to access 'https?:",
    re.IGNORECASE,
)
_REFUSED: Final = re.compile(
    r"Read-only file system|Permission denied|Operation not permitted|EROFS|EACCES|EPERM|Device or resource busy",
    re.IGNORECASE,
)


_SAY_NO_SANDBOX: Final = (
    '[The sandbox could not be set up for this command. With needs="no_sandbox" the user is asked to let it run '
    "without.]"
)
_SAY_NO_NETWORK: Final = (
    '[There is no network in the sandbox. If the command needs it, call it again with needs="network"; '
    "the user is asked.]"
)
_SAY_REFUSED: Final = (
    "[The sandbox may have refused this: a command writes only in the working directory and in $TMPDIR, sees no "
    "keys or sockets, and cannot change git's hooks and configuration. If it must, call it again with "
    'needs="no_sandbox"; the user is asked.]'
)


def explain(sandbox: Sandbox, needs: Needs, output: str) -> str:
    """What to add to the `output` of a command that has failed under `needs`; "" where it tells of nothing."""
    if not sandbox.confines or needs == "no_sandbox":
        return ""
    if _NO_SANDBOX.search(output):
        return _SAY_NO_SANDBOX
    if needs != "network" and not sandbox.settings.network and _NO_NETWORK.search(output):
        return _SAY_NO_NETWORK
    return _SAY_REFUSED if _REFUSED.search(output) else ""
