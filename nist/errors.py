"""Errors that a user can mend, and how a command reports them."""

import sys
from collections.abc import Callable


class InputError(Exception):
    """Bad input. The message is one line that names the file, key or value and says what would be right.

    It is no ``ValueError``, as argparse would catch that from an argument's ``type`` and drop the message.
    """


def run(main: Callable[[], None]) -> None:
    """Call a command's ``main``; turn bad input and failures of the file system into one line and exit status 1."""
    try:
        main()
    except (InputError, OSError) as error:
        sys.exit(f"error: {error}")
