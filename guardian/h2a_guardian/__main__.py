"""`python -m h2a_guardian` is `h2a-chat`."""

import sys

from h2a_guardian.main import main

if __name__ == "__main__":
    sys.exit(main())
