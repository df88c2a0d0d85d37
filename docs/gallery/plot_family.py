"""
The family
==========

Every elementwise function of the catalog with its derivative, on the range of pre-activations in a
healthy network.
"""

import matplotlib.pyplot as plt
import numpy as np

import ogive

x = np.linspace(-6, 6, 481)
cards = ogive.catalog("unary")
figure, axes = plt.subplots(5, 6, figsize=(11, 8), sharex=True, layout="constrained")
for card, ax in zip(cards, axes.flat, strict=False):
    ax.plot(x, getattr(ogive, card.name)(x), label="f")
    ax.plot(x, getattr(ogive.derivative, card.name)(x), label="f′")
    ax.set(title=card.name, ylim=(-2, 4))
    ax.axhline(0, color="grey", linewidth=0.5)
    ax.axvline(0, color="grey", linewidth=0.5)
axes.flat[0].legend()
plt.show()
