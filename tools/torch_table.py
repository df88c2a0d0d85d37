"""Check every function of the catalog in every mode of PyTorch, and write a table of it.

    python tools/torch_table.py                                   # all of it, in half a minute
    python tools/torch_table.py --functions gelu --columns vmap   # some of it
    python tools/torch_table.py --write                           # docs/torch_table.md
    python tools/torch_table.py --check                           # exit code 1 if that is stale

tests/torch_cases.py lists the catalog's functions with every way of calling them; a cell passes if
all of these do. The exit code is 1 if one fails.
tests/test_torch_table.py runs the same checks one by one.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Column, Table
from torch.autograd import forward_ad, gradcheck, gradgradcheck

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tests"))

import ogive.torch  # noqa: E402
from ogive.catalog import Card  # noqa: E402
from ogive.reference.ulp import BFLOAT16  # noqa: E402
from ogive.torch import _formulas  # noqa: E402
from torch_cases import CASES, DTYPES, HEAD_CASES, Case, same_bits, samples, to_numpy  # noqa: E402

PAGE = ROOT / "docs" / "torch_table.md"
EVERY = [*CASES, *HEAD_CASES]
PASS = "✓"

near = torch.testing.assert_close


def leaves(case: Case, dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    return [x.requires_grad_() for x in samples(case, dtype)]


def ramp(y: torch.Tensor) -> torch.Tensor:
    """A gradient that differs for each element, and is not 1 for a single one."""
    return torch.linspace(-1, 1.5, y.numel() + 1)[1:].reshape(y.shape).to(y.dtype)


def by_formula(case: Case, *xs: torch.Tensor) -> torch.Tensor | None:
    """The function at its defaults, by its card's formula or torch's; None if the case is not at
    its defaults.
    """
    card = case.card
    if card.kind == "heads" and not card.layer and case.target is not None:
        (z,), target, over_rows = xs, case.target(*xs), card.over_rows
        if over_rows:
            target = target.movedim(1, -1) if target.shape == z.shape else target
            z = z.movedim(1, -1)
        losses = _formulas.head(card, over_rows)(z, target)
        counted = target >= 0 if target.dim() < z.dim() else torch.ones_like(losses)
        return losses.sum() / counted.sum()
    if card.kind == "heads" or case.variant or card.learns:
        return None
    if card.kind == "unary":
        return _formulas.unary(card)(*xs, *(p.default for p in card.parameters if p.operand))
    if card.kind == "gated":
        return _formulas.gated(card)(*xs)
    return None if card.draws else _formulas.rows(card)(*xs)


def forward(case: Case) -> None:
    """The bits equal NumPy's in each format, and the values agree with the formula."""
    for dtype in DTYPES:
        xs = samples(case, dtype)
        y, expected = case.torch(*xs), case.numpy(*map(to_numpy, xs))
        if case.card.layer:  # BLAS computes its products, in another order
            eps = torch.finfo(dtype).eps
            assert to_numpy(y).dtype == expected.dtype, f"{y.dtype} from {dtype}"
            near(float(y), float(expected), rtol=2 * eps, atol=0)
        else:
            assert same_bits(y, expected), f"not NumPy's bits in {dtype}"
    exact = by_formula(case, *(x.double() for x in samples(case, torch.float32)))
    if exact is not None:
        y = case.torch(*samples(case, torch.float32))
        near(y.double(), exact, rtol=2.0**-22, atol=2.0**-40)


def backward(case: Case) -> None:
    """Gradients agree with finite differences in float64, and in float32 with those in float64."""
    assert gradcheck(case.torch, leaves(case))
    found = []
    for dtype in (torch.float32, torch.float64):
        xs = leaves(case, dtype)
        y = case.torch(*xs)
        found.append(torch.autograd.grad(y, xs, ramp(y)))
    for ours, exact in zip(*found, strict=True):
        near(ours.double(), exact, rtol=1e-5, atol=1e-6)


def double_backward(case: Case) -> None:
    """Second derivatives agree with finite differences of the gradient."""
    f = partial(case.torch, create_graph=True) if case.target else case.torch
    assert gradgradcheck(f, leaves(case))


