"""What is true of a training, measured without the monitor: nothing here imports `ogive.watch`.

A probe runs all training rows through a copy of the network, at some twelve steps of the training,
and takes each layer's pre-activations and their gradients from plain module hooks. Definitions and
thresholds are those that were written down before the monitor was (docs/watch.md has them).
"""

from __future__ import annotations

import copy
import math
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from . import data
from .networks import FUNCTIONS, Net
from .plan import Plan
from .training import LOSSES, Step

THRESHOLDS = {
    "dead_unit": (0.10, 0.50),
    "dormant_unit": (0.10, 0.50),
    "saturated_unit": (0.25, 0.50),
    "vanishing_gradient": (1e-2, 1e-3),
    "exploding_gradient": (70.0, 1e3),
    "magnitude_drift": (10.0, 100.0),
    "not_centred": (0.9, 0.98),
    "over_confidence": (0.10, 0.20),
}
"""Warning and error."""

SLOPE, SHARE, QUIET, STILL = 0.05, 0.95, 0.025, 1e-5
"""Flat is below this part of sup |f'|; saturated for this share of rows; dormant below this part of
the layer's mean; weights that move by less, relative to their size, do not learn."""

HURTS = 0.03
"""Points of held-out score below the sound twin, from which a fault does harm."""

PROBES = 11
"""Of a training."""

STEEPEST = {"relu": 1.0, "relu6": 1.0, "leaky_relu": 1.0, "tanh": 1.0, "sigmoid": 0.25,
            "hard_sigmoid": 1 / 6, "softsign": 1.0}  # fmt: skip
"""sup |f'|, of functions for which units are judged by their slope."""

HALF_FLAT = ("relu", "relu6")
"""Their slope is 0 on a half-line: a unit that never leaves it is dead."""

FLAT_AT_BOTH_ENDS = ("tanh", "sigmoid", "hard_sigmoid", "softsign")

RANGES = {"relu": (0.0, math.inf), "tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0),
          "softmax": (0.0, 1.0), "hard_sigmoid": (0.0, 1.0)}  # fmt: skip


@dataclass
class Layer:
    """One layer at one probe; shares are of its units."""

    dead: float = 0.0
    dormant: float = 0.0
    saturated: float = 0.0
    size: float = 0.0
    """Mean square of pre-activations."""
    gradient: float = 0.0
    """RMS of dL/dz."""
    whole: float = 0.0
    """Norm of dL/dz."""
    cosine: float = 0.0
    """Mean between the outputs of two rows."""


@dataclass
class Look:
    """One probe of a training."""

    step: int
    layers: dict[str, Layer]
    last: float
    """RMS of dL/dz of the last layer."""
    last_whole: float
    """Its norm."""
    update: float = math.nan
    """Of the first third's weights, in one step of the optimizer over their size; the median."""
    learns: bool = True
    """Whether the loss is a tenth below that of the best constant prediction by now."""
    calibration: float = math.nan
    """Expected error of the confidence in the last 20 batches, where that is above accuracy."""


@dataclass
class Labels:
    """What is true of one training."""

    looks: list[Look] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    head: str = ""
    """The fault of what goes into the loss, by its values."""
    gap: str = ""
    """A linear map whose output goes into another one as it is."""


