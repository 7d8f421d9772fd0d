"""The agent behind h2a-chat: inbox, loop, providers, tools and sessions, without a screen.

`Agent` is the one handle, `StreamingExecutor` the same as an iterator. What is looked up here is imported on
first use, so that `import h2a_agent` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = ["Agent", "RunSettings", "Session", "StreamEvent", "StreamingExecutor", "__version__"]

if TYPE_CHECKING:
    from h2a_agent.agent import Agent
    from h2a_agent.executor import StreamEvent, StreamingExecutor
    from h2a_agent.run_settings import RunSettings
    from h2a_agent.session import Session

_HOMES = {
    "Agent": "h2a_agent.agent",
    "RunSettings": "h2a_agent.run_settings",
    "Session": "h2a_agent.session",
    "StreamEvent": "h2a_agent.executor",
    "StreamingExecutor": "h2a_agent.executor",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
