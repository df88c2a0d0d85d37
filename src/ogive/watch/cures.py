"""What a finding says: its cause, by measurement against prediction, and what to change first."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ogive import catalog

from .faults import FAULTS
from .layer_stats import moments_at
from .places import Place
from .records import Cause, Cure, Finding
from .view import Memory, Suspicion, View

Told = tuple[str, Cause, Cure]
"""Sentence, cause, cure."""


def finding(first: Memory, view: View, suspicion: Suspicion, since: int) -> Finding:
    """A suspicion as a finding."""
    sentence, cause, cure = TELL[suspicion.fault](first, view, suspicion)
    place = suspicion.place
    return Finding(
        fault=suspicion.fault,
        severity=suspicion.severity,
        sentence=sentence,
        cure=cure,
        model=view.watch.name,
        layer=place.layer if place is not None else "",
        activation=place.name if place is not None else "",
        call=place.call if place is not None else 0,
        cause=cause,
        share=suspicion.share,
        since_step=since,
        step=view.step,
        measured=suspicion.measured,
        threshold=suspicion.threshold,
        predicted=suspicion.predicted,
        evidence={key: value for key, value in suspicion.evidence.items() if value is not None},
    )


# Words.


def where(place: Place | None) -> str:
    """``fc1 (relu)``"""
    if place is None:
        return "the model"
    layer = place.layer or "the model"
    gate = f", {place.gate} gate" if place.gate else ""
    again = f", call {place.call + 1}" if place.call else ""
    return f"{layer}{gate}{again}" + (f" ({place.name})" if place.name else "")


def size(value: float | None) -> str:
    """Three digits."""
    if value is None:
        return "an unknown number"
    return f"{value:.3g}".replace("e-0", "e-").replace("e+0", "e")


def title(name: str) -> str:
    """nn.ReLU, as torch's class is called."""
    return f"nn.{catalog.find(name).title}()"


def attribute(place: Place | None, name: str = "") -> str:
    """``model.fc1``: Python that reaches a layer."""
    path = place.layer if place is not None else ""
    if not path:
        return f"model{name}"
    parts = path.split(".")
    if any(part.isdigit() for part in parts):
        return f"model.get_submodule({path!r}){name}"
    return f"model.{path}{name}"


def exchange(place: Place | None, new: str) -> str:
    """The edit that replaces an activation."""
    if place is None or place.activation is None:
        return f"use {title(new)}"
    old = place.name
    if place.style == "function":
        return f"F.{old}(…) -> F.{new}(…)  # after {place.layer or 'the layer'}"
    named = f"  # {place.path}" if place.path else ""
    return f"{title(old)} -> {title(new)}{named}"


def slower(view: View, factor: float = 3) -> str:
    """The line that lowers the learning rate."""
    rate, kind = view.watch.rate, view.watch.optimizer or "optimizer"
    if rate is None:
        return f'for group in optimizer.param_groups: group["lr"] /= {factor:g}'
    return f"torch.optim.{kind}(…, lr={float(f'{rate / factor:.2g}'):g})  # was lr={rate:g}"


def initialise(view: View, place: Place | None) -> str:
    """The line that sets weights by the activation's gain."""
    hidden = [each for _, each in view.hidden() if not each.gate]
    if place is None or place.activation is None:
        place = hidden[0] if hidden else None
    unseen = place is not None and not view.watch.beside(hidden)
    named = f", activation={place.name!r}" if unseen and place is not None else ""
    return f"ogive.torch.init_(model{named})  # before training"


LARGE, USUAL = 0.1, 0.01
"""Parts of the weights that one step changes: too large, and as it often is."""


def lower_rate(view: View) -> Cure:
    """A tenth of the learning rate; less, by powers of ten, where a tenth of the first step would
    still have been too large for the weights."""
    steps = [block.update_ratio or 0.0 for block in view.watch.first_blocks.values()]
    first = max(filter(math.isfinite, steps), default=0.0)
    factor = 10 ** math.ceil(math.log10(first / USUAL)) if first > 10 * LARGE else 10
    return Cure(words="Lower the learning rate.", code=slower(view, factor))


