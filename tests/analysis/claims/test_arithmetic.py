"""Claims that need no training: the paper's contradictions are found by recomputing, and so is where they come from."""

import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from analysis.claims import arithmetic, claim, margins
from analysis.claims.claim import Figure, Parameters
from analysis.claims.evidence import PAPER, Evidence
from analysis.claims.ledger import decide
from analysis.networks import counts
from analysis.report import assumptions
from analysis.statistics.accuracy import margin_of_error
from nist.errors import InputError
from nist.studies import study

CLAIMS = claim.read()
EVIDENCE = Evidence(CLAIMS)

# What the audit of the paper found by arithmetic, by its own numbers. The ledger has to find it again.
CONTRADICTIONS = {
    "N1": ["a2.lenet5.cifar10.total_params"],
    "N5": ["a2.lenet5.cifar10.nist_1_10_p98.moe"],
    "N6": [
        "a2.lenet5.fmnist.dense.compression",
        "a2.lenet5.cifar10.dense.compression",
        "a3.alexnet.dense.compression",
        "a4.vgg.dense.compression",
    ],
    "N7": ["a2.lenet5.q.nist_bit_higher"],
    "B1": ["a42.alexnet.text.nf2048.p98", "a42.alexnet.text.nf2048.p995"],
    "B2": ["a42.alexnet.fifth_no_prune"],
    "B5": ["t1.alexnet.dense.flops", "t1.alexnet.nist.flops"],
    "B6": ["a43.alexnet.gain"],
    "B10": ["a43.alexnet.q.growth"],
    "C1": ["a5.vgg.dense.active_weights", "a4.vgg.p999.params"],
    "C2": ["a4.vgg.scratch.params"],
    "C3": [
        "a5.vgg.dense.flops",
        "a5.vgg.dense.flops_text",
        "a5.vgg.scratch.flops",
        "a5.vgg.p999.flops",
        "a5.vgg.scratch.rel",
        "a5.vgg.p999.rel",
        "s5.vgg.flops_003",
    ],
    "C7": ["a4.vgg.dense.max_acc"],
    "C9": ["a4.vgg.dense.moe", "a4.vgg.scratch.moe", "a4.vgg.p999.moe"],
    "C10": ["t1.vgg.nist.compression_total", "s42.vgg.overall_sparsity"],
    "C11": ["a44.vgg.fc_share_88"],
    "C16": ["a44.vgg.tiny_head"],
    "D8": ["g.q.signal"],
    "E1": ["t1.deit.p70.flops"],
    "E2": ["s3.deit.epochs300", "s3.deit.prune5080", "s3.deit.prune80"],
    "E3": ["t1.deit.p60.params", "t1.deit.p70.params", "t1.deit.p60.compression", "t1.deit.p70.compression"],
    "E4": ["s42.deit.density95"],
    "E5": ["s42.deit.p70.within"],
    "F1": ["abs.acc_gain.absolute"],
    "F3": ["m.half_density.cnn", "m.half_density.first_layer"],
    "F4": ["m.prune.peak_fraction", "m.prune.epoch_fraction"],
}


def verdict(identifier):
    return decide(CLAIMS[identifier], EVIDENCE).verdict


@pytest.mark.parametrize("identifier", [name for names in CONTRADICTIONS.values() for name in names])
def test_every_contradiction_that_is_arithmetic_is_found(identifier):
    assert verdict(identifier) == "arithmetic wrong"


def test_nothing_else_is_called_wrong():
    found = {name for name in CLAIMS if verdict(name) == "arithmetic wrong"}
    assert found == {name for names in CONTRADICTIONS.values() for name in names}


def test_a_recomputed_claim_is_right_wrong_or_not_printed_without_any_run():
    recomputed = [name for name, one in CLAIMS.items() if one.rule == "recompute"]
    assert {verdict(name) for name in recomputed} == {"arithmetic ok", "arithmetic wrong", "not testable"}
    assert all(not CLAIMS[name].printed for name in recomputed if verdict(name) == "not testable")


