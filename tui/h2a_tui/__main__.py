"""`python -m h2a_tui` is `h2a-chat`."""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        # Python has put the folder we stand in first: a repository with a file `textual.py` would be the program.
        del sys.path[0]
    from h2a_tui.cli import main

    sys.exit(main())
