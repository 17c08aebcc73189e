"""Publishing metrics, and what is refused of published ones."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import provenance, publish, published
from analysis.replayed import main as compare
from nist import consistency, measurements, record, study
from nist.errors import InputError, run
from tests.refusals import FUZZED, flipped, taken, truncated

ROOT = Path(__file__).parents[2]
EPOCHS, SEEDS = 5, "0-3"
DENSE = "metrics/small/dense/seeds0-1.parquet"
NIST = "metrics/small/nist-1-10-p98/seeds0-1.parquet"
REPLAY = "replays/small/dense/seeds3-3.parquet"


@pytest.fixture(autouse=True)
def project(tmp_path, study_content, monkeypatch):
    """An empty project with one study of the paper, ``small``: four seeds, five epochs."""
    monkeypatch.chdir(tmp_path)
    study_content.update(study="small", edition="paper", seeds=SEEDS)
    study_content["training"]["epochs"] = EPOCHS
    write_study(study_content)
    return tmp_path


def write_study(content):
    path = study.FOLDER / f"{content['study']}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


@pytest.fixture
def train(make_rows, description):
    """Write what training a block of ``small`` would, and return its path."""

    def write(
        variant="dense", first=0, n=2, epochs=EPOCHS, name="small", folder="results/metrics", seconds=0.5, **changes
    ):
        known = variant in (small := study.load("small")).variants
        changes = {"configuration": small.configuration(variant if known else "dense", epochs), **changes}
        path = Path(folder, name, variant, f"seeds{first}-{first + n - 1}.parquet")
        rows = make_rows(
            [[0.1 * epoch for epoch in range(1, epochs + 1)]] * n, study=name, variant=variant, first_seed=first
        )
        rows = [row | {"seconds": seconds} for row in rows]
        record.write(path, rows, description(range(first, first + n), epochs, **changes))
        return path

    return write


@pytest.fixture
def replay(train):
    """Write what training one published seed again would, and return its path."""

    def write(variant="dense", seed=0, seconds=0.25, **changes):
        return train(variant, seed, 1, folder="results/replays", seconds=seconds, **changes)

    return write


@pytest.fixture
def tree(train):
    """Three blocks of two variants, published."""
    publish.publish([train(), train(first=2), train("nist-1-10-p98")])
    return published.FOLDER


def resum(folder):
    """Make SHA256SUMS say what the files are, as somebody would who wants no trouble."""
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")]
    names = sorted([published.PROVENANCE, *names])
    lines = [f"{published.sha256(folder / name)}  {name}\n" for name in names]
    (folder / published.SUMS).write_text("".join(lines))


def rewrite(path, change):
    """Change a file's description, its rows kept."""
    table = pq.read_table(path)
    metadata = {record.KEY: json.dumps(change(json.loads(table.schema.metadata[record.KEY])))}
    pq.write_table(table.replace_schema_metadata(metadata), path)


