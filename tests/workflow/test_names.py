"""Names from the configuration: none climbs out of ``results/`` or reaches a shell that would take it for a command."""

import os
import re
import shlex
import shutil
import string
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from nist.errors import InputError
from nist.studies import schema, study
from tests.refusals import FUZZED
from tests.workflow.small_study import copy_project, edit_yaml, snakemake

ROOT = Path(__file__).parents[2]
RULES = [ROOT / "Snakefile", *sorted((ROOT / "workflow/rules").glob("*.smk"))]
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in RULES)
SHELLS = re.findall(r"^ +shell:\n((?:^ +[\"'].*\n)+)", SOURCE, re.MULTILINE)
# What may stand in a command as it is: files, made of literals and constrained wildcards; a number; one of a few words.
BARE = re.compile(r"output(\.\w+|\[\d\])?|log|threads|wildcards\.\w+")
CONSTRAINTS = "".join(re.findall(r"wildcard_constraints:\n((?: +\w+=.*\n)+)", SOURCE))
CONSTRAINED = dict(re.findall(r'(\w+)="(.+)",', CONSTRAINTS))
OUTPUTS = "".join(re.findall(r"^    (?:output|log|benchmark):\n((?:^        .*\n)+)", SOURCE, re.MULTILINE))
WILDCARDS = {*re.findall(r"\{(\w+)\}", OUTPUTS)} - {"statistic", "cost", "suffix"}  # expanded at once
HOSTILE = ["..", "../x", "a/../../x", "/etc/x", "a b", "a;b", "$(touch x)", "`touch x`", "a'b", 'a"b', "a\nb", "a\n",
           "", "~", "*", "a|b", "a&b", "a>b", "{a}", "a\\b", "\u00fc", ".hidden"]  # fmt: skip
# Keys of a study that name files and folders.
PLACES = [("study",), ("variants",), ("data", "dataset"), ("data", "class_list"), ("variants", "dense", "runs_of")]


def test_all_rules_with_a_command_are_seen():
    assert (
        len(SHELLS) == len(re.findall(r"^\s*shell:", SOURCE, re.MULTILINE)) == len(re.findall(r"^ +log:", SOURCE, re.M))
    )


@pytest.mark.parametrize("command", SHELLS, ids=lambda text: re.sub(r"\W+", " ", text)[:40])
def test_what_a_command_takes_from_outside_is_quoted(command):
    fields = [field for _, field, form, _ in string.Formatter().parse(command) if field and form != "q"]
    assert [field for field in fields if not BARE.fullmatch(field)] == []


@pytest.mark.parametrize("name", sorted(WILDCARDS))
def test_every_wildcard_is_held_to_names(name):
    assert not any(re.fullmatch(CONSTRAINED[name], text) for text in HOSTILE if text)


@settings(FUZZED, max_examples=200)
@given(st.sampled_from(sorted(CONSTRAINED)), st.data())
def test_whatever_a_wildcard_can_be_a_shell_and_a_folder_take_as_it_is(name, data):
    text = data.draw(st.from_regex(CONSTRAINED[name], fullmatch=True))
    assert shlex.quote(f"x{text}") == f"x{text}"
    assert ".." not in Path(f"results/{text}/x").parts
    assert "/" not in text


def study_with(content, path, name):
    *parents, last = path
    for key in parents:
        content = content[key]
    if last == "variants":
        content[last][name] = content[last]["dense"]
    else:
        content[last] = name


@pytest.mark.parametrize("path", PLACES, ids=lambda path: path[-1])
def test_a_name_that_is_too_long_for_a_file_is_not_taken(study_content, load_study, path):
    study_with(study_content, path, "a" * 101)
    with pytest.raises(InputError, match="is too long"):
        load_study(study_content)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("path", [*PLACES, ("model", "name")], ids=lambda path: path[-1])
