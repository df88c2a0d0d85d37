"""What the stories about `ogive watch` train on: scikit-learn's digits, and a plain loop."""

from collections.abc import Callable

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

TRAIN = 1400


def data() -> tuple[Tensor, Tensor]:
    x, y = load_digits(return_X_y=True)
    return torch.tensor(x / 8 - 1, dtype=torch.float32), torch.tensor(y)


def network(activation: Callable[[], nn.Module], depth: int, width: int = 64) -> nn.Sequential:
    """So many hidden layers and a linear head."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for at in range(depth):
        layers += [nn.Linear(width if at else 64, width), activation()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def train(model: nn.Module, rate: float, epochs: int = 12) -> float:
    """Plain gradient descent with momentum; returns the accuracy on rows that were kept out."""
    x, y = data()
    order = torch.Generator().manual_seed(0)
    optimizer = torch.optim.SGD(model.parameters(), rate, momentum=0.9)
    for _ in range(epochs):
        for rows in torch.randperm(TRAIN, generator=order).split(64):
            optimizer.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
    with torch.no_grad():
        right = model(x[TRAIN:]).argmax(1) == y[TRAIN:]
    return right.float().mean().item()
