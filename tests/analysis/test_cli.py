"""Statistics of one process share what they read, until a file changes."""

import yaml

from analysis import cli
from analysis.metrics import runs


def test_a_study_is_read_once_until_its_file_changes(study_content, load_study):
    path = str(load_study(study_content).path)

    def given():
        return cli.parser("x", "y", "z").parse_args(["--study", path, "in", "-o", "out"]).study

    assert given() is given()
    study_content["seeds"] = "0-98"
    with open(path, "w", encoding="utf-8") as file:
        yaml.safe_dump(study_content, file)
    assert len(given().seeds) == 99


def test_metrics_are_read_anew_once_their_file_changes(metrics_file):
    assert runs.read([metrics_file("m", [[0.1, 0.2]])])["val_accuracy"].tolist() == [0.1, 0.2]
    assert runs.read([metrics_file("m", [[0.1, 0.3]])])["val_accuracy"].tolist() == [0.1, 0.3]
