"""Textbook claims, each tested on this run or by a computation with the API.

A claim about functions is decided by computing in f64; a claim about networks by the study's own
comparisons, or by a small experiment on the first block's training rows. No outcome is hard-coded.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

import ogive
from ogive.predict import moments

from .blocks import Arrays
from .conclude import mean_interval
from .network import Floats, Network, Pass, Targets
from .result import Cell, Comparison, Interval, Outcome, Settings, Trial, Verdict

ROUNDING = 1e-14
"""How far two formulas for the same f64 value may differ: a few dozen roundings."""

EXPERIMENT_DEPTH, EXPERIMENT_WIDTH, EXPERIMENT_STEPS = 20, 128, 60
EXPERIMENT_ROWS = 2000


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything a claim may use."""

    x: Floats
    """Training rows of the first block."""
    y: Targets
    classes: int
    settings: Settings
    cells: Sequence[Cell]
    comparisons: Sequence[Comparison]

    def cell(self, name: str, depth: int) -> Cell | None:
        """The cell of an activation, or None if it was not run."""
        for cell in self.cells:
            if (cell.activation, cell.depth) == (name, depth):
                return cell
        return None

    def compared(self, one: str, other: str) -> list[Comparison]:
        """The study's own comparisons of two activations, at every depth."""
        found = []
        for each in self.comparisons:
            if (each.one, each.other) == (one, other):
                found.append(each)
            elif (each.one, each.other) == (other, one):
                found.append(
                    replace(
                        each,
                        one=one,
                        other=other,
                        difference=-each.difference,
                        interval=Interval(low=-each.interval.high, high=-each.interval.low),
                        better=each.worse,
                        worse=each.better,
                    )
                )
        return found

    def trials(self, name: str) -> list[Trial]:
        """The trials of all reported networks with an activation."""
        return [trial for cell in self.cells if cell.activation == name for trial in cell.trials]


Claim = Callable[[Evidence], Verdict]


def verdicts(
    arrays: Arrays,
    settings: Settings,
    cells: Sequence[Cell],
    comparisons: Sequence[Comparison],
) -> list[Verdict]:
    """All claims, in the order in which a textbook makes them."""
    x, y = arrays.probe(np.array([0]), EXPERIMENT_ROWS)
    evidence = Evidence(
        x=x[0],
        y=y[0],
        classes=arrays.classes,
        settings=settings,
        cells=cells,
        comparisons=comparisons,
    )
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        return [claim(evidence) for claim in CLAIMS]


def linear_composes(evidence: Evidence) -> Verdict:
    """Compare a trained identity network with the product of its layers."""
    network = _network(evidence, "identity", depth=3)
    _descend(network, evidence, rate=0.02)
    features = evidence.x.shape[1]
    product, offset = np.eye(features), np.zeros((1, features))
    for weight, bias in zip(network.weights, network.biases, strict=True):
        exact = weight[0].astype(np.float64)
        product, offset = product @ exact, offset @ exact + bias[0]
    layered = network.forward(evidence.x[None]).logits[0]
    single = evidence.x.astype(np.float64) @ product + offset
    error = float(np.abs(layered - single).max() / np.abs(single).max())
    return _verdict(
        "linear-composes",
        "However many layers, without an activation the output is a linear map of the input.",
        "one matrix gives the same logits, up to f32 rounding (1e-5)",
        f"largest difference {error:.1e} of the largest logit, over {len(layered)} rows",
        "holds" if error < 1e-5 else "refuted",
        "A trained network of four linear maps was multiplied out into one matrix.",
    )


def relu_not_centred(evidence: Evidence) -> Verdict:
    """|mean| / rms of ReLU's outputs at initialisation."""
    return _centre(
        evidence, "relu", "relu-not-centred", "ReLU's outputs are not centred on zero.", False
    )