class Probe:
    """Follows a training through the callbacks of `training.train`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.found = Labels()
        self.x, self.y, *_ = data.given(plan)
        finite = self.x.flatten(1).isfinite().all(1)
        self.x, self.y = self.x[finite], self.y[finite]
        self.steps = {0, 2, 5, *np.linspace(0, plan.steps - 1, PROBES - 2).astype(int).tolist()}
        # Where a layer has many positions, fewer rows are samples enough.
        self.rows = len(self.x) if plan.net in ("mlp", "residual", "autoencoder") else 320
        self.sure: deque[tuple[Tensor, Tensor]] = deque(maxlen=20)
        self.given: deque[tuple[Tensor, Tensor]] = deque(maxlen=3)
        self._weights: dict[str, Tensor] = {}

    def before_step(self, step: Step) -> None:
        self.found.losses.append(step.loss)
        self.given.append((step.given.float(), step.y))
        if step.given.dim() == 2 and step.given.shape[1] > 1 and not step.y.is_floating_point():
            p = step.given.float().softmax(1) if self._takes_logits else step.given.exp()
            self.sure.append((p.amax(1), p.argmax(1) == step.y))
        if len(self.given) == 3 and (step.number == 2 or step.number in self.steps):
            # What goes into the loss is wrong in all of the training, not where it passes by.
            head = wrong_head(self.plan, self.given)
            before = self.found.head if step.number > 2 else "any"
            self.found.head = head if before else ""
        if step.number in self.steps:
            self.look(step)

    @property
    def _takes_logits(self) -> bool:
        return self.plan.loss not in ("nll_loss", "NLLLoss")

    def look(self, step: Step) -> None:
        """Measure a copy, so that the training goes on as it would."""
        model = copy.deepcopy(step.model)
        outputs: dict[str, Tensor] = {}
        slopes: dict[str, Tensor] = {}
        handles = [
            module.register_forward_hook(keeping(name, outputs, slopes))
            for name, module in model.named_modules()
            if name in (*model.hidden, "last")
        ]
        state = torch.get_rng_state()
        if not self.found.looks:
            # Far from 0, where no activation is the identity to the last bit.
            self.found.gap = missing_activation(model, 1e3 * torch.cat((self.x[:32], -self.x[:32])))
        x, y = self.x[: self.rows], self.y[: self.rows]
        given = model(x)
        try:
            LOSSES[self.plan.loss](given, y).backward()
        except (IndexError, RuntimeError):
            return
        torch.set_rng_state(state)
        for handle in handles:
            handle.remove()
        layers = {
            name: measure(self.plan.act, outputs[name], slopes.get(name)) for name in model.hidden
        } | {name: measure(act, z, None) for name, act, z in gates(model, x)}
        last = _rms(slopes["last"]) if "last" in slopes else 0.0
        last_whole = float(slopes["last"].double().norm()) if "last" in slopes else 0.0
        losses = self.found.losses
        look = Look(step.number, layers, last, last_whole)
        look.learns = bool(np.mean(losses[-10:]) < 0.9 * constant_loss(self.plan, self.y))
        if len(self.sure) == 20:
            look.calibration = calibration_error(self.sure)
        self.found.looks.append(look)
        first = [m for n, m in step.model.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
        first = first[: max(1, len(first) // 3)]
        self._weights = {str(at): m.weight.detach().clone() for at, m in enumerate(first)}

    def after_step(self, step: Step) -> None:
        if not self._weights:
            return
        kinds = (nn.Linear, nn.Conv2d)
        now = [m.weight.detach() for m in step.model.modules() if isinstance(m, kinds)]
        ratios = [
            float((now[int(at)] - before).norm() / before.norm().clamp_min(1e-30))
            for at, before in self._weights.items()
        ]
        self.found.looks[-1].update = float(np.median(ratios))
        self._weights = {}


def keeping(name: str, outputs: dict[str, Tensor], slopes: dict[str, Tensor]) -> Any:
    def hook(module: nn.Module, args: Any, z: Tensor) -> None:
        outputs[name] = z.detach().clone()  # what follows may write over it
        if z.requires_grad:
            z.register_hook(lambda gradient: slopes.__setitem__(name, gradient.detach()))

    return hook


def constant_loss(plan: Plan, y: Tensor) -> float:
    """Of the prediction that does not look at the data."""
    loss = plan.loss.lower()
    if "mse" in loss or "l1" in loss or "root" in loss:
        target = nn.functional.one_hot(y).float() if "one_hot" in loss else y.float()
        rest = target - target.mean(0)
        return float(rest.abs().mean() if "l1" in loss else rest.square().mean())
    p = y.unique(return_counts=True)[1] / len(y)
    if "one_hot" in loss:
        return float(-(p.xlogy(p) + (1 - p).xlogy(1 - p)).mean())
    return float(-p.xlogy(p).sum())


def _rms(tensor: Tensor) -> float:
    return float(tensor.double().square().mean().sqrt())


def by_unit(z: Tensor) -> Tensor:
    """Rows and units: positions of an image or a sequence are rows."""
    return z.movedim(1, -1).flatten(0, -2) if z.dim() == 4 else z.flatten(0, -2)


def measure(act: str, output: Tensor, gradient: Tensor | None) -> Layer:
    """A layer's pre-activations and their gradient."""
    z = by_unit(output)
    leaf = z.clone().requires_grad_()
    with torch.enable_grad():
        y = FUNCTIONS[act](leaf)
        (slope,) = torch.autograd.grad(y.sum(), leaf)
    slope, y = slope.abs(), y.detach()
    found = Layer(size=float(z.double().square().mean()))
    average = y.abs().mean(0)
    found.dormant = float((average <= QUIET * average.mean()).double().mean())
    if act in HALF_FLAT:
        quiet = slope.amax(0) == 0
        if gradient is not None:
            quiet &= by_unit(gradient).abs().amax(0) == 0
        found.dead = float(quiet.double().mean())
    if act in FLAT_AT_BOTH_ENDS:
        stuck = (slope < SLOPE * STEEPEST[act]).double().mean(0) >= SHARE
        found.saturated = float(stuck.double().mean())
    if gradient is not None:
        found.gradient = _rms(gradient)
        found.whole = float(gradient.double().norm())
    rows = FUNCTIONS[act](output[:128].clone()).flatten(1).double()
    rows = rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-30)
    count = len(rows)
    found.cosine = float((rows.sum(0).square().sum() - count) / (count * (count - 1)))
    return found


