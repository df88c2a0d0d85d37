"""A training script as one finds it, with a fault: it runs, it even learns a little.

python examples/softmax_twice.py
ogive watch examples/softmax_twice.py        # the same program; names the fault
"""

from digits import network, train
from torch import nn

if __name__ == "__main__":
    # cross_entropy, which train uses, applies a softmax itself.
    model = nn.Sequential(*network(nn.ReLU, depth=3), nn.Softmax(dim=1))
    print(f"accuracy {train(model, rate=0.05):.1%}")
