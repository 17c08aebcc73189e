"""What a reader refuses of published metrics: how the folder was spoilt, and the line that says so."""

import shutil
from pathlib import Path

import pytest

from analysis.published import add, store
from nist import metrics_file
from nist.errors import InputError, run
from nist.studies import study
from tests.analysis.published.folder import DENSE, NIST, resum
from tests.refusals import PLACES, redescribed, sampled_damage, taken


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
    redescribed(folder / DENSE, lambda description: description.update(seeds=[0, 1, 2]))
    resum(folder)


def a_seed_the_study_does_not_have(folder, train):
    shutil.copy(train(first=4, n=1), folder / "metrics/small/dense")
    resum(folder)


def a_seed_twice(folder, train):
    shutil.copy(train(first=1, n=2), folder / "metrics/small/dense")
    resum(folder)


def another_contract(folder, train):
    redescribed(folder / DENSE, lambda description: description.update(contract=metrics_file.CONTRACT + 1))
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
        run(lambda: store.main([]))
    line = stopped.value.code
    assert FAULTS[spoil].format(f"results/published/{DENSE}", DENSE) in line
    assert line.startswith("error: results/published/")
    assert len(line.splitlines()) == 1


def test_a_check_says_what_is_missing(tree, capsys):
    store.main([])
    assert capsys.readouterr().out.startswith("small: not published: nist-1-10-p98 (2 of 4 runs), ")


def test_a_stray_file_is_refused_by_publishing_too(tree, train):
    not_listed(tree, train)
    with pytest.raises(InputError, match="copy.parquet: not listed"):
        add.publish([train("nist-1-10-p98", first=2)])


@PLACES
@pytest.mark.parametrize("name", [store.SUMS, store.PROVENANCE])
def test_a_listing_cut_off_or_altered_at_any_byte_is_refused(tree, name, n):
    whole, blocks, path = (tree / name).read_bytes(), store.read_by_kind(), tree / name

    def read(_):
        sums = store.read_sums()
        store.check_listed(sums)
        store.check_sums(sums | {store.PROVENANCE: store.sha256(tree / store.PROVENANCE)})
        store.check_provenance(blocks)

    cuts, flips = sampled_damage(whole, n, (at for at in range(len(whole)) if whole[at - 1 : at] == b"\n"))
    for content in (*cuts, *flips):
        path.write_bytes(content)
        # A sum that lacks the last newline is whole; of one that is altered the page's own is not looked at here.
        assert not taken(read, Path("results/published")) or name == store.SUMS
