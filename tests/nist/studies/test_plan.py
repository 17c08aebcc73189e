"""What is trained, where and when again: everything that the workflow and ``train_all`` take from a configuration."""

from copy import deepcopy
from dataclasses import replace

import pytest
import yaml

from nist import digest
from nist.errors import InputError
from nist.studies import plan, study
from nist.studies.plan import Plan

SETTINGS = yaml.safe_load(plan.CONFIGURATION.read_text(encoding="utf-8"))
PRUNED = "nist-1-10-p98"


@pytest.fixture
def small(study_content, load_study):
    """A plan of the embedded LeNet-5 study, four seeds in blocks of two, that a test may change first."""

    def make(change=lambda content: None, **settings):
        content = deepcopy(study_content)
        content.update(seeds="0-3", block_size=2)
        change(content)
        one = load_study(content)
        return Plan({one.name: one}, **settings)

    return make


def digests(plan):
    return {v: plan.digest(name, v) for name, one in plan.studies.items() for v in one.variants}


def test_metrics_and_trunks_have_names_of_their_block(small):
    ours = small()
    files = [path for path in ours.metrics("lenet5-digits") if f"/{PRUNED}/" in path]
    assert files == [f"results/metrics/lenet5-digits/{PRUNED}/seeds{block}.parquet" for block in ("0-1", "2-3")]
    assert len(ours.metrics("lenet5-digits")) == 2 * 4
    key = ours.trunks["lenet5-digits"][PRUNED].key
    assert (
        ours.trunk_file("lenet5-digits", PRUNED, (2, 3)) == f"results/trunks/lenet5-digits/{key}/seeds2-3.safetensors"
    )
    assert ours.trunk_file("lenet5-digits", "dense", (0, 1)) is None
    assert ours.variant_of_trunk("lenet5-digits", key) == PRUNED


def test_seeds_that_are_added_are_blocks_that_are_added(small):
    before, after = (small(seeds={"lenet5-digits": range(n)}) for n in (4, 6))
    added = {*after.metrics("lenet5-digits")} - {*before.metrics("lenet5-digits")}
    assert {*before.metrics("lenet5-digits")} < {*after.metrics("lenet5-digits")}
    assert len(added) == 4
    assert all(path.endswith("/seeds4-5.parquet") for path in added)


def test_the_size_of_blocks_can_be_set_for_all_studies(small):
    assert small(block_size=3).blocks("lenet5-digits") == [(0, 2), (3, 3)]


def rate(content):
    content["training"]["optimizers"][0]["learning_rate"] = 0.01


def sparsity(content):
    content["variants"][PRUNED]["prune"]["sparsity"] = 0.97


def looks(content):
    content.update(title="Another", description="x", feeds={}, block_size=1, seeds="0-9")
    content["variants"]["dense"]["colour"] = "green"
    content["statistics"]["confidence"] = 0.9


def another_variant(content):
    pruned = content["variants"][PRUNED]
    content["variants"]["sparser"] = {**pruned, "prune": {**pruned["prune"], "sparsity": 0.99}}


@pytest.mark.parametrize(
    ("change", "retrained"),
    [
        (rate, {"dense", PRUNED, "nist-1-10-p99.5", "nist-1-5-p99.5"}),
        (sparsity, {PRUNED}),
        (looks, set()),
        (another_variant, set()),
    ],
)
def test_what_decides_a_number_trains_again_and_nothing_else_does(small, change, retrained):
    before, after = digests(small()), digests(small(change))
    assert {variant for variant in before if after[variant] != before[variant]} == retrained


def test_the_code_that_trains_is_part_of_every_digest(small, monkeypatch):
    before = digests(small())
    monkeypatch.setattr(digest, "of_training_code", lambda model: "other code")
    after = digests(small())
    assert all(before[variant] != after[variant] for variant in before)


def test_a_trunk_is_shared_and_kept_when_a_variant_comes_that_shares_it(small):
    before, after = small(), small(another_variant)
    name, block = "lenet5-digits", (0, 1)
    assert after.trunk_file(name, "sparser", block) == before.trunk_file(name, PRUNED, block)
    assert after.trunk_file(name, "nist-1-5-p99.5", block) != before.trunk_file(name, PRUNED, block)
    assert after.digest(name, "sparser", of_trunk=True) == before.digest(name, PRUNED, of_trunk=True)
    assert after.digest(name, "sparser", of_trunk=True) != after.digest(name, "sparser")


