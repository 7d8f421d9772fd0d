"""`python -m h2a_tui` is `h2a-chat`."""

import sys

from h2a_tui.cli import main

if __name__ == "__main__":
    sys.exit(main())
