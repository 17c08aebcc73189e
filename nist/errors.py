"""Errors that a user can mend, and how a command reports them."""

import sys
import warnings
from collections.abc import Callable


class InputError(Exception):
    """Bad input. The message is one line that names the file, key or value and says what would be right.

    It is no ``ValueError``, as argparse would catch that from an argument's ``type`` and drop the message.
    """


class StoppedError(Exception):
    """Training that ended before its time. The message is one line that says why and how it goes on."""


def run(main: Callable[[], None]) -> None:
    """Call a command's ``main``; turn bad input and failures of the system into one line and exit status 1.

    Warnings are one line too.
    """
    warnings.formatwarning = lambda message, *place: f"warning: {message}\n"
    try:
        main()
    except (InputError, StoppedError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("error: interrupted")