def relu_units_die(evidence: Evidence) -> Verdict:
    """Dead units in the study's networks, and after steps that are too large."""
    shares = {cell.depth: cell.dead for cell in evidence.cells if cell.activation == "relu"}
    network = _network(evidence, "relu", depth=2)
    _descend(network, evidence, rate=2.0, steps=10)
    burnt = _dead(network, evidence)
    found = ", ".join(f"{share:.1%} at depth {depth}" for depth, share in sorted(shares.items()))
    return _verdict(
        "relu-units-die",
        "ReLU's units can die.",
        "units whose slope is 0 on every training row",
        f"{burnt:.1%} of units after 10 steps at the rate 2"
        + (f"; in the study's networks {found}" if found else ""),
        "holds" if burnt > 0 or any(shares.values()) else "not decided on this data",
        "A unit counts as dead only if no training row activates it, so no gradient reaches it.",
    )


def relu_never_recovers(evidence: Evidence) -> Verdict:
    """How many negative (unit, row) pairs at initialisation are positive after training."""
    network = _network(evidence, "relu", depth=2)
    before = [z < 0 for z in network.forward(evidence.x[None]).z]
    _descend(network, evidence, rate=0.05)
    after = [z > 0 for z in network.forward(evidence.x[None]).z]
    back = sum(int((b & a).sum()) for b, a in zip(before, after, strict=True))
    share = back / max(1, sum(int(b.sum()) for b in before))
    return _verdict(
        "relu-never-recovers",
        "Once a ReLU unit's input is negative, it is never activated again.",
        "no input that was negative becomes positive",
        f"{share:.1%} of the negative inputs became positive in {EXPERIMENT_STEPS} steps",
        "refuted" if back else "holds",
        "A row that leaves a unit negative sends it no gradient, but other rows and the layers "
        "before move its weights. Only a unit that is negative on every row is dead.",
    )


def relu_grows(evidence: Evidence) -> Verdict:
    """Magnitude of the last over the first layer at 1.4 times the matched gain."""
    growth, predicted = _growth(evidence, factor=1.4), 1.4 ** (EXPERIMENT_DEPTH - 1)
    return _verdict(
        "relu-magnitudes-grow",
        "ReLU does not compress, so magnitudes grow with depth when the gain is too large.",
        f"x {predicted:.0f} over {EXPERIMENT_DEPTH} layers at 1.4 times the matched gain",
        f"x {growth:.0f}",
        "holds" if growth > math.sqrt(predicted) else "refuted",
        "Rms of the pre-activations, last layer over first, at initialisation.",
    )


def relu_always_grows(evidence: Evidence) -> Verdict:
    """Magnitude of the last over the first layer at the matched gain."""
    growth = _growth(evidence, factor=1.0)
    return _verdict(
        "relu-magnitudes-always-grow",
        "With ReLU, magnitudes grow with every layer.",
        "x 1.0 at the matched gain, sqrt(2): they need not",
        f"x {growth:.2f} over {EXPERIMENT_DEPTH} layers",
        "refuted" if growth < 2 else "holds",
        "Rms of the pre-activations, last layer over first, at initialisation.",
    )


def leaky_unsteady(evidence: Evidence) -> Verdict:
    """Leaky ReLU against ReLU at every depth."""
    found = evidence.compared("leaky_relu", "relu")
    better = sum(each.significant and each.difference > 0 for each in found)
    worse = sum(each.significant and each.difference < 0 for each in found)
    if not found or not (better or worse):
        outcome: Outcome = "not decided on this data"
    else:
        outcome = "refuted" if better == len(found) or worse == len(found) else "holds"
    return _verdict(
        "leaky-relu-unsteady",
        "Leaky ReLU is usually better than ReLU, but its gain is not steady.",
        "significantly better at some depths and not at others",
        f"points over ReLU: {_differences(found)}" if found else "not run",
        outcome,
        f"Significantly better in {better} and worse in {worse} of {len(found)} depths, by the "
        "study's test.",
    )


