"""Publishing metrics: what is there afterwards, whatever happens meanwhile."""

import shutil
import subprocess
from pathlib import Path

import pytest

from analysis.published import add, provenance, store
from nist import digest, metrics_file
from nist.benchmarks import results_file
from nist.errors import InputError
from nist.studies import study
from tests.analysis.published.folder import DENSE, state, write_study

ROOT = Path(__file__).parents[3]


def test_published_files_are_the_trained_ones_and_read_back(tree, train):
    assert [path.relative_to(tree).as_posix() for path in store.read()] == [
        "metrics/small/dense/seeds0-1.parquet",
        "metrics/small/dense/seeds2-3.parquet",
        "metrics/small/nist-1-10-p98/seeds0-1.parquet",
    ]
    assert (tree / DENSE).read_bytes() == train().read_bytes()


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum")
def test_the_sums_are_those_of_sha256sum(tree):
    done = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=tree, capture_output=True, text=True)
    assert (done.returncode, done.stdout.count(": OK")) == (0, 4)  # three blocks and the provenance


def test_the_provenance_says_what_the_files_say(tree):
    text = (tree / "PROVENANCE.md").read_text(encoding="utf-8")
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    rows = [dict(zip(table[0], cells, strict=True)) for cells in table[2:]]
    blocks = [metrics_file.read(path) for path in store.read()]
    assert "## small" in text
    assert [row["Variant"] for row in rows] == ["dense", "dense", "nist-1-10-p98"]
    assert [row["Configuration"] for row in rows] == [b.description["configuration_digest"][:12] for b in blocks]
    assert rows[1] == {
        "Variant": "dense",
        "Seeds": "2–3",
        "Epochs": "5",
        "Device": "test device",
        "Precision": "float32",
        "Versions": "torch 0",
        "Seconds": "5",  # 2 runs × 5 epochs × 0.5 s
        "Joules": "–",
        "Started": "2026-01-01 00:00:00",
        "Ended": "2026-01-01 00:00:01",
        "Configuration": rows[0]["Configuration"],
        "Training code": "0" * 12,
        "Commit": "–",
    }


@pytest.mark.parametrize(
    ("sessions", "shown"),
    [([{"joules": 99.5}, {"joules": 1200.25}], "1300"), ([{"joules": 99.5}, {"joules": None}], "–")],
)
def test_the_provenance_adds_up_the_energy_of_sessions_if_all_recorded_it(train, sessions, shown):
    add.publish([train(sessions=sessions)])
    head, _, row = (store.FOLDER / store.PROVENANCE).read_text(encoding="utf-8").splitlines()[-3:]
    assert row.split(" | ")[head.split(" | ").index("Joules")] == shown


def test_runs_of_another_layout_of_the_code_are_published_beside_those_of_this_one(train):
    """A worktree trains on at one commit while modules move: the configuration admits its runs, whatever the code."""
    this = digest.of_training_code("lenet5")
    add.publish([train(training_code_digest=this), train(first=2, training_code_digest="f" * 64)])
    found = [block.description["training_code_digest"] for block in store.read().values()]
    assert found == [this, "f" * 64]
    assert "f" * 12 in (store.FOLDER / store.PROVENANCE).read_text(encoding="utf-8")


ENERGIES = [[{"joules": value}] for value in ("many", -1.0, True, 1e300)]
STACKS = [[{"runs_at_once": value}] for value in ("many", 0, True, 2.0)]
CUT_OFF = [[{"unreached_outputs": value}] for value in ([], 3, {"0": -1}, {"0": 1.5}, {"a": 1}, {"0": True})]


TOLD = [
    [{"paths": value}] for value in ([], {"0": 1}, {"0": {}}, {"0": {"effective": 1, "unused": -1, "unreached": 0}})
]
TOLD += [[{"method": value}] for value in ({"a": {}}, {"0": {"images": "1", "seconds": 0.1}})]
STOPS = [[{"stopped_seconds": value}] for value in ("long", -1.0, 1, 1e300)] + [[{"niceness": "low"}]]


@pytest.mark.parametrize("sessions", [{}, [1], *ENERGIES, *STACKS, *CUT_OFF, *STOPS, *TOLD])
def test_sessions_that_say_what_training_does_not_are_refused(train, sessions):
    path = train(sessions=sessions)
    with pytest.raises(InputError, match="metadata: sessions is .*; expected what training writes there"):
        add.publish([path])


def test_a_stand_in_is_published_as_any_evidence(train, study_content):
    write_study({**study_content, "edition": "stand-in"})
    assert [*add.publish([train()])] == [DENSE]


def test_the_provenance_is_in_the_order_of_seeds_whatever_the_order_of_files(train, study_content):
    study_content["seeds"] = "0-19"
    write_study(study_content)
    blocks = [metrics_file.read(train(first=first)) for first in (10, 2)]
    assert provenance.page(blocks) == provenance.page(blocks[::-1])
    assert provenance.page(blocks).index("| 2–3 |") < provenance.page(blocks).index("| 10–11 |")


@pytest.mark.parametrize(("commit", "shown"), [(None, "–"), ("c0ffee" * 6 + "c0ff+", "c0ffeec0ffee+")])
def test_the_provenance_says_where_code_differed_from_its_commit_or_had_none(train, commit, shown):
    add.publish([train(commit=commit)])
    page = (store.FOLDER / store.PROVENANCE).read_text(encoding="utf-8")
    assert page.rstrip().endswith(f"| {shown} |")