def by_gain(view: View, place: Place | None) -> Cure:
    """Weights by the activation's gain."""
    return Cure(words="Initialise by the activation's gain.", code=initialise(view, place))


def zero_biases(place: Place | None) -> Cure:
    """Biases hold units where they do nothing."""
    return Cure(words="Start the biases at 0.", code=f"nn.init.zeros_({attribute(place, '.bias')})")


def normalise(place: Place | None) -> Cure:
    """A norm after a layer."""
    norm = "BatchNorm2d" if place is not None and place.kind == "Conv2d" else "BatchNorm1d"
    units, layer = (place.units, place.layer) if place is not None else ("units", "the layer")
    return Cure(
        words="Normalise before the activation.", code=f"nn.{norm}({units})  # after {layer}"
    )


def sums(chain: list[Any]) -> bool:
    """Whether the network adds branches up without a norm."""
    return any((place.summed or place.residual) and not place.normed for _, place in chain)


NORMALISED_BRANCHES = Cure(
    words="Normalise before each branch, or scale branches by 1/sqrt(blocks).",
    code="x = x + branch(norm(x))",
)

STANDARDISE = "x = (x - x_train.mean(0)) / (x_train.std(0) + 1e-8)"
STANDARDISED = Cure(words="Standardise the data.", code=STANDARDISE)


def raw_data(view: View) -> dict[str, float] | None:
    """What is said of the model's input, where its scale or its centre is far off."""
    for seen in view.watch.inputs.values():
        if seen["rms"] > 5 or abs(seen["mean"]) > 2:
            return seen
    return None


# Units.


def _dead(first: Memory, view: View, s: Suspicion) -> Told:
    units, place = s.facts["units"], s.place
    assert place is not None
    count = len(units.active)
    share = f"{s.share:.0%} of the {count} units of {where(place)}" if (s.share or 0) < 1 else (
        f"All {count} units of {where(place)}")  # fmt: skip
    key = s.key
    at_start = first.dead.get(key, 0.0)
    said = (
        f"{share} were never active in {s.evidence['samples']:.0f} samples, and no gradient "
        "reaches them"
    )
    mean, spread = float(np.mean(units.mean)), float(np.mean(units.spread))
    from_start = at_start >= 0.5 * (s.share or 0)
    if (data := raw_data(view)) is not None and place.source is None:
        since = (
            "they were so from the start" if from_start else f"at the start it was {at_start:.0%}"
        )
        return (
            f"{said}; {since}: the data have mean {size(data['mean'])} and rms "
            f"{size(data['rms'])}.", "data", STANDARDISED,
        )  # fmt: skip
    if not from_start:
        rate = f" (rate {view.watch.rate:g})" if view.watch.rate is not None else ""
        return (
            f"{said}; at the start it was {at_start:.0%}: steps too large{rate} moved them to "
            f"where the slope is 0 (mean of z now {size(mean)}).", "training",
            lower_rate(view),
        )  # fmt: skip
    if mean < -spread or spread < 1e-6:
        return (
            f"{said}; they were so from the start: pre-activations have mean {size(mean)} and "
            f"standard deviation {size(spread)}, so that the biases hold them below 0.",
            "initialisation", zero_biases(place),
        )  # fmt: skip
    return f"{said}; they were so from the start.", "initialisation", by_gain(view, place)


