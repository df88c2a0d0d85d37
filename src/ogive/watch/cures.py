"""What a finding says: its cause, by measurement against prediction, and what to change first."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ogive import catalog

from .diffs import Edit
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
    """``{model}.fc1``: Python that reaches a layer."""
    path = place.layer if place is not None else ""
    if not path:
        return f"{{model}}{name}"
    parts = path.split(".")
    if any(part.isdigit() for part in parts):
        return f"{{model}}.get_submodule({path!r}){name}"
    return f"{{model}}.{path}{name}"


# Cures that several faults share.

CLASSES = {
    "cross_entropy": "CrossEntropyLoss", "nll_loss": "NLLLoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
}  # fmt: skip
"""Losses of torch that a cure exchanges."""


def exchanged(old: str, new: str) -> tuple[Edit, ...]:
    """Another loss, or another function of rows."""
    calls = {old: new}
    if {old, new} <= set(CLASSES):
        calls[CLASSES[old]] = CLASSES[new]
    return (Edit(how="rename", calls=calls),)


def dropped(name: str, path: str) -> tuple[Edit, ...]:
    """An activation is taken away: a module's, where it has a path, or a call."""
    if path:
        return (Edit(how="replace", calls={catalog.find(name).title: "Identity()"}),)
    return (Edit(how="unwrap", calls={name: ""}),)


def exchange(place: Place | None, new: str) -> tuple[str, tuple[Edit, ...]]:
    """Another activation: a line, and its edits."""
    if place is None or place.activation is None:
        return f"use {title(new)}", ()
    old = place.name
    if place.style == "function":
        code = f"F.{old}(…) -> F.{new}(…)  # after {place.layer or 'the layer'}"
        return code, exchanged(old, new)
    named = f"  # {place.path}" if place.path else ""
    made = {catalog.find(old).title: title(new).removeprefix("nn.")}
    return f"{title(old)} -> {title(new)}{named}", (Edit(how="replace", calls=made),)


def at_start(view: View, words: str, line: str, note: str, *needs: str) -> Cure:
    """A line before the optimizer is made, with what it imports."""
    kind = view.watch.optimizer
    lines = "\n".join([*needs, line])
    return Cure(
        words=words, code=line.replace("{model}", "model") + note,
        edits=(Edit(how="before", calls={kind: lines}),) if kind else (),
    )  # fmt: skip


LARGE, USUAL = 0.1, 0.01
"""Parts of the weights that one step changes: too large, and as it often is."""


def lower_rate(view: View, or_else: str = "", factor: float | None = None) -> Cure:
    """A tenth of the learning rate; less, by powers of ten, where a tenth of the first step would
    still have been too large for the weights."""
    if factor is None:
        steps = [block.update_ratio or 0.0 for block in view.watch.first_blocks.values()]
        first = max(filter(math.isfinite, steps), default=0.0)
        factor = 10 ** math.ceil(math.log10(first / USUAL)) if first > 10 * LARGE else 10
    words = f"Lower the learning rate{f', or {or_else}' if or_else else ''}."
    rate, kind = view.watch.rate, view.watch.optimizer
    if rate is None:
        code = f'for group in optimizer.param_groups: group["lr"] /= {factor:g}'
        return Cure(words=words, code=code)
    new = f"lr={float(f'{rate / factor:.2g}'):g}"
    return Cure(
        words=words, code=f"torch.optim.{kind or 'optimizer'}(…, {new})  # was lr={rate:g}",
        edits=(Edit(how="give", calls={kind: new}),) if kind else (),
    )  # fmt: skip


def by_gain(view: View, place: Place | None, named: str = "") -> Cure:
    """Weights by an activation's gain: that which is seen beside its layer, or `named`."""
    hidden = [each for _, each in view.hidden() if not each.gate]
    if place is None or place.activation is None:
        place = hidden[0] if hidden else None
    if not named and place is not None and not view.watch.beside(hidden):
        named = place.name
    given = f", activation={named!r}" if named else ""
    return at_start(
        view, "Initialise by the activation's gain.", f"ogive.torch.init_({{model}}{given})",
        "  # before training", "import ogive.torch",
    )  # fmt: skip


def zero_biases(view: View, place: Place | None) -> Cure:
    """Biases hold units where they do nothing."""
    return at_start(
        view, "Start the biases at 0.", f"nn.init.zeros_({attribute(place, '.bias')})", "",
        "from torch import nn",
    )  # fmt: skip


def normalise(place: Place | None) -> Cure:
    """A norm after a layer."""
    norm = "BatchNorm2d" if place is not None and place.kind == "Conv2d" else "BatchNorm1d"
    units, layer = (place.units, place.layer) if place is not None else ("units", "the layer")
    return Cure(
        words="Normalise before the activation.", code=f"nn.{norm}({units})  # after {layer}"
    )


CLIP = "torch.nn.utils.clip_grad_norm_({model}.parameters(), 1.0)"


