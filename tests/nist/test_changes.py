"""What single variants may change in their study, and what they may not."""

import pytest

from nist import changes, study
from nist.errors import InputError

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
    changes.applied(content, {"training.optimizers.0.learning_rate": 0.5})
    assert content == study_content