def _saturated(first: Memory, view: View, s: Suspicion) -> Told:
    units, place = s.facts["units"], s.place
    assert place is not None
    said = (
        f"{s.share:.0%} of the {len(units.active)} units of {where(place)} are saturated: the "
        "slope is below 5 % of its largest for 95 % of samples or more"
    )
    at_start = first.saturated.get(s.key, 0.0)
    k = s.evidence.get("mean square of z")
    data = raw_data(view)
    from_start = at_start >= 0.5 * (s.share or 0)
    since = "from the start" if from_start else f"at the start {at_start:.0%}"
    if place.source is None and data is not None:
        return (
            f"{said}, {since}: the data have rms {size(data['rms'])} and mean "
            f"{size(data['mean'])}.", "data", STANDARDISED,
        )  # fmt: skip
    if place.gate and from_start:
        return (
            f"{said}, from the start.", "initialisation",
            Cure(
                words="Start from torch's own weights and biases.",
                code=f"{attribute(place)}.reset_parameters()  # and nothing over them",
            ),
        )  # fmt: skip
    if place.gate:
        return (
            f"{said}.", "training",
            Cure(words="Lower the learning rate, or clip gradients.", code=slower(view)),
        )  # fmt: skip
    if from_start:
        return (
            f"{said}, from the start: pre-activations have mean square "
            f"{size(k if isinstance(k, float) else None)}, where about 1 is wanted.",
            "initialisation",
            by_gain(view, place),
        )  # fmt: skip
    return (
        f"{said}; at the start it was {at_start:.0%}: training drove pre-activations to mean "
        f"square {size(k if isinstance(k, float) else None)}.", "training",
        lower_rate(view),
    )  # fmt: skip


def _dormant(first: Memory, view: View, s: Suspicion) -> Told:
    units, place = s.facts["units"], s.place
    assert place is not None
    said = (
        f"{s.share:.0%} of the {len(units.active)} units of {where(place)} put out at most 2.5 % "
        "of the layer's mean: they add little"
    )
    at_start = first.dormant.get(s.key, 0.0)
    if at_start < 0.5 * (s.share or 0):
        return (
            f"{said}; at the start it was {at_start:.0%}.", "training",
            Cure(words="Lower the learning rate, or use fewer units.", code=slower(view)),
        )  # fmt: skip
    mean = float(np.mean(units.mean[units.dormant]))
    if mean < -1:
        return (
            f"{said}, from the start: their pre-activations have mean {size(mean)}.",
            "initialisation", zero_biases(place),
        )  # fmt: skip
    return f"{said}, from the start.", "initialisation", by_gain(view, place)


# Depth.


def _vanishing(first: Memory, view: View, s: Suspicion) -> Told:
    chain, said = s.facts["chain"], s.facts["said"]
    layers = len(chain)
    measured = s.measured or 0.0
    sentence = (
        f"The gradient at {where(s.place)} is {size(measured)} of the last layer's, over {layers} "
        "layers"
    )
    names = [place.name for _, place in chain if place.name]
    name = max(set(names), key=names.count) if names else ""
    chi = ""
    if said is not None:
        each = 10 ** (2 * said / max(1, layers - 1))
        sentence += f"; the weights and {name or 'the activations'} predict {size(10**said)}"
        chi = f"chi = {size(each)} per layer, "
        stopped = math.log10(max(measured, 1e-300)) < said - 1 and said > -2
    else:
        stopped = first.measured is not None and first.measured > -1
    if stopped:
        return (
            f"{sentence}: training, not depth, stopped it (see saturated or dead layers).",
            "training", lower_rate(view),
        )  # fmt: skip
    matched = moments_at(name, (), 1.0) if name else None
    best = matched[2] / matched[1] if matched else 1.0
    if best ** ((layers - 1) / 2) < 1e-2:
        place = next(place for _, place in chain if place.name == name)
        return (
            f"{sentence} ({chi or 'chi = '}{size(best)} at best): no initialisation "
            f"of a plain {name} network this deep holds gradients.", "activation",
            Cure(
                words="Use an activation whose slope is near 1, with its gain.",
                code=f"{exchange(place, 'relu')}; ogive.torch.init_(model, activation='relu')",
            ),
        )  # fmt: skip
    return (
        f"{sentence} ({chi or 'chi is below 1, '}where 1 is wanted): the weights are too small.",
        "initialisation",
        Cure(words=f"Initialise by the gain of {name}.", code=initialise(view, chain[0][1])),
    )  # fmt: skip