@torch.no_grad()
def gates(model: Net, x: Tensor) -> list[tuple[str, str, Tensor]]:
    """Of recurrent layers, which compute them out of sight: written out for the first layer."""
    rnn = getattr(model, "rnn", None)
    if rnn is None:
        return []
    named = (
        (("input", "sigmoid"), ("forget", "sigmoid"), ("cell", "tanh"), ("output", "sigmoid"))
        if isinstance(rnn, nn.LSTM)
        else (("reset", "sigmoid"), ("update", "sigmoid"), ("new", "tanh"))
    )
    hidden = torch.zeros(len(x), rnn.hidden_size)
    cell = torch.zeros_like(hidden)
    seen: dict[str, list[Tensor]] = defaultdict(list)
    for row in x.view(len(x), -1, rnn.input_size).unbind(1):
        a = row @ rnn.weight_ih_l0.T + rnn.bias_ih_l0
        b = hidden @ rnn.weight_hh_l0.T + rnn.bias_hh_l0
        if len(named) == 4:
            z = (a + b).chunk(4, 1)
            cell = z[1].sigmoid() * cell + z[0].sigmoid() * z[2].tanh()
            hidden = z[3].sigmoid() * cell.tanh()
        else:
            (r, u, n), (r2, u2, n2) = a.chunk(3, 1), b.chunk(3, 1)
            z = (r + r2, u + u2, n + (r + r2).sigmoid() * n2)
            hidden = (1 - z[1].sigmoid()) * z[2].tanh() + z[1].sigmoid() * hidden
        for (name, _), part in zip(named, z, strict=True):
            seen[name].append(part)
    return [(f"rnn {name}", act, torch.cat(seen[name])) for name, act in named]


def missing_activation(model: Net, x: Tensor) -> str:
    """Two linear maps of full rank, the second of which takes what the first puts out."""
    outputs: list[tuple[str, nn.Module, Tensor]] = []
    found: list[str] = []

    def hook(name: str) -> Any:
        def look(module: nn.Module, args: Any, output: Tensor) -> None:
            for before, first, z in outputs:
                if z.shape == args[0].shape and torch.equal(z, args[0].detach()):
                    narrow, wide = first.weight.shape[0], min(first.weight[0].numel(),
                                                              module.weight.shape[0])  # fmt: skip
                    found.extend([before] * (narrow >= wide))
            outputs.append((name, module, output.detach().clone()))

        return look

    handles = [
        module.register_forward_hook(hook(name))
        for name, module in model.named_modules()
        if isinstance(module, (nn.Linear, nn.Conv2d)) and "attend" not in name
    ]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    return found[0] if found else ""


