"""How commands end."""

import os
import subprocess
import sys

import pytest

PRINTS = "from nist import errors; errors.run(lambda: print('line\\n' * {}))"
FAILS = "from nist import errors; errors.run(lambda: exec('raise BrokenPipeError(32, \"Broken pipe\")'))"


def ended(command: str, stdout: int) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", command], stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("lines", [pytest.param(1, id="less than a buffer"), pytest.param(100_000, id="many buffers")])
def test_output_that_nobody_reads_on_ends_a_command_without_a_message(lines):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert ended(PRINTS.format(lines), writer) == (1, "")
    finally:
        os.close(writer)


def test_another_broken_pipe_is_reported():
    assert ended(FAILS, subprocess.DEVNULL) == (1, "error: [Errno 32] Broken pipe\n")
