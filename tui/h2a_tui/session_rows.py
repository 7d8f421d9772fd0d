"""Sessions to go on with, a row each."""

from __future__ import annotations

import time
from collections.abc import Iterable

from h2a_agent.session_search import Found
from h2a_tui.client import Sessions
from h2a_tui.format import age, folder
from h2a_tui.overlays import Choice

__all__ = ["session_rows"]


def session_rows(found: Iterable[Found], sessions: Sessions, *, here: bool) -> Iterable[Choice]:
    """A row for each session: what it is called, how old it is, and where it works unless that is `here`."""
    for info in (one.info for one in found):
        facts = [age(time.time() - info.modified)]
        if not here:
            facts.append(folder(info.workspace))
        if info.messages is not None:
            facts.append(f"{info.messages} message{'' if info.messages == 1 else 's'}")
        in_use = info.id == sessions.id  # its file has the name only when it is closed
        title = (sessions.name if in_use else "") or info.title or "(nothing said)"
        mark = "●" if in_use else " "
        yield Choice(info.id, f"{mark} {title}", " · ".join(facts), full=title)
