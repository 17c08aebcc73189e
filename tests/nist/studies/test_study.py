import re
import sys
from pathlib import Path

import pytest
import yaml

from nist.errors import InputError
from nist.sparse import layers
from nist.sparse.mask import Band, kept_weights
from nist.studies import study

ALL = sorted(Path(study.FOLDER).glob("*.yaml"))


def test_q_k_and_v_have_a_band_each_and_other_layers_of_a_block_one():
    model = study.load("deit-small-imagenet100").configuration("nist-p60")["model"]
    changed = {**model["blocks"], "scheme": "even", "parts": {"attn.qkv": 3}}
    block = [
        Band(384, 1152, 192, "even", 3),
        Band(384, 384, 192, "even"),
        Band(384, 1536, 768, "even"),
        Band(1536, 384, 192, "even"),
    ]
    assert layers.bands({**model, "blocks": changed}) == 12 * block


@pytest.mark.parametrize(
    ("variant", "weights"),
    [
        ("nist-1-2-10-p99.99", 3_359),
        ("narrow-one-unit", 4_106),
        ("narrow-pooled", 3_336),
        ("nist-1-50-10-p99.5", 167_976),
        ("narrow-168k", 170_027),
    ],
)
def test_narrow_heads_of_alexnet_have_the_weights_that_their_labels_say(variant, weights):
    experiment = study.load("alexnet-cifar10-controls")
    configuration = experiment.configuration(variant)
    prune, model = configuration["prune"], configuration["model"]
    kept = kept_weights(layers.dense_weights(model), prune["sparsity"]) if prune else layers.initial_weights(model)
    assert kept == weights
    label = experiment.variants[variant]["label"]
    pruned = {3_359: (4_106, 3_336), 167_976: (170_027,)}
    (method,) = (method for method, others in pruned.items() if weights in (method, *others))
    if weights != method:
        assert f"{weights:,} weights" in label
        share, more = re.search(r"\(([0-9.]+) % (more|fewer)\)", label).groups()
        assert float(share) == pytest.approx(100 * abs(weights / method - 1), abs=0.5 if "." not in share else 0.05)
        assert (more == "more") == (weights > method)


def test_no_other_hidden_layer_on_alexnets_features_comes_nearer():
    head = study.load("alexnet-cifar10-controls").configuration("narrow-one-unit")["model"]["head"]
    counts = {sizes: layers.dense_weights({"head": {**head, "sizes": [*sizes, 10]}}) for sizes in ((1,), (2,), (1, 1))}
    assert min(counts, key=counts.get) == (1,)
    both = {width: layers.dense_weights({"head": {**head, "sizes": [width, width, 10]}}) for width in range(38, 45)}
    assert min(both, key=lambda width: abs(both[width] - 167_976)) == 41
    averages = {**head, "n_in": 256}
    both = {width: layers.dense_weights({"head": {**averages, "sizes": [width, width, 10]}}) for width in range(9, 16)}
    assert min(both, key=lambda width: abs(both[width] - 3_359)) == 12


def test_pilots_share_no_seed_with_their_study_and_differ_in_what_they_try():
    for pilot in (one for one in map(study.load, [path.stem for path in ALL]) if one.content["edition"] == "pilot"):
        main = study.load(pilot.name.removesuffix("-pilot"))
        assert not {*pilot.seeds} & {*main.seeds}
        assert all(entry["factors"] is None for entry in pilot.variants.values())  # the dense head alone
        assert pilot.content["data"] == {**main.content["data"], "augmentation": "none"}


def test_the_pilot_of_alexnet_tries_two_settings_of_two_choices_at_the_studys_length():
    pilot, main = study.load("alexnet-cifar10-pilot"), study.load("alexnet-cifar10")
    tried = {
        (str(configuration["data"]["augmentation"]), configuration["model"]["head"]["dropout"])
        for configuration in map(pilot.configuration, pilot.variants)
    }
    assert len(tried) == 4
    assert pilot.content["training"] == main.content["training"]
    assert "78.49 %" in pilot.content["description"]


