"""``python -m fibsem_dash`` is the command line."""

import sys

from fibsem_dash.cli import main

if __name__ == "__main__":
    sys.exit(main())
