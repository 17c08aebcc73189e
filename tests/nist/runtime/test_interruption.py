import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nist.runtime.interruption import Interruption

WORKER = """
import os, signal
from nist.runtime.interruption import Interruption, leave_to_parent
with Interruption():
    leave_to_parent(0)
    for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGTERM):
        os.kill(os.getpid(), number)
    print("goes on", flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    print("is not reached", flush=True)
"""


def test_the_first_signal_is_noted_and_the_second_ctrl_c_raises():
    with Interruption() as interruption:
        assert interruption.asked is None
        for number in (signal.SIGUSR1, signal.SIGTERM):
            os.kill(os.getpid(), number)
        assert interruption.asked == "SIGUSR1"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_process_that_reads_images_leaves_it_to_its_parent_when_to_stop():
    done = subprocess.run([sys.executable, "-c", WORKER], capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGTERM, "goes on\n", "")