def calibration_error(seen: Any) -> float:
    """Over 15 bins of confidence; 0 where the network is less sure than right."""
    sure = torch.cat([p for p, _ in seen]).double().numpy()
    right = torch.cat([r for _, r in seen]).double().numpy()
    if not np.isfinite(sure).all() or sure.mean() <= right.mean():
        return 0.0
    at = np.minimum((sure * 15).astype(int), 14)
    gaps = np.abs(np.bincount(at, sure - right, minlength=15))
    return float(min(gaps.sum() / len(sure), sure.mean() - right.mean()))


def wrong_head(plan: Plan, batches: Any) -> str:
    """By the values that go into the loss, what the loss does with them, and the targets."""
    z = torch.cat([given.flatten(1) if given.dim() > 1 else given[:, None] for given, _ in batches])
    y = torch.cat([target for _, target in batches])
    if not bool(torch.isfinite(z).all()):
        return ""
    name = plan.loss.lower().replace("_", "")
    decisions = "binary" in name or "bce" in name or "onehotwith" in name
    classes = not decisions and plan.data != "diabetes" and plan.net != "autoencoder" and (
        "mse" not in name and "root" not in name
    )  # fmt: skip
    rows_sum_to_1 = bool(((z >= 0).all()) and ((z.sum(1) - 1).abs() < 1e-4).all())
    softmax = bool(plan.head) and plan.head[-1].startswith("softmax")
    if z.shape[1] == 1 and (classes or (softmax and rows_sum_to_1)):
        return "wrong_head/one_unit_softmax"
    within = bool((z >= 0).all() and (z <= 1).all())
    logs = bool((z <= 1e-6).all() and (z.exp().sum(1) - 1).abs().max() < 1e-3)
    if classes:
        if int(y.min()) < 0 or int(y.max()) >= z.shape[1]:
            return "wrong_head/target_range"
        if name.startswith("nll"):
            return "" if logs else "wrong_head/probs_as_logits"
        if name == "logofsoftmax":
            return ""
        if rows_sum_to_1:
            return "wrong_head/softmax_twice"
        if within:
            return "wrong_head/probs_as_logits"
        bounded = bool((z.abs() <= 1).all()) and plan.head[-1:] in (("tanh",), ("softsign",))
        return "wrong_head/target_range" if bounded else ""
    if decisions:
        if float(y.min()) < 0 or (float(y.max()) > 1 and "onehot" not in name):
            return "wrong_head/target_range"
        if "logits" in name:
            if z.shape[1] > 1 and rows_sum_to_1:
                return "wrong_head/probs_as_logits"
            if within:
                return "wrong_head/softmax_twice"
            if bool((z >= 0).all()):
                return "wrong_head/target_range"
        return ""
    low, high = RANGES.get(plan.head[-1], (-math.inf, math.inf)) if plan.head else (
        -math.inf, math.inf)  # fmt: skip
    target = y.float()
    if "onehot" in name:
        target = nn.functional.one_hot(y, z.shape[1]).float()
    return "wrong_head/target_range" if bool(
        ((target < low - 1e-3) | (target > high + 1e-3)).double().mean() >= 0.01
    ) else ""  # fmt: skip


# From probes to labels.


def persistent(values: list[float], above: bool = True) -> float:
    """The worst value that at least 2 of 3 probes in a row reach; one probe counts for itself."""
    known = [v if above else -v for v in values if not math.isnan(v)]
    if len(known) < 3:
        worst = max(known, default=-math.inf)
    else:
        worst = max(sorted(known[at : at + 3])[1] for at in range(len(known) - 2))
    return worst if above else -worst


WINDOW = 20
"""Batches that a verdict on units spans: probes are no closer."""


def by_layer(found: Labels, name: str) -> Mapping[str, list[float]]:
    """A number of each layer, probe by probe."""
    seen: dict[str, list[float]] = defaultdict(list)
    for look in found.looks:
        if 0 < look.step < WINDOW:
            continue
        for layer, each in look.layers.items():
            seen[layer].append(getattr(each, name))
    return seen


