"""A small DeiT: half of the weights of its blocks at the start, 30 % after the prune.
timm's ``deit_small_patch16_224`` takes the same calls; this one trains in seconds."""

import torch
from timm.models import VisionTransformer

import nist

torch.manual_seed(0)
images, labels = torch.randn(8, 3, 32, 32), torch.arange(8)

model = VisionTransformer(
    img_size=32,
    patch_size=8,
    embed_dim=96,
    depth=2,
    num_heads=3,
    num_classes=10,
)
nist.sparsify(
    model,
    density=0.5,
    include="blocks.*",  # the classifier stays dense
    split={"*.qkv": 3},  # q, k and v, which are one layer, have a band each
    scheme="even",  # no output is left without an input
    rows=8 * 17,  # images times tokens
)
print(nist.summary(model))

optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
prune = nist.PruneOnce(model, sparsity=0.7, epoch=3)
for epoch in range(1, 7):
    loss = torch.nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if kept := prune(epoch, optimizer=optimizer):
        print(f"epoch {epoch}: pruned to {kept:,} weights")
