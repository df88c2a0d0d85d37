"""Docstrings of the public functions, derived from their cards."""

from __future__ import annotations

import re
import textwrap
from typing import NamedTuple

from ..calls import rules
from ..calls.formats import ANY_NAME
from ..calls.loop import loop
from ..catalog import Card, Parameter
from ..catalog.text import formula_text

SHAPES = {
    "unary": f"array_like of {ANY_NAME}; integers and bool are promoted",
    "gated": f"array_like of {ANY_NAME}; they broadcast and promote",
    "rows": f"array_like of {ANY_NAME}, with rows along `axis`",
}
LOGITS = ("z", "Logits, of shape (..., K, ...) with K classes along `axis`.")
ELEMENTS = ("z", "Logits, of any shape: each is a decision of its own.")
ROW_TARGET = (
    "target",
    "Labels: integers in [0, K), of the logits' shape without `axis`. Or probabilities: finite and "
    "at least 0, of the logits' shape.",
)
ELEMENT_TARGET = (
    "target",
    "Probabilities between 0 and 1, or labels 0 and 1, of the logits' shape.",
)


def head_inputs(card: Card) -> tuple[tuple[str, str], ...]:
    """The arrays that a loss takes."""
    if card.inputs:
        return card.inputs
    return (LOGITS, ROW_TARGET) if card.over_rows else (ELEMENTS, ELEMENT_TARGET)


FORMULAS = {
    "value": "Formula",
    "derivative": "f'(x) of the formula",
    "second_derivative": "f''(x) of the formula",
    "jacobian": "J with entries dy_i / dx_j of the formula",
    "value_and_grad": "Formula, and its derivative by each logit",
    "value_grad_hess": "Formula, with its first and second derivative by each logit",
}
PULLED_BACK = {
    "gated": "da = dy dy/da and db = dy dy/db of the formula",
    "unary": "dx = dy f'(x), f being the formula",
    "rows": "dx_j = sum over i of dy_i times dy_i / dx_j of the formula",
}


def formula(card: Card, mode: str) -> list[str]:
    """What the mode computes, in words, and the card's formula as mathematics in Python's signs."""
    lead = FORMULAS.get(mode) or PULLED_BACK.get(card.kind, "Formula")
    if mode == "lean":
        lead = FORMULAS["value"]
    body = re.sub(r"\bm\.(const\((.*?)\)|)", r"\2", formula_text(card))
    if body.startswith("return "):  # of one line
        left = {"unary": "f(x)", "heads": "loss"}.get(card.kind, "y")
        body = f"{left} = {body.removeprefix('return ')}"
    return [f"{lead}::", textwrap.indent(body, "    ")]


PROMISES = (
    "Accuracy: float16 and bfloat16 are correctly rounded{halves}; float32 is within {single} ULP, "
    "float64 within {double}."
)


def accuracy(card: Card, mode: str) -> str:
    """What is promised; what was measured is on the card and on the function's page."""
    rows = card.kind in ("rows", "heads")
    halves = " (rows and losses within 0.501 ULP)" if rows else ""
    is_value = mode in ("value", "lean") or rows
    promise = PROMISES.format(
        halves=halves, single="0.6" if is_value else "1", double="2" if is_value else "4"
    )
    return f"{promise} Measured: ``ogive.card({card.name!r})``."


LEADS = {
    "value": "{summary}",
    "derivative": "Derivative of {name}: f'(x).",
    "second_derivative": "Second derivative of {name}: f''(x).",
    "backward": "Backward of {name}: dy f'(x), in one pass.",
    "backward_from_output": "Backward of {name} from its output y, which determines f'(x).",
    "lean": "{summary} Returns y and the mask that `lean_backward` needs.",
    "lean_backward": "Backward of {name} from what `ogive.lean.{name}` gave: dy f'(x).",
    "jacobian": "Jacobian of {name}, row by row.",
    "value_and_grad": "{summary} Returns the loss and its gradient, from one pass.",
    "value_grad_hess": "{summary} Returns the loss, its gradient and the diagonal of its Hessian.",
}
GATED_LEADS = LEADS | {"backward": "Backward of {name}: da and db from one read of dy, a and b."}
RETURNS = {
    "value": "y, of the shape and dtype of x",
    "derivative": "f'(x), of the shape and dtype of x",
    "second_derivative": "f''(x), of the shape and dtype of x",
    "backward": "dx, of the shape and dtype of x",
    "backward_from_output": "dx, of the shape and dtype of y",
    "lean": "(y, mask): y of the shape and dtype of x, mask a uint8 array of one bit per element",
    "lean_backward": "dx, of the shape and dtype of dy",
    "jacobian": "of shape (..., n, n), the row's axis moved last; (..., n) where the row reduces",
    "value_and_grad": "(loss, dz): dz has the shape and dtype of the logits",
    "value_grad_hess": "(loss, dz, h): dz and h have the shape and dtype of the logits",
}
GATED_RETURNS = {
    "value": "y, of the shape and dtype that a and b have together",
    "backward": "(da, db), each of the shape and dtype that the operands have together",
}


