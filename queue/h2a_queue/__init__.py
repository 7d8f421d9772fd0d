"""The h2A queue: two buffers that swap, direct hand-over to a waiting reader, and no item lost to a cancel.

Standard library only (the Redis channel needs `redis`). Start with `H2AQueue`; the channels between processes
and machines are in `h2a_queue.channels`.
"""

from h2a_queue.backpressure import Backpressure, Coalesce
from h2a_queue.batching import AdaptiveBatches
from h2a_queue.channel import Channel, ChannelSettings, ChannelStats, DeadLetter, Delivery, RecoveryPolicy
from h2a_queue.core import H2AQueue
from h2a_queue.errors import ErrorKind, QueueError
from h2a_queue.health import Concern, Health, HealthLimits, HealthWatch
from h2a_queue.lifecycle import QueueStatus, Transition
from h2a_queue.message import Message
from h2a_queue.metrics import MeteredH2AQueue
from h2a_queue.priority import Priority, PriorityH2AQueue
from h2a_queue.stats import QueueMetrics, QueueStats
from h2a_queue.stream_buffer import Codec, StreamBuffer, StreamReader, StreamStatus
from h2a_queue.stream_manager import StreamBufferManager
from h2a_queue.streaming import (
    Failure,
    MessageType,
    StreamingMessageQueue,
    StreamMessage,
    ToolCall,
    ToolResult,
)

__all__ = [
    "AdaptiveBatches",
    "Backpressure",
    "Channel",
    "ChannelSettings",
    "ChannelStats",
    "Coalesce",
    "Codec",
    "Concern",
    "DeadLetter",
    "Delivery",
    "ErrorKind",
    "Failure",
    "H2AQueue",
    "Health",
    "HealthLimits",
    "HealthWatch",
    "Message",
    "MessageType",
    "MeteredH2AQueue",
    "Priority",
    "PriorityH2AQueue",
    "QueueError",
    "QueueMetrics",
    "QueueStats",
    "QueueStatus",
    "RecoveryPolicy",
    "StreamBuffer",
    "StreamBufferManager",
    "StreamMessage",
    "StreamReader",
    "StreamStatus",
    "StreamingMessageQueue",
    "ToolCall",
    "ToolResult",
    "Transition",
]
