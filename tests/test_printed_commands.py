"""Commands that documents, messages and the Makefile show: their modules, options, targets and files are there."""

import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACES = (
    "*.md",
    "docs/**/*.md",
    "Makefile",
    "nist/**/*.py",
    "analysis/**/*.py",
    "analysis/**/*.jinja",
    "workflow/**/*.*",
)
TEXT = "\n".join(
    path.read_text(encoding="utf-8").replace("\\\n", " ") for place in PLACES for path in sorted(ROOT.glob(place))
)
SHOWN = r"(?:^ *\w*\$ |`|^# (?=make ))"  # after a prompt, between backticks, or in the Makefile's head
PYTHON = {
    (module.rstrip("."), *re.findall(r"--[\w-]+", rest))
    for module, rest in re.findall(r"python -m ((?:nist|analysis)\.[\w.]*)([^`\n\"]*)", TEXT)
}
MAKE = {found.partition("  ")[0].strip() for found in re.findall(rf"{SHOWN}(make [^`#\n>|…{{[]*)", TEXT, re.MULTILINE)}
SNAKEMAKE = {found.strip() for found in re.findall(rf"{SHOWN}(snakemake [^`#\n>|]*)", TEXT, re.MULTILINE)}
ELSEWHERE = ("--report", "--unlock", "small-digits")  # need a finished run, a lock, the reader's own study


def test_commands_are_found():
    assert ("nist.train", "--together") in PYTHON
    assert "make publish FROM=results/metrics STUDY=lenet5-fmnist" in MAKE
    assert "snakemake results/claims.csv" in SNAKEMAKE


@pytest.mark.filterwarnings("ignore:.*found in sys.modules.*:RuntimeWarning")
@pytest.mark.parametrize("module", sorted({module for module, *_ in PYTHON}))
def test_modules_are_there_and_have_the_options_that_are_shown(module, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [module, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__")
    assert ended.value.code == 0
    known = re.findall(r"--[\w-]+", capsys.readouterr().out)
    assert {option for name, *options in PYTHON if name == module for option in options} <= {*known}


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
@pytest.mark.parametrize("command", sorted(MAKE))
def test_make_has_the_targets_and_takes_the_variables(command):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split()
    words = [word for word in shlex.split(command)[1:] if not word.endswith("=") and not word.startswith("-")]
    assert {word for word in words if "=" not in word} <= {*targets, ".venv/.complete"}
    if any("=" in word for word in words):
        done = subprocess.run(["make", "-n", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert {word.partition("=")[0] for word in words if "=" in word} <= {
            *re.findall(r"\$[({$]?([A-Z_]+)\b", makefile)
        }


@pytest.mark.slow
@pytest.mark.parametrize("command", sorted(one for one in SNAKEMAKE if not any(word in one for word in ELSEWHERE)))
def test_snakemake_plans_what_is_shown(command):
    _, *words = shlex.split(command.replace("profiles/mycluster", "profiles/slurm"))
    dry = [sys.executable, "-m", "snakemake", "-n", "--quiet=all", *words]
    done = subprocess.run(dry, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
