"""The h2A queue: two buffers that swap, direct hand-over to a waiting reader, and no item lost to a cancel.

Standard library only. Start with `H2AQueue`.
"""

from h2a_queue.backpressure import Backpressure, Coalesce
from h2a_queue.core import H2AQueue
from h2a_queue.errors import ErrorKind, QueueError
from h2a_queue.lifecycle import QueueStatus
from h2a_queue.message import Message
from h2a_queue.priority import Priority, PriorityH2AQueue
from h2a_queue.stats import QueueStats
from h2a_queue.streaming import (
    Failure,
    MessageType,
    StreamingMessageQueue,
    StreamMessage,
    ToolCall,
    ToolResult,
)

__all__ = [
    "Backpressure",
    "Coalesce",
    "ErrorKind",
    "Failure",
    "H2AQueue",
    "Message",
    "MessageType",
    "Priority",
    "PriorityH2AQueue",
    "QueueError",
    "QueueStats",
    "QueueStatus",
    "StreamMessage",
    "StreamingMessageQueue",
    "ToolCall",
    "ToolResult",
]
