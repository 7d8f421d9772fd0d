"""The guardian of a program that has none yet, such as a script that uses the agent as a library: processes only.

    python -I -S serve.py DESCRIPTOR

It is not that program's parent, so it holds no terminal and no keys; it forks keepers, and ends everything when the program
hangs up, however that comes about.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from h2a_guardian.guardian import Guardian

    Guardian({}, None).serve(socket.socket(fileno=int(sys.argv[1])))
