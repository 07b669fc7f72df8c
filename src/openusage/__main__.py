"""`python -m openusage` is `openusage`."""

import sys

from openusage.cli.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