def test_class_folders_are_decoded_once_for_all_studies_that_read_them_alike():
    names = ["vgg16-imagenet100", "vgg16-imagenet100-low", "deit-small-imagenet100"]
    ours = plan.of_configuration(SETTINGS | {"studies": names})
    assert {ours.images(name) for name in names} == {"results/images/imagenet100-224-stretch-100/manifest.json"}
    # Five seeds, one a job: the trunks of VGG16 end after epochs 1 and 4, and four variants of DeiT share one.
    trunks = {n: {ours.trunk_file(n, v, b) for v in ours.trunks[n] for b in ours.blocks(n)} - {None} for n in names}
    assert [len(ours.metrics(name)) for name in names] == [5 * 4, 5 * 2, 5 * 6]
    assert len(set().union(*trunks.values())) == 5 * (2 + 0 + 1)


def test_other_classes_are_another_cache(tmp_path):
    content = study.load("vgg16-imagenet100").content
    content["data"]["class_list"] = "a-hundred.txt"
    other = study.Study(tmp_path, content)
    place = "results/images/imagenet100-224-stretch-100-a-hundred.txt/manifest.json"
    assert Plan({"vgg16-imagenet100": other}).images("vgg16-imagenet100") == place


def test_packed_images_are_one_file(small):
    assert small().images("lenet5-digits") == "results/images/digits.npz"


@pytest.fixture
def controls(study_content, load_study):
    """A plan of the embedded study and of one that takes its dense runs, each with seeds and a size of block."""

    def make(ours="0-3", size=2, theirs="0-3", their_size=2):
        content = deepcopy(study_content)
        content.update(seeds=theirs, block_size=their_size)
        first = load_study(content)
        content = deepcopy(study_content)
        content.update(study="controls", edition="own", seeds=ours, block_size=size)
        content["variants"]["dense"]["runs_of"] = "lenet5-digits"
        second = load_study(content)
        return Plan({one.name: one for one in (first, second)})

    return make


def test_runs_that_are_taken_over_lie_in_a_folder_that_says_where_from(controls):
    ours = controls()
    taken = [path for path in ours.metrics("controls") if "/dense/" in path]
    assert taken == [f"results/metrics/controls/dense/from-lenet5-digits/seeds{b}.parquet" for b in ("0-1", "2-3")]
    whole = "results/metrics/lenet5-digits/dense/seeds2-3.parquet"
    assert ours.taken_file("lenet5-digits", "dense", (2, 3)) == whole


def test_some_of_the_runs_are_taken_whatever_the_blocks(controls):
    ours = controls(ours="1-2", size=20)
    assert ours.files("controls", "dense") == [(1, 1), (2, 2)]
    assert ours.files("controls", PRUNED) == [(1, 2)]
    blocks = [ours.taken_file("lenet5-digits", "dense", block) for block in ours.files("controls", "dense")]
    assert [path.rpartition("/")[2] for path in blocks] == ["seeds0-1.parquet", "seeds2-3.parquet"]


def test_only_what_is_not_there_is_made_in_the_same_blocks(small):
    path = "results/published/metrics/lenet5-digits/dense/seeds0-2.parquet"
    ours = small(existing={("lenet5-digits", "dense"): {path: [0, 1, 2]}, ("lenet5-digits", PRUNED): {}})
    assert ours.files("lenet5-digits", "dense") == [(3, 3)]
    assert ours.files("lenet5-digits", PRUNED) == [(0, 1), (2, 3)]
    assert ours.kept("lenet5-digits") == [path]
    assert not any("/dense/seeds0" in file for file in ours.metrics("lenet5-digits"))


def test_runs_are_taken_from_files_that_are_there(controls):
    path = "results/published/metrics/lenet5-digits/dense/seeds1-2.parquet"
    ours = replace(controls(), existing={("lenet5-digits", "dense"): {path: [1, 2]}})
    assert ours.files("controls", "dense") == [(0, 0), (1, 2), (3, 3)]
    taken = [ours.taken_file("lenet5-digits", "dense", block) for block in ours.files("controls", "dense")]
    assert [file.rpartition("dense/")[2] for file in taken] == [f"seeds{b}.parquet" for b in ("0-0", "1-2", "3-3")]
    assert taken[1] == path
    ours = replace(ours, existing=ours.existing | {("controls", "dense"): {"own": [2, 3]}})
    assert ours.files("controls", "dense") == [(0, 0), (1, 1)]