def state(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_published_files_are_the_trained_ones_and_read_back(tree, train):
    assert [path.relative_to(tree).as_posix() for path in published.read()] == [
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
    blocks = [record.read(path) for path in published.read()]
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
    publish.publish([train(sessions=sessions)])
    head, _, row = (published.FOLDER / published.PROVENANCE).read_text(encoding="utf-8").splitlines()[-3:]
    assert row.split(" | ")[head.split(" | ").index("Joules")] == shown


ENERGIES = [[{"joules": value}] for value in ("many", -1.0, True, 1e300)]
CUT_OFF = [[{"unreached_outputs": value}] for value in ([], 3, {"0": -1}, {"0": 1.5}, {"a": 1}, {"0": True})]


@pytest.mark.parametrize("sessions", [{}, [1], *ENERGIES, *CUT_OFF])
def test_sessions_that_say_what_training_does_not_are_refused(train, sessions):
    path = train(sessions=sessions)
    with pytest.raises(InputError, match="metadata: sessions is .*; expected what training writes there"):
        publish.publish([path])


def test_a_stand_in_is_published_as_any_evidence(train, study_content):
    write_study({**study_content, "edition": "stand-in"})
    assert [*publish.publish([train()])] == [DENSE]


def test_the_provenance_is_in_the_order_of_seeds_whatever_the_order_of_files(train, study_content):
    study_content["seeds"] = "0-19"
    write_study(study_content)
    blocks = [record.read(train(first=first)) for first in (10, 2)]
    assert provenance.page(blocks) == provenance.page(blocks[::-1])
    assert provenance.page(blocks).index("| 2–3 |") < provenance.page(blocks).index("| 10–11 |")


@pytest.mark.parametrize(("commit", "shown"), [(None, "–"), ("c0ffee" * 6 + "c0ff+", "c0ffeec0ffee+")])
def test_the_provenance_says_where_code_differed_from_its_commit_or_had_none(train, commit, shown):
    publish.publish([train(commit=commit)])
    page = (published.FOLDER / published.PROVENANCE).read_text(encoding="utf-8")
    assert page.rstrip().endswith(f"| {shown} |")


def test_the_provenance_names_a_commit_where_one_is_recorded_and_survives_bars(train):
    publish.publish([train(commit="c0ffee" * 6 + "c0ff", device="a|b")])
    text = (published.FOLDER / "PROVENANCE.md").read_text(encoding="utf-8")
    assert "| c0ffeec0ffee " in text
    assert r"| a\|b " in text


def test_publishing_again_changes_nothing(tree, train):
    before = state(tree)
    assert publish.publish([train(), train(first=2)]) == {}
    assert state(tree) == before


def test_more_blocks_join_those_that_are_there(tree, train):
    before = state(tree)
    added = publish.publish([train(), train("nist-1-10-p98", first=2)])
    assert list(added) == ["metrics/small/nist-1-10-p98/seeds2-3.parquet"]
    assert len(published.read()) == 4
    kept = before.keys() - {tree / "SHA256SUMS", tree / "PROVENANCE.md"}
    assert {path: path.read_bytes() for path in kept} == {path: before[path] for path in kept}


def test_what_is_missing_is_named_and_a_study_without_its_baseline_left_out(train, study_content):
    publish.publish([train("nist-1-10-p98")])
    small = study.load("small")
    remark = "small: left out, as its baseline, dense, has no published runs"
    assert published.renderable(published.read(), [small]) == ({}, [remark])
    publish.publish([train(first=2)])
    files, remarks = published.renderable(published.read(), [small])
    assert [path.parent.name for path in files["small"]] == ["dense", "nist-1-10-p98"]
    assert remarks == [
        "small: not published: dense (2 of 4 runs), nist-1-10-p98 (2 of 4 runs), nist-1-10-p99.5 (4 of 4 runs), "
        "nist-1-5-p99.5 (4 of 4 runs)"
    ]


def test_blocks_are_in_the_order_of_their_seeds_not_of_their_names(train, study_content):
    study_content["seeds"] = "0-19"
    write_study(study_content)
    publish.publish([train(first=first) for first in (10, 2, 0)])
    files, _ = published.renderable(published.read(), [study.load("small")])
    assert [path.stem for path in files["small"]] == ["seeds0-1", "seeds2-3", "seeds10-11"]


def test_nothing_published_is_sound_and_empty():
    assert published.read() == {}


def test_what_this_project_publishes_is_sound(monkeypatch):
    monkeypatch.chdir(ROOT)
    published.read()


# What a reader refuses: how the published folder was spoilt, and the line that says so.


def flip_a_byte(folder, train):
    content = bytearray((folder / DENSE).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / DENSE).write_bytes(content)


def one_run_too_many(folder, train):
    shutil.copy(train("nist-1-10-p98", n=3), folder / NIST)
    resum(folder)


def one_run_too_few(folder, train):
    shutil.copy(train("nist-1-10-p98", n=1), folder / NIST)
    resum(folder)


def a_run_described_that_is_not_there(folder, train):
    rewrite(folder / DENSE, lambda description: {**description, "seeds": [0, 1, 2]})
    resum(folder)


def a_seed_the_study_does_not_have(folder, train):
    shutil.copy(train(first=4, n=1), folder / "metrics/small/dense")
    resum(folder)


def a_seed_twice(folder, train):
    shutil.copy(train(first=1, n=2), folder / "metrics/small/dense")
    resum(folder)


def another_contract(folder, train):
    rewrite(folder / DENSE, lambda description: {**description, "contract": record.CONTRACT + 1})
    resum(folder)


def an_unknown_variant(folder, train):
    shutil.copytree(train("unheard-of").parent, folder / "metrics/small/unheard-of")
    resum(folder)


def an_unknown_study(folder, train):
    shutil.copytree(train(name="nowhere").parent, folder / "metrics/nowhere/dense")
    resum(folder)


def not_listed(folder, train):
    shutil.copy(folder / DENSE, folder / "metrics/small/dense/copy.parquet")


def an_edited_provenance(folder, train):
    path = folder / "PROVENANCE.md"
    path.write_text(path.read_text().replace("test device", "better device"))


def an_edited_provenance_and_its_sum(folder, train):
    an_edited_provenance(folder, train)
    resum(folder)


def gone(folder, train):
    (folder / DENSE).unlink()


def renamed(folder, train):
    (folder / DENSE).rename(folder / "metrics/small/dense/seeds0-9.parquet")
    resum(folder)


def no_sums(folder, train):
    (folder / "SHA256SUMS").unlink()


def a_line_twice(folder, train):
    path = folder / "SHA256SUMS"
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")


def a_line_that_is_none(folder, train):
    (folder / "SHA256SUMS").write_text("abc\n")


def another_study_now(folder, train):
    path = study.FOLDER / "small.yaml"
    path.write_text(path.read_text().replace("batch_size: 64", "batch_size: 32"))


FAULTS = {
    flip_a_byte: "{0}: altered, as its SHA-256 is not the one in results/published/SHA256SUMS; restore it",
    one_run_too_many: f"{NIST}: holds what belongs in results/published/{NIST.replace('0-1', '0-2')}; it was renamed",
    one_run_too_few: f"{NIST}: holds what belongs in results/published/{NIST.replace('0-1', '0-0')}; it was renamed",
    a_run_described_that_is_not_there: "{0}: seed 2 lacks epoch 1 (5 of 15 rows missing)",
    a_seed_the_study_does_not_have: "dense/seeds4-4.parquet: seed 4 is not among the study's, 0-3",
    a_seed_twice: "dense/seeds1-2.parquet: seed 1 of small/dense is also in {0}; remove one",
    another_contract: "{0}: version 2 of the metrics contract; this code reads version 1",
    an_unknown_variant: "seeds0-1.parquet: variant 'unheard-of' is not in config/studies/small.yaml; there are dense, ",
    an_unknown_study: "nowhere/dense/seeds0-1.parquet: runs of the study 'nowhere', which is not in config/studies",
    not_listed: "dense/copy.parquet: not listed in results/published/SHA256SUMS; publish it",
    an_edited_provenance: "PROVENANCE.md: altered",
    an_edited_provenance_and_its_sum: "PROVENANCE.md: not what the metrics files say; make publish FROM=results/",
    gone: "{0}: not there, but listed in results/published/SHA256SUMS; restore it",
    renamed: "dense/seeds0-9.parquet: holds what belongs in {0}",
    no_sums: "not listed in results/published/SHA256SUMS",
    a_line_twice: "SHA256SUMS: line 5: '{1}' is twice in it",
    a_line_that_is_none: "SHA256SUMS: line 1: 'abc' is not '<SHA-256>  <file>'",
    another_study_now: "{0}: trained with another configuration than config/studies/small.yaml has now: "
    "training.batch_size was 64, is 32",
}


@pytest.mark.parametrize("spoil", FAULTS, ids=lambda spoil: spoil.__name__)
def test_a_fault_is_one_line_that_names_the_file(spoil, tree, train):
    spoil(tree, train)
    with pytest.raises(SystemExit) as stopped:
        run(lambda: published.main(["--check"]))
    line = stopped.value.code
    assert FAULTS[spoil].format(f"results/published/{DENSE}", DENSE) in line
    assert line.startswith("error: results/published/")
    assert len(line.splitlines()) == 1


def test_a_check_says_nothing_where_nothing_is_wrong(tree, capsys):
    published.main(["--check"])
    assert capsys.readouterr().out == ""
    published.main([])
    assert capsys.readouterr().out.startswith("small: not published: nist-1-10-p98 (2 of 4 runs), ")


# Replays lie beside the runs, and are as strictly checked.


@pytest.fixture
def replayed(tree, replay):
    """The same with replays of two of the runs."""
    publish.publish([replay(seed=3, device="another"), replay("nist-1-10-p98")], kind=published.REPLAYS)
    return tree


def test_replays_are_listed_and_compared_and_no_run_is_more_or_other(replayed, tree):
    assert [path.relative_to(tree).as_posix() for path in published.read_by_kind()[published.REPLAYS]] == [
        "replays/small/dense/seeds3-3.parquet",
        "replays/small/nist-1-10-p98/seeds0-0.parquet",
    ]
    assert REPLAY in (tree / "SHA256SUMS").read_text()
    assert len(published.read()) == 3
    files, remarks = published.renderable(published.read(), [study.load("small")])
    assert len(files["small"]) == 3
    assert remarks == ["small: not published: nist-1-10-p98 (2 of 4 runs), nist-1-10-p99.5 (4 of 4 runs), "
                       "nist-1-5-p99.5 (4 of 4 runs)"]  # fmt: skip


def test_the_provenance_has_a_section_of_replays_where_there_are_any(tree, replay):
    before = (tree / "PROVENANCE.md").read_text(encoding="utf-8")
    assert "Replays" not in before
    publish.publish([replay(seed=3, device="another")], kind=published.REPLAYS)
    after = (tree / "PROVENANCE.md").read_text(encoding="utf-8")
    assert after.startswith(f"{before}\n## Replays\n")
    assert "| small | dense | 3 | 5 | – | – | 0.00 | 0 | +0.00 | no: another | yes | yes | yes | yes |" in after


def test_runs_join_those_that_have_replays(replayed, train):
    assert list(publish.publish([train("nist-1-10-p98", first=2)])) == ["metrics/small/nist-1-10-p98/seeds2-3.parquet"]
    assert [len(blocks) for blocks in published.read_by_kind().values()] == [4, 2]


def test_publishing_a_replay_again_changes_nothing(replayed, replay):
    before = state(replayed)
    assert publish.publish([replay("nist-1-10-p98")], kind=published.REPLAYS) == {}
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
        publish.publish([bad], kind=published.REPLAYS)
    assert state(replayed) == before


def test_a_block_of_several_seeds_is_no_replay(replayed, train):
    block = train(folder="again", seconds=0.25)
    with pytest.raises(InputError, match="dense/seeds0-1.parquet: holds 2 seeds; a replay is of one"):
        publish.publish([block], kind=published.REPLAYS)


def test_the_command_publishes_replays_and_another_says_where_they_differ(tree, replay, capsys):
    replay(device="another")
    compare(["results/replays", "--study", "small"])
    publish.main(["results/replays", "--replays"])
    assert capsys.readouterr().out.splitlines() == [
        "small/dense, seed 0: the same bits in all 5 epochs; another device, another",
        "published results/published/replays/small/dense/seeds0-0.parquet",
        "1 files added, 0 were published already",
    ]


def flip_a_byte_of_a_replay(folder, train):
    content = bytearray((folder / REPLAY).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / REPLAY).write_bytes(content)


def a_replay_not_listed(folder, train):
    shutil.copy(folder / REPLAY, folder / "replays/small/dense/copy.parquet")


def a_replay_gone(folder, train):
    (folder / REPLAY).unlink()


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
    flip_a_byte_of_a_replay: "{0}: altered, as its SHA-256 is not the one in results/published/SHA256SUMS; restore it",
    a_replay_not_listed: "dense/copy.parquet: not listed in results/published/SHA256SUMS",
    a_replay_gone: "{0}: not there, but listed in results/published/SHA256SUMS",
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
        published.read()
    assert REPLAY_FAULTS[spoil].format(f"results/published/{REPLAY}") in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


# What is not published, and that nothing changes then.


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"epochs": 4}, "trained for 4 epochs where config/studies/small.yaml says 5"),
        ({"epochs": 6}, "trained for 6 epochs where config/studies/small.yaml says 5"),
        ({"variant": "unheard-of"}, "variant 'unheard-of' is not in config/studies/small.yaml"),
        ({"name": "nowhere"}, "runs of the study 'nowhere', which is not in config/studies"),
        ({"first": 3}, "seed 4 is not among the study's, 0-3"),
        ({"first": 1}, "seed 1 of small/dense is also in results/published/"),
        ({"device": "another"}, "seed 0 of small/dense is also in results/published/"),  # trained once more
    ],
)
def test_what_does_not_belong_is_refused_and_nothing_changes(tree, train, block, message):
    before = state(tree)
    bad = train(folder="elsewhere", **block)
    with pytest.raises(InputError, match=f"^{re.escape(f'{bad}: {message}')}"):
        publish.publish([train("nist-1-10-p98", first=2), bad])
    assert state(tree) == before