def prelu_learns(evidence: Evidence) -> Verdict:
    """PReLU's slopes at the end."""
    trials = [t for t in evidence.trials("prelu") if t.slopes and t.diverged_at is None]
    learned = np.array([layer[-1] for t in trials for layer in t.slopes], np.float64)
    if not learned.size:
        return _not_run("prelu-learns", "PReLU learns its slope.", "prelu")
    start = trials[0].slopes[0][0]
    moved = float(np.abs(learned - start).mean())
    return _verdict(
        "prelu-learns",
        "PReLU learns its slope.",
        f"slopes move away from where they start, {start}",
        f"mean change {moved:.3f}; learned slopes from {learned.min():.3f} to {learned.max():.3f}",
        "holds" if moved > 1e-3 else "refuted",
        f"One slope per layer, {learned.size} layers of {len(trials)} networks.",
    )


def rrelu_random_then_fixed(evidence: Evidence) -> Verdict:
    """RReLU's slopes in training and in evaluation."""
    x = -np.ones(100_000)
    one, again = (-ogive.rrelu(x, training=True, seed=1) for _ in range(2))
    other, fixed = -ogive.rrelu(x, training=True, seed=2), -ogive.rrelu(x)
    inside = bool(((one >= 1 / 8) & (one <= 1 / 3)).all())
    good = (
        inside
        and bool((one == again).all())
        and float((one == other).mean()) < 0.01
        and float(np.ptp(fixed)) == 0
    )
    return _verdict(
        "rrelu-random-then-fixed",
        "RReLU's slope is random in training, from U(l, u), and fixed in testing.",
        f"mean {11 / 48:.4f}, deviation {(1 / 3 - 1 / 8) / math.sqrt(12):.4f}, inside (1/8, 1/3)",
        f"training: mean {one.mean():.4f}, deviation {one.std():.4f}, "
        f"{'all' if inside else 'not all'} inside; testing: {fixed[0]:.4f} throughout",
        "holds" if good else "refuted",
        f"{len(x)} slopes; another seed draws others, the same seed the same.",
    )


def softmax_rows(evidence: Evidence) -> Verdict:
    """Outputs are positive and sum to 1, for logits of many sizes."""
    a = ogive.softmax(_logits(rows=2000, classes=10))
    error = float(np.abs(a.sum(axis=-1) - 1).max())
    return _verdict(
        "softmax-rows",
        "Softmax turns any row into positive numbers that sum to 1.",
        "least element above 0, sums within rounding of 1",
        f"least element {a.min():.1e}, sums within {error:.1e}",
        "holds" if a.min() > 0 and error < ROUNDING else "refuted",
        "2000 rows of 10 logits, f64.",
    )


def softmax_jacobian(evidence: Evidence) -> Verdict:
    """The formula against central differences."""
    z, step = _logits(rows=50, classes=6), 1e-6
    a, jacobian = ogive.softmax(z), ogive.jacobian.softmax(z)
    formula = a[..., :, None] * np.eye(6) - a[..., :, None] * a[..., None, :]
    numeric = np.stack(
        [(ogive.softmax(z + step * e) - ogive.softmax(z - step * e)) / (2 * step)
         for e in np.eye(6)], axis=-1)  # fmt: skip
    exact, measured = np.abs(jacobian - formula).max(), np.abs(jacobian - numeric).max()
    return _verdict(
        "softmax-jacobian",
        "The Jacobian of softmax is diag(a) - a aᵀ.",
        "equal to the formula; equal to finite differences up to 1e-8",
        f"within {exact:.1e} of the formula and {measured:.1e} of finite differences",
        "holds" if exact < ROUNDING and measured < 1e-8 else "refuted",
        "50 rows of 6 logits, f64.",
    )


def fused_gradient(evidence: Evidence) -> Verdict:
    """a - y, the fused gradient, and the chain through the Jacobian."""
    z = _logits(rows=500, classes=10)
    target = np.arange(500) % 10
    fused = ogive.value_and_grad.cross_entropy(z, target, reduction="none")[1]
    a, y = ogive.softmax(z), np.eye(10)[target]
    upstream = -y / a
    chain = np.einsum("ri,rij->rj", upstream, ogive.jacobian.softmax(z))
    simple, through = np.abs(fused - (a - y)).max(), np.abs(fused - chain).max()
    return _verdict(
        "fused-gradient",
        "The gradient of cross-entropy through softmax is a - y, as the chain through the "
        "Jacobian gives.",
        "all three equal, up to rounding",
        f"fused within {simple:.1e} of a - y and {through:.1e} of the chain",
        "holds" if simple < ROUNDING and through < 1e-12 else "refuted",
        "500 rows of 10 logits, f64. (A derivation in circulation drops a sign in its last "
        "off-diagonal step, (-a_j a_i)(-1/a_j) = +a_i, and arrives at the right result.)",
    )


