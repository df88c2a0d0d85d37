"""Train one activation at one depth in all blocks at once, and measure the networks on the way.

Each block chooses its learning rate by the validation loss of separate tuning networks, which start
from other random weights than the reported network. The reported network is then trained at that
rate, and the weights of the round with the fewest validation errors (or the least loss) are kept.
Test rows are used once, at the very end.

The default is gradient descent with momentum, with a rate that falls linearly to 0. Adam divides by
each weight's gradient size and so hides gradients that vanish in the early layers, which is what a
comparison of activations is about. The gradient of the whole network is clipped by its norm, which
keeps the ratio between layers. Without clipping, luck decides which networks diverge.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas

from ogive.predict import gradient_ratio

from .blocks import Arrays
from .metrics import pack, scores, shares
from .network import Draws, Floats, Network, Pass
from .result import DENSITY_EDGES, Settings, Trial, Tuning

PROBE_ROWS = 512
"""Most training rows that are used to find dead and saturated units."""

CHUNK = 256
"""Rows evaluated at once, few enough for a chunk's layers to stay in cache."""

SATURATED_SLOPE, SATURATED_ROWS = 0.05, 0.95

TUNING_SEED = 1000
"""Added to a block's seed for the networks that choose its learning rate."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """The networks trained as one batch: one activation at one depth, in some blocks."""

    activation: str
    depth: int
    splits: tuple[int, ...]
    streams: tuple[int, ...] = (0,)
    """Numbers added to the study's seed. A calibration trains one function with several, as if they
    were different activations."""


def seed_of(settings: Settings, split: int, stream: int = 0) -> int:
    """The seed of a block's reported networks, the same for all activations and depths."""
    return (settings.seed + stream) * 2 * TUNING_SEED + split


def train(
    arrays: Arrays,
    job: Job,
    settings: Settings,
    after: Callable[[Network, NDArray[np.intp]], None] = lambda network, splits: None,
) -> list[Trial]:
    """Choose the learning rate of each block of a job, and train the block's reported network.

    Returns one trial for each stream and split, ordered by stream. `after` is called with the batch
    of trained networks and the split of each.
    """
    began = time.thread_time()
    # Overflow at too large a rate is a result (`diverged_at`), not an error.
    with np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"):
        tuning = _tune(arrays, job, settings)
        trials = _final(arrays, job, settings, tuning, after)
    seconds = (time.thread_time() - began) / len(trials)
    return [replace(trial, seconds=seconds) for trial in trials]