def test_the_provenance_names_a_commit_where_one_is_recorded_and_survives_bars(train):
    add.publish([train(commit="c0ffee" * 6 + "c0ff", device="a|b")])
    text = (store.FOLDER / "PROVENANCE.md").read_text(encoding="utf-8")
    assert "| c0ffeec0ffee " in text
    assert r"| a\|b " in text


def test_publishing_again_changes_nothing(tree, train):
    before = state(tree)
    assert add.publish([train(), train(first=2)]) == {}
    assert state(tree) == before


def test_more_blocks_join_those_that_are_there(tree, train):
    before = state(tree)
    added = add.publish([train(), train("nist-1-10-p98", first=2)])
    assert list(added) == ["metrics/small/nist-1-10-p98/seeds2-3.parquet"]
    assert len(store.read()) == 4
    kept = before.keys() - {tree / "SHA256SUMS", tree / "PROVENANCE.md"}
    assert {path: path.read_bytes() for path in kept} == {path: before[path] for path in kept}


def test_what_is_missing_is_named_and_a_study_without_its_baseline_left_out(train, study_content):
    add.publish([train("nist-1-10-p98")])
    small, digits = study.load("small"), study.load(ROOT / "config/studies/lenet5-digits.yaml")
    assert store.renderable(store.read(), [small, digits])[0] == {}
    add.publish([train(first=2)])
    files, remarks = store.renderable(store.read(), [digits, small])
    assert files.keys() == {"small"}
    assert [path.parent.name for path in files["small"]] == ["dense", "nist-1-10-p98"]
    assert remarks == [
        "lenet5-digits: left out, as its baseline, dense, has no published runs",
        "small: not published: dense (2 of 4 runs), nist-1-10-p98 (2 of 4 runs), nist-1-10-p99.5 (4 of 4 runs), "
        "nist-1-5-p99.5 (4 of 4 runs)",
    ]


def test_blocks_are_in_the_order_of_their_seeds_not_of_their_names(train, study_content):
    study_content["seeds"] = "0-19"
    write_study(study_content)
    add.publish([train(first=first) for first in (10, 2, 0)])
    files, _ = store.renderable(store.read(), [study.load("small")])
    assert [path.stem for path in files["small"]] == ["seeds0-1", "seeds2-3", "seeds10-11"]


def test_nothing_published_is_sound_and_empty():
    assert store.read() == {}


def test_what_this_project_publishes_is_sound(monkeypatch):
    monkeypatch.chdir(ROOT)
    store.read()


@pytest.mark.parametrize("failing", ["copyfile", "sha256"])
def test_a_full_disk_leaves_what_was_there(tree, train, monkeypatch, failing):
    before = state(tree)
    new = [train("nist-1-5-p99.5"), train("nist-1-10-p98", first=2)]
    module = {"copyfile": add.shutil, "sha256": store}[failing]
    real, calls = getattr(module, failing), []

    def fail_late(*arguments):
        calls.append(arguments)
        if Path(arguments[-1]).name.endswith(".partial.parquet") and len(calls) > 1:
            raise OSError(28, "No space left on device")
        return real(*arguments)

    monkeypatch.setattr(module, failing, fail_late)
    with pytest.raises(OSError, match="No space left"):
        add.publish(new)
    assert state(tree) == before


def test_publishing_that_was_killed_between_renames_is_refused_and_repaired_by_publishing_again(tree, train):
    new = train("nist-1-10-p98", first=2)
    shutil.copy(new, tree / "metrics/small/nist-1-10-p98")
    (tree / "PROVENANCE.md").write_text("of the new state")
    with pytest.raises(InputError, match="not listed in|altered"):
        store.read()
    add.publish([new])
    assert len(store.read()) == 4


def test_a_file_is_withdrawn_by_removing_it_and_its_line(tree):
    (tree / DENSE).unlink()
    sums = (tree / "SHA256SUMS").read_text().splitlines(keepends=True)
    (tree / "SHA256SUMS").write_text("".join(line for line in sums if DENSE not in line))
    with pytest.raises(InputError, match="PROVENANCE.md: not what the metrics files say"):
        store.read()
    assert add.publish(add.find(tree / "metrics")) == {}
    assert len(store.read()) == 2


def test_the_command_publishes_a_study_of_a_folder(train, capsys):
    train()
    train(name="other")  # not known, but not asked for either
    (Path("results/metrics/small/dense") / ".seeds2-3.1.partial.parquet").write_bytes(b"half")
    add.main(["results/metrics", "--study", "small"])
    assert capsys.readouterr().out.splitlines() == [
        f"published results/published/{DENSE}",
        "1 files added, 0 were published already",
    ]


def test_a_folder_without_metrics_is_named():
    with pytest.raises(InputError, match=r"results/metrics/small: no metrics files here"):
        add.find(Path("results/metrics"), "small")


def test_a_folder_of_benchmarks_is_refused_in_a_few_words(tree):
    path = Path("results/benchmarks/cpu/layers.parquet")
    results_file.write(path, [{f"column {number}": 1 for number in range(50)}], {"device": "x"})
    with pytest.raises(
        InputError, match=r"cpu/layers.parquet: a Parquet file, but not of metrics; give the folder"
    ) as error:
        add.find(Path("results"))
    assert len(str(error.value)) < 150