def vmap(case: Case) -> None:
    """Results equal those of single calls, along two axes and nested; also gradients, Hessians and
    products with them.
    """
    xs = samples(case, batch=(3,))
    if case.variant == "training":  # each sample draws its own noise, so no two are equal
        y = torch.func.vmap(case.torch)(torch.stack([xs[0][0]] * 3))
        assert not torch.equal(y[0], y[1]), "samples share their slopes"
        return
    for dim in (0, -1):
        moved = [x.movedim(0, dim) for x in xs]
        found = torch.func.vmap(case.torch, in_dims=dim)(*moved)
        each = [case.torch(*one) for one in zip(*xs, strict=True)]
        near(found, torch.stack(each), rtol=1e-13, atol=1e-13)

    targets: list[torch.Tensor] = []
    loss = case.torch
    if case.target is not None:
        of_each = [case.target(*one) for one in zip(*xs, strict=True)]
        targets = [torch.stack([target.roll(k, 0) for k, target in enumerate(of_each)])]
        loss = getattr(ogive.torch, case.name)
    count = len(xs)

    def total(*xs: torch.Tensor) -> torch.Tensor:
        y = loss(*xs)
        return (y * ramp(y)).sum()

    gradients = torch.func.grad(total, tuple(range(count)))
    directions = [torch.cos(x) for x in xs]

    def further(directions: Any, *given: torch.Tensor) -> Any:
        of, rest = given[:count], given[count:]
        return torch.func.jvp(lambda *xs: gradients(*xs, *rest), of, tuple(directions))[1]

    found = torch.func.vmap(gradients)(*xs, *targets)
    along = torch.func.vmap(further)(directions, *xs, *targets)
    for k, given in enumerate(zip(*xs, *targets, strict=True)):
        each = [x.clone().requires_grad_() for x in given[:count]]
        one = torch.autograd.grad(total(*each, *given[count:]), each, create_graph=True)
        for ours, again, theirs in zip(found, gradients(*given), one, strict=True):
            near(ours[k], again, rtol=1e-13, atol=1e-13)
            near(again, theirs.detach())  # a sample may be at a kink
        if not any(g.requires_grad for g in one):
            continue
        # The Hessian is symmetric.
        pulled = torch.autograd.grad(
            one, each, [d[k] for d in directions], allow_unused=True, materialize_grads=True
        )
        for ours, theirs in zip(along, pulled, strict=True):
            near(ours[k], theirs)


def jvp(case: Case) -> None:
    """Directional derivatives agree with finite differences, with backward and with dual numbers;
    also whole Jacobians at once.
    """
    xs = samples(case)
    along = [torch.cos(torch.arange(x.numel(), dtype=x.dtype)).reshape(x.shape) for x in xs]
    value, tangent = torch.func.jvp(case.torch, tuple(xs), tuple(along))
    near(value, case.torch(*xs))
    step = 2.0**-17
    above, below = (
        case.torch(*(x + sign * step * t for x, t in zip(xs, along, strict=True)))
        for sign in (1, -1)
    )
    near(tangent, (above - below) / (2 * step), rtol=1e-6, atol=1e-7)
    given = leaves(case)
    y = case.torch(*given)
    dxs = torch.autograd.grad(y, given, ramp(y))
    transposed = sum((dx * t).sum() for dx, t in zip(dxs, along, strict=True))
    near((tangent * ramp(y)).sum(), transposed)
    with forward_ad.dual_level():
        duals = [forward_ad.make_dual(x, t) for x, t in zip(xs, along, strict=True)]
        near(forward_ad.unpack_dual(case.torch(*duals)).tangent, tangent)
    if case.variant != "training":  # each direction would draw its own noise
        of = torch.autograd.functional.jacobian
        found = of(case.torch, tuple(xs), vectorize=True, strategy="forward-mode")
        for ours, theirs in zip(found, of(case.torch, tuple(xs)), strict=True):
            near(ours, theirs)


def compile(case: Case) -> None:
    """There is one graph without a break; value and gradient have the bits of eager mode."""
    torch._dynamo.reset()
    xs = leaves(case, torch.float32)
    compiled = torch.compile(case.torch, backend="aot_eager", fullgraph=True)
    found = []
    for f in (compiled, case.torch):
        y = f(*xs)
        found.append((y, *torch.autograd.grad(y, xs, ramp(y))))
    for ours, eager in zip(*found, strict=True):
        assert same_bits(ours, to_numpy(eager)), "not the bits of eager mode"


