"""
Where the left tail is lost
===========================

GELU of a negative number is small, and not 0. The relative error of float32 results, against the
definition by erfc in float64.
"""

import math

import matplotlib.pyplot as plt
import numpy as np
import torch

import ogive

x = np.linspace(-13, -1, 600).astype(np.float32)
exact = np.array([float(v) * math.erfc(-float(v) / math.sqrt(2)) / 2 for v in x])
theirs = torch.nn.functional.gelu(torch.from_numpy(x)).numpy()


def error(result):
    return np.maximum(np.abs(result / exact - 1), 1e-9)


figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.semilogy(x, error(theirs), label=f"torch {torch.__version__.split('+')[0]}")
ax.semilogy(x, error(ogive.gelu(x)), label="Ogive")
ax.axhline(2**-24, color="grey", linestyle=":", label="half an ULP")
ax.set(xlabel="x", ylabel="relative error of gelu(x), float32")
ax.legend()
plt.show()

# %%
# At -13 the exact value is -8e-38, a normal number of float32. A result of 0 has a relative error
# of 1.
