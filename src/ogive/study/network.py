"""y = f(Wx + b), repeated, under a softmax, sigmoid or linear head: many networks at once.

A batch has one member network per block (and per learning rate while rates are being chosen). All
share one array with a leading batch axis, so one call of BLAS or of an Ogive kernel serves them
all. No operation mixes members: a network's bits do not depend on the rest of its batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ogive
from ogive.catalog import find
from ogive.predict import gain

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]
Targets = NDArray[np.int64] | NDArray[np.float32]
"""Class indices, or standardised regression targets."""


@dataclass(frozen=True)
class Draws:
    """Which random slopes RReLU uses: one key per network, which changes with every step."""

    seeds: tuple[int, ...]
    step: int

    def key(self, member: int, layer: int) -> int:
        """The generator's seed for one network and layer at this step."""
        return (self.seeds[member] << 40) + (self.step << 10) + layer


class Activation:
    """One catalog function as a hidden layer, with its learned or random slopes."""

    def __init__(self, name: str) -> None:
        self.card = find(name)
        self.name = self.card.name
        learnable = [p for p in self.card.parameters if p.learnable]
        self.initial_slope: float | None = learnable[0].default if learnable else None
        self.is_random = self.card.draws
        self._value = getattr(ogive, self.name)
        self._derivative = getattr(ogive.derivative, self.name)
        self._backward = getattr(ogive.backward, self.name)

    def drawn(self, z: Floats, draws: Draws, layer: int) -> Floats:
        """The slopes drawn at this step for the negative inputs of a layer."""
        slopes = np.empty_like(z)
        for member in range(len(z)):
            key = draws.key(member, layer)
            slopes[member] = self._value(np.full_like(z[member], -1), training=True, seed=key)
        return np.negative(slopes, out=slopes)

    def value(self, z: Floats, slope: Floats | None) -> Any:
        """f(z); a random function uses the drawn slopes if they are given, as in training."""
        if slope is None:
            return self._value(z)
        return ogive.leaky_relu(z, slope) if self.is_random else self._value(z, slope)

    def derivative(self, z: Floats, slope: Floats | None) -> Any:
        """f'(z) as in evaluation."""
        return self._derivative(z) if slope is None else self._derivative(z, slope)

    def backward(self, dy: Floats, z: Floats, slope: Floats | None) -> tuple[Any, Any]:
        """dy f'(z), and the gradient of the slope where it is learned."""
        if slope is None:
            return self._backward(dy, z), None
        if self.is_random:
            return ogive.backward.leaky_relu(dy, z, slope), None
        return self._backward(dy, z, slope)  # type: ignore[no-any-return]


class Head:
    """The loss: softmax, one sigmoid for two classes, or half the squared error in a regression."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.outputs = classes if classes > 2 else 1

    def loss(self, logits: Floats, target: Targets) -> tuple[Floats, Floats]:
        """Each row's loss, and its gradient with respect to its logits."""
        if self.classes > 2:
            return ogive.value_and_grad.cross_entropy(logits, target, reduction="none")
        if self.classes == 2:
            labels = target[..., None]
            loss, dz = ogive.value_and_grad.binary_cross_entropy(logits, labels, reduction="none")
            return loss[..., 0], dz
        error = logits - target[..., None]
        return 0.5 * error[..., 0] ** 2, error

    def classify(self, logits: Floats) -> Labels:
        """The most probable class of each row."""
        if self.classes == 2:
            return (logits[..., 0] > 0).astype(np.int64)
        return np.asarray(np.argmax(logits, axis=-1), np.int64)


@dataclass
class Pass:
    """What a forward pass keeps for the backward pass."""

    inputs: list[Floats]
    """Inputs of the linear maps; the last is the head's."""
    z: list[Floats]
    """Pre-activations of the hidden layers."""
    slopes: list[Floats | None]
    """Learned or drawn slopes of each hidden layer."""
    logits: Floats


