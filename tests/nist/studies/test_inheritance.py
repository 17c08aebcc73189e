"""Studies that extend others: what they become, which file is blamed, and that none of the project's has changed."""

import shutil
from copy import deepcopy

import pytest
import yaml

from nist import digest
from nist.errors import InputError
from nist.studies import __main__ as studies
from nist.studies import inheritance, study
from tests.conftest import ROOT

EVERY = sorted(path.stem for path in study.FOLDER.glob("*.yaml"))
DIGESTS = yaml.safe_load((ROOT / "tests/nist/studies/study_digests.yaml").read_text(encoding="utf-8"))
# Studies that are no longer what DIGESTS says: U13 was settled before any of their runs.
CHANGED_ON_PURPOSE = {"mobilenetv1-cifar10", "mobilenetv1-cifar10-controls"}


@pytest.mark.parametrize("name", EVERY)
def test_a_study_is_what_it_was_when_it_stood_in_one_file(name):
    one = study.load(name)
    ours = {variant: digest.of_configuration(one.configuration(variant)) for variant in one.variants}
    same = {"content": digest.of_configuration(one.content), "variants": ours} == DIGESTS.get(name)
    assert same == (name not in CHANGED_ON_PURPOSE)
    assert not same or [*ours] == [*DIGESTS[name]["variants"]]  # in the order of tables and legends


def test_every_study_has_a_digest():
    assert {*DIGESTS} - CHANGED_ON_PURPOSE == {*EVERY} - CHANGED_ON_PURPOSE


def test_studies_say_only_what_differs():
    files = [*study.FOLDER.glob("*.yaml"), study.FOLDER.parent / inheritance.DEFAULTS]
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files) <= 34 * len(files)


@pytest.mark.parametrize("name", EVERY)
def test_a_whole_study_is_the_same_on_top_of_the_defaults_and_without_them(name, load_study, tmp_path, monkeypatch):
    whole = study.load(name).content
    for variant in whole["variants"].values():
        variant.pop("runs_of", None)
    assert load_study(deepcopy(whole)).content == whole
    monkeypatch.chdir(tmp_path)
    assert load_study(deepcopy(whole)).content == whole


@pytest.fixture
def write(tmp_path):
    """Write a study that says only some keys, and return its path."""

    def write(name, **said):
        path = tmp_path / f"{name}.yaml"
        said = {"study": name, "title": name, "description": name, **said}
        path.write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")
        return path

    return write


TWO = {"dense": {"label": "Dense", "sizes": [64, 10]}, "half": {"label": "Half", "sizes": [64, 10], "factors": [32, 5]}}


def test_mappings_merge_and_lists_and_variants_replace(write):
    adam = {"name": "adam", "share": 1, "learning_rate": 1, "weight_decay": 0, "betas": [0, 0], "epsilon": 1}
    training = {"epochs": 5, "optimizers": [adam]}
    ours = study.load(write("mine", extends="lenet5-digits", training=training, variants=TWO)).content
    theirs = study.load("lenet5-digits").content
    assert ours["training"] == {**theirs["training"], "epochs": 5, "optimizers": [adam]}
    assert [*ours["variants"]] == ["dense", "half"]
    assert ours["feeds"] == theirs["feeds"]
    assert study.load(write("other", extends="mine", feeds={"figa5": {}})).content["feeds"] == {"figa5": {}}


def test_what_a_study_need_not_say(write):
    ours = study.load(write("mine", extends="lenet5-digits", variants=TWO)).content
    assert ours["edition"] == "own"  # never the extended study's
    assert ours["variants"]["dense"] == {**TWO["dense"], "colour": "red", "factors": None, "prune": None}
    assert ours["variants"]["half"] == {**TWO["half"], "colour": "blue", "prune": None}
    assert "correctness" not in ours


def test_there_are_colours_for_any_number_of_variants(write):
    many = {f"v{number}": TWO["dense"] for number in range(len(inheritance.COLOURS) + 1)}
    variants = study.load(write("mine", extends="lenet5-digits", variants={**many, "dense": TWO["dense"]})).variants
    colours = [entry["colour"] for entry in variants.values()]
    assert colours == [*inheritance.COLOURS, *inheritance.COLOURS[:2]]


def test_a_title_and_a_description_are_never_inherited(write):
    for key in ("title", "description", "study"):
        path = write("mine", extends="lenet5-digits")
        path.write_text("".join(line for line in path.open() if not line.startswith(f"{key}:")), encoding="utf-8")
        with pytest.raises(InputError, match=f"mine.yaml: top level: '{key}' is a required property"):
            study.load(path)


