"""Errors that a user can mend, and how a command reports them."""

import sys
from collections.abc import Callable


class InputError(ValueError):
    """Bad input. The message is one line that names the file, key or value and says what would be right."""


def run(main: Callable[[], None]) -> None:
    """Call a command's ``main``; turn bad input and failures of the file system into one line and exit status 1."""
    try:
        main()
    except (InputError, OSError) as error:
        sys.exit(f"error: {error}")