def sigmoid_is_softmax(evidence: Evidence) -> Verdict:
    """softmax([z, 0])[0] against sigmoid(z)."""
    z = np.linspace(-30, 30, 4001)
    error = _relative(ogive.softmax(np.stack([z, 0 * z], axis=-1))[:, 0], ogive.sigmoid(z))
    return _equal(
        "sigmoid-is-softmax", "Sigmoid is the softmax of two classes.", "softmax([z, 0])", error
    )


def sigmoid_reflects(evidence: Evidence) -> Verdict:
    """1 - sigmoid(z) against sigmoid(-z)."""
    z = np.linspace(-10, 10, 4001)
    error = float(np.abs((1 - ogive.sigmoid(z)) - ogive.sigmoid(-z)).max())
    return _equal("sigmoid-reflects", "1 - sigmoid(z) = sigmoid(-z).", "both sides", error)


def sigmoid_slope(evidence: Evidence) -> Verdict:
    """The largest slope."""
    x = np.linspace(-20, 20, 400_001)
    slope = ogive.derivative.sigmoid(x)
    peak = float(slope.max())
    return _verdict(
        "sigmoid-slope",
        "Sigmoid's derivative is a(1 - a), at most 1/4.",
        "largest value 0.25, at 0",
        f"{peak:.6f} at {abs(x[slope.argmax()]):.1f}",
        "holds" if peak <= 0.25 else "refuted",
        f"{len(x)} points of [-20, 20], f64.",
    )


def sigmoid_fades(evidence: Evidence) -> Verdict:
    """Gradient of the first over the last layer, at initialisation."""
    key, claim = "sigmoid-fades", "Through layers of sigmoid, gradients fade."
    deepest = max(evidence.settings.depths)
    cell = evidence.cell("sigmoid", deepest)
    if cell is None or cell.gradient_ratio is None or deepest < 2:
        return _not_run(key, claim, "sigmoid at a depth of 2 or more")
    low, high = _around(cell.gradient_ratio_interval, cell.gradient_ratio)
    learns = {
        "trains": "learned",
        "fails": "did not learn",
        "not shown": "were not shown to learn",
    }[cell.state]
    return _verdict(
        key,
        claim,
        f"log10 of first over last layer {cell.predicted_gradient_ratio:.2f} at depth {deepest}",
        f"{cell.gradient_ratio:.2f} [{low:.2f}, {high:.2f}]",
        "holds" if high < 0 else "refuted" if low > 0 else "not decided on this data",
        f"At initialisation with the matched gain; the trained networks {learns}.",
    )


def sigmoid_not_centred(evidence: Evidence) -> Verdict:
    """|mean| / rms of sigmoid's outputs at initialisation."""
    return _centre(
        evidence, "sigmoid", "sigmoid-not-centred", "Sigmoid is not centred on zero.", False
    )


def binary_gradient(evidence: Evidence) -> Verdict:
    """a - y, the fused gradient, and the chain through a(1 - a)."""
    z = np.linspace(-15, 15, 3001)
    y = (np.arange(len(z)) % 2).astype(np.float64)
    fused = ogive.value_and_grad.binary_cross_entropy(z, y, reduction="none")[1]
    a = ogive.sigmoid(z)
    chain = (y - a) / (a * (a - 1)) * ogive.derivative.sigmoid(z)
    simple, through = np.abs(fused - (a - y)).max(), np.abs(fused - chain).max()
    return _verdict(
        "binary-gradient",
        "The gradient of binary cross-entropy through sigmoid is a - y.",
        "equal, up to rounding; equal to the chain while a is not yet rounded to 1",
        f"fused within {simple:.1e} of a - y and {through:.1e} of the chain",
        "holds" if simple < ROUNDING and through < 1e-8 else "refuted",
        f"{len(z)} logits of [-15, 15], f64. The chain loses digits in 1 - a; the fused form not.",
    )


