"""`python -m verification.reference`: start the reference backend by hand, or list its seeded defects."""

from __future__ import annotations

import sys


def run() -> int:
    """Start; returns the exit code. What is not installed is said in one line."""
    try:
        from verification.reference.command import main
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("verification"):
            raise
        print(
            f"The reference backend needs the package {error.name!r}, which is not installed: "
            "pip install 'release-gate[reference]'",
            file=sys.stderr,
        )
        return 2
    return main()


if __name__ == "__main__":
    sys.exit(run())