def _exploding(first: Memory, view: View, s: Suspicion) -> Told:
    chain, said = s.facts["chain"], s.facts["said"]
    measured = s.measured or 0.0
    sentence = (
        f"The gradient at {where(s.place)} is {size(measured)} times the last layer's, over "
        f"{len(chain)} layers"
    )
    if s.facts.get("grows"):
        return (
            f"{sentence}, and doubled from check to check.", "training",
            lower_rate(view),
        )  # fmt: skip
    start = first.ratio if first.ratio is not None else first.measured
    if start is not None and start <= 1:
        return f"{sentence}; at the start it was {size(10**start)}.", "training", lower_rate(view)
    if said is not None and said > 1:
        sentence += f"; the weights predict {size(10**said)}"
    if start is not None and sums(chain):
        return f"{sentence}: sums of branches grow.", "structure", NORMALISED_BRANCHES
    if start is not None:
        return (
            f"{sentence}: weights are too large from the start.", "initialisation",
            by_gain(view, chain[0][1]),
        )  # fmt: skip
    return (
        f"{sentence}.", "",
        Cure(
            words="Clip gradients, and initialise by the activation's gain.",
            code="torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # before the step",
        ),
    )  # fmt: skip


def _drift(first: Memory, view: View, s: Suspicion) -> Told:
    ratio = s.facts["ratio"]
    grows = "grows" if ratio > 1 else "shrinks"
    at = s.evidence["at"]
    chain = s.facts["chain"]
    sentence = (
        f"The mean square of pre-activations {grows} from "
        f"{size(_value(s, 'K of the first hidden layer'))} to {size(_value(s, 'K of the last'))} "
        f"over the hidden layers, most at {at or 'the model'}."
    )
    if sums(chain):
        return sentence, "structure", NORMALISED_BRANCHES
    if first.apart is not None and first.apart < 10:
        return f"{sentence[:-1]}; at the start not.", "training", lower_rate(view)
    return sentence, "initialisation", by_gain(view, chain[0][1] if chain else s.place)


def _value(s: Suspicion, name: str) -> float | None:
    found = s.evidence.get(name)
    return found if isinstance(found, float) else None


def _centre(first: Memory, view: View, s: Suspicion) -> Told:
    place, seen = s.place, s.facts["input"]
    sentence = (
        f"Outputs of {where(place)} are nearly the same for all samples: their mean cosine is "
        f"{size(s.measured)}"
    )
    cosine = seen.get("cosine")
    if cosine is not None and cosine > 0.9:
        return (
            f"{sentence}; the data's own is {size(cosine)} (mean {size(seen['mean'])}, rms "
            f"{size(seen['rms'])}).", "data", STANDARDISED,
        )  # fmt: skip
    name = place.name if place is not None else ""
    own = moments_at(name, (), 1.0) if name else None
    off = abs(own[0]) / math.sqrt(own[1]) if own else 0.0
    if off > 0.8:
        return (
            f"{sentence}; {name} is never centred (|mean|/rms {off:.3f} "
            "for normal inputs).", "activation",
            Cure(words="Use a centred activation.", code=exchange(place, "tanh")),
        )  # fmt: skip
    return (
        f"{sentence}.", "",
        normalise(place),
    )  # fmt: skip


# Heads and structure.


def _one_unit(first: Memory, view: View, s: Suspicion) -> Told:
    head = s.facts["head"]
    if head.loss.rows:
        words = "Give the last layer one output per class, or use one logit with a sigmoid loss."
        code = f"F.{head.name}(z, y) -> F.binary_cross_entropy_with_logits(z.squeeze(1), y.float())"
    else:
        words = "Use a sigmoid for one output, best inside the loss."
        code = "nn.Softmax(…) and its loss -> nn.BCEWithLogitsLoss() on the logit"
    return (
        "The softmax is over one output, so that it is 1 whatever the weights are: no gradient "
        "arrives, and nothing is learnt.", "head", Cure(words=words, code=code),
    )  # fmt: skip