MASK = (
    "mask is one-dimensional, of (size + 7) // 8 bytes: element i in C order has bit i % 8 of byte "
    "i // 8, as ``np.packbits(bitorder='little')`` has it, and the bits after the last are 0. "
    "Input that is not contiguous is copied first."
)
SLOPES = (
    "A set bit means the first of the two slopes that the function has. dx has the bits of "
    "`ogive.backward.{name}(dy, x)`, save that a NaN in x, which shows in y, passes dy through."
)
SIDES = (
    "A set bit means that x is not left of the minimum. Where y is all but the minimum it has lost "
    "what tells f'(x), which is small there; docs/lean.md has the measured bound, and "
    "tests/lean.toml the figures. Elsewhere the error is that of rounding y."
)

UFUNC = [
    "where : array_like of bool, optional",
    "    Elements to compute; the others keep what `out` holds.",
    "**kwargs",
    "    dtype, casting, order, subok, signature: as for every `numpy.ufunc`.",
]


def lean_notes(card: Card, mode: str) -> list[str]:
    """What the mask means, and what a learned parameter still needs."""
    kept = rules.inputs(card, "lean_backward")
    notes = [MASK, "", (SIDES if "y" in kept else SLOPES).format(name=card.name)]
    if mode == "lean_backward" and card.learns:
        notes += ["", "The gradient of the parameter is not among the results: it needs x."]
    return notes


def lean_example(card: Card) -> list[str]:
    kept = rules.inputs(card, "lean_backward")[1:]
    return [
        ">>> import numpy as np, ogive",
        ">>> x = np.linspace(-3, 3, 10, dtype=np.float32)",
        f">>> y, mask = ogive.lean.{card.name}(x)",
        ">>> mask.nbytes",
        "2",
        f">>> dx = ogive.lean_backward.{card.name}(np.ones_like(y), {', '.join(kept)})",
        f">>> bool(np.allclose(dx, ogive.derivative.{card.name}(x), atol=1e-4))",
        "True",
    ]


class Framework(NamedTuple):
    """What differs in another framework's docstrings."""

    package: str = "ogive"
    imports: str = "numpy as np, ogive"
    slope: str = "({f}(x + 1e-5) - {f}(x - 1e-5)) / 2e-5"
    """The derivative of ``{f}`` at x, by other means."""
    takes_results: bool = True
    """Whether functions take arrays for their results, and a ufunc's keywords."""


NUMPY = Framework()


def docstring(card: Card, mode: str, framework: Framework = NUMPY) -> str:
    """numpydoc text for one public mode of a function."""
    leads = GATED_LEADS if card.kind == "gated" else LEADS
    sections = {
        "Parameters": parameters(card, mode, framework),
        "Returns": [returns(card, mode)],
        "Raises": raises(card, mode),
        "Notes": notes(card, mode),
        "References": [f"- {paper}" for paper in card.papers],
        "Examples": examples(card, mode, framework),
    }
    titled = [
        "\n".join([title, "-" * len(title), *lines]) for title, lines in sections.items() if lines
    ]
    parts = [
        leads[mode].format(name=card.name, summary=card.summary),
        *formula(card, mode),
        *titled,
    ]
    return "\n\n".join(parts) + "\n"


