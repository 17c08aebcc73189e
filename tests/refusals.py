"""What every reader promises of a file that it does not take, whatever is wrong with it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis

from nist.errors import InputError

# The same examples every time and on every machine.
FUZZED = hypothesis.settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
)


def taken(read: Callable[[Path], object], path: Path) -> bool:
    """Whether ``read`` takes the file. If it does not, its error must be one line that can be printed and names it."""
    try:
        read(path)
    except InputError as error:
        message = str(error)
        assert message.isprintable(), message
        assert path.name in message, message
        assert len(message) <= 1000, len(message)
        return False
    return True


def truncated(content: bytes) -> Iterator[bytes]:
    """``content`` cut off at every byte, the empty file first."""
    return (content[:length] for length in range(len(content)))


def flipped(content: bytes) -> Iterator[bytes]:
    """``content`` with every byte inverted in turn."""
    return (content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :] for at in range(len(content)))
