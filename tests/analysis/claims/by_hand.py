"""Claims and evidence made by hand, and the verdict that follows."""

from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.claims import claim, ledger
from analysis.claims.claim import Claim, Parameters
from analysis.claims.evidence import Evidence

CLAIMS = claim.read()
STUDY = "lenet5-cifar10"
EPOCHS, IMAGES = 120, 50_000


def make(rule, parameters, printed="50", unit="%", variant="a", study_name=STUDY, identifier="x"):
    """A claim of its own, on variants a, b and c."""
    parsed = claim.parse(parameters, identifier)
    fields = {"source": "", "quantity": "", "kind": "empirical", "changed": Parameters({}, identifier), "note": ""}
    return Claim(
        id=identifier,
        study=study_name,
        variant=variant,
        printed=printed,
        unit=unit,
        rule=rule,
        parameters=parsed,
        **fields,
    )


def evidence(values=None, n=20, epochs=EPOCHS, images=IMAGES, diverged=0, more=(), **frames):
    """Evidence in which each variant has one (mean, sd) of peak accuracy, with runs as large as the paper's.

    Runs of two variants are not correlated.
    """
    values = values or {"a": (0.5, 0.01), "b": (0.5, 0.01), "c": (0.5, 0.01)}
    names = pd.DataFrame({"variant": list(values)})
    accuracy = names.assign(
        mean=[mean for mean, _ in values.values()],
        sd=[sd for _, sd in values.values()],
        max=[mean + 2 * sd for mean, sd in values.values()],
        n=n,
        n_diverged=diverged,
    )
    accuracy, scores = (
        pd.concat([frame.assign(score=score) for score in ("peak", "peak_final")], ignore_index=True)
        for frame in (accuracy, by_run(values, n, "accuracy"))
    )
    cost = names.assign(epochs=epochs, training_images=images)
    tables = {"accuracy": accuracy, "run_scores": scores, "cost": cost, **frames}
    return Evidence({one.id: one for one in more}, {}, {(STUDY, name): frame for name, frame in tables.items()})


def by_run(values, n, column):
    """One row a run of (mean, sd) by variant: the values have just these, and those of two variants no correlation."""
    waves = [np.cos(np.pi * (np.arange(n) + 0.5) * k / n) for k in range(1, len(values) + 1)]
    parts = []
    for wave, (variant, (mean, sd)) in zip(waves, values.items(), strict=True):
        spread = sd * wave / wave.std(ddof=1) if n > len(values) else np.zeros(n)
        parts.append(pd.DataFrame({"variant": variant, "seed": range(n), column: mean + spread}))
    return pd.concat(parts, ignore_index=True)


def decide(one, given):
    """The outcome, where one reading is all that was run: how far a contradiction reaches is ``test_readings``'s."""
    found = ledger.decide(one, replace(given, claims={**given.claims, one.id: one}))
    return replace(found, verdict=found.verdict.removesuffix(" as read"))


def curve(means, sd=0.01, n=20, variant="a", metric="val_accuracy"):
    epochs = range(1, len(means) + 1)
    return pd.DataFrame({"variant": variant, "metric": metric, "epoch": epochs, "mean": means, "sd": sd, "n": n})


def long(variant, curves):
    """Rows of the metrics contract that the statistics of spread read, from curves of shape (seeds, epochs)."""
    index = pd.MultiIndex.from_product([range(curves.shape[0]), range(1, curves.shape[1] + 1)], names=["seed", "epoch"])
    rows = index.to_frame(index=False).assign(study=STUDY, variant=variant, diverged=False, active_weights=1)
    return rows.assign(
        **dict.fromkeys(("train_accuracy", "val_accuracy"), curves.ravel()), train_loss=1.0, val_loss=1.0
    )