def test_an_older_configuration_is_refused_and_the_key_named(train, study_content):
    path = train()
    study_content["training"]["optimizers"][0]["learning_rate"] = 0.1
    write_study(study_content)
    with pytest.raises(InputError, match=r"configuration than .*small.yaml has now: training.optimizers was \[.*0.005"):
        publish.publish([path])


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ({"a": 1, "b": {"c": 1, "d": 2}}, {"a": 1, "b": {"c": 1, "d": 3}}, "b.d was 2, is 3"),
        ({"a": None}, {}, 'a was null, is "absent"'),
        ({"a": 1}, {"a": 1.0}, "a was 1, is 1.0"),
        ({"a": None}, {"a": {"b": 1}}, 'a was null, is {"b": 1}'),
    ],
)
def test_the_key_that_differs(before, now, words):
    assert consistency.first_difference(before, now) == words


def test_an_example_is_not_published(train, study_content):
    path = train()
    write_study({**study_content, "edition": "example"})
    with pytest.raises(
        InputError, match="small is a study of edition 'example'; published are paper, pilot, control, stand"
    ):
        publish.publish([path])


def test_seeds_with_a_gap_are_refused(train, make_rows, description):
    path = train()
    rows = [row for row in make_rows([[0.5] * EPOCHS] * 3, study="small", variant="dense") if row["seed"] != 1]
    record.write(path, rows, {**record.read(path).description, "seeds": [0, 2]})
    with pytest.raises(InputError, match="seeds 0, 2 are no range"):
        publish.publish([path])


