"""What is not published, and that nothing changes then."""

import re
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.published import add, provenance, store
from nist import metrics_file
from nist.errors import InputError
from nist.studies import checks
from tests.analysis.published.folder import EPOCHS, state, write_study
from tests.refusals import FUZZED, redescribed, taken


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
        add.publish([train("nist-1-10-p98", first=2), bad])
    assert state(tree) == before


def test_an_older_configuration_is_refused_and_the_key_named(train, study_content):
    path = train()
    study_content["training"]["optimizers"][0]["learning_rate"] = 0.1
    write_study(study_content)
    with pytest.raises(InputError, match=r"configuration than .*small.yaml has now: training.optimizers was \[.*0.005"):
        add.publish([path])


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
    assert checks.first_difference(before, now) == words


def test_an_example_is_not_published(train, study_content):
    path = train()
    write_study({**study_content, "edition": "example"})
    with pytest.raises(
        InputError,
        match="small is a study of edition 'example'; published are paper, pilot, control, comparison, reading",
    ):
        add.publish([path])


def test_seeds_with_a_gap_are_refused(train, make_rows, description):
    path = train()
    rows = [row for row in make_rows([[0.5] * EPOCHS] * 3, study="small", variant="dense") if row["seed"] != 1]
    metrics_file.write(path, rows, {**metrics_file.read(path).description, "seeds": [0, 2]})
    with pytest.raises(InputError, match="seeds 0, 2 are no range"):
        add.publish([path])


def test_a_file_of_two_variants_is_refused(train, make_rows):
    path = train()
    rows = make_rows([[0.5] * EPOCHS] * 2, study="small", variant="dense")
    rows[-1]["variant"] = "nist-1-10-p98"
    metrics_file.write(path, rows, metrics_file.read(path).description)
    with pytest.raises(InputError, match="holds runs of several studies or variants"):
        add.publish([path])


def test_a_description_that_is_too_poor_is_refused(train):
    path = train()
    redescribed(path, lambda description: description.pop("device"))
    with pytest.raises(InputError, match="metadata lacks device"):
        add.publish([path])


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
    redescribed(path, lambda description: description.update(said))
    shutil.rmtree(store.FOLDER, ignore_errors=True)
    if taken(lambda path: add.publish([path]), path):
        rows = (store.FOLDER / store.PROVENANCE).read_text(encoding="utf-8").splitlines()
        assert len(rows) == len(provenance.HEADING.splitlines()) + 6  # heading, table's head, rule and row
        assert store.read()
