"""May a call run: the modes, the commands that only look, the user's rules."""

from h2a_agent.permission.decide import Mode, Permission, Verdict
from h2a_agent.permission.looking import is_auto_allowed

__all__ = ["Mode", "Permission", "Verdict", "is_auto_allowed"]