def test_the_source_of_a_wrong_figure_gives_it_too():
    # An expression under which the printed figure does not come out either is a mistake in claims.csv.
    wrong = CLAIMS["t1.alexnet.dense.flops"]
    assert "the printed figure comes out with 130,000 images" in decide(wrong, EVIDENCE).reason
    assert decide(CLAIMS["a44.vgg.tiny_head"], EVIDENCE).reason.startswith(
        "the bound holds for mobilenetv1 with 1000 c"
    )
    bad = claim.Claim(**{**vars(wrong), "changed": Parameters({"images": "60000"}, wrong.id)})
    with pytest.raises(InputError, match="images=60000 does not give what is printed either"):
        decide(bad, EVIDENCE)


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("lenet5", 62_006),  # N1; LeNet-5 in nist.models has as many
        ("alexnet", 33_603_594 + 2_251_584),  # B3
        ("vgg16", 134_670_244),  # C10
    ],
)
def test_whole_networks_with_all_biases(network, expected):
    assert counts.total(network, biases=True) == expected


def test_counts_that_the_paper_prints_or_implies():
    assert counts.backbone("lenet5", channels=1, c3="lecun") + counts.parameters("lenet5") == 60_806
    assert counts.backbone("alexnet") == 2_251_584
    assert counts.backbone("vgg16") == 14_714_688  # as in Keras and torchvision
    assert counts.active("deit-small") == 21_233_664
    assert counts.total("deit-small") == 21_704_164
    assert counts.total("deit-small", sparsity=0.6) == 8_963_965  # the prune floors: 8,493,465 of the blocks
    assert counts.outputs_without_input(100, 200, 50) == 51
    assert counts.outputs_without_input(384, 1152, 576) == 193
    assert counts.outputs_without_input(384, 1536, 768) == 385


@pytest.mark.parametrize("name", [name for name in PAPER if not name.startswith("deit")])
def test_the_heads_of_the_ledger_are_those_of_the_studies(name):
    experiment = study.load(name)
    n_in = experiment.content["model"]["head"]["n_in"]
    for variant, entry in experiment.variants.items():
        sizes = [n_in, *entry["sizes"]]
        shapes = tuple(pairwise(sizes))
        assert shapes in counts.HEADS.values(), variant
        rows = [one for one in CLAIMS.values() if one.study == name and one.variant == variant and "text" not in one.id]
        for one in rows:
            if "factors" in one.parameters and one.quantity != "mechanism":
                assert tuple(map(int, one.parameters["factors"].split())) == tuple(entry["factors"] or ()), one.id
            if "sparsity" in one.parameters:
                assert float(one.parameters["sparsity"]) == entry["prune"]["sparsity"], one.id
            if "prune_epoch" in one.parameters:
                assert int(one.parameters["prune_epoch"]) == entry["prune"]["epoch"], one.id


class TestPrinting:
    @pytest.mark.parametrize(
        ("text", "place"), [("81.90", "1/100"), ("50", "1"), ("4.76e-4", "1/1000000"), ("9.6e14", "10000000000000")]
    )
    def test_last_place(self, text, place):
        assert claim.last_place(text) == Fraction(place)

    @pytest.mark.parametrize(
        ("value", "printed", "expected"),
        [
            ("15.897", "15.9", "as printed"),
            ("15.897", "15.8", "as printed, cut off and not rounded"),
            ("15.897", "15.7", None),
            ("15.897", "16.0", None),
            ("0.25", "0.2", "as printed"),  # a half may go either way
            ("0.25", "0.3", "as printed"),
            ("0.0385", "0.03", None),  # one digit left is too few to cut off
            ("-0.00966", "-0.0096", "as printed, cut off and not rounded"),
            ("-0.00966", "-0.0095", None),
        ],
    )
    def test_rounded_and_cut_off(self, value, printed, expected):
        figure = Figure(Fraction(printed), claim.last_place(printed))
        assert arithmetic.printed_as(figure, Fraction(value), Fraction(value)) == expected

    def test_a_value_known_to_the_rounding_of_its_parts(self):
        # 1 − 0.01627/0.02593 = 37.254 %, yet 37.26 % is possible: the SDs are themselves rounded.
        assert verdict("a5m.mobilenet.sd_reduction_text") == "arithmetic ok"
        value, low, high = arithmetic.evaluate(
            CLAIMS["a6.mobilenet.sd_reduction"], CLAIMS["a6.mobilenet.sd_reduction"].parameters, CLAIMS
        )
        assert low < value < high
        assert float(value) == pytest.approx(1 - 0.01627 / 0.02593)

    def test_the_end_of_a_rounding_does_not_meet_a_bound(self):
        one = CLAIMS["s42.deit.p70.within"]
        half = Fraction(1, 200)
        assert arithmetic.agrees(one, half, half) == "within the bound"
        assert arithmetic.agrees(one, half, 2 * half) is None  # 81.90 − 81.39 is more than 0.50, if barely