def test_a_file_of_two_variants_is_refused(train, make_rows):
    path = train()
    rows = make_rows([[0.5] * EPOCHS] * 2, study="small", variant="dense")
    rows[-1]["variant"] = "nist-1-10-p98"
    record.write(path, rows, record.read(path).description)
    with pytest.raises(InputError, match="holds runs of several studies or variants"):
        publish.publish([path])


def test_a_description_that_is_too_poor_is_refused(train):
    path = train()
    rewrite(path, lambda description: {key: value for key, value in description.items() if key != "device"})
    with pytest.raises(InputError, match="metadata lacks device"):
        publish.publish([path])


@pytest.mark.parametrize("failing", ["copyfile", "sha256"])
def test_a_full_disk_leaves_what_was_there(tree, train, monkeypatch, failing):
    before = state(tree)
    new = [train("nist-1-5-p99.5"), train("nist-1-10-p98", first=2)]
    module = {"copyfile": publish.shutil, "sha256": published}[failing]
    real, calls = getattr(module, failing), []

    def fail_late(*arguments):
        calls.append(arguments)
        if Path(arguments[-1]).name.endswith(".partial.parquet") and len(calls) > 1:
            raise OSError(28, "No space left on device")
        return real(*arguments)

    monkeypatch.setattr(module, failing, fail_late)
    with pytest.raises(OSError, match="No space left"):
        publish.publish(new)
    assert state(tree) == before


