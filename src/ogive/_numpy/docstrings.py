"""Docstrings of the public functions, derived from their cards."""

from __future__ import annotations

import textwrap

from ..calls import rules
from ..calls.formats import ANY_NAME
from ..catalog import Card, Parameter
from ..catalog.text import formula_text

SHAPES = {
    "unary": f"array_like of {ANY_NAME}; integers and bool are promoted",
    "gated": f"array_like of {ANY_NAME}; they broadcast and promote",
    "rows": f"array_like of {ANY_NAME}, with rows along `axis`",
}
HEAD_INPUTS = (("z", "Logits."), ("target", "See the card's notes."))
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


def docstring(card: Card, mode: str) -> str:
    """numpydoc text for one public mode of a function."""
    leads = GATED_LEADS if card.kind == "gated" else LEADS
    sections = {
        "Parameters": parameters(card, mode),
        "Returns": [returns(card, mode)],
        "Raises": raises(card, mode),
        "Notes": notes(card, mode),
        "References": [f"- {paper}" for paper in card.papers],
        "Examples": examples(card, mode),
    }
    titled = [
        "\n".join([title, "-" * len(title), *lines]) for title, lines in sections.items() if lines
    ]
    parts = [
        leads[mode].format(name=card.name, summary=card.summary),
        "Formula (``m`` is mathematics)::",
        textwrap.indent(formula_text(card), "    "),
        *titled,
    ]
    return "\n\n".join(parts) + "\n"


def parameters(card: Card, mode: str) -> list[str]:
    """The inputs, the card's parameters, and where results go."""
    lean = mode in rules.LEAN
    if card.kind == "heads":
        inputs = [(f"{name} : array_like", text) for name, text in card.inputs or HEAD_INPUTS]
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
    return lines + results(card, mode)


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
    lines = lean_notes(card, mode) if mode in rules.LEAN else []
    lines += [text for text in (card.edges, card.notes) if text]
    if mode == "second_derivative" and card.claims and card.claims.breaks:
        lines.insert(0, "Where the formula breaks it is one-sided, of the branch that gives f'.")
    return lines


def examples(card: Card, mode: str) -> list[str]:
    if mode in rules.LEAN:
        return lean_example(card)
    if card.kind != "unary" or mode not in ("value", "derivative", "second_derivative"):
        return []
    call = "ogive." + ("" if mode == "value" else f"{mode}.") + card.name
    return [
        ">>> import numpy as np, ogive",
        f">>> {call}(np.array([-1.0, 0.0, 1.0])).shape",
        "(3,)",
    ]