def sums(chain: list[Any]) -> bool:
    """Whether the network adds branches up without a norm."""
    return any((place.summed or place.residual) and not place.normed for _, place in chain)


NORMALISED_BRANCHES = Cure(
    words="Normalise before each branch, or scale branches by 1/sqrt(blocks).",
    code="x = x + branch(norm(x))",
)

STANDARDISE = "x = (x - x_train.mean(0)) / (x_train.std(0) + 1e-8)"
STANDARDISED = Cure(words="Standardise the data.", code=STANDARDISE)


def of_data(seen: dict[str, float]) -> str:
    """Where the data lie."""
    return f"the data have mean {size(seen['mean'])} and rms {size(seen['rms'])}"


# Units.


class Share:
    """What the faults of units have in common: how many of a layer, and since when."""

    def __init__(self, at_start: dict[Any, float], s: Suspicion, what: str) -> None:
        units, place = s.facts["units"], s.place
        assert place is not None
        count, share = len(units.active), s.share or 0.0
        first = at_start.get(s.key, 0.0)
        of = f"{share:.0%} of the {count}" if share < 1 else f"All {count}"
        self.from_start = first >= 0.5 * share
        since = "from the start" if self.from_start else f"at the start it was {first:.0%}"
        self.said = f"{of} units of {where(place)} {what}; {since}"

    def by_data(self, view: View, s: Suspicion) -> Told | None:
        """The model's input is the cause, where its scale or its centre is far off and the layer
        takes it."""
        assert s.place is not None
        if s.place.source is not None:
            return None
        for seen in view.watch.inputs.values():
            if seen["rms"] > 5 or abs(seen["mean"]) > 2:
                return f"{self.said}: {of_data(seen)}.", "data", STANDARDISED
        return None


def _dead(first: Memory, view: View, s: Suspicion) -> Told:
    units, place = s.facts["units"], s.place
    share = Share(first.dead, s, (
        f"were never active in {s.evidence['samples']:.0f} samples, and no gradient reaches them"
    ))  # fmt: skip
    if (told := share.by_data(view, s)) is not None:
        return told
    mean, spread = float(np.mean(units.mean)), float(np.mean(units.spread))
    if not share.from_start:
        rate = f" (rate {view.watch.rate:g})" if view.watch.rate is not None else ""
        return (
            f"{share.said}: steps too large{rate} moved them to where the slope is 0 (mean of z "
            f"now {size(mean)}).", "training", lower_rate(view),
        )  # fmt: skip
    if mean < -spread or spread < 1e-6:
        return (
            f"{share.said}: pre-activations have mean {size(mean)} and standard deviation "
            f"{size(spread)}, so that the biases hold them below 0.",
            "initialisation", zero_biases(view, place),
        )  # fmt: skip
    return f"{share.said}.", "initialisation", by_gain(view, place)


def _saturated(first: Memory, view: View, s: Suspicion) -> Told:
    place, k = s.place, _value(s, "mean square of z")
    assert place is not None
    share = Share(first.saturated, s, (
        "are saturated: the slope is below 5 % of its largest for 95 % of samples or more"
    ))  # fmt: skip
    if (told := share.by_data(view, s)) is not None:
        return told
    if place.gate:
        if share.from_start:
            return f"{share.said}.", "initialisation", at_start(
                view, "Start from torch's own weights and biases.",
                f"{attribute(place)}.reset_parameters()", "  # and nothing over them",
            )  # fmt: skip
        return f"{share.said}.", "training", lower_rate(view, "clip gradients", 3)
    if share.from_start:
        return (
            f"{share.said}: pre-activations have mean square {size(k)}, where about 1 is wanted.",
            "initialisation", by_gain(view, place),
        )  # fmt: skip
    return (
        f"{share.said}: training drove pre-activations to mean square {size(k)}.", "training",
        lower_rate(view),
    )  # fmt: skip


