"""Entry point of `python -m verification`."""

import sys

from verification.cli import main

sys.exit(main())
