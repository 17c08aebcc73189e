"""How commands end."""

import os
import subprocess
import sys

import pytest

RUN = "import argparse; from nist.errors import InputError, run; run(lambda: {})"
LINES = "print('line\\n' * {})"
HELP = "argparse.ArgumentParser().parse_args(['--help'])"
FAILS = "exec('raise {}')"
# As for most users: what is printed waits in a buffer.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def ended(called: str, stdout: int) -> tuple[int, str]:
    command = [sys.executable, "-c", RUN.format(called)]
    done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, check=False)
    return done.returncode, done.stderr


@pytest.fixture
def unread():
    """A pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.mark.parametrize("lines", [pytest.param(1, id="less than a buffer"), pytest.param(100_000, id="many buffers")])
def test_output_that_nobody_reads_on_ends_a_command_without_a_message(lines, unread):
    assert ended(LINES.format(lines), unread) == (1, "")


def test_help_that_nobody_reads_on_is_no_error(unread):
    status, said = ended(HELP, unread)
    assert said == ""
    assert status in (0, 1)  # argparse may have given up on it by itself


def test_what_else_goes_wrong_is_still_said(unread):
    assert ended(f"(print(1), {FAILS.format('InputError(str(1))')})", unread) == (1, "error: 1\n")
    assert ended(FAILS.format("BrokenPipeError(32, None)"), subprocess.DEVNULL) == (1, "error: [Errno 32] None\n")


def test_output_that_is_closed_is_none():
    command = [sys.executable, "-c", RUN.format(LINES.format(1))]
    done = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *command], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
