"""Who vouches for the folder a session works in: the person with `--trust`, an earlier answer, or nobody yet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from h2a_agent.paths import Paths
from h2a_agent.safe_text import one_line
from h2a_agent.trust import Trust, TrustedFolders, project_of, things_to_obey

if TYPE_CHECKING:
    from h2a_tui.handover import Handover
    from h2a_tui.inline.terminal import InlineTerminal
    from h2a_tui.keymap import Keymap
    from h2a_tui.theme_choice import ThemeChoice
    from h2a_tui.trust_answering import Answer
    from h2a_tui.trust_question import TrustQuestion

__all__ = ["ask_inline", "is_vouched_for", "keep_answer", "not_trusted", "question_about"]


def is_vouched_for(paths: Paths, folder: Path, *, vouch: bool) -> bool | None:
    """May what is in `folder` be obeyed? None when nobody has said and there is something to obey.

    `vouch`: the person does so right now, for the whole project and from now on.
    """
    folders = TrustedFolders(paths.config_dir)
    if vouch:
        _remember(folders, folder, Trust.TRUSTED)
        return True
    trust = folders.of(folder)
    if trust is Trust.UNKNOWN and things_to_obey(folder):
        return None
    return trust is not Trust.DISTRUSTED


def question_about(folder: Path, keymap: Keymap, themes: ThemeChoice, handover: Handover) -> TrustQuestion:
    """The question that settles it; `handover` gets the terminal for the app that comes next."""
    from h2a_tui.trust_question import TrustQuestion

    return TrustQuestion(project_of(folder), things_to_obey(folder), keymap, themes, handover)


async def ask_inline(folder: Path, keymap: Keymap, themes: ThemeChoice, terminal: InlineTerminal) -> Answer:
    """The same question, asked and answered among the rows of the shell."""
    from h2a_tui.inline.trust import ask_for_trust

    return await ask_for_trust(project_of(folder), things_to_obey(folder), keymap, themes, terminal)


def keep_answer(paths: Paths, folder: Path, answer: Answer | None) -> bool | None:
    """Remember the `answer`; returns whether `folder` is trusted, None when the person would rather leave."""
    from h2a_tui.trust_answering import Answer

    if answer is None or answer is Answer.QUIT:
        return None
    trusted = answer is Answer.TRUST
    _remember(TrustedFolders(paths.config_dir), folder, Trust.TRUSTED if trusted else Trust.DISTRUSTED)
    return trusted


def not_trusted(folder: Path) -> str:
    """What it means that nobody vouches for `folder`, and what to do about it."""
    things = ", ".join(things_to_obey(folder)) or "whatever it holds"
    return (
        f"Not trusted: {one_line(str(folder))}. Nothing in it is obeyed ({one_line(things)}), and every change and "
        "command is asked about. If you trust it: h2a-chat --trust"
    )


def _remember(folders: TrustedFolders, folder: Path, trust: Trust) -> None:
    try:
        folders.remember(project_of(folder), trust)
    except OSError as error:
        reason = one_line(error.strerror or str(error))
        print(f"h2a-chat: the answer holds for now, but could not be kept: {reason}", file=sys.stderr)