class Network:
    """A batch of `count` equal networks: `depth` hidden layers of `width` units, and a head.

    Weights start as N(0, g^2/fan_in), biases at 0. g is the gain of the preceding activation, which
    keeps the mean square of every layer's z at 1. The first layer has standardised inputs, so its
    g is 1. Each layer has one learned slope, which starts at the card's default.
    """

    def __init__(
        self,
        activation: str,
        *,
        depth: int,
        width: int,
        features: int,
        classes: int,
        seeds: tuple[int, ...],
        gain_factor: float = 1.0,
    ) -> None:
        self.activation = Activation(activation)
        self.head = Head(classes)
        self.depth = depth
        self.gain = gain(self.activation.card) * gain_factor
        sizes = [features, *[width] * depth, self.head.outputs]
        shapes: list[tuple[int, ...]] = []
        for fan_in, fan_out in pairwise(sizes):
            shapes += [(fan_in, fan_out), (1, fan_out)]
        if self.activation.initial_slope is not None:
            shapes += [(1, 1)] * depth
        self._shapes = shapes
        # All parameters of a network are one row, so an optimiser step needs only a few calls.
        self.hold(np.zeros((len(seeds), sum(map(math.prod, shapes))), np.float32))
        self._initialise(seeds)

    def keep(self, members: NDArray[np.intp]) -> None:
        """Keep only these networks of the batch."""
        self.hold(self.parameters[members])

    def hold(self, parameters: Floats) -> None:
        """Use these parameters, one row per network, from now on."""
        self.count = len(parameters)
        self.parameters, self.gradients = parameters, np.zeros_like(parameters)
        maps = 2 * (self.depth + 1)
        views = self._views(self.parameters)
        self.weights, self.biases, self.slopes = views[:maps:2], views[1:maps:2], views[maps:]
        views = self._views(self.gradients)
        self.d_weights, self.d_biases, self.d_slopes = views[:maps:2], views[1:maps:2], views[maps:]

    def _views(self, flat: Floats) -> list[Floats]:
        ends = np.cumsum([math.prod(shape) for shape in self._shapes])
        parts = np.split(flat, ends[:-1], axis=1)
        return [
            part.reshape(self.count, *shape)
            for part, shape in zip(parts, self._shapes, strict=True)
        ]

    def _initialise(self, seeds: tuple[int, ...]) -> None:
        for member, seed in enumerate(seeds):
            draw = np.random.default_rng([seed, 0])
            for layer, weight in enumerate(self.weights):
                scale = (1.0 if layer == 0 else self.gain) / np.sqrt(weight.shape[1])
                weight[member] = scale * draw.standard_normal(weight.shape[1:], dtype=np.float32)
        for slope in self.slopes:
            slope[...] = self.activation.initial_slope

    def slope(self, layer: int) -> Floats | None:
        return self.slopes[layer] if self.slopes else None

    def forward(self, x: Floats, draws: Draws | None = None) -> Pass:
        """Logits of x, shape (networks or 1, rows, features); with `draws`, as in training."""
        inputs, pre, slopes, y = [], [], [], x
        for layer in range(self.depth):
            inputs.append(y)
            z = np.matmul(y, self.weights[layer])
            z += self.biases[layer]
            slope = self.slope(layer)
            if draws and self.activation.is_random:
                slope = self.activation.drawn(z, draws, layer)
            pre.append(z)
            slopes.append(slope)
            y = self.activation.value(z, slope)
        inputs.append(y)
        logits = np.matmul(y, self.weights[-1])
        logits += self.biases[-1]
        return Pass(inputs, pre, slopes, logits)

    def backward(self, done: Pass, dz: Floats) -> list[Floats]:
        """Fill `gradients` from dL/dlogits; return dL/dz of each hidden layer."""
        hidden: list[Floats] = []
        for layer in range(self.depth, -1, -1):
            np.matmul(done.inputs[layer].swapaxes(1, 2), dz, out=self.d_weights[layer])
            # The sum over rows is written as a product: BLAS is four times faster than np.sum here.
            np.matmul(np.ones((1, 1, dz.shape[1]), np.float32), dz, out=self.d_biases[layer])
            if layer == 0:
                break
            dy = np.matmul(dz, self.weights[layer].swapaxes(1, 2))
            below = layer - 1
            dz, d_slope = self.activation.backward(dy, done.z[below], done.slopes[below])
            if d_slope is not None:
                self.d_slopes[below][...] = d_slope
            hidden.append(dz)
        return hidden[::-1]