def test_publishing_that_was_killed_between_renames_is_refused_and_mended_by_publishing_again(tree, train):
    new = train("nist-1-10-p98", first=2)
    shutil.copy(new, tree / "metrics/small/nist-1-10-p98")
    (tree / "PROVENANCE.md").write_text("of the new state")
    with pytest.raises(InputError, match="not listed in|altered"):
        published.read()
    publish.publish([new])
    assert len(published.read()) == 4


def test_a_file_is_withdrawn_by_removing_it_and_its_line(tree):
    (tree / DENSE).unlink()
    sums = (tree / "SHA256SUMS").read_text().splitlines(keepends=True)
    (tree / "SHA256SUMS").write_text("".join(line for line in sums if DENSE not in line))
    with pytest.raises(InputError, match="PROVENANCE.md: not what the metrics files say"):
        published.read()
    assert publish.publish(publish.find(tree / "metrics")) == {}
    assert len(published.read()) == 2


def test_a_stray_file_is_refused_by_publishing_too(tree, train):
    not_listed(tree, train)
    with pytest.raises(InputError, match="copy.parquet: not listed"):
        publish.publish([train("nist-1-10-p98", first=2)])


def test_the_command_publishes_a_study_of_a_folder(train, capsys):
    train()
    train(name="other")  # not known, but not asked for either
    (Path("results/metrics/small/dense") / ".seeds2-3.1.partial.parquet").write_bytes(b"half")
    publish.main(["results/metrics", "--study", "small"])
    assert capsys.readouterr().out.splitlines() == [
        f"published results/published/{DENSE}",
        "1 files added, 0 were published already",
    ]


