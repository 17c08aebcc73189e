"""The examples of ``docs/gallery.md`` run, and print what the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/gallery.md").read_text(encoding="utf-8")
EXAMPLES = ROOT / "docs/examples"


def output(*command):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(command, cwd=ROOT, env={**environment, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_shows_every_example():
    shown = set(re.findall(r"^--8<--\nexamples/(.+)\n--8<--$", PAGE, re.MULTILINE))
    assert shown == {path.name for path in EXAMPLES.iterdir() if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg16_head", "deit_density", "hugging_face"])
def test_an_example_prints_what_the_page_says(name):
    _, _, section = PAGE.partition(f"\nexamples/{name}.py\n")
    assert output("python", EXAMPLES / f"{name}.py") == re.search(r"```text\n(.*?)```", section, re.DOTALL)[1]


@pytest.mark.slow
def test_the_study_of_ones_own_ends_with_a_difference_for_each_score():
    *runs, heading, peak, peak_final, last = output("bash", EXAMPLES / "own_study.sh").splitlines()
    assert [line.partition(":")[0] for line in runs] == [
        f"own_study {variant} seed {seed}" for variant in ("dense", "tenth") for seed in range(3)
    ]
    assert heading == "metric,variant,difference,low,high,p"
    assert [row.partition(",")[0] for row in (peak, peak_final, last)] == ["peak", "peak_final", "last"]
