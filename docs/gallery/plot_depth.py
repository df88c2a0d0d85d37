"""
Gradients by depth, before training
===================================

What one batch of a network of 50 layers would send back to each layer, predicted from the formula
alone, with He's initialisation.
"""

import matplotlib.pyplot as plt
import numpy as np

import ogive

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name in ("relu", "gelu", "silu", "tanh", "sigmoid"):
    found = ogive.predict.network(name, depth=50, init="he")
    ax.semilogy(np.asarray(found.gradient), label=name)
ax.set(xlabel="layer", ylabel="mean squared gradient, last layer = 1", ylim=(1e-30, 1e4))
ax.legend()
plt.show()

# %%
# What would hold them, and how far it goes:

for name in ("relu", "gelu", "sigmoid"):
    print(ogive.predict.advise(name, depth=50))
