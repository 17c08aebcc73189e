"""Errors that a user can mend, and how a command reports them."""

import os
import select
import sys
import warnings
from collections.abc import Callable
from io import TextIOWrapper

LONGEST = 1000  # characters of a message
STDOUT = 1  # file descriptor


class InputError(Exception):
    """Bad input. The message is one line that names the file, key or value and says what would be right.

    Whatever of the input is in it: what cannot be printed is escaped, and of a long message the middle is left out.
    It is no ``ValueError``, as argparse would catch that from an argument's ``type`` and drop the message.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_shortened(printable(message)))


def printable(text: str) -> str:
    """``text`` as one line that any terminal can show: newlines, controls and undecodable bytes escaped."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def first_line(error: BaseException) -> str:
    """What an error says first, or its type if it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _shortened(text: str) -> str:
    """The beginning, which names the file, and the end, which has the remedy."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST * 2 // 3]} … {text[-LONGEST // 3 + 3 :]}"


class StoppedError(Exception):
    """Training that ended before its time. The message is one line that says why and how it goes on."""


def run(main: Callable[[], None]) -> None:
    """Call a command's ``main``; turn bad input and failures of the system into one line and exit status 1.

    Warnings are one line too. On a terminal without them, characters such as × are printed as question marks. A command
    whose output is read no further, as by ``| head``, ends without a message.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    warnings.formatwarning = lambda message, *place: f"warning: {message}\n"
    ended = _ended(main)
    try:
        print(end="", flush=True)
    except BrokenPipeError:
        ended = ended or 1
    if _is_read_no_further():  # what is left in the buffer would fail again when the interpreter flushes it
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
    if ended is not None:
        sys.exit(ended)


def _ended(main: Callable[[], None]) -> int | str | None:
    """Call ``main``; what to end the command with: an exit status, a message, or nothing."""
    try:
        main()
    except SystemExit as error:
        return error.code
    except BrokenPipeError as error:
        return 1 if _is_read_no_further() else f"error: {printable(str(error))}"
    except (InputError, StoppedError, OSError) as error:
        return f"error: {printable(str(error))}"
    except KeyboardInterrupt:
        return "error: interrupted"
    return None


def _is_read_no_further() -> bool:
    """Whether standard output is a pipe that nobody reads any more."""
    polled = select.poll()
    polled.register(STDOUT, 0)
    return bool(polled.poll(0))