def test_an_optional_key_is_inherited_from_a_study_that_has_it(write):
    assert study.load(write("mine", extends="mobilenetv1-cifar10")).content["correctness"] == "every_epoch"


def test_null_is_a_value(write):
    first = {"dense": {"label": "Dense", "sizes": [84, 10], "factors": None, "prune": None}}
    assert study.load(write("mine", extends="lenet5-digits", variants=first)).variants["dense"]["factors"] is None
    other = write("other", extends="lenet5-digits", training=None)
    with pytest.raises(InputError, match="other.yaml: training: None is not of type 'object'"):
        study.load(other)


def test_options_go_with_the_name_of_the_model(write):
    same = study.load(write("mine", extends="mobilenetv1-digits", model={"options": {"width": 0.5}}))
    assert same.content["model"]["options"]["stem_stride"] == 2
    model = {"name": "lenet5", "options": {"activation": "relu"}, "head": {"n_in": 120}}
    other = study.load(write("other", extends="mobilenetv1-digits", model=model))
    assert other.content["model"]["options"] == {"activation": "relu"}
    with pytest.raises(InputError, match="none.yaml: model: 'options' is a required property"):
        study.load(write("none", extends="mobilenetv1-digits", model={"name": "lenet5"}))


def test_class_folders_go_with_the_name_of_the_data_set(write):
    assert "classes" not in study.load("vgg16-cifar10").content["data"]
    same = study.load(write("mine", extends="vgg16-imagenet100", data={"resize": "crop"}))
    assert same.content["data"]["classes"] == 100


def test_what_is_one_of_several_alternatives_is_replaced_whole(write):
    pair = {"augmentation": {"flip": True, "crop_padding": 4}}
    ours = study.load(write("mine", extends="deit-small-imagenet100", data=pair))
    assert ours.content["data"]["augmentation"] == pair["augmentation"]
    weights = {"timm": "vgg16.tv_in1k", "trained_on": "imagenet"}
    ours = study.load(write("other", extends="vgg16-imagenet100", model={"weights": weights}))
    assert ours.content["model"]["weights"] == weights


def test_a_model_has_a_head_or_blocks_whatever_the_extended_one_has(write):
    heads, blocks = study.load("alexnet-cifar10"), study.load("deit-small-cifar10")
    said = {key: blocks.content[key] for key in ("data", "model", "training", "variants")}
    ours = study.load(write("mine", extends="alexnet-cifar10", **said)).content
    assert {key: ours[key] for key in said} == said
    assert {"head", "blocks"} & heads.content["model"].keys() == {"head"}


def test_a_study_is_extended_beside_itself_first(write, tmp_path):
    write("lenet5-digits", extends="lenet5-cifar10", training={"epochs": 77})
    assert study.load(write("mine", extends="lenet5-digits")).content["training"]["epochs"] == 77
    (tmp_path / "lenet5-digits.yaml").unlink()
    assert study.load(tmp_path / "mine.yaml").content["training"]["epochs"] == 8


def test_a_study_by_its_path_has_the_defaults_of_its_project(tmp_path, monkeypatch):
    project = tmp_path / "project"
    shutil.copytree(ROOT / "config", project / "config")
    defaults = project / "config/defaults.yaml"
    defaults.write_text(defaults.read_text(encoding="utf-8").replace("ddof: 1", "ddof: 0"), encoding="utf-8")
    assert study.load(project / "config/studies/lenet5-digits.yaml").content["statistics"]["ddof"] == 0
    monkeypatch.chdir(tmp_path)
    assert study.load(project / "config/studies/lenet5-digits.yaml").content["statistics"]["ddof"] == 0
    assert study.load(ROOT / "config/studies/lenet5-digits.yaml").content["statistics"]["ddof"] == 1


def test_runs_may_be_taken_from_the_project_by_a_study_elsewhere(write):
    path = write("mine", extends="lenet5-cifar10-controls")
    assert study.load(path).taken_from("nist-1-10-p99.5") == "lenet5-cifar10"


def test_a_study_to_extend_that_is_not_there_is_named_with_those_that_are(write, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="mine.yaml: extends: no study 'lenet' beside it or in config/studies; there"):
        study.load(write("mine", extends="lenet"))
    write("other", extends="lenet5-digits")
    with pytest.raises(InputError, match="there are alexnet-cifar10, .*, lenet5-digits, .*, other, vgg16"):
        study.load(write("mine", extends="lenet"))
    (tmp_path / "other.yaml").unlink()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no study 'lenet' beside it or in config/studies; start in the folder of the"):
        study.load(tmp_path / "mine.yaml")


