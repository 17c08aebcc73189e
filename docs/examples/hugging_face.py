"""A small GPT-2 of transformers: sparsified, pruned, saved, loaded, made dense again.
``GPT2LMHeadModel.from_pretrained`` would start from published weights."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from transformers import GPT2Config, GPT2LMHeadModel

import nist

torch.manual_seed(0)
config = GPT2Config(n_embd=64, n_layer=2, n_head=4)
tokens = torch.randint(config.vocab_size, (4, 12))


def sparse_gpt2():
    model = GPT2LMHeadModel(config).eval()
    blocks, fused = "transformer.h.*", {"*.c_attn": 3}
    return nist.sparsify(model, density=0.25, include=blocks, split=fused)


model = sparse_gpt2()  # and train it for some epochs
kept = nist.prune(model, sparsity=0.9)
print(f"pruned to {kept:,} of {nist.summary(model).total.dense:,} weights")

with TemporaryDirectory() as folder:
    path = Path(folder) / "gpt2.pt"
    torch.save(model.state_dict(), path)
    again = sparse_gpt2()
    again.load_state_dict(torch.load(path))

plain = nist.densify(again)  # layers of transformers' own, with zeros, for any exporter
with torch.no_grad():
    same = torch.allclose(plain(tokens).logits, model(tokens).logits, atol=1e-5)
print(f"{type(plain.transformer.h[0].mlp.c_fc).__name__} again, with the same logits: {same}")
