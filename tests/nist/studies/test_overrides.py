"""What single variants may change in their study, and what they may not."""

import pytest
import yaml

from analysis.metrics import reuse
from nist import metrics_file as record
from nist.errors import InputError
from nist.studies import overrides, study

VARIANT = "nist-1-10-p98"


def test_a_changed_key_is_in_that_variants_configuration_alone(study_content, load_study):
    plain = load_study(study_content)
    others = {name: plain.configuration(name) for name in plain.variants}
    study_content["variants"][VARIANT]["changes"] = {
        "training.optimizers.0.learning_rate": 0.5,
        "model.options.activation": "relu",
        "data.augmentation": {"flip": True, "crop_padding": 2},
    }
    changed = load_study(study_content)
    ours = changed.configuration(VARIANT)
    assert ours["training"]["optimizers"][0]["learning_rate"] == 0.5
    assert ours["model"]["options"]["activation"] == "relu"
    assert ours["data"]["augmentation"] == {"flip": True, "crop_padding": 2}
    for name in ("dense", "nist-1-10-p99.5"):
        assert changed.configuration(name) == others[name]


def test_no_changes_and_an_unchanged_value_leave_the_configuration_as_it_is(study_content, load_study):
    before = load_study(study_content).configuration(VARIANT)
    for same in ({}, {"model.head.scheme": "literal"}):
        study_content["variants"][VARIANT]["changes"] = same
        assert load_study(study_content).configuration(VARIANT) == before


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("data.dataset", "cifar10", r"changes.data.dataset: all variants of a study share it; write another study"),
        ("training.epochs", 3, "changes.training.epochs: all variants of a study share it"),
        ("model.head.width", 3, "changes.model.head.width: the study has no such key"),
        ("training.optimizers.7.share", 1, "changes.training.optimizers.7.share: the study has no such key"),
        ("training.optimizers.first.share", 1, "the study has no such key"),
        ("training.batch_size.x", 1, "the study has no such key"),
        ("model.name.e", 1, "the study has no such key"),
        ("training.optimizers.0.share", 0.9, r"with variants.nist-1-10-p98.changes: training.optimizers: the shares"),
        ("model.head.scheme", "odd", r"with variants.nist-1-10-p98.changes: model.head.scheme: 'odd' is not one of"),
        ("statistics.ddof", 0, "does not match"),
    ],
)
def test_what_cannot_be_changed_is_named(study_content, load_study, path, value, message):
    study_content["variants"][VARIANT]["changes"] = {path: value}
    with pytest.raises(InputError, match=message):
        load_study(study_content)


def test_the_study_itself_stays_as_it_is(study_content):
    content = study.load("lenet5-digits").content
    overrides.applied(content, {"training.optimizers.0.learning_rate": 0.5})
    assert content == study_content


@pytest.fixture
def pair(study_content, tmp_path):
    """Write the embedded study and one that takes its dense runs and trains a control; return the second one's path."""

    def write(change=lambda content: None):
        (tmp_path / "lenet5-digits.yaml").write_text(yaml.safe_dump(study_content), encoding="utf-8")
        content = {**study_content, "study": "controls", "edition": "control"}
        dense = {**study_content["variants"]["dense"], "runs_of": "lenet5-digits"}
        control = {**study_content["variants"][VARIANT], "changes": {"model.head.scheme": "random"}}
        content["variants"] = {"dense": dense, "random": control}
        content = yaml.safe_load(yaml.safe_dump(content))
        change(content)
        path = tmp_path / "controls.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    return write


def test_a_variant_may_take_the_runs_of_one_that_is_configured_alike(pair):
    experiment = study.load(pair())
    assert experiment.taken_from("dense") == "lenet5-digits"
    assert experiment.trained == ["random"]


def test_some_of_the_runs_may_be_taken_and_blocks_may_differ(pair):
    experiment = study.load(pair(lambda content: content.update(seeds="3-7", block_size=2)))
    assert experiment.taken_from("dense") == "lenet5-digits"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content["training"].update(batch_size=16), "configured differently in lenet5-digits, where"),
        (lambda content: content.update(seeds="15-25"), "seed 20 of this study's, 15-25, is not among those of lenet5"),
        (lambda content: content["variants"]["random"].update(runs_of="lenet5-digits"), "trains no variant 'random'"),
        (lambda content: content["variants"]["dense"].update(runs_of="nowhere"), "nowhere.yaml: no such file"),
        (lambda content: content["variants"]["dense"].update(runs_of="controls"), "controls trains no variant 'dense'"),
    ],
)
def test_runs_that_are_not_the_same_are_not_taken(pair, change, message):
    with pytest.raises(InputError, match=message):
        study.load(pair(change))


def test_taken_runs_are_the_same_rows_under_another_name(pair, metrics_file, tmp_path):
    experiment = study.load(pair())
    source = metrics_file("dense", [[0.5, 0.6], [0.4, 0.7]], study="lenet5-digits", variant="dense")
    reuse.take(source, experiment, "dense", tmp_path / "taken.parquet", range(2))
    before, after = record.read(source), record.read(tmp_path / "taken.parquet")
    assert after.table.drop_columns("study").equals(before.table.drop_columns("study"))
    assert after.table["study"].unique().to_pylist() == ["controls"]
    assert after.description["taken_from"] == "lenet5-digits"
    other = metrics_file("other", [[0.5, 0.6]], study="lenet5-digits", variant=VARIANT)
    with pytest.raises(InputError, match=f"runs of lenet5-digits/{VARIANT}, where those of lenet5-digits/dense belong"):
        reuse.take(other, experiment, "dense", tmp_path / "wrong.parquet", range(2))
    assert not (tmp_path / "wrong.parquet").exists()


def test_some_seeds_are_taken_out_of_a_block(pair, metrics_file, tmp_path):
    experiment, target = study.load(pair()), tmp_path / "taken.parquet"
    curves = [[0.5, 0.6], [0.4, 0.7], [0.3, 0.8], [0.2, 0.9]]
    source = metrics_file("dense", curves, study="lenet5-digits", variant="dense")
    reuse.take(source, experiment, "dense", target, range(1, 3))
    taken = record.read(target)
    assert taken.description["seeds"] == [1, 2]
    assert taken.table["seed"].to_pylist() == [1, 1, 2, 2]
    assert taken.table["val_accuracy"].to_pylist() == [0.4, 0.7, 0.3, 0.8]
    with pytest.raises(InputError, match="dense.*: holds no run of seed 4; there are 0, 1, 2, 3"):
        reuse.take(source, experiment, "dense", tmp_path / "more.parquet", range(2, 6))
    assert not (tmp_path / "more.parquet").exists()


def test_a_prune_by_layer_that_keeps_more_than_a_layer_has_is_an_error(study_content, load_study):
    study_content["variants"][VARIANT]["changes"] = {"training.pruning.scope": "layer"}
    with pytest.raises(InputError, match="would keep 201 of the 120 weights of layer 1; prune further, or with"):
        load_study(study_content)