def parameters(card: Card, mode: str, framework: Framework) -> list[str]:
    """The inputs, the card's parameters, and where results go."""
    lean = mode in rules.LEAN
    if card.kind == "heads":
        inputs = [(f"{name} : array_like", text) for name, text in head_inputs(card)]
        lines = [line for name, text in inputs for line in (name, f"    {text}")]
    else:
        names = (name for name in rules.inputs(card, mode) if name != "mask")
        lines = [f"{name} : {SHAPES[card.kind]}" for name in names]
    if mode == "lean_backward":
        lines += ["mask : ndarray of uint8", f"    What `ogive.lean.{card.name}` returned."]
    for p in card.parameters:
        # A mask is in the output already.
        if (lean and not p.operand) or (p.role == "mask" and rules.reads_output(mode)):
            continue
        lines += [f"{p.name} : default {p.default!r}", f"    {p.doc}"]
    return lines + (results(card, mode) if framework.takes_results else [])


def results(card: Card, mode: str) -> list[str]:
    """What the function takes to put results in, and a ufunc's keywords."""
    learned = rules.learned(card, mode)
    if mode == "value_and_grad":
        taken = card.out or "Takes the gradient; may be the logits themselves"
        return ["out : ndarray, optional", f"    {taken}."]
    if mode == "value_grad_hess":
        kinds = [f"    - {kind!r}: {text}" for kind, text in card.hessians]
        return [
            "hessian : default 'exact'", "    What h is:", "", *kinds, "",
            "out : (dz, h), optional", "    Takes them; dz or h may be the logits themselves.",
        ]  # fmt: skip
    if mode == "lean":
        return ["out : (y, mask), optional", "    Takes them; y may be x; either may be None."]
    if card.kind == "gated" and mode == "backward":
        lines = ["out : pair of ndarray, optional", "    Take da and db; may be inputs."]
    elif card.kind in ("unary", "gated") or (card.kind == "rows" and mode != "jacobian"):
        lines = ["out : ndarray, optional", "    Takes the result; may be an input."]
    else:
        lines = []
    ufunc = card.kind in ("unary", "gated") and mode not in rules.LEAN and not learned
    return lines + UFUNC if ufunc else lines


def returns(card: Card, mode: str) -> str:
    if mode == "value" and card.kind == "heads":
        return "loss, in the dtype of the logits: one number, or one per row for reduction='none'"
    if mode == "value_and_grad" and card.returns:
        return card.returns
    text = (GATED_RETURNS if card.kind == "gated" else RETURNS)[mode].format(name=card.name)
    learned = rules.learned(card, mode)
    return text + "".join(f"; and d{p.name}, of the shape of {p.name}" for p in learned)


def raises(card: Card, mode: str) -> list[str]:
    errors = [
        f"{p.name} outside {p.interval}." for p in card.parameters
        if card.kind == "unary" and p.operand and p.domain != Parameter.domain
    ]  # fmt: skip
    if card.ordered:
        errors.append(f"{' above '.join(card.ordered)}.")
    if card.kind not in ("unary", "gated"):
        errors.append("Shapes, labels or options that do not fit; both are named.")
    if mode in rules.LEAN:
        errors.append("Shapes that do not fit; a parameter that is not one number.")
    lines = ["TypeError", "    Complex numbers, objects, long double."]
    return lines + [line for error in errors for line in ("ValueError", f"    {error}")]


def notes(card: Card, mode: str) -> list[str]:
    lines = [accuracy(card, mode), ""]
    lines += [*lean_notes(card, mode), ""] if mode in rules.LEAN else []
    lines += [text for text in (card.edges, card.notes) if text]
    if mode == "second_derivative" and card.claims and card.claims.breaks:
        lines.insert(2, "Where the formula breaks it is one-sided, of the branch that gives f'.")
    return lines