@pytest.mark.parametrize("name", [None, 3, "", "a b", "../../etc/passwd", "x" * 101, ["lenet5-digits"], "a\n"])
def test_what_is_no_name_of_a_study_is_not_looked_for(write, name):
    with pytest.raises(InputError, match="mine.yaml: extends: .* is no study's name; write one, as in extends: lenet5"):
        study.load(write("mine", extends=name))


def test_a_circle_of_studies_is_named(write):
    with pytest.raises(InputError, match="one.yaml: extends: one extends one, in a circle; let"):
        study.load(write("one", extends="one"))
    write("one", extends="two")
    write("two", extends="three")
    with pytest.raises(
        InputError, match=r"two.yaml: extends: three extends one extends two extends three, in a circle"
    ):
        study.load(write("three", extends="one"))


CROP = {"data": {"resize": "crop"}}


@pytest.mark.parametrize(
    ("base", "said", "blamed", "message"),
    [
        ({"training": {"epochs": 0}}, {}, "base", "training.epochs: 0 is less than the minimum of 1"),
        ({"training": {"epochs": 0}}, {"training": {"epochs": -1}}, "mine", "training.epochs: -1 is less than the min"),
        ({"training": {"epoch": 5}}, {"training": {"epochs": 8}}, "base", "training: .*'epoch' was unexpected"),
        ({"training": {"optimizers": [{}]}}, {"training": {"epochs": 2}}, "base", "optimizers.0: .* is a required pro"),
        ({"variants": {"a": {}}}, {}, "base", "variants.a: 'label' is a required property"),
        (CROP, {"title": "x"}, "base", "data.resize: 'crop' is not for digits; choose none, pad"),
        ({}, CROP, "mine", "data.resize: 'crop' is not for digits; choose none, pad"),
        ({"statistics": {"baseline": "a"}}, {}, "base", "statistics.baseline: no variant 'a'"),
        ({"variants": TWO}, {"statistics": {"baseline": "a"}}, "mine", "statistics.baseline: no variant 'a'"),
        (CROP, {"data": {"resize": "none"}, "seeds": "4-2"}, "mine", "seeds '4-2': write the first"),
    ],
)
def test_a_mistake_is_named_with_the_file_that_it_stands_in(write, base, said, blamed, message):
    write("base", extends="lenet5-digits", **base)
    with pytest.raises(InputError, match=f"^[^:]*/{blamed}.yaml: .*{message}"):
        study.load(write("mine", extends="base", **said))


def test_a_mistake_in_the_defaults_is_named_there(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    path = study.FOLDER.parent / inheritance.DEFAULTS
    path.write_text(path.read_text(encoding="utf-8").replace("ddof: 1", "ddof: 2"), encoding="utf-8")
    with pytest.raises(InputError, match="^config/defaults.yaml: statistics.ddof: 2 is not one of"):
        study.load("lenet5-fmnist-pilot")


def test_defaults_that_are_not_there_are_named_with_the_key_that_is_missing(
    study_content, load_study, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    del study_content["training"]["loss"]
    with pytest.raises(
        InputError, match="digits.yaml, without config/defaults.yaml, which is not there: training: 'loss'"
    ):
        load_study(study_content)


@pytest.mark.parametrize("name", EVERY)
def test_a_study_that_is_shown_is_the_whole_study(name):
    assert yaml.safe_load(studies.show(name)) == study.load(name).content


def test_an_empty_list_is_shown_as_one():
    assert [*studies._lines({"extra": []})] == [("extra: [] ", ("extra",))]


def test_a_study_is_shown_with_the_file_of_each_value(write, capsys):
    path = write("mine", extends="lenet5-fmnist", model={"head": {"bias": False}}, variants=TWO)
    studies.main(["show", str(path)])
    shown = dict(line.split("# ") for line in capsys.readouterr().out.splitlines() if "# " in line)
    shown = {value.rstrip(): file for value, file in shown.items()}
    assert shown["    bias: false"] == str(path)
    assert shown["    activation: relu"] == "config/studies/lenet5-fmnist.yaml"
    assert shown["    n_in: 120"] == "config/studies/lenet5-cifar10.yaml"
    assert shown["    scheme: literal"] == "config/defaults.yaml"
    assert shown["    colour: red"] == shown["edition: own"] == studies.UNSAID
    assert sum("adam" in value for value in shown) == 1
