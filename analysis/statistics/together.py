"""Every statistic of a study but the calibration and what needs it, in one process.

Each is a command of its own, ``python -m analysis.statistics.wilson`` and so on; started one by one they would spend
most of their time on reading the same metrics and importing the same libraries.
"""

from importlib import import_module
from pathlib import Path

from analysis import command
from nist import digest, metrics_file
from nist.errors import InputError, run
from nist.studies.study import Study

METRICS = "metrics"
# What each reads: the metrics, or statistics that stand above it.
INPUTS = {
    "learning_curve": [METRICS],
    "epochwise_sd": [METRICS],
    "overfitting_gap": [METRICS],
    "accuracy": [METRICS],
    "epochs_to_converge": [METRICS],
    "auc_sd": ["epochwise_sd"],
    "wilcoxon": ["epochwise_sd"],
    "wilson": ["epochwise_sd"],
    "cost": [METRICS],
    "readings": [METRICS],
    "sd_permutation": [METRICS],
    "run_bootstrap": [METRICS],
    "simultaneous_band": [METRICS],
    "brown_forsythe": ["readings"],
    "superiority": ["readings"],
    "paired_difference": ["readings"],
    "equivalence": ["readings"],
    "epochs_to_accuracy": [METRICS],
    "gap_at_accuracy": [METRICS],
    "power": [METRICS],
    "unreached_outputs": [METRICS],
    "training_cost": [METRICS],
    "distributionwise_variance": [METRICS],
    "churn": [METRICS],
}
ELSEWHERE = {"cost": "analysis.cost"}
OPTIONS = {"cost": ["--epochs-to-converge", "epochs_to_converge"]}


def compute(study: Study, metrics: list[Path], folder: Path) -> None:
    """Write every statistic of ``study`` as a CSV file in ``folder``.

    Raises ``InputError`` as the statistics do.
    """
    files = {name: folder / f"{name}.csv" for name in INPUTS}
    for name, inputs in INPUTS.items():
        read = [path for one in inputs for path in (metrics if one == METRICS else [files[one]])]
        options = [files.get(word, word) for word in OPTIONS.get(name, [])]
        module = import_module(ELSEWHERE.get(name, f"analysis.statistics.{name}"))
        module.main(list(map(str, ["--study", study.path, *read, *options, "-o", files[name]])))


def check_current(study: Study, metrics: list[Path]) -> None:
    """Raise ``InputError`` that names the first file of another configuration than any of the study's has now.

    Snakemake takes one for made anew that it has put back, when the job that was to replace it failed. What is no
    metrics file is left to the statistics.
    """
    current = {digest.of_configuration(study.configuration(variant)) for variant in study.variants}
    for path in metrics:
        found = metrics_file.stated_digest(path)
        if found and found not in current:
            raise InputError(
                f"{path}: of another configuration than {study.path} has now; remove it, to train it again"
            )


def main(argv: list[str] | None = None) -> None:
    """Compute every statistic of a study, in one process."""
    arguments = command.parser("analysis.statistics.together", main.__doc__, "metrics files").parse_args(argv)
    check_current(arguments.study, arguments.inputs)
    compute(arguments.study, arguments.inputs, arguments.output)


if __name__ == "__main__":
    run(main)