class Layer(torch.nn.Module):
    def __init__(self, case: Case):
        super().__init__()
        self.case = case

    def forward(self, *xs: torch.Tensor) -> torch.Tensor:
        return self.case.torch(*xs)


def export(case: Case) -> None:
    """The program contains the operator and gives the same bits."""
    xs = tuple(samples(case, torch.float32))
    program = torch.export.export(Layer(case), xs)
    targets = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert any(t.startswith(f"ogive.{case.name}") for t in targets), f"only {targets}"
    assert same_bits(program.module()(*xs), to_numpy(case.torch(*xs))), "not the bits of eager mode"


def autocast(case: Case) -> None:
    """Losses are float32, as in torch; other results have the input's format and the usual bits.
    Gradients reach float32 weights.
    """
    loss = case.card.kind == "heads"
    for dtype in (torch.bfloat16, torch.float32):
        xs = samples(case, dtype)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = case.torch(*xs)
        wanted = torch.float32 if loss else dtype
        assert y.dtype == wanted, f"{y.dtype} from {dtype}"
        plain = case.torch(*(x.to(wanted) for x in xs))
        if case.card.layer:  # the layer multiplies bfloat16 numbers
            near(y, plain, rtol=2.0**-7, atol=0)
        else:
            assert same_bits(y, to_numpy(plain)), f"not the bits of {wanted} in {dtype}"
    x, *rest = samples(case, torch.float32)
    found = []
    for on in (True, False):
        # x in bfloat16, and not too close to a kink
        weight = torch.eye(x.shape[-1], requires_grad=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=on):
            y = case.torch(torch.nn.functional.linear(x, weight), *rest)
        (y.float() * ramp(y.float())).sum().backward()
        assert weight.grad is not None
        assert weight.grad.dtype == torch.float32
        found.append(weight.grad)
    off = (found[0] - found[1]).norm() / found[1].norm()
    assert off < 2.0**-5, f"the gradient of the weights is {float(off):.1%} off"


def rounded(found: torch.Tensor, exact: torch.Tensor, what: str, ulps: float) -> None:
    """Check that bfloat16 numbers are within `ulps` of float64 ones."""
    assert found.dtype == torch.bfloat16, f"{what} is {found.dtype}"
    got, want = found.detach().double().numpy(), exact.detach().numpy()
    nearest = BFLOAT16.round_all(want)
    with np.errstate(invalid="ignore"):
        right = np.abs(got - want) <= ulps * BFLOAT16.spacing(want)
    wrong = ~(right | (got == nearest) | (np.isnan(got) & np.isnan(want)))
    if wrong.any():
        at = tuple(np.argwhere(wrong)[0])
        raise AssertionError(
            f"{what}: {np.count_nonzero(wrong)} of {wrong.size} misrounded, "
            f"{got[at]!r} for {want[at]!r}"
        )


HALF = 0.5 + 2.0**-24  # includes the error of float64
NEARLY_HALF = 0.501  # for results that are rounded from a float


def bf16(case: Case) -> None:
    """Values and gradients are correctly rounded; those of rows and losses within 0.501 ulp."""
    card = case.card
    xs = samples(case, torch.bfloat16)
    every = card.kind == "unary" and case.variant != "channels"
    if every:
        xs = [torch.arange(1 << 16, dtype=torch.int32).to(torch.int16).view(torch.bfloat16)]
    takes_lean = "lean" in inspect.signature(getattr(ogive.torch, case.name)).parameters
    learnable = card.learns
    kept = {"lean": False} if takes_lean and case.variant != "training" and not learnable else {}
    found = []
    for dtype in (torch.bfloat16, torch.float64):
        given = [x.to(dtype).requires_grad_() for x in xs]
        y = case.torch(*given, **kept)
        dy = torch.ones_like(y) if every or not y.dim() else ramp(y.bfloat16()).to(dtype)
        found.append((y, *torch.autograd.grad(y, given, dy)))
    for k, (ours, exact) in enumerate(zip(*found, strict=True)):
        limit = NEARLY_HALF if card.kind in ("rows", "heads") else HALF
        rounded(ours, exact, f"gradient {k}" if k else "value", limit)
    if kept:  # the slope comes from the rounded output
        (x,) = leaves(case, torch.bfloat16)
        wide = x.detach().double().requires_grad_()
        ours, exact = (torch.autograd.grad(case.torch(t).sum(), t)[0] for t in (x, wide))
        assert ours.dtype == torch.bfloat16
        near(ours.double(), exact, rtol=2.0**-7, atol=2.0**-7)


