"""
Softmax, and two functions that give exact zeros
================================================

The first probability of a row (x, 0, 0), and the temperature's effect on softmax.
"""

import matplotlib.pyplot as plt
import numpy as np

import ogive

x = np.linspace(-5, 5, 401)
rows = np.stack([x, 0 * x, 0 * x], axis=1)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
for name in ("softmax", "entmax15", "sparsemax"):
    left.plot(x, getattr(ogive, name)(rows)[:, 0], label=name)
for temperature in (0.25, 1, 4):
    y = ogive.softmax(rows, temperature=temperature)[:, 0]
    right.plot(x, y, label=f"temperature {temperature}")
for ax in (left, right):
    ax.set(xlabel="x")
    ax.legend()
left.set(ylabel="first probability")
plt.show()