def test_complete_trains_what_is_not_published():
    ours = plan.of_configuration(SETTINGS | {"studies": ["lenet5-fmnist"], "metrics_source": "complete"})
    assert ours.metrics("lenet5-fmnist") == []
    assert len(ours.kept("lenet5-fmnist")) >= 4
    ours = plan.of_configuration(
        SETTINGS | {"studies": ["lenet5-fmnist"], "metrics_source": "complete", "seeds": {"lenet5-fmnist": "18-21"}}
    )
    assert {*ours.files("lenet5-fmnist", "dense")} == {(20, 21)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sudies": ["x"]}, "config/config.yaml: top level: Additional properties are not allowed"),
        ({"studies": ["nowhere"]}, "config/studies/nowhere.yaml: no such file"),
        ({"studies": "papers"}, r"studies: 'papers' does not match '\^\(paper\|evidence\)\$'"),
        ({"studies": ["../../x"]}, r"studies.0: '../../x' does not match"),
        ({"download": "true"}, "config/config.yaml: download: 'true' is not one of"),
        ({"block_size": 0}, "config/config.yaml: block_size: 0 is less than the minimum of 1"),
        ({"block_size": "all"}, r"config/config.yaml: block_size: 'all' does not match '\^auto\$'"),
        ({"metrics_source": "publish"}, r"metrics_source: 'publish' is not one of \['train', 'published', 'comp"),
        ({"seeds": {"lenet5-cifar10": "0-3"}}, "seeds: 'lenet5-cifar10' is not among the studies"),
        ({"seeds": {"lenet5-cifar10": "0-3", 5: "0-3"}}, "seeds: 5 is not among the studies"),
        (
            {"seeds": {"lenet5-digits": "3,5,7"}},
            "seeds.lenet5-digits: '3,5,7' .* first and last seed of one range, as in 0-39",
        ),
        (
            {"seeds": {"lenet5-digits": 5}},
            "seeds.lenet5-digits: 5 is not of type 'string' .expected: first and last seed",
        ),
        (
            {"data_root": 20240601},
            'data_root: 20240601 is .*; quote it: "20240601" .*of digits alone, as in ./20240601',
        ),
        ({"studies": "lenet5-digits"}, "studies: 'lenet5-digits' does not .* list of names .*, as in .lenet5-digits."),
        ({"studies": [5]}, 'studies.0: 5 is not of type .string.; quote it: "5" .expected: name of a study'),
        ({"seeds": {"lenet5-digits": "5-2"}}, "seeds: lenet5-digits: seeds '5-2': write the first and the last one"),
        (
            {"seeds": {"lenet5-digits": "0-1"}, "metrics_source": "published"},
            "seeds: chooses what is trained; all published runs are rendered, so leave it empty",
        ),
        (
            {"studies": ["lenet5-fmnist-controls"]},
            "studies: lenet5-fmnist-controls takes runs from lenet5-fmnist; add it to the studies",
        ),
        (
            {"studies": ["lenet5-fmnist", "lenet5-fmnist-controls"], "seeds": {"lenet5-fmnist-controls": "18-22"}},
            "seeds: lenet5-fmnist-controls takes runs from lenet5-fmnist; give that one the same seeds",
        ),
    ],
)
def test_a_mistake_in_the_configuration_is_named(settings, message):
    with pytest.raises(InputError, match=message) as error:
        plan.of_configuration(SETTINGS | settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "gpu"}, "--config: device: 'gpu' is not one of"),
        ({"blocksize": 1}, "settings.yaml: top level: .*'blocksize' was unexpected"),
        ({"seeds": {"lenet5-digits": "5-2"}}, "--config: seeds: lenet5-digits: seeds '5-2'"),
        ({"data_root": "Makefile"}, "--config: data_root: Makefile is a file; give the folder of the data sets"),
        ({"replay_seed": "abc"}, "config/config.yaml: replay_seed: 'abc' does not match"),
    ],
)
def test_a_mistake_that_was_said_elsewhere_is_not_blamed_on_the_file(settings, message):
    said_by = {**dict.fromkeys(["device", "seeds", "data_root"], "--config"), "blocksize": "settings.yaml"}
    with pytest.raises(InputError, match=f"^{message}"):
        plan.of_configuration(SETTINGS | settings, said_by)


def test_a_model_that_cannot_be_trained_is_named_when_it_is_planned(study_content, load_study, monkeypatch):
    study_content["model"]["options"] = {"widht": 1}
    broken = load_study(study_content)
    monkeypatch.setattr(plan, "chosen", lambda names: {"lenet5-digits": broken})
    with pytest.raises(InputError, match="lenet5-digits.yaml: model.options: lenet5 takes no 'widht'"):
        plan.of_configuration(SETTINGS)
    assert plan.of_configuration(SETTINGS | {"metrics_source": "published"}).studies


def test_published_runs_need_no_study_that_they_are_taken_from():
    settings = SETTINGS | {"studies": ["lenet5-fmnist-controls"], "metrics_source": "published"}
    assert [*plan.of_configuration(settings).studies] == ["lenet5-fmnist-controls"]


@pytest.mark.parametrize(("name", "editions"), [("paper", {"paper"}), ("evidence", {*study.EVIDENCE})])
def test_a_word_stands_for_all_studies_of_its_editions(name, editions):
    chosen = plan.chosen(name)
    assert {one.content["edition"] for one in chosen.values()} == editions
    assert all(name == one.name for name, one in chosen.items())
