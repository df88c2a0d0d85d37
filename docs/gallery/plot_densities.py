"""
What an activation does to a normal input
=========================================

The same million standard normal numbers go through six functions. What piles up at one place
cannot be told apart by the next layer.
"""

import matplotlib.pyplot as plt
import numpy as np

import ogive

z = np.random.default_rng(0).normal(size=1_000_000).astype(np.float32)
names = ("relu", "gelu", "selu", "tanh", "sigmoid", "softsign")
figure, axes = plt.subplots(2, 3, figsize=(9, 5), sharex=True, layout="constrained")
for name, ax in zip(names, axes.flat, strict=True):
    y = getattr(ogive, name)(z)
    ax.hist(y, bins=np.linspace(-2, 3, 101), density=True)
    ax.axvline(float(y.mean()), color="C1", label=f"mean {y.mean():.2f}")
    ax.set(title=name, ylim=(0, 3))
    ax.legend()
plt.show()