def tanh_is_sigmoid(evidence: Evidence) -> Verdict:
    """1 - 2 sigmoid(-2x) against tanh(x)."""
    x = np.linspace(-10, 10, 4001)
    error = float(np.abs((1 - 2 * ogive.sigmoid(-2 * x)) - ogive.tanh(x)).max())
    return _equal("tanh-is-sigmoid", "tanh(x) = 1 - 2 sigmoid(-2x).", "both sides", error)


def tanh_centred(evidence: Evidence) -> Verdict:
    """|mean| / rms of tanh's outputs at initialisation."""
    return _centre(evidence, "tanh", "tanh-centred", "tanh is centred on zero.", True)


def tanh_beats_sigmoid(evidence: Evidence) -> Verdict:
    """The study's comparison at every depth."""
    key, claim = "tanh-beats-sigmoid", "In hidden layers tanh is almost always better than sigmoid."
    found = evidence.compared("tanh", "sigmoid")
    if not found:
        return _not_run(key, claim, "tanh and sigmoid")
    wins = sum(each.significant and each.difference > 0 for each in found)
    losses = sum(each.significant and each.difference < 0 for each in found)
    outcome: Outcome = "not decided on this data"
    if wins > losses and wins * 2 > len(found):
        outcome = "holds"
    elif losses > wins:
        outcome = "refuted"
    return _verdict(
        key,
        claim,
        "a positive difference at most depths",
        f"points: {_differences(found)}",
        outcome,
        f"By the study's test: better at {wins}, worse at {losses}, no significant difference at "
        f"{len(found) - wins - losses} of {len(found)} depths.",
    )


def sigmoid_costs_more(evidence: Evidence) -> Verdict:
    """Time of sigmoid over time of ReLU, with interleaved calls."""
    x = np.random.default_rng(0).standard_normal(1 << 16, dtype=np.float32)
    out = np.empty_like(x)
    ratios, per_element = [], []
    for _ in range(201):
        seconds = []
        for function in (ogive.relu, ogive.sigmoid):
            began = time.perf_counter()
            for _ in range(4):
                function(x, out=out)
            seconds.append(time.perf_counter() - began)
        ratios.append(seconds[1] / seconds[0])
        per_element.append([s / (4 * x.size) * 1e9 for s in seconds])
    low, middle, high = np.quantile(ratios, [0.05, 0.5, 0.95])
    relu, sigmoid = np.median(per_element, axis=0)
    return _verdict(
        "sigmoid-costs-more",
        "Sigmoid needs an exponential, so it is slower than ReLU.",
        "time ratio above 1",
        f"x {middle:.1f} [{low:.1f}, {high:.1f}]: {sigmoid:.2f} against {relu:.2f} ns per element",
        "holds" if low > 1 else "refuted" if high < 1 else "not decided on this data",
        f"201 interleaved pairs on {x.size} f32 elements in cache; 5 and 95 % quantiles. What it "
        "costs a whole training step is in the table.",
    )


CLAIMS: tuple[Claim, ...] = (
    linear_composes,
    relu_not_centred,
    relu_units_die,
    relu_never_recovers,
    relu_grows,
    relu_always_grows,
    leaky_unsteady,
    prelu_learns,
    rrelu_random_then_fixed,
    softmax_rows,
    softmax_jacobian,
    fused_gradient,
    sigmoid_is_softmax,
    sigmoid_reflects,
    sigmoid_costs_more,
    sigmoid_not_centred,
    sigmoid_slope,
    sigmoid_fades,
    binary_gradient,
    tanh_is_sigmoid,
    tanh_centred,
    tanh_beats_sigmoid,
)


