"""The prune as a callback of the transformers ``Trainer``; needs ``transformers`` and ``accelerate``."""

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from nist.integrations.callback import Pruning


class PruneCallback(TrainerCallback):
    """Prune the NIST layers of a model once, at the end of an epoch, or at the evaluation that reaches a plateau.

    ``settings`` as those of ``nist.PruneOnce``: ``sparsity`` with ``epoch``, or with ``plateau`` and ``share``; then
    ``metric`` is the name of the evaluation's accuracy, a fraction.
    """

    def __init__(self, sparsity: float, metric: str = "eval_accuracy", **settings: Any) -> None:
        self.pruning, self.metric, self.is_training = Pruning({"sparsity": sparsity, **settings}), metric, False

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        """Called by the ``Trainer``. Raises ``ValueError`` where a prune could not be followed."""
        self.pruning.check(given["model"], ())
        self.is_training = True

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        """Called by the ``Trainer``, which evaluates later with the same optimizer."""
        self.is_training = False

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        """Called by the ``Trainer``."""
        optimizers = [each for each in [given.get("optimizer")] if each is not None]
        if "epoch" in self.pruning.settings:
            self.pruning.at(given["model"], int(state.epoch or 0), None, optimizers)

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        """Called by the ``Trainer``."""
        optimizers = [each for each in [given.get("optimizer")] if each is not None]
        if "plateau" in self.pruning.settings and self.is_training:
            accuracy = given["metrics"].get(self.metric)
            self.pruning.at(given["model"], int(state.epoch or 0), accuracy, optimizers)
