"""The DAG on published metrics: everything rendered, nothing trained, where torch cannot be imported."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from nist import metrics_file
from nist.studies import study
from tests.workflow.small_study import ROOT, edit_yaml, fewer_items, jobs_of, logs

EPOCHS = 6
VARIANTS = ("dense", "nist-1-10-p98")
RENDER = ("metrics_source=published", "studies=evidence")  # as make figures does


@pytest.fixture
def run(tmp_path):
    """Run a Python module in a project, where importing torch, torchvision or timm ends a process."""
    for name in ("torch", "torchvision", "timm"):
        (tmp_path / "stub" / name).mkdir(parents=True)
        (tmp_path / "stub" / name / "__init__.py").write_text(f"raise SystemExit('{name} was imported')\n")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(tmp_path / "stub"), "COLUMNS": "200"}

    def call(project, module, *arguments):
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)

    return call


@pytest.fixture
def snakemake(run):
    profile = ("--workflow-profile", "profiles/default")
    return lambda project, *arguments, config=RENDER: run(
        project, "snakemake", *profile, *arguments, "--config", *config
    )


@pytest.fixture
def planned(snakemake):
    def plan(project, *arguments, config=RENDER):
        done = snakemake(project, "-n", *arguments, config=config)
        assert done.returncode == 0, done.stdout + done.stderr
        return jobs_of(done.stdout)

    return plan


@pytest.fixture
def bare(tmp_path, study_content):
    """A copy of the project, nothing published, with one more study of the paper: two variants, four seeds."""
    project = tmp_path / "project"
    for name in ("nist", "analysis", "workflow", "profiles", "config", "docs"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", project)
    edit_yaml(project / "config/figures.yaml", fewer_items)
    content = {**study_content, "study": "small", "edition": "paper", "seeds": "0-3"}
    content["training"] = {**content["training"], "epochs": EPOCHS}
    content["variants"] = {name: content["variants"][name] for name in VARIANTS}
    (project / "config/studies/small.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return project


@pytest.fixture
def publish(run, make_rows, description):
    """Write metrics as training would, below a folder of the project, and publish them with ``options``."""

    def write(
        project, variants=VARIANTS, seeds=(0, 1, 2, 3), level=0.5, folder="trained", options=(), seconds=0.5, **said
    ):
        small = study.load(project / "config/studies/small.yaml")
        for variant in variants:
            curves = [[level + 0.01 * seed + 0.02 * epoch for epoch in range(EPOCHS)] for seed in seeds]
            rows = make_rows(curves, study="small", variant=variant, first_seed=seeds[0])
            rows = [row | {"seconds": seconds} for row in rows]
            path = project / folder / f"small/{variant}/seeds{seeds[0]}-{seeds[-1]}.parquet"
            metrics_file.write(
                path, rows, description(seeds, EPOCHS, configuration=small.configuration(variant), **said)
            )
        done = run(project, "analysis.published.add", folder, *options)
        assert done.returncode == 0, done.stderr

    return write


@pytest.fixture
def project(bare, publish):
    """The same with all runs of the study published."""
    publish(bare)
    return bare


@pytest.fixture
def publish_replay(project, publish):
    """Publish a replay of one seed of the baseline, with the same curve unless ``changes`` say another level."""
    return lambda seed, **changes: publish(
        project, ["dense"], (seed,), folder=f"replay{seed}", options=["--replays"], seconds=0.25, **changes
    )


def test_a_table_of_published_runs_needs_no_torch_no_images_and_no_training(project, snakemake):
    done = snakemake(project, "results/tables/small/tablea2.csv")
    assert done.returncode == 0, done.stderr + logs(project)
    table = (project / "results/tables/small/tablea2.csv").read_text(encoding="utf-8")
    assert "NIST (1, 10), 98 %" in table
    assert sorted(path.name for path in (project / "results").iterdir()) == [
        "figures",
        "logs",
        "published",
        "statistics",
        "tables",
    ]


@pytest.mark.slow
def test_everything_is_rendered_without_torch_and_once_and_replays_are_on_the_page_alone(
    project, snakemake, planned, publish_replay
):
    assert planned(project).keys() & {"statistics", "published_statistics"} == {"published_statistics"}
    done = snakemake(project)
    assert done.returncode == 0, done.stderr + logs(project)
    page = (project / "results/report.html").read_text(encoding="utf-8")
    assert "8 training runs in 1 study" in page
    for name in ("figures/fig1.svg", "figures/small/figa2.svg", "figures/small/figa3.png", "tables/small/tablea2.tex"):
        assert (project / "results" / name).is_file(), name
    assert not (project / "results/metrics").exists()
    assert not (project / "results/images").exists()
    assert planned(project) == {}
    assert "Replays" not in page

    statistics = {path: path.read_bytes() for path in (project / "results/statistics").rglob("*.csv")}
    publish_replay(1)
    assert planned(project) == {"report": 1}
    publish_replay(2, level=0.6, device="another")
    assert snakemake(project).returncode == 0
    page = (project / "results/report.html").read_text(encoding="utf-8")
    table = page[page.index('<details id="replays">') :]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", table)
    assert cells[:9] == ["small", "dense", "1", "6", "–", "0.00", "yes", "yes", "yes"]
    assert cells[9:] == ["small", "dense", "2", "6", "1", "10.00", "no: another", "yes", "yes"]
    assert "8 training runs in 1 study" in page
    assert {path: path.read_bytes() for path in statistics} == statistics

    # A clone's files are all new. Without its notes Snakemake has nothing but their times to go by.
    shutil.rmtree(project / ".snakemake")
    for path in project.glob("results/published/**/*.parquet"):
        path.touch()
    assert planned(project) == {}

    shutil.rmtree(project / "results/published")
    assert snakemake(project, "-n").returncode != 0


@pytest.mark.slow
def test_other_runs_under_the_same_names_are_rendered_anew(project, snakemake, planned, publish):
    target = "results/statistics/small/accuracy.csv"
    assert snakemake(project, target).returncode == 0
    assert planned(project, target) == {}
    shutil.rmtree(project / "results/published")
    publish(project, level=0.6, folder="trained-again")
    for path in project.glob("results/published/**/*.parquet"):
        os.utime(path, (0, 0))
    assert sum(planned(project, target).values()) == 1


@pytest.mark.slow
def test_runs_that_are_not_published_are_named_and_never_trained_and_the_rest_is_computed(bare, snakemake, publish):
    publish(bare, variants=["dense"], seeds=(0, 1))
    done = snakemake(bare, "-n")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert jobs_of(said).keys() & {"train", "trunk", "images", "image_folder"} == set()
    assert jobs_of(said)["report"] == 1
    assert said.count("small: not published: dense (2 of 4 runs), nist-1-10-p98 (4 of 4 runs)\n") == 1
    assert "lenet5-fmnist: left out, as its baseline, dense, has no published runs\n" in said
    target = "results/statistics/small/accuracy.csv"
    assert snakemake(bare, target).returncode == 0
    assert "small,dense," in (bare / target).read_text()


@pytest.mark.slow
def test_training_is_untouched_by_what_is_published(project, planned):
    jobs = planned(project, config=["metrics_source=train", "studies=[small]", "block_size=4"])
    assert jobs["train"] == 2


@pytest.mark.slow
def test_what_is_not_published_can_be_trained_beside_what_is(bare, publish, planned):
    publish(bare, seeds=(0, 1, 2))
    jobs = planned(bare, config=["metrics_source=complete", "studies=[small]", "block_size=4"])
    assert jobs["train"] == 2  # of one seed each
    assert (jobs["statistics"], jobs.get("published_statistics")) == (1, None)


@pytest.mark.slow
def test_one_published_seed_of_each_variant_is_replayed(bare, snakemake, publish):
    def commands(*config):
        done = snakemake(bare, "replays", "-n", "-p", "--quiet", "host", config=["studies=[small]", *config])
        return done, re.findall(r"--variant (\S+) --seeds (\S+) .* --out (\S+) ", done.stdout)

    publish(bare, ["dense"], (1, 2))
    replays = "results/replays/small/dense"
    assert commands()[1] == [("dense", "1-1", f"{replays}/seeds1-1.parquet")]
    assert commands("replay_seed=2", RENDER[0])[1] == [("dense", "2-2", f"{replays}/seeds2-2.parquet")]
    done, _ = commands("replay_seed=3")
    assert done.returncode != 0
    message = "no run of seed 3 of small/dense is published; there are 1, 2"
    assert sum(message in line for line in (done.stdout + done.stderr).splitlines()) == 1


@pytest.mark.slow
def test_where_nothing_is_published_to_replay_that_is_one_line(bare, snakemake):
    done = snakemake(bare, "-n", "replays", config=["studies=[lenet5-digits]"])
    assert done.returncode != 0
    message = "results/published: no published runs of lenet5-digits to replay"
    assert sum(message in line for line in (done.stdout + done.stderr).splitlines()) == 1


@pytest.mark.slow
def test_a_changed_byte_ends_the_run_before_anything_is_read(project, snakemake):
    path = project / "results/published/metrics/small/dense/seeds0-3.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    done = snakemake(project)
    assert done.returncode != 0
    assert "dense/seeds0-3.parquet: altered" in done.stdout + done.stderr
    assert not (project / "results/statistics").exists()
