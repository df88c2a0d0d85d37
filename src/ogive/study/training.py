"""Training a batch of networks, and what is measured on the way.

Plain gradient descent with momentum, its rate falling linearly to 0. Not Adam: dividing by each
weight's own gradient size hides gradients that vanish in the early layers, which is what a
comparison of activations is about, and makes every step dearer. The whole network's gradient is
clipped by its norm, which leaves the ratio between layers as it is: without it a rate that two
short tuning runs survive breaks a few of the longer ones, and luck decides the ranking.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ogive.predict import gradient_ratio

from .network import Draws, Floats, Labels, Network, Pass
from .result import DENSITY_EDGES, Trial

PROBE_ROWS = 2000
"""Training rows, at most, on which units are called dead or saturated."""

CHUNK = 256
"""Rows evaluated at once: the layers of a chunk stay in cache."""

SATURATED_SLOPE, SATURATED_ROWS = 0.05, 0.95


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Standardised features and labels of the three splits."""

    train_x: Floats
    train_y: Labels
    validation_x: Floats
    validation_y: Labels
    test_x: Floats
    test_y: Labels
    classes: int


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Networks that train together: one activation and depth, every (seed, rate) pair."""

    activation: str
    depth: int
    purpose: Literal["tune", "final"]
    seeds: tuple[int, ...]
    rates: tuple[float, ...]
    """One per seed: the lanes are the pairs (seed, rate)."""
    epochs: int
    width: int
    batch_size: int
    momentum: float
    clip: float
    checkpoints: int


@dataclass
class Maps:
    """What checkpoints add up, each entry an array (lanes, layers)."""

    steps: list[int]
    dead: list[NDArray[np.float64]]
    saturated: list[NDArray[np.float64]]
    gradient: list[NDArray[np.float64]]
    slopes: list[NDArray[np.float64]]


def train(parts: Parts, batch: Batch) -> list[Trial]:
    """Train every lane of a batch; one record per lane, in order."""
    network = Network(
        batch.activation,
        depth=batch.depth,
        width=batch.width,
        features=parts.train_x.shape[1],
        classes=parts.classes,
        seeds=batch.seeds,
    )
    # A rate that is too large overflows; that is a result (`diverged_at`), not a mishap.
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        return _train(network, parts, batch)


def _train(network: Network, parts: Parts, batch: Batch) -> list[Trial]:
    lanes, rows = network.lanes, len(parts.train_x)
    per_epoch = math.ceil(rows / batch.batch_size)
    total = per_epoch * batch.epochs
    final = batch.purpose == "final"
    marks = _checkpoint_steps(total, batch.checkpoints) if final else []
    maps = Maps([], [], [], [], [])
    magnitude, off_centre = _signal(network, parts) if final else (None, None)
    order = [np.random.default_rng([seed, 1]) for seed in batch.seeds]
    velocity = np.zeros_like(network.parameters)
    update = np.empty_like(velocity)
    rates = np.array(batch.rates, np.float32)[:, None]
    train_loss = np.zeros((lanes, batch.epochs))
    validation_loss = np.zeros((lanes, batch.epochs))
    diverged: list[int | None] = [None] * lanes
    seconds, step = 0.0, 0
    if marks:
        _measure(network, parts, 0, maps)
    for epoch in range(batch.epochs):
        rows_of = np.stack([draw.permutation(rows) for draw in order])
        for start in range(0, rows, batch.batch_size):
            picked = rows_of[:, start : start + batch.batch_size]
            began = time.thread_time()
            draws = Draws(batch.seeds, step)
            done = network.forward(parts.train_x[picked], draws)
            loss, dz = network.head.loss(done.logits, parts.train_y[picked])
            dz /= np.float32(picked.shape[1])
            network.backward(done, dz, draws)
            np.multiply(network.gradients, _clipping(network.gradients, batch.clip), out=update)
            velocity *= np.float32(batch.momentum)
            velocity += update
            np.multiply(velocity, rates * np.float32(1 - step / total), out=update)
            network.parameters -= update
            seconds += time.thread_time() - began
            sums = loss.sum(axis=1, dtype=np.float64)
            train_loss[:, epoch] += sums / rows
            for lane in np.flatnonzero(~np.isfinite(sums)):
                if diverged[lane] is None:
                    diverged[lane] = step
            step += 1
            if step in marks:
                _measure(network, parts, step, maps)
        validation_loss[:, epoch], correct = _evaluate(
            network, parts.validation_x, parts.validation_y
        )
    # The last epoch's pass over the validation rows is also the accuracy that choices rest on.
    accuracy = correct.mean(axis=1)
    test = _evaluate(network, parts.test_x, parts.test_y)[1] if final else None
    density = _density(network, parts.validation_x) if final else None
    predicted = gradient_ratio(
        network.activation.card,
        batch.depth - 1,
        weight_variance=network.gain**2,
        variance=float(np.mean(parts.train_x.astype(np.float64) ** 2)),
    )
    return [
        Trial(
            activation=network.activation.name,
            depth=batch.depth,
            seed=batch.seeds[lane],
            rate=batch.rates[lane],
            purpose=batch.purpose,
            validation_accuracy=float(accuracy[lane]),
            test_accuracy=None if test is None else float(test[lane].mean()),
            test_correct=None if test is None else "".join("01"[int(c)] for c in test[lane]),
            train_loss=_rounded(train_loss[lane]),
            validation_loss=_rounded(validation_loss[lane]),
            diverged_at=diverged[lane],
            checkpoint_steps=tuple(maps.steps),
            dead=_map(maps.dead, lane),
            saturated=_map(maps.saturated, lane),
            gradient=_map(maps.gradient, lane),
            magnitude=() if magnitude is None else _rounded(magnitude[lane]),
            off_centre=() if off_centre is None else _rounded(off_centre[lane]),
            gradient_ratio=_ratio(maps, lane),
            predicted_gradient_ratio=predicted,
            slopes=_map(maps.slopes, lane),
            density=() if density is None else tuple(int(n) for n in density[lane]),
            seconds_per_step=seconds / step / lanes,
        )
        for lane in range(lanes)
    ]


def _checkpoint_steps(total: int, count: int) -> list[int]:
    return sorted({round(total * i / (count - 1)) for i in range(count)})


def _clipping(gradients: Floats, most: float) -> Floats:
    """The factor on each lane's gradient that keeps its norm at `most` or below."""
    norm = np.sqrt(np.einsum("lp,lp->l", gradients, gradients))[:, None]
    factor = np.minimum(1, most / np.maximum(norm, np.float32(1e-30)))
    return np.asarray(factor, np.float32)


