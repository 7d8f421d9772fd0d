"""The channels: one protocol (`h2a_queue.channel.Channel`), three stores.

MemoryChannel   lives and dies with this process: for tests, and for what need not last
SQLiteChannel   one file, any number of processes of one machine, survives kill -9
RedisChannel    Redis Streams: any number of machines; needs the `redis` package
"""

from h2a_queue.channels.memory import MemoryChannel
from h2a_queue.channels.redis import RedisChannel
from h2a_queue.channels.sqlite import SQLiteChannel

__all__ = ["MemoryChannel", "RedisChannel", "SQLiteChannel"]
