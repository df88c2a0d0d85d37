"""Faults in falling strength, and faults that cannot be seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from .plan import Plan
from .planted import PLANTED


@dataclass(frozen=True)
class Ladder:
    """One fault in falling strength."""

    fault: str
    what: str
    """What the strengths are of."""
    strengths: tuple[Any, ...]
    make: Callable[[Any], Plan]

    @property
    def rungs(self) -> list[tuple[Any, Plan]]:
        return [
            (s, replace(self.make(s), name=f"{self.fault}, {self.what} {s}", fault=self.fault))
            for s in self.strengths
        ]


def _planted(name: str, **changes: Any) -> Plan:
    found = next(plan for plan in PLANTED if plan.name == name)
    return replace(found, **changes)


LADDERS = [
    Ladder("dead_unit", "bias of a layer", (-6, -3, -2, -1),
           lambda s: _planted("biases of a layer at -6",
                              edits=(f"nn.init.constant_(model.layers[1].bias, {s:.1f})",))),
    Ladder("dormant_unit", "units with weights near 0, of 64", (50, 15, 8, 5),
           lambda s: _planted("rows of weights near 0", edits=(
               f"model.layers[1].weight[:{s}] *= 1e-3; model.layers[1].bias[:{s}] *= 1e-3; "
               f"model.layers[2].weight[:, :{s}] *= 1e-3",))),
    Ladder("saturated_unit", "gain of tanh", (60, 40, 30, 20),
           lambda s: _planted("tanh with a gain of 60", gain=float(s))),
    Ladder("vanishing_gradient", "layers of sigmoids", (8, 6, 5, 4),
           lambda s: _planted("eight layers of sigmoids", depth=s)),
    Ladder("exploding_gradient", "gain of ReLU", (4.2, 3.2, 2.6, 2.2),
           lambda s: _planted("ReLU with a gain of 4.2", gain=s)),
    Ladder("magnitude_drift", "gain of ReLU in eight layers", (2.4, 2.1, 1.9, 1.7),
           lambda s: _planted("ReLU with a gain of 2.4", gain=s)),
    Ladder("not_centred", "common mean of rows", (3, 0.3, 0.1, 0.03),
           lambda s: _planted("a large common mean", prepare=(f"x = x / 20 + {s}",))),
    Ladder("wrong_head/one_unit_softmax", "outputs", (1,),
           lambda s: _planted("nn.Softmax over one output", outputs=s)),
    Ladder("wrong_head/softmax_twice", "softmax by hand, with a term under the sum of",
           (0.0, 1e-5, 1e-3),
           lambda s: _planted("a softmax by hand before cross_entropy",
                              head=(f"softmax_by_hand+{s:g}",) if s else ("softmax_by_hand",))),
    Ladder("wrong_head/probs_as_logits", "into nll_loss: probabilities plus",
           (0.0, 1e-5, 1e-3),
           lambda s: _planted("softmax before nll_loss", net="mlp", depth=2,
                              head=(f"softmax_by_hand+{s:g}",) if s else ("softmax_by_hand",))),
    Ladder("wrong_head/target_range", "regression with ReLU: targets plus", (0, 1.4, 1.6),
           lambda s: _planted("nn.ReLU at the end of a regression",
                              prepare=(f"y = y + {s}",) if s else ())),
    Ladder("missing_activation", "layers in a row, of 4", (4, 3, 2),
           lambda s: _planted("two nn.Linear in a row", depth=4, gaps=tuple(range(s - 1)))),
    Ladder("over_confidence", "last layer times", (40, 20, 10, 5),
           lambda s: _planted("a last layer 40 times too large",
                              edits=(f"model.last.weight.mul_({s})",))),
    Ladder("nan", "rate", (1e4, 1e2, 10),
           lambda s: _planted("a rate of 1e4", rate=s)),
]  # fmt: skip

UNSEEN = [
    (Plan(name="all weights of a layer equal", fault="collapsed units", gain=1.4142,
          edits=("[nn.init.constant_(layer.weight, 0.02) for layer in model.layers]",),
          optimizer="SGD", rate=0.02, sound={"edits": ()}),
     "Units that are copies of one another have healthy slopes and gradients each; no rule "
     "compares units."),
    (Plan(name="a rate 100 times too small", fault="learning rate too small", optimizer="SGD",
          rate=1e-4, sound={"rate": 0.03}),
     "Slow is not stuck: layers, gradients and heads are sound."),
    (Plan(name="labels of a fifth of the rows at random", fault="wrong labels", depth=2,
          prepare=("y = torch.where(torch.arange(len(y)) % 5 == 0, (y + torch.arange(len(y))) % 10"
                   ", y)",), sound={"prepare": ()}),
     "Labels within the classes cannot be told from right ones."),
    (Plan(name="log of a softmax by hand, in range", fault="a loss by hand", depth=2,
          loss="log of softmax", sound={"loss": "cross_entropy"}),
     "A loss of one's own is not followed: neither its head nor the skill is known. Here it does "
     "no harm."),
    (Plan(name="sixty rows, learnt by heart", fault="overfitting", depth=3, width=128,
          prepare=("at = torch.arange(len(x)); at[: len(x_train)] %= 60; x, y = x[at], y[at]",),
          sound={"prepare": ()}),
     "Held-out rows are not looked at."),
]  # fmt: skip