def ratios(found: Labels) -> dict[str, list[float]]:
    """Numbers of depth, probe by probe; of networks of at least 3 layers, the last one counted."""
    seen: dict[str, list[float]] = defaultdict(list)
    for look in found.looks:
        layers = [each for name, each in look.layers.items() if not name.startswith("rnn ")]
        if len(layers) >= 2 and look.last > 0:
            ratio = layers[0].gradient / look.last
            seen["explodes"].append(ratio)
            # Small gradients that move the weights all the same are no fault.
            moves = look.learns and look.update >= STILL
            seen["vanishes"].append(1.0 if moves else ratio)
            ratio = layers[0].whole / look.last_whole
            seen["explodes by norm"].append(ratio)
            seen["vanishes by norm"].append(1.0 if moves else ratio)
        if len(layers) >= 3 and layers[0].size > 0 and math.isfinite(layers[-1].size):
            k = layers[-1].size / layers[0].size
            seen["drift"].append(max(k, 1 / k) if k > 0 else math.inf)
        if layers and not look.learns:
            seen["cosine"].append(max(each.cosine for each in layers))
    return seen


def numbers(found: Labels, worst: Any = persistent) -> dict[tuple[str, str], float]:
    """By fault and layer (empty for faults of the whole), where a warning's threshold is passed."""
    known: dict[tuple[str, str], float] = {}
    for fault, name in (
        ("dead_unit", "dead"), ("dormant_unit", "dormant"), ("saturated_unit", "saturated")
    ):  # fmt: skip
        for layer, values in by_layer(found, name).items():
            known[fault, layer] = worst(values)
    depth = ratios(found)
    known["vanishing_gradient", ""] = worst(depth["vanishes"], above=False)
    known["exploding_gradient", ""] = worst(depth["explodes"])
    known["magnitude_drift", ""] = worst(depth["drift"])
    known["not_centred", ""] = worst(depth["cosine"])
    known["over_confidence", ""] = worst([look.calibration for look in found.looks])
    known = {key: number for key, number in known.items() if level(key[0], number)}
    if any(not math.isfinite(loss) for loss in found.losses):
        known["nan", ""] = math.inf
    if found.head:
        known[found.head, ""] = 1.0
    if found.gap:
        known["missing_activation", found.gap] = 1.0
    return known


def once(values: list[float], above: bool = True) -> float:
    """The worst value of any probe."""
    known = [v for v in values if not math.isnan(v)]
    return max(known, default=-math.inf) if above else min(known, default=math.inf)


def conclude(found: Labels) -> dict[str, float]:
    """The worst lasting number of each fault that the training has by definition."""
    worst: dict[str, float] = {}
    for (fault, _), number in numbers(found).items():
        sign = -1 if fault == "vanishing_gradient" else 1
        worst[fault] = sign * max(sign * number, sign * worst.get(fault, -sign * math.inf))
    return worst


def is_true(found: Labels, fault: str, layer: str) -> bool:
    """Whether any probe confirms a finding, of units at its layer; of depth by RMS or by the norm,
    which is what the monitor's documentation names."""
    known = numbers(found, once)
    depth = ratios(found)
    for name, kind, above in (
        ("exploding_gradient", "explodes by norm", True),
        ("vanishing_gradient", "vanishes by norm", False),
    ):
        if fault == name and level(name, once(depth[kind], above)):
            return True
    if fault not in ("dead_unit", "dormant_unit", "saturated_unit") or layer == "rnn":
        return any(fault == each for each, _ in known)
    return any((fault, name) in known for name in (layer, layer.replace("layers", "norms"),
                                                   layer.replace("convs", "norms")))  # fmt: skip


def level(fault: str, number: float) -> str:
    """warn, error or nothing."""
    if fault not in THRESHOLDS:
        return "error"
    warn, error = THRESHOLDS[fault]
    sign = 1 if error > warn else -1
    if not math.isfinite(number) and number * sign < 0:
        return ""
    return "error" if sign * number >= sign * error else "warn" * (sign * number >= sign * warn)
