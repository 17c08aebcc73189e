"""The prune as a callback of Lightning; needs ``lightning`` or ``pytorch_lightning``."""

from typing import Any

from nist.integrations.callback import Pruning

try:
    import lightning.pytorch as framework
except ImportError:
    import pytorch_lightning as framework  # type: ignore[no-redef]


class PruneCallback(framework.Callback):
    """Prune the NIST layers of a module once, at the end of a training epoch.

    ``settings`` as those of ``nist.PruneOnce``: ``sparsity`` with ``epoch``, or with ``plateau`` and ``share``; then
    ``monitor`` is the name under which the module logs its validation accuracy, a fraction.
    """

    def __init__(self, sparsity: float, monitor: str = "val_acc", **settings: Any) -> None:
        self.pruning, self.monitor = Pruning({"sparsity": sparsity, **settings}), monitor

    def on_train_start(self, trainer: framework.Trainer, pl_module: framework.LightningModule) -> None:
        """Called by Lightning. Raises ``ValueError`` where a prune could not be followed."""
        self.pruning.check(pl_module, trainer.optimizers)

    def on_train_epoch_end(self, trainer: framework.Trainer, pl_module: framework.LightningModule) -> None:
        """Called by Lightning after the epoch's validation."""
        accuracy = trainer.callback_metrics.get(self.monitor)
        value = None if accuracy is None else float(accuracy)
        self.pruning.at(pl_module, trainer.current_epoch + 1, value, trainer.optimizers)
