"""Linear layers that transformers writes in its own way, in models made from a configuration: nothing is downloaded."""

import copy
import pickle

import pytest
import torch

from nist import audit, densify, prune, reform, sparsify, summary
from nist.sparse.kernels import FORMS

transformers = pytest.importorskip("transformers")
IDS = torch.randint(90, (2, 12), generator=torch.Generator().manual_seed(0))


def gpt2():
    torch.manual_seed(0)
    sizes = {"n_embd": 32, "n_layer": 1, "n_head": 4, "n_positions": 16, "bos_token_id": 1, "eos_token_id": 2}
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=90, **sizes)).eval()


def mixtral(implementation="grouped_mm"):
    torch.manual_seed(0)
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    sizes = {"hidden_size": 32, "intermediate_size": 24, "num_hidden_layers": 1, "num_local_experts": 4}
    config = transformers.MixtralConfig(vocab_size=90, max_position_embeddings=16, **heads, **sizes)
    model = transformers.MixtralForCausalLM(config).eval()
    model.set_experts_implementation(implementation)
    return model


def transposed():
    """The same experts as gpt-oss lays them out."""
    torch.manual_seed(0)
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_local_experts": 4}
    config = transformers.GptOssConfig(vocab_size=90, max_position_embeddings=16, pad_token_id=0, **heads, **sizes)
    return transformers.GptOssForCausalLM(config).eval()


def steps(model, optimizer, n):
    for _ in range(n):
        optimizer.zero_grad()
        model(IDS, labels=IDS).loss.backward()
        optimizer.step()


@pytest.mark.parametrize("form", FORMS)
def test_the_layers_of_gpt2_are_trained_pruned_and_made_plain_again(form):
    model = gpt2()
    dense = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    steps(model, optimizer, 1)
    model.load_state_dict(dense)
    sparsify(model, density=0.25, include="transformer.h.*", form=form, optimizer=optimizer)
    layer = model.transformer.h[0].attn.c_attn
    assert (layer.in_features, layer.out_features) == (32, 96)
    assert layer.weight.shape == (32, 96)
    assert torch.equal(layer.weight, dense["transformer.h.0.attn.c_attn.weight"] * (layer.weight != 0))
    steps(model, optimizer, 2)
    prune(model, 0.9, optimizer)
    steps(model, optimizer, 1)
    plain = densify(model)
    assert type(plain.transformer.h[0].attn.c_attn) is transformers.pytorch_utils.Conv1D
    torch.testing.assert_close(plain(IDS).logits, model(IDS).logits, rtol=1e-4, atol=1e-5)
    before = plain.state_dict()
    other = sparsify(gpt2(), density=0.25, include="transformer.h.*", form=form)
    other.load_state_dict(model.state_dict())
    torch.testing.assert_close(other(IDS).logits, model(IDS).logits, rtol=1e-4, atol=1e-5)
    other.load_state_dict(before)  # a dense one, into what is pruned
    torch.testing.assert_close(other(IDS).logits, model(IDS).logits, rtol=1e-4, atol=1e-5)


def test_the_tied_head_of_gpt2_is_refused_with_its_remedy():
    with pytest.raises(ValueError, match=r"the weight of lm_head is shared with transformer\.wte: exclude it"):
        sparsify(gpt2(), density=0.5)
    assert len(audit(sparsify(gpt2(), density=0.5, exclude="lm_head"))) == 4


@pytest.mark.parametrize("implementation", ["eager", "batched_mm", "grouped_mm"])
def test_fused_experts_have_a_band_each_and_are_pruned_with_the_other_layers(implementation):
    model = mixtral(implementation)
    dense = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.warns(UserWarning, match=r"left dense: model\.layers\.0\.mlp\.gate$"):
        sparsify(model, density=0.25, include="model.layers.*", split={"*.gate_up_proj": 2})
    rows = {row.layer.removeprefix("model.layers.0."): (row.shape, row.active) for row in summary(model)}
    assert rows["mlp.experts.nist_gate_up_proj"] == ("4 × (32 → 48)", 4 * 32 * 2 * 6)
    assert rows["mlp.experts.nist_down_proj"] == ("4 × (24 → 32)", 4 * 24 * 8)
    weight = model.model.layers[0].mlp.experts.gate_up_proj
    assert weight.shape == (4, 48, 32)
    assert torch.equal(weight, dense["model.layers.0.mlp.experts.gate_up_proj"] * (weight != 0))
    assert torch.equal(weight[2], weight.clone()[2])
    reform(model, "banded")  # all layers but the experts, whose module multiplies itself
    assert torch.equal(model.model.layers[0].mlp.experts.gate_up_proj[2], weight[2])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    steps(model, optimizer, 2)
    kept = prune(model, 0.9, optimizer)
    steps(model, optimizer, 2)
    plain = densify(model)
    torch.testing.assert_close(plain(IDS).logits, model(IDS).logits)
    assert plain.state_dict().keys() == dense.keys()
    assert "NIST" not in type(plain.model.layers[0].mlp.experts).__name__
    assert kept == sum(int((value != 0).sum()) for name, value in plain.state_dict().items() if "proj" in name)


def test_a_model_with_fused_experts_is_copied_pickled_saved_and_loaded():
    def sparse():
        return sparsify(mixtral(), density=0.25, include=["model.layers.*.self_attn.*", "*.experts.*"])

    model, dense = sparse(), mixtral().state_dict()
    prune(model, 0.9)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other(IDS).logits, model(IDS).logits)
        other.model.layers[0].mlp.experts.nist_down_proj.stored.data.zero_()
        assert not torch.equal(other(IDS).logits, model(IDS).logits)
    other = sparse()
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(IDS).logits, model(IDS).logits)
    other = sparse()
    assert not any(other.load_state_dict(dense))
    assert torch.equal(other(IDS).logits, sparse()(IDS).logits)
    restored = densify(other)
    assert not any(restored.load_state_dict(dense))
    assert torch.equal(restored(IDS).logits, mixtral()(IDS).logits)


def test_transposed_experts_are_laid_out_as_their_module_reads_them():
    model = transposed()
    dense = model.state_dict()["model.layers.0.mlp.experts.gate_up_proj"].clone()
    sparsify(model, density=0.25, include="*.experts.*")
    weight = model.model.layers[0].mlp.experts.gate_up_proj
    assert weight.shape == (4, 32, 64)
    assert torch.equal(weight, dense * (weight != 0))
    assert (weight != 0).sum(2).unique().tolist() == [16]  # outputs an input
    torch.testing.assert_close(densify(model)(IDS).logits, model(IDS).logits)
