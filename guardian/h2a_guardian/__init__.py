"""The guardian: whatever dies, nothing is left behind.

A terminal program that is killed cannot tidy up after itself, so another one has to. `h2a-chat` is this guardian: a small
process, standard library only, that starts the real program and waits.

    shell ── guardian ─┬─ program                  draws, thinks, asks for commands
                       ├─ keeper ── command ── …   one keeper for each command
                       └─ keeper ── command ── …

- It knows how the terminal was, and puts it back when the program has died with it (`terminal.py`).
- It takes the keys out of the environment, so that neither the program's nor a command's environment shows them
  (`vault.py`).
- It forks a keeper for each command (`keeper.py`). A keeper is a child subreaper: whatever its command starts stays below it,
  through `setsid`, double forks and `disown`, and when the kernel says it has no child any more, nothing is left.

Everybody notices a death by end of file. The program holds one end of a socket to the guardian and one to each keeper: when it
dies, each keeper ends its command's processes and itself; when the guardian dies, the program saves and leaves. Nobody
waits for a message from the dead.

The program's side of the sockets is `h2a_agent.tools.supervisor`; what is said on them is in `wire.py`.
"""

from typing import Final

__all__ = ["VARIABLE"]

VARIABLE: Final = (
    "H2A_GUARDIAN"  # the environment variable in which the program finds the number of its socket
)