def test_a_folder_without_metrics_is_named():
    with pytest.raises(InputError, match=r"results/metrics/small: no metrics files here"):
        publish.find(Path("results/metrics"), "small")


def test_a_folder_of_benchmarks_is_refused_in_a_few_words(tree):
    path = Path("results/benchmarks/cpu/layers.parquet")
    measurements.write(path, [{f"column {number}": 1 for number in range(50)}], {"device": "x"})
    with pytest.raises(
        InputError, match=r"cpu/layers.parquet: a Parquet file, but not of metrics; give the folder"
    ) as error:
        publish.find(Path("results"))
    assert len(str(error.value)) < 150


@pytest.mark.parametrize("name", [published.SUMS, published.PROVENANCE])
def test_a_listing_cut_off_or_altered_at_any_byte_is_refused(tree, name):
    whole, blocks, path = (tree / name).read_bytes(), published.read_by_kind(), tree / name

    def read(_):
        sums = published.read_sums(tree)
        published.check_listed(tree, sums)
        published.check_sums(tree, sums | {published.PROVENANCE: published.sha256(tree / published.PROVENANCE)})
        published.check_provenance(tree, blocks)

    for content in (*truncated(whole), *flipped(whole)):
        path.write_bytes(content)
        # A sum that lacks the last newline is whole; of one that is altered the page's own is not looked at here.
        assert not taken(read, Path("results/published")) or name == published.SUMS


JSON = st.recursive(
    st.sampled_from([None, True, -1, 2**70, 0.5, "", "x", "a\nb", "a|b"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["torch", "x\n"]), inner, max_size=2),
    max_leaves=3,
)
SAID = ["device", "versions", "started", "ended", "precision", "training_images", "parameters", "commit",
        "training_code_digest", "sessions"]  # fmt: skip


@settings(FUZZED, max_examples=60)
@given(st.dictionaries(st.sampled_from(SAID), JSON, min_size=1, max_size=2))
def test_whatever_a_file_says_of_itself_it_is_published_whole_or_refused_in_one_line(train, said):
    path = train()
    rewrite(path, lambda description: description | said)
    shutil.rmtree(published.FOLDER, ignore_errors=True)
    if taken(lambda path: publish.publish([path]), path):
        rows = (published.FOLDER / published.PROVENANCE).read_text(encoding="utf-8").splitlines()
        assert len(rows) == len(provenance.HEADING.splitlines()) + 6  # heading, table's head, rule and row
        assert published.read()