def _twice(first: Memory, view: View, s: Suspicion) -> Told:
    head, why = s.facts["head"], s.facts["why"]
    if why == "sigmoid":
        return (
            f"{head.name} applies a sigmoid, and is given a sigmoid's output: it is applied twice.",
            "head",
            Cure(
                words="Pass logits: drop the sigmoid before the loss.",
                code=_drop(head, "sigmoid"),
            ),
        )  # fmt: skip
    seen = "rows that are already distributions" if why == "by value" else "a softmax's output"
    return (
        f"{head.name} applies a softmax, and is given {seen}: it is applied twice.", "head",
        Cure(words="Pass logits: drop the softmax before the loss.", code=_drop(head, "softmax")),
    )  # fmt: skip


def _drop(head: Any, name: str) -> str:
    place = head.activated
    path = place.path if place is not None and place.style == "module" else ""
    if path and name == "sigmoid":
        return f"nn.Sigmoid() -> nn.Identity()  # {path}"
    if head.softened and name == "softmax":
        return f"nn.Softmax(…) -> nn.Identity()  # {head.softened}"
    return f"{name}(z) -> z  # the last step before {head.name}"


def _probabilities(first: Memory, view: View, s: Suspicion) -> Told:
    head, why = s.facts["head"], s.facts["why"]
    told = {
        "softmax to sigmoid": (
            f"{head.name} takes logits, and is given a softmax's probabilities.",
            "Pass logits to cross_entropy.",
            f"F.{head.name}(softmax(z), y) -> F.cross_entropy(z, y)",
        ),
        "sigmoid to softmax": (
            f"{head.name} takes logits, and is given a sigmoid's probabilities.",
            "Pass logits: drop the sigmoid before the loss.", _drop(head, "sigmoid"),
        ),
        "log-probabilities": (
            f"{head.name} takes logits, and is given log-probabilities.",
            "Pass logits, or use nll_loss.", f"F.{head.name}(log_p, y) -> F.nll_loss(log_p, y)",
        ),
        "softmax to nll": (
            f"{head.name} takes log-probabilities, and is given probabilities.",
            "Use log_softmax instead of softmax.", "softmax(z) -> log_softmax(z)",
        ),
        "logits to nll": (
            f"{head.name} takes log-probabilities, and is given logits.",
            "Use cross_entropy, which takes logits.",
            f"F.{head.name}(z, y) -> F.cross_entropy(z, y)",
        ),
    }  # fmt: skip
    sentence, words, code = told[why]
    return sentence, "head", Cure(words=words, code=code)


def _range(first: Memory, view: View, s: Suspicion) -> Told:
    head, why = s.facts["head"], s.facts["why"]
    name = head.activated.name if head.activated is not None else head.softmax or "the head"
    identity = (
        f"{title(head.activated.name)} -> nn.Identity()  # {head.activated.path}"
        if head.activated is not None and head.activated.style == "module"
        else f"{name}(z) -> z  # the last step before {head.name}"
    )
    told = {
        "labels": (
            f"Labels lie outside the {head.classes} classes of {head.name}.",
            "Number labels from 0, and give the last layer one output per class.",
            f"y = y - y.min()  # and {head.classes} outputs must reach y.max()",
        ),
        "not 0 to 1": (
            f"{head.name} takes targets from 0 to 1, and is given targets from "
            f"{size(_value(s, 'lowest'))} to {size(_value(s, 'highest'))}.",
            "Map targets to 0 and 1.", "y = (y == y.max()).float()",
        ),
        "logits above 0": (
            f"Logits come from {name} and are never below 0"
            + (", so that no probability is below 1/2." if not head.loss.rows else "."),
            f"Drop {name} before the loss.", identity,
        ),
        "bounded logits": (
            f"Logits come from {name} and are bounded: targets of 0 and 1 are out of reach.",
            f"Drop {name} before the loss.", identity,
        ),
        "out of range": (
            f"Targets go from {size(_value(s, 'lowest'))} to {size(_value(s, 'highest'))}, and the "
            f"last {name} puts out {size(_value(s, 'bottom'))} to {size(_value(s, 'top'))}: "
            f"{_value(s, 'share') or 0:.0%} of the targets are out of reach.",
            f"End with the linear layer: drop {name}.", identity,
        ),
    }  # fmt: skip
    sentence, words, code = told[why]
    return sentence, "head", Cure(words=words, code=code)