def examples(card: Card, mode: str, framework: Framework) -> list[str]:
    """A relation that holds: to a difference quotient, to another mode, to a limit."""
    if mode in rules.LEAN:
        return lean_example(card)
    name = card.name
    of = framework.package
    call = f"{of}." + ("" if mode == "value" else f"{mode}.") + name
    first = f">>> import {framework.imports}"
    if card.kind == "heads":
        return [first, *loss_example(card, mode, call, of)]
    if card.kind == "rows":
        return [first, *rows_example(card, mode, call, of)]
    if card.kind == "gated":
        gate = f"{of}.{card.gate}(b)"
        lines = [">>> a, b = np.array([1.0, -2.0]), np.array([0.3, 1.4])"]
        if mode == "value":
            return [first, *lines, f">>> bool(np.allclose({call}(a, b), a * {gate}))", "True"]
        lines += [f">>> da, db = {call}(np.ones(2), a, b)", f">>> bool(np.allclose(da, {gate}))"]
        return [first, *lines, "True"]
    points = ">>> x = np.array([-0.7, 0.3, 1.4])"
    if mode == "value":
        limits = card.claims.limits if card.claims else ()
        ends = f"{call}(-np.inf), {call}(np.inf)"
        shown = repr([round(limit, 4) for limit in limits])
        return [first, f">>> [round(float(y), 4) for y in ({ends})]  # its limits", shown]
    slope = f"{of}.derivative.{name}(x)"
    if mode in ("derivative", "second_derivative"):
        below = f"{of}.{name}" if mode == "derivative" else f"{of}.derivative.{name}"
        quotient = framework.slope.format(f=below)
        check = f">>> bool(np.allclose({call}(x), {quotient}, atol=1e-6))"
        return [first, points, check, "True"]
    given = "x" if mode == "backward" else f"{of}.{name}(x)"
    results = "dx, dweight" if rules.learned(card, mode) else "dx"
    return [
        first, points, f">>> {results} = {call}(np.full(3, 2.0), {given})",
        f">>> bool(np.allclose(dx, 2 * {slope}))", "True",
    ]  # fmt: skip


def rows_example(card: Card, mode: str, call: str, of: str) -> list[str]:
    name, seed = card.name, ", seed=7" if card.draws else ""
    lines = [">>> z = np.array([1.0, 2.0, 0.5])"]
    if mode == "value":
        back = "" if loop(name, "value").reduces else "[::-1]"
        where = "z[::-1]"
        if card.draws:
            check = f"np.array_equal({call}(z{seed}), {call}(z{seed}))"
            return [*lines, f">>> bool({check})  # the same seed, the same noise", "True"]
        check = f"np.allclose({call}({where}){back}, {call}(z))"
        return [*lines, f">>> bool({check})  # the order of classes does not matter", "True"]
    if mode == "jacobian":
        dims = "(3,)" if loop(name, "value").reduces else "(3, 3)"
        return [*lines, f">>> {call}(z{seed}).shape", dims]
    reduces = loop(name, "value").reduces
    dy = "2.0" if reduces else "np.array([1.0, -1.0, 3.0])"
    kept = f"{of}.{name}(z)" if rules.reads_output(mode) else "z"
    product = f"{dy} * J" if reduces else "dy @ J"
    lines += [f">>> dy, J = {dy}, {of}.jacobian.{name}(z{seed})"]
    return [*lines, f">>> bool(np.allclose({call}(dy, {kept}{seed}), {product}))", "True"]


def loss_example(card: Card, mode: str, call: str, of: str) -> list[str]:
    lines = [">>> z = np.array([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3]])"]
    given = "z, target"
    if card.layer:
        lines = [
            ">>> x, W = np.ones((2, 3)), np.arange(12.0).reshape(4, 3) / 10",
            ">>> target = np.array([0, 3])",
        ]
        given = "x, W, target"
    elif card.over_rows:
        lines.append(">>> target = np.array([0, 2])")
    else:
        lines.append(">>> target = np.array([[1.0, 0.0, 0.3], [0.0, 1.0, 1.0]])")
    if mode == "value":
        each = f'{call}({given}, reduction="none").mean()'
        return [*lines, f">>> bool(np.allclose({call}({given}), {each}))", "True"]
    value = f"{of}.{card.name}({given})"
    if mode == "value_grad_hess":
        lines.append(f">>> loss, dz, h = {call}({given})")
        return [*lines, ">>> h.shape == dz.shape == z.shape", "True"]
    results = "loss, (dx, dW, db)" if card.layer else "loss, dz"
    lines.append(f">>> {results} = {call}({given})")
    return [*lines, f">>> bool(loss == {value})", "True"]