COLUMNS: dict[str, Callable[[Case], None]] = {
    "forward": forward, "backward": backward, "double backward": double_backward, "vmap": vmap,
    "jvp": jvp, "compile": compile, "export": export, "autocast": autocast, "bf16": bf16,
}  # fmt: skip


def cell(card: Card, column: str) -> str:
    """The mark for one entry of the catalog in one column."""
    cases = [case for case in EVERY if case.name == card.name]
    assert cases, f"tests/torch_cases.py has no {card.name}"
    for case in cases:
        try:
            COLUMNS[column](case)
        except Exception as error:
            return f"FAIL {case.variant}: {type(error).__name__}: {error}"
    return PASS


Cells = dict[str, dict[str, str]]


def straight() -> list[str]:
    """The piecewise linear functions."""
    return [
        name for name in ogive.catalog.names("unary") if name not in dir(ogive.second_derivative)
    ]


def page(cells: Cells) -> Iterator[str]:
    """The table in Markdown."""
    yield "# What was checked in PyTorch\n\n"
    yield "Written by `make test`, whose tests these checks are: each entry of the catalog in each "
    yield "mode of PyTorch on a CPU.\nA mark says that all ways of calling it passed:\n\n"
    for name, check in COLUMNS.items():
        yield f"- **{name}**: {' '.join(str(check.__doc__).split())}\n"
    yield f"\n| |{'|'.join(COLUMNS)}|\n|---|{'|'.join([':-:'] * len(COLUMNS))}|\n"
    for kind in ("unary", "gated", "rows", "heads"):
        yield f"|**{kind}**|{'|' * len(COLUMNS)}\n"
        for name in ogive.catalog.names(kind):
            yield f"|{name}|{'|'.join(cells[name][column] for column in COLUMNS)}|\n"
    yield "\nThe second derivative of piecewise linear functions is 0 wherever it exists; their "
    yield "double backward is checked\nfor dy only: " + ", ".join(straight()) + ".\n"


def all_passed() -> Cells:
    return {name: dict.fromkeys(COLUMNS, PASS) for name in ogive.catalog.names()}


SOME = typer.Option(help="Only these; may be repeated.")


def main(
    functions: Annotated[list[str] | None, SOME] = None,
    columns: Annotated[list[str] | None, SOME] = None,
    write: Annotated[bool, typer.Option(help="Write docs/torch_table.md.")] = False,
    check: Annotated[bool, typer.Option(help="Fail where docs/torch_table.md is stale.")] = False,
    passed: Annotated[bool, typer.Option(help="Write it; the tests have just passed.")] = False,
) -> None:
    """Check every function of the catalog in every mode of PyTorch."""
    if passed:
        PAGE.write_text("".join(page(all_passed())))
        return
    cards = [card for card in ogive.catalog() if not functions or card.name in functions]
    chosen = [column for column in COLUMNS if not columns or column in columns]
    if (write or check) and (functions or columns):
        raise typer.BadParameter("the page is of all functions and columns")
    console = Console()
    table = Table(Column(no_wrap=True), *chosen)
    cells: Cells = {}
    warnings.simplefilter("ignore")  # torch's own
    for card in track(cards, "Checking", console=Console(stderr=True)):
        cells[card.name] = {column: cell(card, column) for column in chosen}
        shown = [found.split(maxsplit=1)[0] for found in cells[card.name].values()]
        table.add_row(card.name, *(s if s == PASS else f"[red]{s}[/red]" for s in shown))
    console.print(table)
    failed = [
        f"{name}, {column}: {found}"
        for name, of_name in cells.items()
        for column, found in of_name.items()
        if found != PASS
    ]
    for line in failed:
        console.print(line, markup=False)
    text = "" if functions or columns else "".join(page(cells))
    if write and not failed:
        PAGE.write_text(text)
    stale = check and (not PAGE.exists() or PAGE.read_text() != text)
    if stale:
        console.print("docs/torch_table.md is stale: run `python tools/torch_table.py --write`")
    if failed or stale:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
