"""The rule of costs, scaled to the machine at hand."""

import pytest
import torch
import yaml

import nist
from nist import NISTLinear, reform
from nist.benchmarks import calibrate
from nist.sparse import cost_model
from nist.sparse.kernels import FORMS
from nist.sparse.mask import Band

BAND = Band(1024, 1024, 10)
WAYS = (*FORMS, "gathered")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    yield tmp_path / "nist"
    cost_model.table.cache_clear()


def predicted():
    """Seconds by form, and of a layer that is gathered."""
    whole = {form: cost_model.seconds(form, BAND, BAND.n_weights, 64, "cpu") for form in FORMS}
    return {**whole, "gathered": cost_model.seconds("compressed", BAND, 100, 64, "cpu")}


def test_it_measures_once_a_machine_and_scales_what_is_predicted(home, monkeypatch):
    before = predicted()
    torch.manual_seed(0)
    ratios = nist.calibrate(0.01, "cpu")
    drawn = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(1))
    assert predicted() == {way: pytest.approx(ratios[way] * seconds) for way, seconds in before.items()}
    assert all(0 < ratio < float("inf") for ratio in ratios.values())
    monkeypatch.setattr(calibrate, "_ratios", None)  # what is kept is not measured again, nor scaled twice
    assert nist.calibrate(device="cpu") == ratios
    assert cost_model.seconds("masked", BAND, BAND.n_weights, 64, "cpu") == pytest.approx(
        ratios["masked"] * before["masked"]
    )


def test_another_number_of_threads_is_another_machine_and_a_damaged_file_is_measured_again(home, monkeypatch):
    seen = []

    def measured(device, seconds):
        seen.append(cost_model.seconds("masked", BAND, BAND.n_weights, 64, "cpu"))
        return dict.fromkeys(WAYS, 2.0)

    monkeypatch.setattr(calibrate, "_ratios", measured)
    nist.calibrate(device="cpu")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 99)
    nist.calibrate(device="cpu")
    for path in home.iterdir():
        path.write_text("masked: [", encoding="utf-8")
    assert nist.calibrate(device="cpu") == dict.fromkeys(WAYS, 2.0)
    assert len(seen) == 3
    assert seen[0] == seen[1] == seen[2]  # predicted as fitted, whatever an earlier call has scaled


def test_automatic_layers_choose_by_it(home, monkeypatch):
    layer = NISTLinear(1024, 1024, 10)
    assert layer.form != "masked"
    monkeypatch.setattr(calibrate, "_ratios", lambda device, seconds: dict.fromkeys(WAYS, 1e6) | {"masked": 1e-6})
    nist.calibrate(device="cpu")
    assert reform(layer).form == NISTLinear(1024, 1024, 10).form == "masked"
    assert [yaml.safe_load(path.read_text())["masked"] for path in home.iterdir()] == [1e-6]


def test_ratios_to_other_coefficients_are_measured_anew(home, monkeypatch, tmp_path):
    monkeypatch.setattr(calibrate, "_ratios", lambda device, seconds: dict.fromkeys(WAYS, 2.0))
    nist.calibrate(device="cpu")
    costs = tmp_path / "costs.yaml"
    costs.write_text(cost_model.COEFFICIENTS.read_text(encoding="utf-8") + "# fitted anew\n", encoding="utf-8")
    monkeypatch.setattr(cost_model, "COEFFICIENTS", costs)
    nist.calibrate(device="cpu")
    assert len([*home.iterdir()]) == 2
