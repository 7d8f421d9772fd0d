"""The one error of the queue, told apart by its kind.

    Exception
      QueueError
        kind = CONFIGURATION   the queue was set up, or is being used, in a way that cannot work
        kind = OVERFLOW        it is full, and its policy or the verb does not allow to wait
        kind = VALIDATION      an argument or a verb does not fit its present state
        kind = CLOSED          it takes no more input
        kind = BACKEND         the store behind a channel cannot be reached, read or written

The message says what to do; `context` says what happened.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ErrorKind", "QueueError"]


class ErrorKind(StrEnum):
    """What went wrong, for code that has to choose."""

    CONFIGURATION = "configuration"
    OVERFLOW = "overflow"
    VALIDATION = "validation"
    CLOSED = "closed"
    BACKEND = "backend"


class QueueError(Exception):
    """A queue refused to do what it was asked; nothing has changed unless `context` says so.

    `recoverable` is true when the very same call can succeed later without anybody changing the program:
    a full queue becomes empty, a server comes back; a closed queue never opens again.
    """

    def __init__(
        self, message: str, kind: ErrorKind, *, recoverable: bool | None = None, **context: object
    ) -> None:
        """Make an error; the keywords become its `context`. Of itself, only OVERFLOW is recoverable."""
        super().__init__(message)
        self.kind = kind
        self.context = context
        self.recoverable = kind is ErrorKind.OVERFLOW if recoverable is None else recoverable
