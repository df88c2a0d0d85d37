"""What a notebook shows of cards, predictions and watched trainings: a box for each, with tables
that lead to the documentation. It needs no package but Ogive's own; SymPy, where it is installed,
sets the formulas.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from ogive.catalog import Card, Parameter
from ogive.catalog.text import facts, formula_text
from ogive.predict import EdgeOfChaos, ModelPrediction, Network
from ogive.predict.model_result import label
from ogive.watch import Finding, Layer, LayerStats, Report

from . import accuracy, predict_words, watch_words
from .curves import curves
from .notebook_box import BAD, FAIR, GOOD, box, code, link, paragraph, plot, section, table
from .text import number, percent, share, signed

LINES = ("f", "#3f8fd0", "none"), ("f′", "#d2691e", "7 3"), ("f″", "#2f9e5b", "2 3")
"""Names, colours on light and dark, and dashes."""
NO_BREAK = "\N{NO-BREAK SPACE}"
LAYERS = 40
"""Rows of a table of layers, at most."""


def card(of: Card) -> str:
    """A function: its formula and curves, its parameters, and what is claimed and measured."""
    page = f"functions/{of.name}.html"
    also = f"Also called {', '.join(of.aliases)}." if of.aliases else ""
    parameters = [
        (link(p.name, page), escape(repr(p.default)),
         _interval(p), code(p.doc))
        for p in of.parameters
    ]  # fmt: skip
    elsewhere = [(escape(p.name), escape(p.framework), code(p.differs)) for p in of.peers]
    errors = [
        (escape(e.which), escape(e.dtype), number(e.max_ulp, 4), share(e.correctly_rounded))
        for e in accuracy.measured(of.name)
    ]
    heads = "parameter", "default", "within", "meaning"
    measured = "result", "format", "largest error, ULP", "correctly rounded, %"
    return box(
        of.title, f"ogive.{of.name}", page,
        paragraph(of.summary), paragraph(also), _formula(of), _curves(of),
        section("Parameters", table(heads, parameters), opened=True),
        section("Claims", table((), ((escape(k), escape(v)) for k, v in facts(of)))),
        section("Elsewhere", table(("name", "framework", "differs"), elsewhere)),
        section("Accuracy", table(measured, errors, (2, 3))),
        section("At the edges", paragraph(of.edges)),
        section("Notes", paragraph(of.notes)),
        section("Papers", "".join(map(paragraph, of.papers))),
    )  # fmt: skip


def _interval(of: Parameter) -> str:
    bounded = of.operand and of.domain != Parameter.domain
    return escape(of.interval).replace(" ", NO_BREAK) if bounded else ""


def _formula(of: Card) -> str:
    try:
        from . import mathml

        return "".join(mathml.formulas(of.name))
    except ImportError:  # SymPy comes with ogive[study]
        return f"<p><code>{escape(formula_text(of))}</code></p>"


def _curves(of: Card) -> str:
    if of.kind != "unary":
        return ""
    sampled = curves(of, 121)
    every = (sampled.value, sampled.slope, sampled.curvature)
    finite = [y for curve in every for y in curve.tolist() if math.isfinite(y)]
    return plot(
        sampled.x.tolist(),
        [(name, y.tolist(), *line) for (name, *line), y in zip(LINES, every, strict=True)],
        (math.floor(2 * max(min(finite), -2)) / 2, math.ceil(2 * min(max(finite), 3)) / 2),
        (f"x = {signed(float(sampled.x[0]), 0)}", signed(float(sampled.x[-1]), 0)),
    )


def prediction(of: Network | EdgeOfChaos | ModelPrediction) -> str:
    """What is predicted of a network of equal layers, of its edge of chaos, or of a model."""
    if isinstance(of, Network):
        return _network(of)
    return _edge(of) if isinstance(of, EdgeOfChaos) else _model(of)


PREDICT = "predict.html"


def _network(of: Network) -> str:
    heads = [head.replace("\n", " ") for head in predict_words.HEAD]
    *numbers, regime = zip(heads, predict_words.row(of), strict=True)
    numbers += [("depth", str(of.depth)), ("bias, standard deviation", number(of.bias_std))]
    if of.width is not None:
        numbers += [("width", f"{of.width}"), ("spread", predict_words.spread(of))]
    good = GOOD if of.regime == "stable" else BAD
    rows = [(link(name, PREDICT), escape(said)) for name, said in numbers]
    rows.append((link(regime[0], PREDICT), f'<b class="{good}">{escape(regime[1])}</b>'))
    return box(
        predict_words.title(of), f"prediction, {of.depth} layers", PREDICT,
        paragraph(of.sentence), _gradients(of),
        section("Numbers", table(("quantity", "predicted"), rows), opened=True),
    )  # fmt: skip


def _gradients(of: Network) -> str:
    logs = predict_words.log_gradient(of)
    finite = [y for y in logs if math.isfinite(y)] or [0.0]
    low, up = math.floor(max(min(finite), -18)), math.ceil(min(max(finite), 18))
    curve = [("log10 of the gradient, over the last layer's", logs, *LINES[0][1:])]
    low, up = min(low, 0), max(up, 0)
    ends = "layer 0", f"{of.depth}"
    return plot([float(k) for k in range(len(logs))], curve, (low - (low == up), up), ends)


def _edge(of: EdgeOfChaos) -> str:
    rows = [
        (link("bias_std", PREDICT), number(of.bias_std, 4), "standard deviation of the biases"),
        (link("weight_std", PREDICT), number(of.weight_std, 5),
         "of the weights, times 1/sqrt(fan_in)"),
        (link("mean_square", PREDICT), number(of.mean_square, 5), "K at the fixed point"),
    ]  # fmt: skip
    shown = table(("quantity", "value", "meaning"), rows, (1,))
    return box(of.activation, "edge of chaos", PREDICT, paragraph(of.reason), shown)


def _model(of: ModelPrediction) -> str:
    def name(indented: str) -> str:
        said = indented.lstrip()
        return NO_BREAK * (len(indented) - len(said)) + escape(said)

    rows = []
    for line in of.lines:
        *numbers, said = map(escape, predict_words.model_row(line))
        rows.append((name(label(line)), *numbers, f'<b class="{BAD if line.parted else FAIR}">'
                     f"{said}</b>" if said else ""))  # fmt: skip
    shown = table(predict_words.MODEL_HEAD, rows, range(1, 5))
    kind = f"prediction, {of.parameters:,} parameters"
    return box(
        of.name, kind, PREDICT, paragraph(of.sentence), section("Modules", shown, opened=True)
    )


WATCH = "watch.html"
JUDGED = {"error": BAD, "warn": FAIR}


def finding(of: Finding) -> str:
    """One fault: where, how much, since when, and what to change first."""
    return box(
        f"{watch_words.MARKS[of.severity]} {watch_words.fault(of).title}", of.where, WATCH,
        paragraph(of.sentence), _cure(of), section("Numbers", _numbers(of), opened=True),
    )  # fmt: skip


def _cure(of: Finding) -> str:
    return f"<p><b>First:</b> {code(of.cure.words)}<br><code>{escape(of.cure.code)}</code></p>"


def _numbers(of: Finding) -> str:
    known = watch_words.fault(of)
    rows = {
        "severity": f'<b class="{JUDGED[of.severity]}">{watch_words.WORDS[of.severity]}</b>',
        "fault": link(known.title, f"{WATCH}#faults"),
        "definition": code(known.definition),
        "cause": escape(watch_words.CAUSES.get(of.cause, "")),
        "measured": watch_words.amount(of, of.measured) if of.measured is not None else "",
        "predicted": watch_words.amount(of, of.predicted) if of.predicted is not None else "",
        "limit": escape(watch_words.limit(of)),
        "met": escape(watch_words.when(of)),
        **{escape(str(name)): escape(_evidence(value)) for name, value in of.evidence.items()},
    }
    return table((), ((name, said) for name, said in rows.items() if said))


def _evidence(value: float | str | None) -> str:
    return value if isinstance(value, str) else number(value, 4)


def report(of: Report) -> str:
    """A watched training: its faults, each layer at the last check, and what was not seen."""
    word = of.models[0].kind if len(of.models) == 1 else f"{len(of.models)} models"
    faults = [
        section(
            f"{watch_words.MARKS[each.severity]} {watch_words.fault(each).title} at {each.where}",
            paragraph(each.sentence) + _cure(each) + _numbers(each), opened=number == 0,
        )
        for number, each in enumerate(of.findings)
    ]  # fmt: skip
    groups = [
        section(f"Layers of {group.name}" if group.name else "Layers", _layers(group.layers, of))
        for group in watch_words.groups(of)
    ]
    missed = [(escape(each.what), code(each.why), code(each.how)) for each in of.unseen]
    watched = [
        (escape(model.name or model.kind), escape(watch_words.watched(model)))
        for model in of.models
    ]
    return box(
        word or "Training", "watched training", WATCH, paragraph(of.sentence), *faults, *groups,
        section("Not seen", table(("what", "why", "how it could be"), missed)),
        section("Watched", table((), watched) + paragraph(watch_words.cost(of))),
        *(paragraph(note, FAIR) for note in of.notes),
    )  # fmt: skip


HEAD = "layer", "activation", "dead", "dormant", "saturated", "K", "gradient, log10", "update"


def _layers(layers: Sequence[Layer], of: Report) -> str:
    gradients = watch_words.relative_gradients(layers, -1)
    found: Mapping[int, Finding] = {
        id(watch_words.placed(each, layers)): each for each in reversed(of.findings)
    }
    kept = watch_words.chosen(
        len(layers), LAYERS, [at for at, each in enumerate(layers) if id(each) in found]
    )
    rows = [_layer(layers[at], gradients[at], found.get(id(layers[at]))) for at in kept]
    left = len(layers) - len(kept)
    more = f"{left} of {len(layers)} layers are left out evenly." if left else ""
    return table(HEAD, rows, range(2, len(HEAD))) + paragraph(more)


def _layer(of: Layer, gradient: float | None, fault: Finding | None) -> tuple[str, ...]:
    stats = watch_words.last(of) or LayerStats(step=0)
    name = escape(watch_words.place(of))
    if fault is not None:
        name = f'<b class="{JUDGED[fault.severity]}">{watch_words.MARKS[fault.severity]} {name}</b>'
    shares = (stats.dead, stats.dormant, stats.saturated)
    return (
        name,
        escape(of.activation or ("head" if of.head else "–")),
        *("–" if each is None else f"{percent(each, 0)} %" for each in shares),
        number(stats.mean_square) if stats.finite else "not finite",
        "0" if stats.gradient == 0 else signed(gradient, 1),
        number(stats.update_ratio, 2),
    )
