"""``python -m analysis.statistics`` on the runs of several studies."""

import pytest

from analysis.statistics.__main__ import main
from nist import metrics_file
from nist.errors import InputError
from nist.studies import study

STUDIES = ("lenet5-digits", "mobilenetv1-digits")


@pytest.fixture
def metrics(tmp_path, make_rows, description):
    """Metrics files of two studies, two runs of every variant, in folders as the workflow has them."""
    paths = []
    for one in map(study.load, STUDIES):
        for variant in one.variants:
            rows = make_rows([[0.1, 0.4], [0.2, 0.6]], study=one.name, variant=variant)
            said = description((0, 1), 2, configuration=one.configuration(variant))
            paths.append(tmp_path / "metrics" / one.name / variant / "seeds0-1.parquet")
            metrics_file.write(paths[-1], rows, said)
    return [str(path) for path in paths]


def asked(folder, *names, only="accuracy"):
    return [*(f"--study={name}" for name in names), "-o", str(folder), "--only", only]


def written(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.csv")}


def test_several_studies_at_once_are_what_each_is_alone(metrics, tmp_path):
    main([*metrics, *asked(tmp_path / "together", *STUDIES), "--jobs", "2"])
    for name in STUDIES:
        main([*(path for path in metrics if f"/{name}/" in path), *asked(tmp_path / "alone", name)])
    assert written(tmp_path / "together") == written(tmp_path / "alone")
    assert written(tmp_path / "alone").keys() == {f"{name}/accuracy.csv" for name in STUDIES}


def test_what_is_wrong_in_a_process_of_its_own_is_said_as_in_this_one(metrics, tmp_path):
    with open(metrics[0], "r+b") as file:
        file.truncate(100)
    with pytest.raises(InputError, match=f"^{metrics[0]}: not a whole Parquet file"):
        main([*metrics, *asked(tmp_path, *STUDIES), "--jobs", "2"])


def test_metrics_of_no_study_and_a_study_of_no_metrics_are_named(metrics, tmp_path):
    with pytest.raises(InputError, match=f"^{metrics[0]}: in no study's folder"):
        main([*metrics, *asked(tmp_path, "mobilenetv1-digits", "lenet5-fmnist")])
    with pytest.raises(InputError, match="^--study lenet5-fmnist: no metrics files given"):
        main([*metrics, *asked(tmp_path, *STUDIES, "lenet5-fmnist")])
    with pytest.raises(InputError, match="^--jobs 0: give at least 1"):
        main([*metrics, *asked(tmp_path, *STUDIES), "--jobs", "0"])