def test_no_hostile_name_in_a_study_is_taken(study_content, tmp_path, path, name):
    study_with(study_content, path, name)
    file = tmp_path / "lenet5-digits.yaml"
    file.write_text(yaml.safe_dump(study_content), encoding="utf-8")
    with pytest.raises(InputError, match="does not match|is too long|is not valid under|control characters"):
        study.load(file)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_name_in_the_configuration_or_the_manifest_is_taken(name):
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    manifest = yaml.safe_load((ROOT / "config/figures.yaml").read_text(encoding="utf-8"))
    entry = manifest["table1"]
    for file, content in (
        ("config", {**config, "studies": [name]}),
        ("config", {**config, "seeds": {"lenet5-digits": name}}),
        ("config", {**config, "device": name}),
        ("config", {**config, "replay_seed": name}),
        ("figures", {name: entry}),
        ("figures", {"table1": {**entry, "statistics": [name]}}),
        ("figures", {"table1": {**entry, "studies": [name]}}),
    ):
        with pytest.raises(InputError):
            schema.check(content, ROOT / f"workflow/schemas/{file}.schema.yaml", "config.yaml")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project whose data root, and one study's file, have names that a shell would run."""
    folder = copy_project(tmp_path_factory.mktemp("a project") / "it's $(touch run1)")
    root = "a 'data' \"root\" $(touch run2) `touch run3`; touch run4 {input}"
    edit_yaml(folder / "config/config.yaml", lambda config: config.update(data_root=root))
    shutil.copy(folder / "config/studies/lenet5-cifar10.yaml", folder / "config/studies/$(touch run5);touch run6.yaml")
    return folder, root


def test_a_data_root_that_a_shell_would_run_is_a_folder_and_nothing_else(project):
    folder, root = project
    done = snakemake(folder, "results/images/cifar10.npz")
    assert done.returncode != 0
    log = (folder / "results/logs/images/cifar10.log").read_text(encoding="utf-8")
    assert (
        f"no train and no test shards: looked for train-*.parquet, test-*.parquet in {folder / root / 'cifar10'};"
        in log
    )
    assert list(folder.rglob("run?")) == []


@pytest.mark.slow
def test_a_study_file_that_a_shell_would_run_is_quoted(project):
    done = snakemake(project[0], "-n", "-p", "results/claims.csv", "--quiet", "host")
    assert done.returncode == 0, done.stdout + done.stderr
    assert shlex.quote("config/studies/$(touch run5);touch run6.yaml") in done.stdout + done.stderr


@pytest.fixture
def made(tmp_path):
    """Run make where its environment is there already and every program prints its arguments, one a line."""
    programs = tmp_path / ".venv/bin"
    programs.mkdir(parents=True)
    for name in ("python", "snakemake"):
        (programs / name).write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
        (programs / name).chmod(0o755)
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    (programs.parent / ".complete").touch()
    os.utime(tmp_path / "requirements.lock", (0, 0))

    def make(*arguments, **environment):
        command = ["make", "--silent", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert list(tmp_path.glob("run*")) == []
        return done.stdout.splitlines()

    return make


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_hands_folders_on_as_they_are(made):
    folder = "a 'b' \"c\" `touch run1`; touch run2"
    assert made("publish", f"FROM={folder}", f"STUDY={folder}") == [
        "-m",
        "analysis.published.add",
        folder,
        "--study",
        folder,
    ]
    assert f"data_root={folder}" in made("all", NIST_DATA_ROOT=folder)
    replayed = made("replay", f"STUDY={folder}", f"SEED={folder}", NIST_DATA_ROOT=folder)
    assert {f"studies=[{folder}]", f"replay_seed={folder}", f"data_root={folder}"} < {*replayed}
    assert replayed[-3:] == ["results/replays", "--study", folder]
    assert made("publish-replays")[-2:] == ["--replays", "results/replays"]
    assert made("publish-replays", f"FROM={folder}", f"STUDY={folder}")[-3:] == [folder, "--study", folder]
