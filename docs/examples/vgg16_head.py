"""The head of timm's VGG16 with the paper's factors, and the prune after an epoch.
Random images and labels stand in for yours."""

import timm
import torch

import nist

torch.manual_seed(0)
images, labels = torch.randn(2, 3, 224, 224), torch.tensor([3, 7])

model = timm.create_model("vgg16", num_classes=100)  # or pretrained=True
nist.sparsify(
    model,
    factors=[1, 2, 100],
    include=["pre_logits.fc*", "head.fc"],  # two convolutions over a whole map
    channels_last={"pre_logits.fc1": 512},  # as the paper flattens that map
    rows=2,  # images a batch
)
print(nist.summary(model))

optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
prune = nist.PruneOnce(model, sparsity=0.999, epoch=1)
for epoch in (1, 2):
    loss = torch.nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if kept := prune(epoch, optimizer=optimizer):
        print(f"epoch {epoch}: pruned to {kept:,} weights")