def _verdict(
    key: str, claim: str, prediction: str, measured: str, verdict: Outcome, explanation: str
) -> Verdict:
    return Verdict(
        key=key,
        claim=claim,
        prediction=prediction,
        measured=measured,
        verdict=verdict,
        explanation=explanation,
    )


def _not_run(key: str, claim: str, needed: str) -> Verdict:
    return _verdict(
        key, claim, "", "not run", "not decided on this data", f"This study ran no {needed}."
    )


def _equal(key: str, claim: str, what: str, error: float) -> Verdict:
    return _verdict(
        key,
        claim,
        "equal, up to rounding",
        f"{what} within {error:.1e}",
        "holds" if error < ROUNDING else "refuted",
        "4001 points, f64.",
    )


def _centre(evidence: Evidence, name: str, key: str, claim: str, centred: bool) -> Verdict:
    """|mean| / rms at initialisation in a wide network, layers after the first."""
    predicted = moments(name).off_centre
    shares = []
    for seed in range(5):
        network = _network(evidence, name, depth=3, seed=seed)
        outputs = network.forward(evidence.x[None]).inputs[2:]
        shares += [float(abs(y.mean()) / np.sqrt(np.mean(np.square(y, dtype=np.float64))))
                   for y in outputs]  # fmt: skip
    interval = mean_interval(shares)
    mean = float(np.mean(shares))
    good = mean < 0.1 if centred else interval.low > 0.1
    return _verdict(
        key,
        claim,
        f"|mean| / rms of the outputs is {predicted:.3f} for a normal input",
        f"{mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]",
        "holds" if good else "refuted",
        f"Layers 2 and 3 of 5 networks of width {EXPERIMENT_WIDTH} at initialisation; centred "
        "means below 0.1.",
    )


def _growth(evidence: Evidence, factor: float) -> float:
    """Rms of the last layer's pre-activations over the first's, geometric mean of five networks."""
    logs = []
    for seed in range(5):
        network = _network(evidence, "relu", EXPERIMENT_DEPTH, seed=seed, gain_factor=factor)
        z = network.forward(evidence.x[None, :256]).z
        logs.append(math.log(_rms(z[-1]) / _rms(z[0])))
    return math.exp(float(np.mean(logs)))


def _network(
    evidence: Evidence, name: str, depth: int, *, seed: int = 0, gain_factor: float = 1.0
) -> Network:
    return Network(
        name,
        depth=depth,
        width=EXPERIMENT_WIDTH,
        features=evidence.x.shape[1],
        classes=evidence.classes,
        seeds=(seed,),
        gain_factor=gain_factor,
    )


def _descend(
    network: Network, evidence: Evidence, rate: float, steps: int = EXPERIMENT_STEPS
) -> None:
    """Plain gradient steps on batches of 64."""
    draw = np.random.default_rng(0)
    for _ in range(steps):
        picked = draw.integers(len(evidence.x), size=(1, 64))
        done: Pass = network.forward(evidence.x[picked])
        dz = network.head.loss(done.logits, evidence.y[picked])[1] / np.float32(64)
        network.backward(done, dz)
        network.parameters -= np.float32(rate) * network.gradients


def _dead(network: Network, evidence: Evidence) -> float:
    z = network.forward(evidence.x[None]).z
    return float(np.mean([~(layer > 0).any(axis=1) for layer in z]))


def _differences(found: Sequence[Comparison]) -> str:
    return ", ".join(
        f"{100 * each.difference:+.1f} [{100 * each.interval.low:+.1f}, "
        f"{100 * each.interval.high:+.1f}] at depth {each.depth}"
        for each in found
    )


def _logits(rows: int, classes: int) -> NDArray[np.float64]:
    draw = np.random.default_rng(0)
    return draw.standard_normal((rows, classes)) * draw.uniform(0.1, 5, (rows, 1))


def _relative(got: NDArray[np.float64], want: NDArray[np.float64]) -> float:
    return float((np.abs(got - want) / want).max())


def _rms(array: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(array, dtype=np.float64))))


def _around(interval: Interval | None, value: float) -> tuple[float, float]:
    return (interval.low, interval.high) if interval else (value, value)
