"""The DAG with more files than a command can be given arguments, and the benchmarks of planning and rendering."""

import resource

import pandas as pd
import pytest
import yaml

from analysis.scale import planning, rendering, simulation
from nist.studies import study
from tests.workflow.small_study import ROOT, make_project, snakemake

SEEDS = 600
LONG = "-".join(map(str, range(85)))  # makes few files enough; Snakemake refuses a name that repeats itself
STUDY, VARIANTS = f"study-{LONG[:90]}", {"dense": f"dense-{LONG[:90]}", "nist-1-10-p98": f"pruned-{LONG[:90]}"}

pytestmark = pytest.mark.slow


@pytest.fixture
def few_arguments():
    """Commands take 256 KB of arguments, a quarter of the stack, instead of some megabytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (2**20, hard))
    yield 2**18
    resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))


@pytest.fixture
def project(tmp_path, study_content):
    """A copy of the project with a study whose metrics are there, one seed a file."""
    project = make_project(tmp_path / "project")
    content = {**study_content, "study": STUDY, "edition": "own"}
    content["training"]["epochs"] = 5
    content["statistics"].update(
        baseline=VARIANTS["dense"], resamples=99, calibration_splits=100, calibration_resamples=99
    )
    content["variants"] = {name: content["variants"][known] for known, name in VARIANTS.items()}
    path = project / f"config/studies/{STUDY}.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    simulation.write_all(project / "results/metrics" / STUDY, study.load(path), SEEDS, size=1)
    return project


def test_statistics_read_more_files_than_a_command_can_be_given(project, few_arguments):
    assert sum(len(str(path.relative_to(project))) for path in project.rglob("*.parquet")) > few_arguments
    configuration = [f"studies=[{STUDY}]", f"seeds={{{STUDY}: 0-{SEEDS - 1}}}", "block_size=1"]
    targets = [f"results/statistics/{STUDY}/{name}.csv" for name in ("run_scores", "aa_calibration")]
    done = snakemake(project, *targets, "--config", *configuration)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert len(pd.read_csv(project / targets[0])) == 3 * 2 * SEEDS


def test_the_benchmark_of_planning_plans_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    ours, plain, paper = planning.cases(tmp_path, blocks=8, seeds=1).values()
    jobs = {"ours": planning.plan(*ours).jobs, "plain": planning.plan(*plain).jobs}
    assert jobs["plain"] == 8 + 4 + 1
    assert jobs["ours"] > jobs["plain"]
    assert "studies=paper" in paper[1]


def test_the_benchmark_of_rendering_renders_stage_by_stage(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    made = rendering.project(tmp_path / "project", n_studies=1, n_seeds=2)
    assert rendering.stages(made).keys() == rendering.STAGES.keys()
    assert "10 training runs in 1 study" in (made / "results/report.html").read_text(encoding="utf-8")
