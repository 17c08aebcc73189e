"""Table A1: optimizer, epochs, learning rate and batch size, as the paper prints them and as the studies have them."""

from collections.abc import Mapping
from decimal import Decimal

import pandas as pd

from analysis.claims.claim import Claim, read
from analysis.claims.settings import optimizers
from analysis.study_results import Source
from analysis.tables.printed import PAPER, cell
from nist.studies.study import Study

TITLE = "Training settings"

MODELS = {  # by name of the studies' model: the paper's name, and those in the ids of its claims
    "lenet5": ("LeNet-5", "lenet5", "lenet5"),
    "alexnet": ("AlexNet", "alexnet", "alexnet"),
    "vgg16": ("VGG16", "vgg16", "vgg"),
    "mobilenetv1": ("MobileNetV1", "mobilenetv1", "mobilenet"),
    "deit_small": ("DeiT_small", "deit_small", "deit"),
}


def build(given: list[Source]) -> pd.DataFrame:
    """A row as printed for every model, and one for each of its studies below it; text, and no runs needed."""
    claims, rows = read(), []
    for network, (name, model, experiment) in MODELS.items():
        studies = [source.study for source in given if source.study.content["model"]["name"] == network]
        if studies:
            rows.append({"Model": name, "Source": PAPER, **_printed(model, experiment, claims)})
        rows += [{"Model": name, "Source": study.name, **_settings(study)} for study in studies]
    return pd.DataFrame(rows)


def _printed(model: str, experiment: str, claims: Mapping[str, Claim]) -> dict:
    rate = cell(claims, f"a1.{model}.lr")
    keys = {"lr_min": "lr_min", "warmup_lr_init": "warmup_init", "warmup_t": "warmup", "cycle_decay": "cycle_decay"}
    schedule = {key: cell(claims, f"a1.{model}.{name}") for key, name in keys.items()}
    return {
        "Optimizer": claims[f"a1.{model}.optimizer"].printed,
        "Epochs": cell(claims, f"a1.{experiment}.epochs"),
        "LR": _cosine(rate, schedule) if all(schedule.values()) else rate,
        "Batch size": cell(claims, f"a1.{model}.batch"),
    }


def _settings(study: Study) -> dict:
    training = study.content["training"]
    rate, schedule = _number(training["optimizers"][0]["learning_rate"]), training["schedule"]
    constant = schedule == "constant"
    keys = ("lr_min", "warmup_lr_init", "warmup_t", "cycle_decay")
    return {
        "Optimizer": optimizers(study),
        "Epochs": str(training["epochs"]),
        "LR": rate if constant else _cosine(rate, {key: _number(schedule[key]) for key in keys}),
        "Batch size": str(training["batch_size"]),
    }


def _cosine(rate: str, schedule: Mapping[str, str]) -> str:
    options = ", ".join(f"{name}={value}" for name, value in schedule.items())
    return f"CosineLRScheduler(initial_lr={rate}, {options})"


def _number(value: float) -> str:
    return f"{Decimal(str(value)):f}"
