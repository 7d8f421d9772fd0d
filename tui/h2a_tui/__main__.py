"""`python -m h2a_tui` is `h2a-chat`: what the guardian starts, or, started by anybody else, starts the guardian."""

import os
import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        # Python has put the folder we stand in first: a repository with a file `textual.py` would be the program.
        del sys.path[0]
    from h2a_guardian import VARIABLE

    if VARIABLE not in os.environ:
        os.execv(sys.executable, [sys.executable, "-P", "-m", "h2a_guardian", *sys.argv[1:]])
    from h2a_tui.cli import main

    sys.exit(main())
