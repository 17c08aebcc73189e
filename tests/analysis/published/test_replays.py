"""Replays lie beside the published runs, and are as strictly checked."""

import re
import shutil

import pytest

from analysis.published import add, store
from analysis.published.compare import main as compare
from nist.errors import InputError
from nist.studies import study
from tests.analysis.published.folder import REPLAY, resum, state


@pytest.fixture
def replayed(tree, replay):
    """The same with replays of two of the runs."""
    add.publish([replay(seed=3, device="another"), replay("nist-1-10-p98")], kind=store.REPLAYS)
    return tree


def test_replays_are_listed_and_compared_and_no_run_is_more_or_other(replayed, tree):
    assert [path.relative_to(tree).as_posix() for path in store.read_by_kind()[store.REPLAYS]] == [
        "replays/small/dense/seeds3-3.parquet",
        "replays/small/nist-1-10-p98/seeds0-0.parquet",
    ]
    assert REPLAY in (tree / "SHA256SUMS").read_text()
    assert len(store.read()) == 3
    files, remarks = store.renderable(store.read(), [study.load("small")])
    assert len(files["small"]) == 3
    assert remarks == ["small: not published: nist-1-10-p98 (2 of 4 runs), nist-1-10-p99.5 (4 of 4 runs), "
                       "nist-1-5-p99.5 (4 of 4 runs)"]  # fmt: skip


def test_the_provenance_has_a_section_of_replays_where_there_are_any(tree, replay):
    before = (tree / "PROVENANCE.md").read_text(encoding="utf-8")
    assert "Replays" not in before
    add.publish([replay(seed=3, device="another")], kind=store.REPLAYS)
    after = (tree / "PROVENANCE.md").read_text(encoding="utf-8")
    assert after.startswith(f"{before}\n## Replays\n")
    same = "no: another | not recorded | not recorded | yes | yes | yes"
    assert f"| small | dense | 3 | 5 | – | – | 0.00 | 0 | +0.00 | {same} |" in after


def test_runs_join_those_that_have_replays(replayed, train):
    assert list(add.publish([train("nist-1-10-p98", first=2)])) == ["metrics/small/nist-1-10-p98/seeds2-3.parquet"]
    assert [len(blocks) for blocks in store.read_by_kind().values()] == [4, 2]


def test_publishing_a_replay_again_changes_nothing(replayed, replay):
    before = state(replayed)
    assert add.publish([replay("nist-1-10-p98")], kind=store.REPLAYS) == {}
    assert state(replayed) == before


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"seed": 2, "variant": "nist-1-10-p98"}, "a replay of seed 2 of small/nist-1-10-p98, which is not published"),
        ({"seconds": 0.5, "seed": 1}, "epoch 1 took the very time that it took in the published run"),
        ({"seed": 3}, "seed 3 of small/dense is also in results/published/replays/small/dense/seeds3-3.parquet"),
        ({"seed": 1, "epochs": 4}, "trained for 4 epochs where config/studies/small.yaml says 5"),
        ({"seed": 4}, "seed 4 is not among the study's, 0-3"),
    ],
)
def test_what_is_no_replay_is_refused_and_nothing_changes(replayed, replay, block, message):
    before = state(replayed)
    bad = replay(**block)
    with pytest.raises(InputError, match=f"^{re.escape(f'{bad}: {message}')}"):
        add.publish([bad], kind=store.REPLAYS)
    assert state(replayed) == before


def test_the_command_publishes_replays_and_another_says_where_they_differ(tree, replay, capsys):
    replay(device="another")
    compare(["results/replays", "--study", "small"])
    add.main(["results/replays", "--replays"])
    assert capsys.readouterr().out.splitlines() == [
        "small/dense, seed 0: the same bits in all 5 epochs; another device, another",
        "published results/published/replays/small/dense/seeds0-0.parquet",
        "1 files added, 0 were published already",
    ]


def a_replay_renamed(folder, train):
    (folder / REPLAY).rename(folder / "replays/small/dense/seeds2-2.parquet")
    resum(folder)


def a_replay_of_no_run(folder, train):
    for path in (folder / "metrics/small/dense").glob("seeds2-3*"):
        path.unlink()
    resum(folder)


def a_run_among_the_replays(folder, train):
    shutil.copy(train(first=2, n=1), folder / "replays/small/dense/seeds2-2.parquet")
    resum(folder)


def a_replay_among_the_runs(folder, train):
    (folder / REPLAY).rename(folder / "metrics/small/dense/seeds3-3.parquet")
    resum(folder)


def neither_a_run_nor_a_replay(folder, train):
    shutil.copytree(folder / "metrics/small/dense", folder / "others/small/dense")
    shutil.rmtree(folder / "metrics/small/dense")
    resum(folder)


def another_result_in_a_replay(folder, train):
    shutil.copy(train(first=3, n=1, seconds=0.125, device="better"), folder / REPLAY)
    resum(folder)


REPLAY_FAULTS = {
    a_replay_renamed: "dense/seeds2-2.parquet: holds what belongs in {0}",
    a_replay_of_no_run: "{0}: a replay of seed 3 of small/dense, which is not published",
    a_run_among_the_replays: "replays/small/dense/seeds2-2.parquet: epoch 1 took the very time that it took in the",
    a_replay_among_the_runs: "metrics/small/dense/seeds3-3.parquet: seed 3 of small/dense is also in ",
    neither_a_run_nor_a_replay: "others/small/dense/seeds0-1.parquet: holds what belongs in results/published/metrics/",
    another_result_in_a_replay: "PROVENANCE.md: not what the metrics files say",
}


@pytest.mark.parametrize("spoil", REPLAY_FAULTS, ids=lambda spoil: spoil.__name__)
def test_a_fault_of_a_replay_is_one_line_that_names_the_file(spoil, replayed, train):
    spoil(replayed, train)
    with pytest.raises(InputError) as refused:
        store.read()
    assert REPLAY_FAULTS[spoil].format(f"results/published/{REPLAY}") in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