def _tune(arrays: Arrays, job: Job, settings: Settings) -> list[tuple[Tuning, ...]]:
    """For each block, the validation loss that each rate reached.

    The worse half of a block's rates is dropped after a third of the steps.
    """
    pairs = _reported(job, settings)
    splits = np.repeat([split for split, _ in pairs], len(settings.rates))
    seeds = [seed + TUNING_SEED for _, seed in pairs for _ in settings.rates]
    course = Course(
        arrays, job, settings, splits, seeds, settings.rates * len(pairs), settings.tuning_steps
    )
    rounds = settings.tuning_rounds
    halving = -(-rounds // 3)
    for number in range(rounds):
        course.round(number, rounds)
        if number + 1 == halving < rounds and len(settings.rates) > 2:
            best = course.best.reshape(len(pairs), -1)
            kept = np.argsort(best, axis=1, kind="stable")[:, : -(-best.shape[1] // 2)]
            chosen = kept + np.arange(len(best))[:, None] * best.shape[1]
            course.stop(~np.isin(course.active, chosen))
    best = course.best.reshape(len(pairs), -1)
    return [
        tuple(
            Tuning(rate=rate, seed=seeds[i * len(settings.rates)], loss=_finite(loss))
            for rate, loss in zip(settings.rates, losses, strict=True)
        )
        for i, losses in enumerate(best)
    ]


def _reported(job: Job, settings: Settings) -> list[tuple[int, int]]:
    """(split, seed) of every reported network of a job."""
    return [(split, seed_of(settings, split, stream))
            for stream in job.streams for split in job.splits]  # fmt: skip


def best_rate(tuning: Sequence[Tuning]) -> float:
    """The rate with the least validation loss; in a tie the smaller one, which is safer."""
    return min(tuning, key=lambda t: (math.inf if t.loss is None else t.loss, t.rate)).rate


def _final(
    arrays: Arrays,
    job: Job,
    settings: Settings,
    tuning: list[tuple[Tuning, ...]],
    after: Callable[[Network, NDArray[np.intp]], None],
) -> list[Trial]:
    pairs = _reported(job, settings)
    splits = np.array([split for split, _ in pairs])
    seeds = [seed for _, seed in pairs]
    rates = [best_rate(tried) for tried in tuning]
    course = Course(arrays, job, settings, splits, seeds, rates, settings.steps, keeps=True)
    network = course.network
    marks = _checkpoint_steps(settings.steps, settings.checkpoints)
    maps = Maps(marks, len(splits), job.depth, bool(network.slopes))
    magnitude, off_centre = _signal(network, arrays, splits)
    _measure(course, maps, 0)
    for number in range(settings.rounds):
        course.round(number, settings.rounds, maps, settings.patience)
        if not len(course.active):
            break
    course.restore()
    _measure(course, maps, len(marks) - 1)
    maps.fill()
    after(network, splits)
    logits = tested_logits(network, arrays, splits)
    validated = _logits(network, arrays, splits, arrays.validation_chunks, arrays.validation_count)
    density = _density(network, arrays, splits)
    trials = []
    for member, (split, seed) in enumerate(pairs):
        target, output = arrays.tested(split), arrays.output(split, logits[member])
        seen, fitted = arrays.validated(split), arrays.output(split, validated[member])
        trials.append(
            Trial(
                activation=job.activation,
                depth=job.depth,
                split=split,
                seed=seed,
                rate=rates[member],
                tuning=tuning[member],
                scores=scores(target, output),
                test_rows=pack(shares(settings.metric, target, output)),
                validation_rows=pack(shares(settings.metric, seen, fitted)),
                best_round=int(course.best_round[member]),
                train_loss=_rounded(np.array(course.train_loss[member])),
                validation_loss=_rounded(np.array(course.validation_loss[member])),
                diverged_at=course.diverged[member],
                checkpoint_steps=tuple(marks),
                dead=_map(maps.dead, member),
                saturated=_map(maps.saturated, member),
                gradient=_map(maps.gradient, member),
                magnitude=_rounded(magnitude[member]),
                off_centre=_rounded(off_centre[member]),
                gradient_ratio=_ratio(maps, member),
                predicted_gradient_ratio=_predicted(network, arrays, split),
                slopes=_map(maps.slopes, member),
                density=tuple(int(n) for n in density[member]),
                seconds_per_step=course.seconds / max(1, course.taken),
                seconds=0.0,
            )
        )
    return trials


class Course:
    """A batch in training: networks, optimiser, shuffled rows, best validation losses."""

    def __init__(
        self,
        arrays: Arrays,
        job: Job,
        settings: Settings,
        splits: NDArray[np.intp],
        seeds: Sequence[int],
        rates: Sequence[float],
        steps: int,
        *,
        keeps: bool = False,
    ) -> None:
        self.arrays, self.settings, self.steps = arrays, settings, steps
        self.network = Network(
            job.activation,
            depth=job.depth,
            width=settings.width,
            features=arrays.features,
            classes=arrays.classes,
            seeds=tuple(seeds),
        )
        count = len(splits)
        self.splits, self.seeds = np.asarray(splits), np.asarray(seeds)
        self.rates = np.asarray(rates, np.float32)
        self.active = np.arange(count)
        """Which networks still train; the arrays of `network` hold only these, in this order."""
        self.optimiser = Adam() if settings.optimizer == "adam" else Momentum(settings.momentum)
        self.optimiser.hold(np.zeros_like(self.network.parameters))
        self.order = [np.random.default_rng([seed, 1]) for seed in seeds]
        self.waiting: list[NDArray[np.int64]] = [np.empty(0, np.int64)] * count
        self.best = np.full(count, np.inf)
        """Least validation loss."""
        self.judged = np.full(count, np.inf)
        """Validation error (or loss) of the round whose weights are kept."""
        self.improved = np.zeros(count, np.int64)
        self.best_round = np.zeros(count, np.int64)
        self.kept = self.network.parameters.copy() if keeps else None
        self.train_loss: list[list[float]] = [[] for _ in range(count)]
        self.validation_loss: list[list[float]] = [[] for _ in range(count)]
        self.diverged: list[int | None] = [None] * count
        self.seconds, self.taken = 0.0, 0

    def round(
        self, number: int, rounds: int, maps: Maps | None = None, patience: int | None = None
    ) -> None:
        """Train each active network for one round of steps, then validate it."""
        arrays, network, size = self.arrays, self.network, self.settings.batch_size
        first, last = (self.steps * n // rounds for n in (number, number + 1))
        if not len(self.active):
            return
        rows = np.stack([self._next(int(member), (last - first) * size) for member in self.active])
        splits, rates = self.splits[self.active, None], self.rates[self.active]
        seeds = tuple(int(seed) for seed in self.seeds[self.active])
        sums = np.zeros(len(self.active))
        for step in range(first, last):
            place = (step - first) * size
            picked = splits, rows[:, place : place + size]
            began = time.thread_time()
            done = network.forward(arrays.x[picked], Draws(seeds, step))
            loss, dz = network.head.loss(done.logits, arrays.y[picked])
            dz /= np.float32(size)
            network.backward(done, dz)
            falling = rates * np.float32(1 - step / self.steps)
            self.optimiser.step(network, falling, self.settings.clip)
            self.seconds += time.thread_time() - began
            self.taken += len(self.active)
            means = loss.mean(axis=1, dtype=np.float64)
            sums += means
            for row in np.flatnonzero(~np.isfinite(means)):
                if self.diverged[self.active[row]] is None:
                    self.diverged[self.active[row]] = step
            if maps and step + 1 in maps.steps[1:-1]:
                _measure(self, maps, maps.steps.index(step + 1))
        self._judge(number + 1, sums / (last - first), patience)

    def _judge(self, number: int, train_loss: NDArray[np.float64], patience: int | None) -> None:
        """Record validation losses, keep the best weights, stop networks that no longer improve."""
        losses, errors = _validate(self.network, self.arrays, self.splits[self.active])
        counts_errors = self.settings.metric in ("accuracy", "balanced_accuracy")
        stopped = np.zeros(len(losses), np.bool)
        for row, (member, loss, error) in enumerate(zip(self.active, losses, errors, strict=True)):
            self.train_loss[member].append(float(train_loss[row]))
            self.validation_loss[member].append(float(loss))
            if not math.isfinite(loss):
                stopped[row] = True
                continue
            judged = error if counts_errors else loss
            if loss < self.best[member] or judged < self.judged[member]:
                self.improved[member] = number
            # Among rounds with equal errors the last one wins: its rate is smaller.
            if judged <= self.judged[member]:
                self.judged[member], self.best_round[member] = judged, number
                if self.kept is not None:
                    self.kept[member] = self.network.parameters[row]
            self.best[member] = min(self.best[member], loss)
            waited = number - self.improved[member]
            stopped[row] = patience is not None and waited >= patience
        self.stop(stopped)

    def stop(self, stopped: NDArray[np.bool]) -> None:
        """Drop the networks in these rows of the arrays."""
        if not stopped.any():
            return
        rows = np.flatnonzero(~stopped)
        self.active = self.active[rows]
        self.network.keep(rows)
        self.optimiser.keep(rows)

    def restore(self) -> None:
        """Bring back all networks, with the weights of their best rounds."""
        assert self.kept is not None
        self.active = np.arange(len(self.splits))
        self.network.hold(self.kept)

    def _next(self, member: int, count: int) -> NDArray[np.int64]:
        """The network's next rows, from one shuffle of its training rows after another."""
        train = self.arrays.train[int(self.splits[member])]
        parts, ready = [self.waiting[member]], len(self.waiting[member])
        while ready < count:
            parts.append(self.order[member].permutation(train))
            ready += len(train)
        rows = np.concatenate(parts)
        self.waiting[member] = rows[count:]
        return rows[:count]


class Momentum:
    """Gradient descent with momentum, one network at a time so that it stays in cache."""

    def __init__(self, momentum: float) -> None:
        self.momentum = momentum

    def hold(self, zeros: Floats) -> None:
        self.velocity = zeros

    def keep(self, members: NDArray[np.intp]) -> None:
        self.velocity = self.velocity[members]

    def step(self, network: Network, rates: Floats, clip: float) -> None:
        for member, rate in enumerate(rates):
            gradient, velocity = network.gradients[member], self.velocity[member]
            blas.sscal(self.momentum, velocity)
            blas.saxpy(gradient, velocity, a=clipping(gradient, clip))
            blas.saxpy(velocity, network.parameters[member], a=-float(rate))


class Adam:
    """Adam by Kingma and Ba, with their constants."""

    first, second, small = 0.9, 0.999, 1e-8

    def hold(self, zeros: Floats) -> None:
        self.mean, self.square, self.steps = zeros, zeros.copy(), 0

    def keep(self, members: NDArray[np.intp]) -> None:
        self.mean, self.square = self.mean[members], self.square[members]

    def step(self, network: Network, rates: Floats, clip: float) -> None:
        self.steps += 1
        debias = math.sqrt(1 - self.second**self.steps) / (1 - self.first**self.steps)
        for member, rate in enumerate(rates):
            gradient = network.gradients[member]
            mean, square = self.mean[member], self.square[member]
            gradient *= np.float32(clipping(gradient, clip))
            mean += np.float32(1 - self.first) * (gradient - mean)
            square += np.float32(1 - self.second) * (gradient * gradient - square)
            update = mean / (np.sqrt(square) + np.float32(self.small))
            blas.saxpy(update, network.parameters[member], a=-float(rate) * debias)


def clipping(gradient: Floats, most: float) -> float:
    """The factor that keeps a gradient's norm at `most` or below."""
    norm = float(blas.snrm2(gradient))
    return min(1.0, most / norm) if norm > 0 else 1.0


@dataclass
class Maps:
    """Measurements at checkpoints, in arrays ``[checkpoint, network, layer]``."""

    steps: list[int]
    count: int
    depth: int
    learns: bool
    dead: NDArray[np.float64] = field(init=False)
    saturated: NDArray[np.float64] = field(init=False)
    gradient: NDArray[np.float64] = field(init=False)
    slopes: NDArray[np.float64] = field(init=False)
    done: NDArray[np.bool] = field(init=False)

    def __post_init__(self) -> None:
        shape = len(self.steps), self.count, self.depth
        self.dead, self.saturated, self.gradient = (np.zeros(shape) for _ in range(3))
        self.slopes = np.zeros(shape if self.learns else 0)
        self.done = np.zeros(shape[:2], np.bool)

    def fill(self) -> None:
        """Checkpoints after a network has stopped show the weights that were kept."""
        last = len(self.steps) - 1
        for checkpoint, member in zip(*np.nonzero(~self.done), strict=True):
            for array in (self.dead, self.saturated, self.gradient, self.slopes):
                if array.size:
                    array[checkpoint, member] = array[last, member]


def _checkpoint_steps(total: int, count: int) -> list[int]:
    return sorted({round(total * i / (count - 1)) for i in range(count)})


def _validate(
    network: Network, arrays: Arrays, splits: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each network's mean loss and share of errors on its validation rows."""
    total, wrong = np.zeros(len(splits)), np.zeros(len(splits))
    for rows, counted in arrays.validation_chunks(splits, CHUNK):
        picked = splits[:, None], rows
        y = arrays.y[picked]
        logits = network.forward(arrays.x[picked]).logits
        loss = network.head.loss(logits, y)[0]
        total += np.where(counted, loss, 0).sum(axis=1, dtype=np.float64)
        if arrays.classes:
            wrong += (counted & (network.head.classify(logits) != y)).sum(axis=1)
    count = arrays.validation_count[splits]
    return total / count, wrong / count


def tested_logits(network: Network, arrays: Arrays, splits: NDArray[np.intp]) -> list[Floats]:
    """Each network's logits on its test rows."""
    return _logits(network, arrays, splits, arrays.test_chunks, arrays.test_count)


def _logits(
    network: Network,
    arrays: Arrays,
    splits: NDArray[np.intp],
    chunks: Callable[[NDArray[np.intp], int], Iterator[tuple[NDArray[np.intp], Any]]],
    count: NDArray[np.intp],
) -> list[Floats]:
    """Each network's logits on its validation or test rows."""
    found = [
        network.forward(arrays.x[splits[:, None], rows]).logits for rows, _ in chunks(splits, CHUNK)
    ]
    logits = np.concatenate(found, axis=1)
    return [logits[member, : count[split]] for member, split in enumerate(splits)]


def _measure(course: Course, maps: Maps, checkpoint: int) -> None:
    """Measure dead and saturated units and the gradient's size on the probed training rows."""
    network, active = course.network, course.active
    x, y = course.arrays.probe(course.splits[active], PROBE_ROWS)
    claims = network.activation.card.claims
    steepest = claims.lipschitz if claims else 0.0
    # A share of the steepest slope, or of 1 if slopes have no bound.
    limit = np.float32(SATURATED_SLOPE * (steepest if np.isfinite(steepest) else 1.0))
    rows = x.shape[1]
    shape = (network.depth, network.count, network.weights[0].shape[2])
    alive = np.zeros(shape, np.bool)
    flat = np.zeros(shape)
    squares = np.zeros((network.depth, network.count))
    for start in range(0, rows, CHUNK):
        done = network.forward(x[:, start : start + CHUNK])
        dz = network.head.loss(done.logits, y[:, start : start + CHUNK])[1]
        for layer, g in enumerate(network.backward(done, dz)):
            slope = np.abs(network.activation.derivative(done.z[layer], network.slope(layer)))
            alive[layer] |= (slope > 0).any(axis=1)
            flat[layer] += np.count_nonzero(slope < limit, axis=1)
            squares[layer] += np.einsum("lij,lij->l", g, g, dtype=np.float64)
    maps.dead[checkpoint, active] = (~alive).mean(axis=2).T
    maps.saturated[checkpoint, active] = (flat >= SATURATED_ROWS * rows).mean(axis=2).T
    maps.gradient[checkpoint, active] = np.sqrt(squares / (rows * shape[2])).T
    if network.slopes:
        maps.slopes[checkpoint, active] = np.stack(
            [slope[:, 0, 0] for slope in network.slopes], axis=1
        )
    maps.done[checkpoint, active] = True


def _signal(
    network: Network, arrays: Arrays, splits: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each network and layer: rms of z, and |mean| / rms of the output."""
    done = network.forward(arrays.probe(splits, CHUNK)[0])
    outputs = done.inputs[1:]
    magnitude = np.stack([_rms(z) for z in done.z], axis=1)
    centre = np.stack([np.abs(y.mean(axis=(1, 2), dtype=np.float64)) / _rms(y) for y in outputs], 1)
    return magnitude, centre


def _rms(array: Floats) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(np.mean(np.square(array, dtype=np.float64), axis=(1, 2))))


def _density(network: Network, arrays: Arrays, splits: NDArray[np.intp]) -> NDArray[np.int64]:
    """How many trained pre-activations of all layers fall into each bin."""
    done: Pass = network.forward(arrays.probe(splits, CHUNK)[0])
    low, high, bins = DENSITY_EDGES[0], DENSITY_EDGES[-1], len(DENSITY_EDGES) - 1
    counts = np.zeros((network.count, bins), np.int64)
    for z in done.z:
        for member in range(network.count):
            finite = z[member][np.isfinite(z[member])]
            counts[member] += np.histogram(np.clip(finite, low, high), bins, (low, high))[0]
    return counts


def _predicted(network: Network, arrays: Arrays, split: int) -> float:
    x = arrays.probe(np.array([split]), PROBE_ROWS)[0].astype(np.float64)
    # Prediction and measurement agree in fewer than three digits, so three are enough.
    variance = float(f"{np.mean(x**2):.3g}")
    return _predicted_ratio(network.activation.name, network.depth, network.gain, variance)


@cache
def _predicted_ratio(name: str, depth: int, gain: float, variance: float) -> float:
    return gradient_ratio(name, depth - 1, weight_variance=gain**2, variance=variance)


def _ratio(maps: Maps, member: int) -> float | None:
    first, last = maps.gradient[0, member, 0], maps.gradient[0, member, -1]
    if not (first > 0 and last > 0 and math.isfinite(first) and math.isfinite(last)):
        return None
    return math.log10(first / last)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _rounded(values: NDArray[np.float64]) -> tuple[float | None, ...]:
    """Four digits, enough for a chart; None for values that are not finite, as JSON has none."""
    return tuple(float(f"{v:.4g}") if math.isfinite(v) else None for v in values)


def _map(measured: NDArray[np.float64], member: int) -> tuple[tuple[float, ...], ...]:
    """``[layer][checkpoint]`` of one network."""
    if not measured.size:
        return ()
    return tuple(_rounded(layer) for layer in measured[:, member].T)  # type: ignore[misc]
