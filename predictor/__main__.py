"""Run the command line as ``python -m predictor``."""

import sys

from predictor.cli import main

if __name__ == "__main__":
    sys.exit(main())
