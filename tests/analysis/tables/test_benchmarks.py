import pandas as pd
import pytest
from matplotlib import pyplot as plt

from analysis import measured
from analysis.figures import crossover, deployment
from analysis.tables import deployment as deployment_table
from analysis.tables import layers as layers_table
from analysis.tables import trainer
from nist.benchmarks.results_file import write

WHERE = {"kind": "cpu", "device": "a processor", "threads": "2", "torch": "2", "measured": "2026-01-02T03:04:05+00:00"}

TRAINER = {
    "network": "lenet5",
    "variant": "dense",
    "candidate": "ours",
    "images": 6400,
    "seed_epochs_a_second": 2.0,
    "ours_over_this": 1.0,
    "share_of_floor": 0.5,
    "peak_bytes": 1e9,
}


def layers():
    """One shape at two factors: banded is fastest and chosen at k = 1, and at k = 10 masked is, and banded chosen."""
    shape = {"network": "net", "n_in": 40, "n_out": 20, "rows": 8, "kept": 1.0, "peak_bytes": 1}
    times = {1: {"linear": 0.1, "masked": 4.0, "banded": 1.0}, 10: {"linear": 0.1, "masked": 2.0, "banded": 2.5}}
    return [
        {
            **shape,
            "k": k,
            "candidate": name,
            "total_ms": ms,
            "masked_over_this": case["masked"] / ms,
            "chosen": name == "banded",
        }
        for k, case in times.items()
        for name, ms in case.items()
    ]


def test_the_fastest_form_of_every_case_and_what_the_choice_costs():
    best = crossover.fastest(pd.DataFrame(layers()))
    assert best[["k", "candidate", "masked_over_this", "choice"]].to_numpy().tolist() == [
        [1, "banded", 4.0, "banded"],
        [10, "masked", 1.0, "banded"],
    ]
    assert best["regret"].tolist() == pytest.approx([0, 0.25])


def test_the_map_shows_them():
    figure, axes = plt.subplots()
    crossover.plot(crossover.fastest(pd.DataFrame(layers())), axes)
    assert [text.get_text() for text in axes.texts] == ["banded 4×", "masked 1×\nchosen: banded +25%"]
    plt.close(figure)


def test_the_command_writes_what_it_says(tmp_path):
    steps = [row | {"forward_ms": 1.0, "backward_ms": 1.0, "step_ms": 1.0} for row in layers()]
    write(tmp_path / "layers.parquet", steps, WHERE | {"bytes_a_second": "1e9"})
    write(tmp_path / "trainer.parquet", [TRAINER], WHERE)
    write(tmp_path / "deployment.parquet", heads(), WHERE)
    rows = [
        {
            "network": "net",
            "widths": [40, 20, 10],
            "factors": [1, 2],
            "rows": 8,
            "candidate": name,
            "total_ms": ms,
            "masked_over_this": 4 / ms,
            "peak_bytes": peak,
        }
        for name, ms, peak in (("linear", 2.0, 600), ("masked", 4.0, 1000), ("nist", 0.5, 15))
    ]
    write(tmp_path / "heads.parquet", rows, WHERE)
    measured.main([str(tmp_path), "--figures", str(tmp_path / "drawn"), "--tables", str(tmp_path)])
    assert "a processor, 2 threads" in (tmp_path / "drawn/crossover.svg").read_text()
    assert "Trainers: a processor, 2 threads" in (tmp_path / "trainer.md").read_text()
    table = pd.read_csv(tmp_path / "layers.csv")
    assert table["Form"].tolist()[:3] == ["linear", "masked", "banded (chosen)"]
    assert table["Speed over masked"].tolist()[2] == "4×"
    (row,) = pd.read_csv(tmp_path / "heads.csv").to_dict("records")
    assert (row["Head"], row["Factors"]) == ("net 40→20→10", "1, 2")
    assert (row["Speed over masked"], row["over dense"], row["of masked"], row["of dense"]) == (
        "8×",
        "4×",
        "1.5%",
        "2.5%",
    )


def heads():
    """A head before and after its prune: NIST takes a quarter of what others take, and gathering half of that."""
    ways = {
        "training": {"nist": 1, "masked": 4, "linear": 4, "gather": 0.5, "coo": 4, "unpruned": 2, "shrunk": 0.7},
        "inference": {"nist": 1, "eval": 2, "linear": 4, "torch csr": 4, "torch bsr": 8, "scipy csr": 0.5},
    }
    return [
        {
            "threads": threads,
            "network": "net",
            "sparsity": sparsity,
            "rows": 64,
            "rounds": 3,
            "part": part,
            "candidate": name,
            "ms": 2.0 * ratio / threads,
            "this_over_nist": ratio,
        }
        for sparsity in (None, 0.98)
        for threads in (1, 2)
        for part, candidates in ways.items()
        for name, ratio in candidates.items()
        if sparsity or name not in ("unpruned", "shrunk")
    ]


def test_heads_beside_other_ways():
    before, _, after, with_two = deployment_table.build(pd.DataFrame(heads()), WHERE).to_dict("records")
    assert (after["Threads"], with_two["Threads"], with_two["Training, ms"]) == ("1", "2", "1")
    assert (before["Stage"], after["Stage"], after["Training, ms"]) == ("before the prune", "98 %", "2")
    assert (after["training, over gathering"], after["inference, over torch CSR"]) == ("0.5×", "4×")
    assert [row["training, over itself unpruned"] for row in (before, after)] == ["–", "2×"]
    assert [row["training, over itself shrunk"] for row in (before, after)] == ["–", "0.7×"]
    figure = deployment.draw(pd.DataFrame(heads()), WHERE)
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["net, before the prune, 64 rows", "net, 98 %, 64 rows"]
    drawn = {line.get_label(): line.get_xydata().tolist() for axes in figure.axes for line in axes.lines}
    assert drawn["over gathering"] == drawn["over scipy CSR"] == [[0.5, 0], [0.5, 1]]
    assert drawn["over itself unpruned"] == [[2, 1]]
    plt.close(figure)


def test_the_table_of_trainers():
    slower = {"candidate": "script", "seed_epochs_a_second": 0.5, "ours_over_this": 4.0, "peak_bytes": 2e9}
    (ours, script) = trainer.build(pd.DataFrame([TRAINER, TRAINER | slower]), WHERE).to_dict("records")
    assert (ours["Trainer"], ours["Seed-epochs a second"], ours["Peak memory, MB"]) == ("ours", "2", "1,000")
    assert (script["Study"], script["Ours over this"]) == ("lenet5 dense", "4.00×")


def test_the_floor_counts_what_a_form_stores_and_what_passes_through():
    frame = pd.DataFrame(
        {
            "candidate": ["masked", "banded", "compressed"],
            "n_in": 100,
            "n_out": 50,
            "rows": 8,
            "k": 2,
            "kept": [1.0, 1.0, 0.1],
        }
    )
    through = 4 * 8 * 3 * 150
    expected = [40 * 5000 + through, 40 * 200 + through, 40 * 20 + through]
    assert layers_table.floor_ms(frame, 1e6).tolist() == pytest.approx([1e3 * bytes_ / 1e6 for bytes_ in expected])