@pytest.mark.parametrize(
    ("name", "source"), [("vgg16-cifar10", "vgg16-imagenet100"), ("deit-small-cifar10", "deit-small-imagenet100")]
)
def test_a_stand_in_says_so_and_differs_from_what_it_stands_for_in_its_data_and_length(name, source):
    ours, theirs = study.load(name), study.load(source)
    assert ours.title == f"{ours.content['title']} (stand-in)"
    assert ours.content["description"].startswith("A stand-in for ")
    assert "never a verdict on the paper" in " ".join(ours.content["description"].split())
    training = [{**one.content["training"], "epochs": 0, "schedule": 0} for one in (ours, theirs)]
    assert training[0] == training[1]
    assert ours.content["model"]["name"] == theirs.content["model"]["name"]
    assert ours.content["data"]["augmentation"] == theirs.content["data"]["augmentation"]
    assert theirs.title == theirs.content["title"]


def edit(content, path, value):
    *parents, last = path
    for key in parents:
        content = content[key]
    content[last] = value


PRUNED = ("variants", "nist-1-10-p98")
DENSE = ("variants", "dense")
PRUNING = {"scope": "global", "magnitude": "raw", "learning_rate": "unchanged", "optimizer_state": "zeroed"}
MOVED = {
    "name": "rigl",
    "sparsity": 0.9,
    "distribution": "erk",
    "every": 9,
    "drop": 0.3,
    "until": 1,
    "check": "redrawn",
}
REWOUND = {"name": "magnitude_after_training", "sparsity": 0.9, "rounds": 2, "rewind": 9}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("trainning",), {}, r"top level: Additional properties .*'trainning' was unexpected"),
        (("training", "epochs"), "eight", r"training.epochs: 'eight' is not of type 'integer' \(expected: passes over"),
        (("training", "epochs"), 0, "training.epochs: 0 is less than the minimum of 1"),
        (("training", "precision"), "float16", "training.precision: 'float16' is not one of"),
        (("training", "optimizers", 0, "share"), 0.5, "training.optimizers: the shares add up to 0.7, not to 1"),
        (
            ("training", "optimizers", 1),
            {"name": "sgd", "share": 0.2, "learning_rate": 1, "weight_decay": 0},
            "'momentum' is",
        ),
        (
            ("training", "optimizers", 0, "momentum"),
            0.9,
            r"optimizers.0.momentum: not for adam, which has betas, epsilon",
        ),
        (("training", "optimizers", 0, "undecayed"), ["*"], "optimizers.0.undecayed: not for adam"),
        (("training", "optimizers", 1, "epsilon"), 1e-8, "optimizers.1.epsilon: not for sgd, which has momentum"),
        (("training", "initialisation"), "model", "model is not for a model with head; give kaiming_uniform_dense"),
        (("data", "dataset"), "mnist", "data.dataset: unknown data set 'mnist'; there are digits, fashion_mnist"),
        (("statistics", "baseline"), "none", "statistics.baseline: no variant 'none'"),
        (("seeds",), "5-2", "seeds '5-2': write the first and the last one"),
        (("study",), "other-name", "'other-name' should be the file's own name, 'lenet5-digits'"),
        ((*PRUNED, "factors"), [0, 10], "factors: neuroseed factor must be between 1 and n_out = 84, got 0"),
        ((*PRUNED, "factors"), [1, 11], "factors: neuroseed factor must be between 1 and n_out = 10, got 11"),
        ((*PRUNED, "factors"), [1], "factors: 1 factors for 2 layers"),
        ((*PRUNED, "factors"), None, "prune: only NIST layers are pruned"),
        ((*PRUNED, "sizes"), [84, 11], "sizes: the last is 11, but the data set has 10 classes"),
        ((*PRUNED, "prune", "sparsity"), 0.5, "prune.sparsity: would keep 5460 weights of 960"),
        ((*PRUNED, "prune", "sparsity"), 0.99999, "prune.sparsity: would keep 0 weights of 960"),
        ((*PRUNED, "prune", "epoch"), 8, "prune.epoch is 8, but a run has only 8 epochs"),
        (
            ("training", "pruning"),
            {**PRUNING, "reachable": True, "scope": "layer"},
            "reachable: True is for a head and scope: global",
        ),
        (("training", "pruning"), {**PRUNING, "magnitude": "lamp", "scope": "layer"}, "lamp is for a head and scope"),
        (
            ("training", "pruning"),
            {**PRUNING, "reachable": True, "magnitude": "lamp"},
            "reachable: is for magnitude: raw",
        ),
        ((*PRUNED, "method"), {"name": "erk", "sparsity": 0.9}, "method: takes the place of factors and prune"),
        (
            (*DENSE, "method"),
            {"name": "snip", "sparsity": 0.9},
            "method.images: missing; expected name, sparsity, im",
        ),
        (
            (*DENSE, "method"),
            {"name": "erk", "sparsity": 0.9, "drop": 0.3},
            "method.drop: not for erk; expected name",
        ),
        ((*DENSE, "method"), MOVED, "method.check: not for rigl"),
        ((*DENSE, "method"), {"name": "erk", "sparsity": 0.99999}, "method.sparsity: would keep no weight"),
        ((*DENSE, "method"), REWOUND, "method.rewind is 9, but a training has only 8 epochs"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_key(study_content, tmp_path, path, value, message):
    edit(study_content, path, value)
    file = tmp_path / "lenet5-digits.yaml"
    file.write_text(yaml.safe_dump(study_content), encoding="utf-8")
    with pytest.raises(InputError) as error:
        study.load(file)
    text = str(error.value)
    assert text.startswith(str(file))
    assert "\n" not in text
    error.match(message)


DEIT = ("variants", "nist-p60")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("data", "resize"), "pad", "data.resize: 'pad' is not for imagenet100; choose stretch, crop"),
        (("data", "normalisation"), "mean_sd", "mean_sd would read all of imagenet100; choose imagenet or caffe"),
        (("data", "dataset"), "cifar10", "data.dataset: cifar10 has no class folders; leave data.classes away"),
        (("data", "dataset"), "../x", "data.dataset: '../x' does not match"),
        (("data", "augmentation", "randaugment"), "auto", "data.augmentation.randaugment: 'auto' does not match"),
        (("data", "augmentation", "resized_crop"), [0, 1], "less than or equal to the minimum of 0"),
        (("training", "batch_size"), 127, "data.augmentation: mixes pairs; make batch_size even and drop_last true"),
        (("training", "drop_last"), False, "data.augmentation: mixes pairs; make batch_size even and drop_last true"),
        (("training", "optimizers", 0, "momentum"), 0.9, "optimizers.0.momentum: not for adamw"),
        (("training", "initialisation"), "kaiming_uniform_dense_fan_in", "not for a model with blocks; give model"),
        (("training", "schedule"), "cosine", "training.schedule: 'cosine' is not one of"),
        (("training", "schedule", "warmup"), 5, "training.schedule: Additional properties are not allowed"),
        (("model", "head"), {"n_in": 1, "activation": "relu", "dropout": 0, "bias": True, "scheme": "even",
                             "form": "auto"}, "model: give either head or blocks"),
        (("model", "options", "classes"), "many", "model.options.classes: give the number of classes"),
        (("model", "options", "classes"), 10, "model.options.classes is 10, but the data set has 100 classes"),
        (("model", "weights"), {"trained_on": "caffe"}, "model.weights: give either timm, or file and sha256"),
        (("model", "weights"), {"trained_on": "caffe", "file": "../x", "sha256": "0" * 8}, "'../x' does not match"),
        ((*DEIT, "density"), None, "variants.nist-p60.prune: only NIST layers are pruned; give density"),
        ((*DEIT, "sizes"), [10], "variants.nist-p60.sizes: not for a model with blocks; expected density"),
        ((*DEIT, "parts"), {"attn.qkv": 5}, "parts must divide the 1152 features of the layer, got 5"),
        ((*DEIT, "prune", "sparsity"), 0.4, "would keep 12740198 weights of 10616832"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_study_of_blocks_is_named_too(tmp_path, path, value, message):
    content = study.load("deit-small-imagenet100").content
    edit(content, path, value)
    file = tmp_path / "deit-small-imagenet100.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        study.load(file)


@pytest.mark.parametrize(("key", "message"), [("density", "density: missing"), ("parts", "parts: missing")])
def test_a_variant_of_blocks_says_all_of_its_keys(tmp_path, key, message):
    content = study.load("deit-small-imagenet100").content
    del content["variants"]["nist-p60"][key]
    file = tmp_path / "deit-small-imagenet100.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(InputError, match=f"variants.nist-p60.{message}; expected density, scheme, parts"):
        study.load(file)


def test_class_folders_of_ones_own_are_a_data_set(study_content, load_study):
    study_content["data"] |= {"dataset": "flowers", "classes": 10, "resize": "crop", "normalisation": "imagenet"}
    assert load_study(study_content).configuration("dense")["data"]["dataset"] == "flowers"
    study_content["data"]["classes"] = 11
    with pytest.raises(InputError, match="sizes: the last is 10, but the data set has 11 classes"):
        load_study(study_content)


def test_a_missing_study_and_broken_yaml_are_named(tmp_path):
    with pytest.raises(InputError, match="config/studies/nowhere.yaml: no such file"):
        study.load("nowhere")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1,")
    with pytest.raises(InputError, match="broken.yaml: not valid YAML"):
        study.load(broken)
    broken.write_text("seeds: 0-1\ntitle: x\nseeds: 0-3")
    with pytest.raises(InputError, match="broken.yaml: not valid YAML: 'seeds' is given twice in .* line 3, column 1"):
        study.load(broken)
    broken.write_text("just text")
    with pytest.raises(InputError, match="expected keys and values, found str"):
        study.load(broken)


def test_a_pilot_shorter_than_the_prune_epoch_is_refused(study_content, load_study):
    experiment = load_study(study_content)
    assert experiment.configuration("dense", epochs=1)["training"]["epochs"] == 1
    with pytest.raises(InputError, match="a run of 0 epochs trains nothing; give at least 1"):
        experiment.configuration("dense", epochs=0)
    assert experiment.configuration("nist-1-10-p98", epochs=5)["prune"]["epoch"] == 4
    with pytest.raises(InputError, match="prune before the last one"):
        experiment.configuration("nist-1-10-p98", epochs=4)


@pytest.mark.parametrize("text", ["", "3", "a-b", "-1-3", "4-2", "1–3"])
def test_seeds_that_are_no_range_are_refused(text):
    with pytest.raises(InputError, match="write the first and the last one, as in 0-19"):
        study.parse_seeds(text)


def test_seeds_include_both_ends():
    assert study.parse_seeds("20-39") == range(20, 40)
    assert study.parse_seeds("0-0") == range(1)


def test_seeds_are_less_than_a_million_and_at_most_a_hundred_thousand():
    assert study.parse_seeds("900000-999999") == range(900_000, 1_000_000)
    for text, message in (("999999-1000000", "seeds are less than 1,000,000"), ("0-100000", "at most 100,000 seeds")):
        with pytest.raises(InputError, match=message):
            study.parse_seeds(text)


def test_without_jsonschema_the_study_still_loads_with_a_warning(study_content, load_study, monkeypatch):
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    with pytest.warns(UserWarning, match="not checked against its schema"):
        assert load_study(study_content).name == "lenet5-digits"


def test_published_weights_want_the_images_as_they_had_them(tmp_path):
    content = study.load("vgg16-cifar10").content
    content["data"]["normalisation"] = "mean_sd"
    content["model"]["weights"] = {"timm": "vgg16.tv_in1k", "trained_on": "imagenet"}
    file = tmp_path / "vgg16-cifar10.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(InputError, match="normalisation: mean_sd is of these images, and the weights are for imagenet"):
        study.load(file)