def _missing(first: Memory, view: View, s: Suspicion) -> Told:
    one, other = s.evidence["first"], s.evidence["second"]
    return (
        f"{one or 'a linear map'} and {other or 'a linear map'} have nothing between: together "
        "they are one linear map.", "structure",
        Cure(
            words="Put an activation between them.",
            code=f"nn.ReLU()  # between {one} and {other}",
        ),
    )  # fmt: skip


def _confident(first: Memory, view: View, s: Suspicion) -> Told:
    if s.facts["why"] == "format":
        return (
            f"Logits reach {size(s.measured)} in {s.evidence['format']}, where sums of "
            "exponentials lose their digits.", "training",
            Cure(words="Compute the loss in float32.", code="loss = criterion(z.float(), y)"),
        )  # fmt: skip
    from_start = first.surer is not None and first.surer >= 0.2
    return (
        f"The network is surer than right on the training batches: confidence "
        f"{size(_value(s, 'mean confidence'))}, accuracy {size(_value(s, 'accuracy'))} "
        f"(calibration error {size(s.measured)}; logits up to {size(_value(s, 'largest logit'))})"
        + (", as it was before it had learnt anything." if from_start else "."),
        "initialisation" if from_start else "training",
        by_gain(view, s.place) if from_start else Cure(
            words="Smooth the labels, or lower the learning rate.",
            code="nn.CrossEntropyLoss(label_smoothing=0.1)",
        ),
    )  # fmt: skip


def _nan(first: Memory, view: View, s: Suspicion) -> Told:
    e = s.evidence
    before = _value(s, "largest value before")
    large = f"; the largest value before it was {size(before)}" if before is not None else ""
    stage = e.get("stage", "")
    if stage == "forward" and view.step == 0 and s.place is not None:
        return (
            f"The loss is not finite before the first step: values grow from layer to layer until "
            f"they overflow in {where(s.place)}{large}.", "initialisation", normalise(s.place),
        )  # fmt: skip
    told: dict[Any, Told] = {
        "weights": (
            f"The loss is not finite since step {view.step}: weights of {where(s.place)} are not "
            f"finite{large}.", "training",
            lower_rate(view),
        ),
        "data": (
            "The loss is not finite: the data have values that are not finite.", "data",
            Cure(words="Clean the data.", code="assert torch.isfinite(x).all()"),
        ),
        "forward": (
            f"The loss is not finite: the first such value comes out of {where(s.place)}{large}.",
            "training", lower_rate(view),
        ),
        "values": (
            f"The loss is not finite since step {view.step}: the model's output is too large for "
            f"it{large}.", "training", lower_rate(view),
        ),
        "loss": (
            "The loss is not finite although the model's output is"
            f"{large}: it is the loss that overflows.", "head",
            Cure(
                words="Use a fused loss of logits.",
                code="F.cross_entropy(z, y)  # in place of a logarithm of a softmax",
            ),
        ),
    }  # fmt: skip
    return told.get(stage, told["forward"])


TELL = {
    "dead_unit": _dead,
    "dormant_unit": _dormant,
    "saturated_unit": _saturated,
    "vanishing_gradient": _vanishing,
    "exploding_gradient": _exploding,
    "magnitude_drift": _drift,
    "not_centred": _centre,
    "wrong_head/one_unit_softmax": _one_unit,
    "wrong_head/softmax_twice": _twice,
    "wrong_head/probs_as_logits": _probabilities,
    "wrong_head/target_range": _range,
    "missing_activation": _missing,
    "over_confidence": _confident,
    "nan": _nan,
}
assert set(TELL) == set(FAULTS)