def _dormant(first: Memory, view: View, s: Suspicion) -> Told:
    units, place = s.facts["units"], s.place
    share = Share(first.dormant, s, (
        "put out at most 2.5 % of the layer's mean, and add little"
    ))  # fmt: skip
    if not share.from_start:
        return f"{share.said}.", "training", lower_rate(view, "use fewer units", 3)
    mean = float(np.mean(units.mean[units.dormant]))
    if mean < -1:
        return (
            f"{share.said}: their pre-activations have mean {size(mean)}.", "initialisation",
            zero_biases(view, place),
        )  # fmt: skip
    return f"{share.said}.", "initialisation", by_gain(view, place)


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
        code, edits = exchange(place, "relu")
        matching = by_gain(view, place, "relu")
        return (
            f"{sentence} ({chi or 'chi = '}{size(best)} at best): no initialisation "
            f"of a plain {name} network this deep holds gradients.", "activation",
            Cure(
                words="Use an activation whose slope is near 1, with its gain.",
                code=f"{code}; {matching.code.partition('  #')[0]}",
                edits=(*edits, *matching.edits),
            ),
        )  # fmt: skip
    return (
        f"{sentence} ({chi or 'chi is below 1, '}where 1 is wanted): the weights are too small.",
        "initialisation",
        by_gain(view, chain[0][1]),
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
            code=f"{CLIP.replace('{model}', 'model')}  # before the step",
            edits=(Edit(how="before", calls={"step": f"import torch\n{CLIP}"}),),
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
            f"{sentence}; the data's own is {size(cosine)}: {of_data(seen)}.", "data",
            STANDARDISED,
        )  # fmt: skip
    name = place.name if place is not None else ""
    own = moments_at(name, (), 1.0) if name else None
    off = abs(own[0]) / math.sqrt(own[1]) if own else 0.0
    if off > 0.8:
        code, edits = exchange(place, "tanh")
        return (
            f"{sentence}; {name} is never centred (|mean|/rms {off:.3f} "
            "for normal inputs).", "activation",
            Cure(words="Use a centred activation.", code=code, edits=edits),
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
            "head", _logits(head, "sigmoid"),
        )  # fmt: skip
    seen = "rows that are already distributions" if why == "by value" else "a softmax's output"
    return (
        f"{head.name} applies a softmax, and is given {seen}: it is applied twice.", "head",
        _logits(head, "softmax"),
    )  # fmt: skip


def _module(head: Any, name: str) -> str:
    """The path of the module that applies an activation before a loss; empty for a call."""
    if name == "softmax":
        return head.softened or ""
    place = head.activated
    return place.path if place is not None and place.style == "module" else ""


def _logits(head: Any, name: str) -> Cure:
    """What stands before the loss goes."""
    path = _module(head, name)
    options = "…" if name == "softmax" else ""
    code = (
        f"nn.{catalog.find(name).title}({options}) -> nn.Identity()  # {path}" if path else
        f"{name}(z) -> z  # the last step before {head.name}"
    )  # fmt: skip
    return Cure(
        words=f"Pass logits: drop the {name} before the loss.", code=code,
        edits=dropped(name, path),
    )  # fmt: skip


def _probabilities(first: Memory, view: View, s: Suspicion) -> Told:
    head, why = s.facts["head"], s.facts["why"]
    takes, softened = f"{head.name} takes", _module(head, "softmax")
    if why == "sigmoid to softmax":
        return (
            f"{takes} logits, and is given a sigmoid's probabilities.", "head",
            _logits(head, "sigmoid"),
        )  # fmt: skip
    told: dict[str, tuple[str, Cure]] = {
        "softmax to sigmoid": (f"{takes} logits, and is given a softmax's probabilities.", Cure(
            words="Pass logits to cross_entropy.",
            code=f"F.{head.name}(softmax(z), y) -> F.cross_entropy(z, y)",
            edits=(*exchanged(head.name, "cross_entropy"), *dropped("softmax", softened)),
        )),
        "log-probabilities": (f"{takes} logits, and is given log-probabilities.", Cure(
            words="Pass logits, or use nll_loss.",
            code=f"F.{head.name}(log_p, y) -> F.nll_loss(log_p, y)",
            edits=exchanged(head.name, "nll_loss"),
        )),
        "softmax to nll": (f"{takes} log-probabilities, and is given probabilities.", Cure(
            words="Use log_softmax instead of softmax.", code="softmax(z) -> log_softmax(z)",
            edits=(Edit(how="rename", calls=(
                {"Softmax": "LogSoftmax"} if softened else {"softmax": "log_softmax"}
            )),),
        )),
        "logits to nll": (f"{takes} log-probabilities, and is given logits.", Cure(
            words="Use cross_entropy, which takes logits.",
            code=f"F.{head.name}(z, y) -> F.cross_entropy(z, y)",
            edits=exchanged(head.name, "cross_entropy"),
        )),
    }  # fmt: skip
    sentence, cure = told[why]
    return sentence, "head", cure


def _range(first: Memory, view: View, s: Suspicion) -> Told:
    head, why = s.facts["head"], s.facts["why"]
    name = head.activated.name if head.activated is not None else head.softmax or "the head"
    path = _module(head, name)
    identity = (
        f"{title(name)} -> nn.Identity()  # {path}" if path and name != "softmax"
        else f"{name}(z) -> z  # the last step before {head.name}"
    )  # fmt: skip
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
    edits = dropped(name, path) if code == identity and name != "the head" else ()
    return sentence, "head", Cure(words=words, code=code, edits=edits)


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


SMOOTHED = "label_smoothing=0.1"


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
            code=f"nn.CrossEntropyLoss({SMOOTHED})",
            edits=(Edit(how="give", calls={
                "cross_entropy": SMOOTHED, "CrossEntropyLoss": SMOOTHED
            }),),
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
