"""Published rules for the same faults, as their documentation and sources define them.

- Amazon SageMaker Debugger: docs.aws.amazon.com/sagemaker/latest/dg, one page for each rule
- AutoTrainer (ICSE 2021): shiningrain/AUTOTRAINER, AutoTrainer/utils/monitor.py
- DeepDiagnosis (ICSE 2022): DeepDiagnosis/ICSE2022, callback/callbacks.py
- torchmortem 0.1.1: detectors/dead_units.py, saturation.py, gradient_flow.py
- torch-audit 0.3.0: validators/builtin/stability.py, activation.py
- neural-observatory 0.5.1: analysis/dead_neurons.py, gradient_health.py, parameter_health.py

In their favour: each rule sees functions as well as modules, some twelve times in a training
instead of every 500 steps or three epochs; rules that always alarm on networks of PyTorch (rows of
logits that sum to more than 1.1, standardised data outside -1 to 1) are left out; and an alarm
counts as the right name for every fault in `MEANS`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from .labels import PROBES, RANGES, by_unit, keeping
from .networks import FUNCTIONS
from .plan import Plan
from .training import Step

MEANS = {
    "DeadRelu": ("dead_unit",),
    "SaturatedActivation": ("saturated_unit",),
    "VanishingGradient": ("vanishing_gradient", "dead_unit", "wrong_head/one_unit_softmax"),
    "ExplodingTensor": ("exploding_gradient", "nan"),
    "PoorWeightInitialization": (
        "magnitude_drift", "vanishing_gradient", "exploding_gradient", "not_centred",
        "saturated_unit",
    ),
    "WeightUpdateRatio": ("exploding_gradient", "nan", "vanishing_gradient"),
    "AllZero": ("dead_unit",),
    "UnchangedTensor": ("vanishing_gradient", "dead_unit", "wrong_head/one_unit_softmax"),
    "dying ReLU": ("dead_unit",),
    "vanishing gradient": ("vanishing_gradient",),
    "exploding gradient": ("exploding_gradient", "nan"),
    "oscillating loss": ("nan",),
    "slow convergence": ("vanishing_gradient", "not_centred"),
    "Dead": ("dead_unit",),
    "Saturated": ("saturated_unit",),
    "Vanish": ("vanishing_gradient", "dead_unit", "wrong_head/one_unit_softmax"),
    "Unchanged": ("vanishing_gradient", "dead_unit", "wrong_head/one_unit_softmax"),
    "Out of range": ("wrong_head/target_range",),
    "Poor weight": ("exploding_gradient", "magnitude_drift", "vanishing_gradient"),
    "Learning rate": ("nan", "exploding_gradient", "vanishing_gradient"),
    "Not finite": ("nan", "exploding_gradient"),
    "dead_units": ("dead_unit", "dormant_unit"),
    "saturation": ("saturated_unit",),
    "Vanishing gradients": ("vanishing_gradient",),
    "Exploding gradients": ("exploding_gradient", "nan"),
    "Gradient stalling": ("vanishing_gradient", "dead_unit", "wrong_head/one_unit_softmax"),
    "TA100": ("nan", "exploding_gradient"),
    "TA102": ("exploding_gradient", "nan"),
    "TA103": ("dead_unit", "wrong_head/one_unit_softmax"),
    "TA105": ("dead_unit",),
    "dead_neurons": ("dead_unit", "dormant_unit"),
    "gradient vanishes": ("vanishing_gradient", "dead_unit", "wrong_head/one_unit_softmax"),
    "gradient explodes": ("exploding_gradient", "nan"),
    "parameter drift": ("nan", "exploding_gradient"),
}  # fmt: skip


@dataclass
class Snapshot:
    """Tensors of one batch."""

    step: int
    z: dict[str, Tensor]
    """Pre-activations."""
    y: dict[str, Tensor]
    """Outputs of activations."""
    gradients: dict[str, Tensor]
    weights: dict[str, Tensor]
    updates: dict[str, Tensor] = field(default_factory=dict)
    loss: float = 0.0
    given: Tensor | None = None
    target: Tensor | None = None


class Recorder:
    """Follows a training through the callbacks of `training.train`."""

    def __init__(self, plan: Plan, rows: int) -> None:
        self.plan = plan
        self.epoch = max(1, rows // plan.batch)
        self.snapshots: list[Snapshot] = []
        self.hits: list[float] = []
        self.losses: list[float] = []
        self.steps = {0, *np.linspace(0, plan.steps - 1, PROBES).astype(int).tolist()}

    def before_step(self, step: Step) -> None:
        self.losses.append(step.loss)
        if step.given.dim() == 2 and step.given.shape[1] > 1 and step.y.dim() == 1:
            self.hits.append(float((step.given.argmax(1) == step.y).float().mean()))
        if step.number not in self.steps:
            return
        model = copy.deepcopy(step.model)
        z: dict[str, Tensor] = {}
        for name, module in model.named_modules():
            if name in model.hidden:
                module.register_forward_hook(keeping(name, z, {}))
        state = torch.get_rng_state()
        with torch.no_grad():
            model(step.x)
        torch.set_rng_state(state)
        own = dict(step.model.named_parameters())
        act = FUNCTIONS[self.plan.act]
        self.snapshots.append(Snapshot(
            step.number, z, {name: act(each.clone()) for name, each in z.items()},
            {name: each.grad.clone() for name, each in own.items()
             if each.grad is not None and name.endswith("weight")},
            {name: each.detach().clone() for name, each in own.items() if name.endswith("weight")},
            loss=step.loss, given=step.given, target=step.y,
        ))  # fmt: skip

    def after_step(self, step: Step) -> None:
        if self.snapshots and self.snapshots[-1].step == step.number:
            last = self.snapshots[-1]
            last.updates = {
                name: each.detach() - last.weights[name]
                for name, each in step.model.named_parameters()
                if name in last.weights
            }

    def rules(self) -> dict[str, list[str]]:
        """Names of the rules that alarm, by tool."""
        return {
            "SageMaker Debugger": sorted({*self._sagemaker()}),
            "AutoTrainer": sorted({*self._autotrainer()}),
            "DeepDiagnosis": sorted({*self._deep_diagnosis()}),
            "torchmortem": sorted({*self._torchmortem()}),
            "torch-audit": sorted({*self._torch_audit()}),
            "neural-observatory": sorted({*self._neural_observatory()}),
        }

    def _sagemaker(self) -> Iterator[str]:
        act, shots = self.plan.act, self.snapshots
        for shot in shots:
            for name, y in shot.y.items():
                if act == "relu":
                    active = (by_unit(y) > 0).double().mean(0)
                    if float((active < 0.01).double().mean()) > 0.5:
                        yield "DeadRelu"
                low, high = {"tanh": (-9.4999, 9.4999), "sigmoid": (-23.0, 16.99999)}.get(
                    act, (-math.inf, math.inf)
                )
                z = by_unit(shot.z[name])
                inside = ((z > low) & (z < high)).double().mean(0)
                if float((inside < 0.01).double().mean()) > 0.5:
                    yield "SaturatedActivation"
                if bool((y == 0).all()):
                    yield "AllZero"
            if any(float(g.abs().mean()) < 1e-7 for g in shot.gradients.values()):
                yield "VanishingGradient"
            tensors = (*shot.z.values(), *shot.gradients.values(), *shot.weights.values())
            if not (math.isfinite(shot.loss) and all(bool(t.isfinite().all()) for t in tensors)):
                yield "ExplodingTensor"
        early = shots[:6]
        if len(early) == 6 and early[-1].loss >= early[0].loss and act == "relu":
            spread = [float(z.var()) for z in early[0].z.values()]
            gradients = torch.cat([g.flatten() for g in early[0].gradients.values()])[: 2**20]
            ends = torch.quantile(gradients, torch.tensor([0.05, 0.95]))
            if (spread and max(spread) / max(min(spread), 1e-30) > 10) or float(ends.diff()) < 1e-3:
                yield "PoorWeightInitialization"
        for first, second in pairwise(shots):
            for name in first.updates:
                both = [
                    float(
                        shot.updates[name].abs().mean() / (shot.weights[name].abs().mean() + 1e-9)
                    )
                    for shot in (first, second)
                    if name in shot.updates
                ]
                if len(both) == 2 and (min(both) > 10 or max(both) < 1e-8):
                    yield "WeightUpdateRatio"
        for at in range(2, len(shots)):
            for name, weight in shots[at].weights.items():
                if all(np.allclose(weight, shots[at - k].weights[name]) for k in (1, 2)):
                    yield "UnchangedTensor"

    def _accuracy(self) -> list[float]:
        """By epoch."""
        parts = range(0, len(self.hits) - self.epoch + 1, self.epoch)
        return [float(np.mean(self.hits[at : at + self.epoch])) for at in parts]

    def _autotrainer(self) -> Iterator[str]:
        if any(not math.isfinite(loss) for loss in self.losses):
            yield "exploding gradient"
        accuracy = self._accuracy()
        if not accuracy or accuracy[-1] >= 0.6:  # every check asks for a bad accuracy
            return
        for shot in self.snapshots[1:]:
            sizes = [float(g.norm()) for g in shot.gradients.values() if g.dim() > 1]
            entries = torch.cat([g.flatten() for g in shot.gradients.values()])
            if self.plan.act == "relu" and float((entries == 0).double().mean()) >= 0.7:
                yield "dying ReLU"
            if len(sizes) > 1 and sizes[-1] > 0:
                if sizes[0] / sizes[-1] < 1e-3 and sizes[0] < 1e-4:
                    yield "vanishing gradient"
                if sizes[0] / sizes[-1] > 70:
                    yield "exploding gradient"
        steps = np.diff(accuracy)
        if len(steps) and float((steps <= -0.03).mean()) >= 0.2:
            yield "oscillating loss"
        if len(steps) and steps.max() < 0.01:
            yield "slow convergence"

    def _deep_diagnosis(self) -> Iterator[str]:
        act, shots = self.plan.act, self.snapshots
        if any(not math.isfinite(loss) for loss in self.losses):
            yield "Not finite"
        if not shots:
            return
        for y in shots[-1].y.values():
            if act == "relu" and float((y <= 0).double().mean()) >= 0.7:
                yield "Dead"
        for shot in shots:
            for z in shot.z.values():
                if act in ("sigmoid", "tanh") and float((z.abs() >= 5).double().mean()) > 0.5:
                    yield "Saturated"
            if any(float(g.abs().mean()) < 1e-7 for g in shot.gradients.values()):
                yield "Vanish"
            for name, weight in shot.weights.items():
                if weight.dim() > 1 and not 1e-5 <= float(weight.var()) <= 10:
                    yield "Poor weight"
                if weight.dim() > 1 and name in shot.updates:
                    rate = float(shot.updates[name].norm() / weight.norm().clamp_min(1e-30))
                    if not 1e-5 <= rate <= 1e-1:
                        yield "Learning rate"
        for at in range(5, len(shots)):
            for name in shots[at].z:
                means = [float(shots[at - k].z[name].mean()) for k in range(5)]
                if max(means) == min(means):
                    yield "Unchanged"
        given, target = shots[-1].given, shots[-1].target
        act = self.plan.head[-1] if self.plan.head else ""
        if given is not None and target is not None and act in RANGES and act != "softmax":
            low, high = RANGES[act]
            if float(target.min()) < low or float(target.max()) > high:
                yield "Out of range"

    def _torchmortem(self) -> Iterator[str]:
        """Shares of elements, in the second half of the training, in most of its steps."""
        shots = self.snapshots
        late = shots[len(shots) // 2 :]
        if not late:
            return
        for name in late[0].z:
            for outputs in ([s.z[name] for s in late], [s.y[name] for s in late]):
                quiet = [float((each.abs() < 1e-6).double().mean()) > 0.5 for each in outputs]
                large = [float((each.abs() > 0.95).double().mean()) > 0.5 for each in outputs]
                if np.mean(quiet) >= 0.5:
                    yield "dead_units"
                if np.mean(large) >= 0.5:
                    yield "saturation"
        sizes = _sizes(shots)
        if len(sizes) < 2:
            return
        first, last = (np.mean(each[len(shots) // 2 :]) for each in (sizes[0], sizes[-1]))
        if last >= 1e-30 and last >= 100 * first:
            yield "Vanishing gradients"
        if any(max(each) > 1000 for each in sizes):
            yield "Exploding gradients"
        if any(np.mean(np.array(each) < 1e-8) >= 0.3 for each in sizes):
            yield "Gradient stalling"

    def _torch_audit(self) -> Iterator[str]:
        for shot in self.snapshots:
            sizes = [float(g.norm()) for g in shot.gradients.values()]
            if not all(map(math.isfinite, sizes)):
                yield "TA100"
            elif math.hypot(*sizes) > 100:
                yield "TA102"
            if any(size == 0 for size in sizes):
                yield "TA103"
            if any(float((y == 0).double().mean()) > 0.9 for y in shot.y.values()):
                yield "TA105"

    def _neural_observatory(self) -> Iterator[str]:
        """What it calls a warning or worse."""
        shots = self.snapshots
        if not shots:
            return
        for name in shots[0].y:
            y = torch.cat([by_unit(shot.y[name]) for shot in shots]).abs()
            if not bool(y.isfinite().all()):
                continue
            still = (y < max(1e-6, 1e-3 * float(y.max()))).double().mean(0) >= 0.95
            if float(still.double().mean()) >= 0.4:
                yield "dead_neurons"
        means = [float(np.mean(each)) for each in _sizes(shots)]
        if not all(map(math.isfinite, means)):
            yield "Not finite"
            return
        most = max(means, default=0.0)
        for mean in means:
            if mean < 1e-7 / 40 or 0 < mean < most * 1e-6:
                yield "gradient vanishes"
            if mean > 1e3 * 10**1.2:
                yield "gradient explodes"
        for name, weight in shots[-1].weights.items():
            before = shots[0].weights[name]
            if float((weight - before).norm() / before.norm().clamp_min(1e-30)) >= 1.0:
                yield "parameter drift"


def _sizes(shots: list[Snapshot]) -> list[list[float]]:
    """Norms of the gradients of each layer's weights."""
    names = [name for name, each in shots[0].gradients.items() if each.dim() > 1]
    return [[float(shot.gradients[name].norm()) for shot in shots if name in shot.gradients]
            for name in names]  # fmt: skip
