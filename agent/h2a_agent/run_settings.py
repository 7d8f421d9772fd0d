"""What a person can set about how an agent runs; a frozen value that may be replaced between steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Delivery", "Mode", "OnAbort", "RunSettings", "RunningTools", "ThinkingLevel"]

Delivery: TypeAlias = Literal["all", "one-at-a-time"]
Mode: TypeAlias = Literal["plan", "ask", "edits", "full"]
OnAbort: TypeAlias = Literal["restore", "send-next", "keep"]
RunningTools: TypeAlias = Literal["cancel", "finish", "background"]
ThinkingLevel: TypeAlias = Literal["off", "low", "medium", "high", "max"]


@dataclass(frozen=True, slots=True)
class RunSettings:
    """`model` answers, with at most `max_tokens` an answer; `thinking` says how hard it thinks before.

    What a level is for a model stands in `data/models.toml`; a model that is not there is asked for nothing.

    `steering_mode` and `follow_up_mode` say whether waiting items go together; `on_abort` what becomes of
    them when the user aborts; `running_tools` what a steer does to a command under way; `mode` what may run
    without asking. When the next request would leave less than `reserve_tokens` of the window for its answer, the history is
    summarised first (`auto_compact`), all but the last `keep_tokens`.
    """

    model: str
    max_tokens: int = 16_384
    thinking: ThinkingLevel = "medium"
    steering_mode: Delivery = "all"
    follow_up_mode: Delivery = "one-at-a-time"
    on_abort: OnAbort = "restore"
    running_tools: RunningTools = "cancel"
    mode: Mode = "ask"
    auto_compact: bool = True
    reserve_tokens: int = 16_384
    keep_tokens: int = 20_000
