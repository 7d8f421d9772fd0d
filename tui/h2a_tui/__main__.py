"""`python -m h2a_tui` is `h2a-chat`: what the guardian starts, or, started by anybody else, starts the guardian."""

import os
import sys

from h2a_guardian import VARIABLE

if __name__ == "__main__":
    if VARIABLE not in os.environ:
        os.execv(sys.executable, [sys.executable, "-P", "-m", "h2a_guardian", *sys.argv[1:]])
    from h2a_tui.cli import main

    sys.exit(main())
