"""Predictions of PyTorch models; torch is imported when one is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from .coordinate_result import Coordinates
    from .model_result import ModelPrediction


def model(module: torch.nn.Module, x: Any) -> ModelPrediction:
    """Predict signals and gradients of a PyTorch model as it stands, beside what one batch shows.

    From each layer's own weights follow the mean square K of its output and the factor on squared
    gradients: linear layers, convolutions, normalisation, activations, gated units, residual sums,
    dropout, embeddings. Where weights do not tell (attention, pooling, unknown functions),
    predictions start again from the measured numbers, and the line says so. Parameters, buffers,
    gradients and the random state are as before.

    Parameters
    ----------
    module
        In training or evaluation mode; what it does depends on it.
    x
        A batch: a tensor, a tuple of positional or a dict of keyword arguments.

    Returns
    -------
    ModelPrediction
        ``lines`` of the module tree, ``parts_at`` and a ``sentence``; printing it shows the tree.

    Raises
    ------
    PredictError
        No module, a module without parameters, or one that returns no tensor of floats.

    Examples
    --------
    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(256, 256), torch.nn.GELU())
    >>> found = model(net, torch.randn(64, 256))
    >>> found.parts_at is None
    True
    """
    from .module import predict_model

    return predict_model(module, x)


def coordinates(
    make: Callable[[int], Any],
    widths: Sequence[int],
    *,
    x: Any = None,
    steps: int = 3,
    optimizer: Callable[[Any], Any] | None = None,
    loss: Callable[[Any], torch.Tensor] | None = None,
    seeds: int = 3,
) -> Coordinates:
    """How sizes and updates of each layer's output change with the width of a model.

    For learning rates to carry over from narrow to wide models, neither may: the fitted exponents
    should be 0.

    Parameters
    ----------
    make
        Takes a width; returns a torch.nn.Module, or the module and its input.
    widths
        Two at least.
    x
        The input, where `make` returns none.
    steps
        Training steps between the two measurements.
    optimizer
        Takes the parameters; Adam at a rate of 0.001 by default.
    loss
        Takes the model's output; by default half the mean squared distance to random targets.
    seeds
        Models of each width.

    Examples
    --------
    >>> import torch
    >>> def make(width):
    ...     return torch.nn.Sequential(torch.nn.Linear(8, width), torch.nn.Linear(width, 1))
    >>> found = coordinates(make, [64, 256, 1024], x=torch.randn(16, 8))
    >>> abs(found.rows[0].size_exponent) < 0.1
    True
    """
    from .coordinate import check_coordinates

    return check_coordinates(make, widths, x, steps, optimizer, loss, seeds)
