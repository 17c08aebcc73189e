"""What every reader promises of a file that it does not take, whatever is wrong with it."""

import json
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import hypothesis
import pyarrow.parquet as pq
import pytest

from nist import metrics_file
from nist.errors import InputError

# The same examples every time and on every machine.
FUZZED = hypothesis.settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
)

# For tests of files that are damaged: ``n`` of sampled_damage. Every byte is only for make test-all.
PLACES = pytest.mark.parametrize(
    "n", [pytest.param(32, id="sampled"), pytest.param(None, id="every byte", marks=pytest.mark.exhaustive)]
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


def truncated(content: bytes, places: Iterable[int] | None = None) -> Iterator[bytes]:
    """``content`` cut off at every byte, the empty file first, or at ``places`` alone."""
    return (content[:at] for at in (range(len(content)) if places is None else places))


def flipped(content: bytes, places: Iterable[int] | None = None) -> Iterator[bytes]:
    """``content`` with every byte inverted in turn, or those at ``places`` alone."""
    every = range(len(content)) if places is None else places
    return (content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :] for at in every)


def sampled_damage(content: bytes, n: int | None, parts: Iterable[int] = ()) -> tuple[Iterator[bytes], Iterator[bytes]]:
    """``content`` cut off, and ``content`` with one byte inverted, at ``n`` places: the same ones every time.

    Besides, at the first four bytes, at the last eight and on either side of where each of its ``parts`` begins.
    Without ``n``, at every byte.
    """
    every = range(len(content))
    if n is None:
        return truncated(content), flipped(content)
    boundaries = {*every[:4], *every[-8:], *(at for part in parts for at in (part - 1, part) if at in every)}
    places = sorted(boundaries | set(random.Random(0).sample(every, min(n, len(content)))))
    return truncated(content, places), flipped(content, places)


def redescribed(path: Path, change: Callable[[dict], object]) -> Path:
    """Rewrite a metrics file with ``change`` applied to its description, rows kept."""
    table = pq.read_table(path)
    description = json.loads(table.schema.metadata[metrics_file.KEY])
    change(description)
    pq.write_table(table.replace_schema_metadata({metrics_file.KEY: json.dumps(description)}), path)
    return path
