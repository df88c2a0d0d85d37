"""
What a confident row has to say
===============================

The gradient of cross-entropy at the label, for logits (gap, 0, 0). From a gap of 17 on
log(1 + 2e^-gap) is 0 in float32, unless it is computed as log1p.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

import ogive

gap = np.linspace(0, 40, 200).astype(np.float32)
z = np.stack([gap, 0 * gap, 0 * gap], axis=1)
labels = np.zeros(len(gap), int)
_, ours = ogive.value_and_grad.cross_entropy(z, labels, reduction="sum")

tensor = torch.from_numpy(z).requires_grad_()
torch.nn.functional.cross_entropy(tensor, torch.from_numpy(labels), reduction="sum").backward()
theirs = tensor.grad.numpy()

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.semilogy(gap, -ours[:, 0], label="Ogive", linewidth=4, alpha=0.4)
shown = theirs[:, 0] != 0
ax.semilogy(gap[shown], -theirs[shown, 0], label="torch, until it is 0")
ax.set(
    xlabel="gap between the first logit and the others", ylabel="minus the gradient at the label"
)
ax.legend()
plt.show()
