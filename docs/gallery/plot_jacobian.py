"""
Softmax's Jacobian
==================

diag(a) - a aᵀ: each column sums to 0, since probabilities always sum to 1.
"""

import matplotlib.pyplot as plt
import numpy as np

import ogive

logits = np.array([2.0, 1.0, 0.5, 0.0, -1.0])
a = ogive.softmax(logits)
J = ogive.jacobian.softmax(logits)
assert np.allclose(J, np.diag(a) - np.outer(a, a))

figure, ax = plt.subplots(figsize=(5, 4), layout="constrained")
image = ax.imshow(J, cmap="RdBu", vmin=-0.25, vmax=0.25)
for (i, j), value in np.ndenumerate(J):
    ax.text(j, i, f"{value:.3f}", ha="center", va="center", fontsize=9)
ax.set(xlabel="logit j", ylabel="probability i")
figure.colorbar(image)
plt.show()