def _evaluate(
    network: Network, x: Floats, y: Labels
) -> tuple[NDArray[np.float64], NDArray[np.bool]]:
    """Mean loss of each lane, and whether each row is classified correctly."""
    loss = np.zeros(network.lanes)
    correct = np.zeros((network.lanes, len(y)), np.bool)
    for start in range(0, len(y), CHUNK):
        labels = np.repeat(y[None, start : start + CHUNK], network.lanes, axis=0)
        logits = network.forward(x[None, start : start + CHUNK]).logits
        loss += network.head.loss(logits, labels)[0].sum(axis=1, dtype=np.float64)
        right = network.head.classify(logits) == labels
        # NaN compares as the first class: a network that diverged has classified nothing.
        correct[:, start : start + CHUNK] = right & np.isfinite(logits).all(axis=-1)
    return loss / len(y), correct


def _measure(network: Network, parts: Parts, step: int, maps: Maps) -> None:
    """Dead and saturated units and the gradient's size, over the probed training rows."""
    x, y = parts.train_x[:PROBE_ROWS], parts.train_y[:PROBE_ROWS]
    claims = network.activation.card.claims
    steepest = claims.lipschitz if claims else 0.0
    # Of the steepest slope, or of 1 where slopes have no bound.
    limit = np.float32(SATURATED_SLOPE * (steepest if np.isfinite(steepest) else 1.0))
    shape = (network.depth, network.lanes, network.weights[0].shape[2])
    alive = np.zeros(shape, np.bool)
    flat = np.zeros(shape)
    squares = np.zeros((network.depth, network.lanes))
    for start in range(0, len(y), CHUNK):
        labels = np.repeat(y[None, start : start + CHUNK], network.lanes, axis=0)
        done = network.forward(x[None, start : start + CHUNK])
        dz = network.head.loss(done.logits, labels)[1]
        for layer, g in enumerate(network.backward(done, dz)):
            slope = np.abs(network.activation.derivative(done.z[layer], network.slope(layer)))
            alive[layer] |= (slope > 0).any(axis=1)
            flat[layer] += np.count_nonzero(slope < limit, axis=1)
            squares[layer] += np.einsum("lij,lij->l", g, g, dtype=np.float64)
    maps.steps.append(step)
    maps.dead.append((~alive).mean(axis=2).T)
    maps.saturated.append((flat >= SATURATED_ROWS * len(y)).mean(axis=2).T)
    maps.gradient.append(np.sqrt(squares / (len(y) * shape[2])).T)
    if network.slopes:
        maps.slopes.append(np.stack([slope[:, 0, 0] for slope in network.slopes], axis=1))


def _signal(network: Network, parts: Parts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Per lane and layer: rms of z, and |mean| / rms of the output."""
    done = network.forward(parts.train_x[None, :CHUNK])
    outputs = done.inputs[1:]
    magnitude = np.stack([_rms(z) for z in done.z], axis=1)
    centre = np.stack([np.abs(y.mean(axis=(1, 2), dtype=np.float64)) / _rms(y) for y in outputs], 1)
    return magnitude, centre


def _rms(array: Floats) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(np.mean(np.square(array, dtype=np.float64), axis=(1, 2))))


def _density(network: Network, x: Floats) -> NDArray[np.int64]:
    """How the trained pre-activations of all layers fall into the bins."""
    done: Pass = network.forward(x[None, :CHUNK])
    low, high, bins = DENSITY_EDGES[0], DENSITY_EDGES[-1], len(DENSITY_EDGES) - 1
    counts = np.zeros((network.lanes, bins), np.int64)
    for z in done.z:
        for lane in range(network.lanes):
            finite = z[lane][np.isfinite(z[lane])]
            counts[lane] += np.histogram(np.clip(finite, low, high), bins, (low, high))[0]
    return counts


def _ratio(maps: Maps, lane: int) -> float | None:
    if not maps.gradient:
        return None
    first, last = maps.gradient[0][lane, 0], maps.gradient[0][lane, -1]
    if not (first > 0 and last > 0 and math.isfinite(first) and math.isfinite(last)):
        return None
    return math.log10(first / last)


def _rounded(values: NDArray[np.float64]) -> tuple[float | None, ...]:
    """Four digits: what a drawing needs; None where not finite, which JSON cannot hold."""
    return tuple(float(f"{v:.4g}") if math.isfinite(v) else None for v in values)


def _map(checkpoints: list[NDArray[np.float64]], lane: int) -> tuple[tuple[float, ...], ...]:
    """``[layer][checkpoint]`` of one lane."""
    if not checkpoints:
        return ()
    return tuple(_rounded(layer) for layer in np.stack([c[lane] for c in checkpoints], axis=1))  # type: ignore[misc]