class TestMargins:
    def figure(self, text, scale=Fraction(1, 100)):
        return Figure(Fraction(text) * scale, claim.last_place(text) * scale)

    def test_bounds_of_the_audit(self):
        # N5: 58.2 with maximum 60.1 over 20 runs leaves [0.110 d, 2.093 d], d = 1.9 points, here with rounding.
        exact = [Figure(Fraction(text) / 100, Fraction(0)) for text in ("58.2", "60.1")]
        least, greatest = margins.margin_bounds(*exact, 20)
        assert (100 * least, 100 * greatest) == (pytest.approx(0.209, abs=1e-3), pytest.approx(3.977, abs=1e-3))

    @pytest.mark.parametrize(("extreme", "bound"), [([1.0] + [0.0] * 4, 0), ([1.0] * 4 + [-4.0], 1)])
    def test_the_bounds_are_reached(self, extreme, bound):
        mean, maximum = Fraction(sum(extreme)) / 5, Fraction(max(extreme))
        bounds = margins.margin_bounds(Figure(mean, Fraction(0)), Figure(maximum, Fraction(0)), 5)
        assert margin_of_error(extreme) == pytest.approx(bounds[bound])

    def test_units(self):
        mean, maximum = self.figure("58.7"), self.figure("60.9")
        one = Fraction(1)
        assert margins.feasible_units(self.figure("0.050", one), mean, maximum, 20) == []
        assert margins.feasible_units(self.figure("0.005", one), mean, maximum, 20) == ["a fraction"]
        assert margins.feasible_units(self.figure("0.5", one), mean, maximum, 20) == ["points"]

    def test_the_column_of_table_a4_would_need_dozens_of_runs(self):
        names = ("dense", "scratch", "p999")
        maxima = ("t1.vgg.dense.top1", "a4.vgg.scratch.max_acc", "a4.vgg.p999.max_acc")
        rows = [
            (CLAIMS[f"a4.vgg.{name}.moe"].figure, CLAIMS[f"a4.vgg.{name}.mean_acc"].figure, CLAIMS[maximum].figure)
            for name, maximum in zip(names, maxima, strict=True)
        ]
        readings = margins.common_readings(rows, 60)
        assert {unit for unit, _ in readings} == {"points"}
        assert min(runs for _, runs in readings) == 44  # "several", says the paper

    def test_the_printed_p_is_exact_one_sided_of_30_pairs_and_nothing_else(self):
        p = CLAIMS["a6.mobilenet.wilcoxon_p"].figure
        found = {pairs: margins.rank_sums(p, pairs) for pairs in range(20, 31)}
        assert {pairs: sums for pairs, sums in found.items() if sums} == {30: [("one-sided", 78)]}


def test_every_choice_that_a_note_names_is_among_the_assumptions():
    tables = assumptions.read(Path(__file__).parents[3] / assumptions.PAGE).values()
    known = {number for table in tables for number in table["No."]}
    named = {number for one in CLAIMS.values() for number in re.findall(r"\b[UNBCDEF]\d{1,2}\b", one.note)}
    assert named
    assert named <= known
