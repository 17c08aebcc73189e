"""Claims that are settings: does a study's YAML say what the paper prints? No run decides that."""

from collections.abc import Callable, Mapping
from typing import Any

from analysis.claims.claim import Claim
from analysis.claims.evidence import Evidence
from analysis.claims.outcome import Estimate, NotRun, Outcome, SetOtherwise
from nist.data.catalog import DATASETS
from nist.studies.study import Study

OPTIMIZERS = {"adam": "Adam", "sgd": "SGD", "adamw": "AdamW"}


def setting(claim: Claim, evidence: Evidence) -> Outcome:
    """A setting at ``path`` (keys joined by slashes) or named in ``MEASURES`` (``measure``), of every study in ``of``.

    ``adopted`` if the study has it as printed. If it has not, and the claim ``against`` prints something else, the
    paper contradicts itself: ``arithmetic wrong``. Else ``not run``, as where the study is not there.
    """
    try:
        return Outcome("adopted", "the study is set up as printed", Estimate(_adopted(claim, evidence)))
    except NotRun:
        other = evidence.claims.get(claim.parameters.get("against", ""))
        if other is None or other.printed == claim.printed:
            raise
        reason = f"{other.source} prints {other.printed}, which is adopted"
        return Outcome("arithmetic wrong", reason, Estimate(other.printed))


def _adopted(claim: Claim, evidence: Evidence) -> Any:
    """The studies' setting, if it is the printed one. Raises ``NotRun`` if not, or if a study is not there."""
    parameters = claim.parameters
    for name in parameters.get("of", claim.study).split():
        experiment = evidence.studies.get(name)
        if experiment is None:
            raise NotRun(f"config/studies/{name}.yaml is not there")
        measure = parameters.get("measure")
        ours = MEASURES[measure](experiment) if measure else at(experiment, parameters["path"])
        if ours is None:
            raise NotRun(f"{name} has no {measure or parameters['path']}")
        if not _same(claim, ours):
            raise SetOtherwise(f"{name} is set up otherwise: {measure or parameters['path']} is {ours}")
    return ours


def at(experiment: Study, path: str) -> Any:
    """What stands at ``path`` of a study's YAML, or ``None``."""
    value = experiment.content
    for key in path.split("/"):
        try:
            value = value[int(key)] if isinstance(value, list) else value[key]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return value


def _input_shape(experiment: Study) -> str | None:
    dataset = DATASETS.get(experiment.content["data"]["dataset"])
    size = experiment.content["data"]["image_size"]
    return f"{size}x{size}x{dataset.shape[2]}" if dataset else None


def _head_units(experiment: Study) -> str:
    sizes = next(iter(experiment.variants.values()))["sizes"]
    return "->".join(map(str, [experiment.content["model"]["head"]["n_in"], *sizes]))


def optimizers(experiment: Study) -> str:
    """A study's optimizers, one after the other, as Table A1 prints them: ``Adam + SGD(momentum=0.9)``."""
    return " + ".join(_optimizer(stage) for stage in experiment.content["training"]["optimizers"])


def _optimizer(stage: Mapping[str, Any]) -> str:
    options = {"momentum": stage.get("momentum"), "wd": stage["weight_decay"]}
    given = ", ".join(f"{name}={value:g}" for name, value in options.items() if value)
    return OPTIMIZERS[stage["name"]] + (f"({given})" if given else "")


MEASURES: dict[str, Callable[[Study], object]] = {
    "runs": lambda experiment: len(experiment.seeds),
    "input_shape": _input_shape,
    "head_units": _head_units,
    "optimizers": optimizers,
    "classes": lambda experiment: next(iter(experiment.variants.values()))["sizes"][-1],
}


def _same(claim: Claim, ours: Any) -> bool:
    if isinstance(ours, str):
        return ours == claim.printed
    first, last = claim.figure.rounded
    return first <= ours <= last
