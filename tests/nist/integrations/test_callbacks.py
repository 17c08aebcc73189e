"""The prune as a callback of training frameworks, in runs of a few batches."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from nist import NISTLinear, audit, reform, sparsify

X, Y = torch.randn(32, 12, generator=torch.Generator().manual_seed(0)), torch.arange(32) % 3


def network():
    torch.manual_seed(0)
    return sparsify(nn.Sequential(nn.Linear(12, 20), nn.ReLU(), nn.Linear(20, 3)), factors=[5, 3], form="banded")


def lightning_module():
    lightning = pytest.importorskip("lightning")

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.network, self.active = network(), []

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=0.01)

        def training_step(self, batch, _):
            return nn.functional.cross_entropy(self.network(batch[0]), batch[1])

        def validation_step(self, batch, _):
            self.log("val_acc", (self.network(batch[0]).argmax(1) == batch[1]).float().mean() * 0 + 0.5)

        def on_train_epoch_start(self):
            self.active.append(sum(row.active_weights for row in audit(self)))

    return lightning, Module()


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(
    ("settings", "active"),
    [({"epoch": 2}, [120, 120, 60]), ({"plateau": 0.8}, [120, 60, 60]), ({"plateau": 1.0, "share": 0.6}, [120] * 3)],
)
def test_lightning_prunes_at_the_end_of_an_epoch(settings, active, tmp_path):
    lightning, module = lightning_module()
    from nist.integrations.lightning import PruneCallback

    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), batch_size=16)
    trainer = lightning.Trainer(
        max_epochs=3,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
        callbacks=[PruneCallback(0.8, **settings)],
    )
    trainer.fit(module, data, data)
    assert module.active == active
    averages = [state["exp_avg"].shape for state in trainer.optimizers[0].state.values()]
    assert averages == [parameter.shape for parameter in module.parameters()]


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.network, self.active = network(), []

    def forward(self, x, labels):
        if self.training:
            self.active.append(sum(row.active_weights for row in audit(self)))
        logits = self.network(x)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(("settings", "active"), [({"epoch": 2}, [120, 120, 60]), ({"plateau": 0.8}, [120, 60, 60])])
def test_the_trainer_of_transformers_prunes_at_the_end_of_an_epoch(settings, active, tmp_path):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    from nist.integrations.transformers import PruneCallback

    model = Classifier()
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path),
        num_train_epochs=3,
        per_device_train_batch_size=16,
        eval_strategy="epoch",
        use_cpu=True,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
    data = [{"x": x, "labels": y} for x, y in zip(X, Y, strict=True)]
    trainer = transformers.Trainer(
        model,
        arguments,
        train_dataset=data,
        eval_dataset=data,
        compute_metrics=lambda _: {"accuracy": 0.5},
        callbacks=[PruneCallback(0.8, **settings)],
    )
    trainer.train()
    assert model.active[::2] == active
    assert [layer.form for layer in model.network if isinstance(layer, NISTLinear)] == ["compressed"] * 2
    held = trainer.optimizer.optimizer
    assert all(held.state[layer.stored]["exp_avg"].shape == layer.stored.shape for layer in model.network[::2])


def test_an_evaluation_after_training_prunes_nothing():
    pytest.importorskip("transformers")
    from nist.integrations.transformers import PruneCallback

    callback, model, state = PruneCallback(0.8, plateau=0.8), network(), SimpleNamespace(epoch=3)
    given = {"model": model, "optimizer": torch.optim.Adam(model.parameters()), "metrics": {"eval_accuracy": 0.5}}
    callback.on_train_begin(None, state, None, **given)
    callback.on_train_end(None, state, None, **given)
    callback.on_evaluate(None, state, None, **given)
    assert sum(row.active_weights for row in audit(model)) == 120
    callback.on_train_begin(None, state, None, **given)
    callback.on_evaluate(None, state, None, **given)
    assert sum(row.active_weights for row in audit(model)) == 60


def test_at_an_epoch_accuracy_may_be_anything():
    from nist.integrations.callback import Pruning

    pruning, model = Pruning({"sparsity": 0.8, "epoch": 2}), network()
    assert [pruning.at(model, epoch, accuracy, []) for epoch, accuracy in ((1, 87.3), (2, float("nan")))] == [None, 60]


def test_a_prune_that_could_not_be_followed_is_refused_before_any_training(tmp_path):
    from nist.integrations.callback import Pruning

    pruning, model = Pruning({"sparsity": 0.8, "epoch": 1}), network()
    each = [torch.optim.SGD(layer.parameters(), lr=0.1) for layer in (model[0], model[2])]
    with pytest.raises(ValueError, match="several optimizers train NIST layers"):
        pruning.check(model, each)
    pruning.check(model, each[:1])
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    try:
        with pytest.raises(ValueError, match=r"nist.reform\(model, 'masked'\) before training"):
            pruning.check(model, each[:1])
        automatic = reform(model)
        assert [layer.form for layer in automatic[::2]] == ["masked"] * 2  # until it is pruned
        with pytest.raises(ValueError, match=r"nist.reform\(model, 'masked'\) before training"):
            pruning.check(automatic, each[:1])
        pruning.check(reform(model, "masked"), each[:1])
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "give the epoch at which to prune"),
        ({"epoch": 0}, "epochs count from 1"),
        ({"epoch": 1, "scope": "x"}, "unknown scope"),
    ],
)
def test_settings_that_make_no_sense_are_refused_before_any_training(settings, message):
    from nist.integrations.callback import Pruning

    with pytest.raises(ValueError, match=message):
        Pruning({"sparsity": 0.8, **settings})
