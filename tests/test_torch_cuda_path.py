"""What the operators do with tensors on a GPU, from the operator down to the kernel.

Their implementations for CUDA are run here on tensors of the CPU, with Triton's interpreter for a
device, and must give what the CPU's operators give.
"""

from __future__ import annotations

import importlib
import re
import warnings
from functools import cache
from types import ModuleType
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("triton")
pytest.importorskip("ogive.torch._triton")

import ogive.torch  # noqa: E402
from ogive.catalog import find, names  # noqa: E402
from ogive.torch import _operators, _warn  # noqa: E402
from ogive.torch._operators import ON_CUDA  # noqa: E402
from ogive.torch._triton import seam  # noqa: E402

pytestmark = [
    pytest.mark.skipif(not seam.INTERPRETED, reason="needs Triton's interpreter"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]


@pytest.fixture(autouse=True)
def _nobody_has_been_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_warn, "_warned", set())


@pytest.fixture
def _by_kernels_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No call takes torch's operations in a kernel's place."""

    def refuse(name: str, device: str) -> None:
        raise AssertionError(f"{name} has no kernel")

    monkeypatch.setattr(_operators, "warn_of_fallback", refuse)


def here(name: str, *args: Any) -> Any:
    return getattr(torch.ops.ogive, name).default(*args)


def there(name: str, *args: Any) -> Any:
    """What a GPU would give, called as below an operator: nothing is recorded for autograd."""
    with torch._C._AutoDispatchBelowAutograd():
        return ON_CUDA[name](*args)


TOLERANCE = {
    torch.float64: (1e-12, 1e-12),
    torch.float32: (2e-6, 1e-6),
    torch.bfloat16: (2.0**-7, 1e-3),
    torch.float16: (2.0**-10, 1e-4),
}


def check_same(name: str, *args: Any) -> Any:
    found, expected = there(name, *args), here(name, *args)
    both = [y if isinstance(y, tuple) else (y,) for y in (found, expected)]
    for ours, theirs in zip(*both, strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        assert ours.stride() == theirs.stride() or not ours.numel()
        rtol, atol = TOLERANCE[ours.dtype]
        torch.testing.assert_close(ours, theirs, rtol=rtol, atol=atol, equal_nan=True)
    return found


def base_of(name: str) -> str:
    ending = "(_sampled)?(_backward_from_output|_backward|_(second|higher)_derivative"
    return re.sub(f"{ending}|_at_temperatures)?$", "", name)


def arguments(name: str, x: Any, dim: int = 1) -> list[Any]:
    """Something for each argument of an operator that is no head."""
    card = find(base_of(name))
    defaults = {p.name: p.default for p in card.parameters}
    generator = torch.Generator().manual_seed(5)

    def other(shape: Any) -> Any:
        return torch.randn(shape, generator=generator).to(x.dtype)

    values: list[Any] = []
    for argument in getattr(torch.ops.ogive, name).default._schema.arguments:
        match str(argument.type), argument.name:
            case "Tensor", "seed":
                values.append(torch.tensor(3))
            case "Tensor", "weight":
                values.append(torch.full((1,), 0.25, dtype=x.dtype))
            case "Tensor", "dy" if card.kind == "rows" and not card.draws:
                values.append(other(getattr(ogive.torch, card.name)(x, dim).shape))
            case "Tensor", "dy":
                values.append(torch.empty_like(x).copy_(other(x.shape)))
            case "Tensor", "temperature":
                values.append(torch.tensor(0.7))
            case "Tensor", "a":
                values.append(other(x.shape))
            case "Tensor", "y":
                values.append(x)  # replaced below
            case "Tensor", _:
                values.append(x)
            case "int", _:
                values.append(dim)
            case "float", "temperature":
                values.append(0.7)
            case "float", each:
                values.append(float(0.3 if defaults[each] is None else defaults[each]))
            case "bool", _:
                values.append(False)
            case _:
                values.append(None)
    if name.endswith("_from_output"):
        rest = [*values[2:], None] if card.kind == "rows" else values[2:]
        values[1] = here(card.name, x, *rest)
    return values


FUNCTIONS = [n for n in ON_CUDA if base_of(n) in names()]
ELEMENTS = [n for n in FUNCTIONS if find(base_of(n)).kind in ("unary", "gated")]
ROWS = [n for n in FUNCTIONS if find(base_of(n)).kind == "rows"]


def logits(*shape: int, dtype: Any = torch.float32) -> Any:
    return (2 * torch.randn(*shape, generator=torch.Generator().manual_seed(1))).to(dtype)


@pytest.mark.parametrize("name", ELEMENTS)
def test_elements_are_those_of_the_cpu(name: str) -> None:
    for x in (logits(6, 10, dtype=torch.bfloat16), logits(6, 10).t()):
        check_same(name, *arguments(name, x))


AT_TEMPERATURES = "_at_temperatures"
"""Operators whose temperature may be learned: torch's operations, which have a derivative by it."""


@pytest.mark.usefixtures("_by_kernels_alone")
@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("dim", [0, 1])
def test_rows_are_those_of_the_cpu(name: str, dim: int) -> None:
    for x in (logits(3, 5), logits(3, 5, dtype=torch.bfloat16), logits(3, 5).t()):
        check_same(name, *arguments(name, x, dim))
    check_same(name, *arguments(name, logits(2, 2, 3), dim))


@pytest.mark.usefixtures("_by_kernels_alone")
@pytest.mark.parametrize("name", ROWS)
def test_masked_rows_are_those_of_the_cpu(name: str) -> None:
    schema = getattr(torch.ops.ogive, name).default._schema
    if "where" not in [a.name for a in schema.arguments]:
        return
    x = logits(2, 3, 2)
    mask = torch.arange(12).reshape(x.shape) % 3 != 0
    mask[0, 1] = False
    for keep, dim in ((mask, 1), (mask[0], 2), (mask[..., :1], 2)):
        given = arguments(name, x, dim)
        given[[a.name for a in schema.arguments].index("where")] = keep
        check_same(name, *given)
    number = arguments(name, logits(1)[0], 0)
    check_same(name, *number)
    number[[a.name for a in schema.arguments].index("where")] = torch.tensor(False)
    check_same(name, *number)


@pytest.mark.parametrize("name", [n for n in ROWS if n.startswith("softmax")])
def test_bad_operands_of_rows_are_refused_as_on_the_cpu(name: str) -> None:
    names_of = [a.name for a in getattr(torch.ops.ogive, name).default._schema.arguments]
    given = dict(zip(names_of, arguments(name, logits(6, 5)), strict=True))
    bad = {"dim": 2, "temperature": -1.0, "dy": logits(6, 4), "where": torch.ones(7) > 0}
    for which in bad.keys() & given.keys():
        if name.endswith(AT_TEMPERATURES) and which == "temperature":
            continue
        raised = []
        for run in (here, there):
            with pytest.raises((ValueError, TypeError, RuntimeError, IndexError)) as caught:
                run(name, *(given | {which: bad[which]}).values())
            raised.append((caught.type, str(caught.value)))
        assert raised[0] == raised[1], which


def test_what_has_no_kernel_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = importlib.import_module("ogive.torch._triton")
    monkeypatch.setattr(kernels, "supported", lambda *_: False)
    given = arguments("softmax_backward", logits(2, 3))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            check_same("softmax_backward", *given)
    assert len(caught) == 1
    assert "ogive.torch.softmax has no kernel" in str(caught[0].message)


@pytest.mark.parametrize("name", [n for n in ON_CUDA if re.match("rrelu_sampled|gumbel", n)])
def test_what_is_drawn_is_drawn_by_a_kernel(name: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="ogive.torch")
        there(name, *arguments(name, logits(6, 10)))


# ------------------------------------------------------------------------------------------ heads

WEIGHT = torch.tensor([0.5, 1.0, 2.0, 0.25, 1.5])
LABELS = torch.tensor([0, 4, 2, -100, 1, 3])
GIVEN = [(torch.float32, False), (torch.bfloat16, True), (torch.float16, True)]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"weight": WEIGHT},
    {"label_smoothing": 0.1, "temperature": 2.0},
    {"weight": WEIGHT.double(), "label_smoothing": 0.1, "z_loss": 0.01, "softcap": 5.0},
]


def head(name: str, z: Any, target: Any, dim: int, options: dict[str, Any], **more: Any) -> Any:
    """The arguments of a head's operator."""
    given = {
        p.name: p.default for p in find(name).parameters if p.name != "axis"
    } | {"z": z, "target": target, "dim": dim, "gradient": True} | options | more  # fmt: skip
    schema = getattr(torch.ops.ogive, name).default._schema
    return [given[a.name] for a in schema.arguments]


@pytest.mark.parametrize(("dtype", "gradient"), GIVEN, ids=str)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_is_that_of_the_cpu(reduction: str, gradient: bool, dtype: Any) -> None:
    z = logits(6, 5, dtype=dtype)
    p = torch.softmax(logits(6, 5), 1).to(dtype)
    more = {"reduction": reduction, "gradient": gradient}
    there_is_none = LABELS.clamp(min=0)
    for k, options in enumerate(OPTIONS):
        ignores, all_count = {"ignore_index": -100, **options}, {"ignore_index": None, **options}
        check_same("cross_entropy", *head("cross_entropy", z, LABELS, 1, ignores, **more))
        check_same("cross_entropy", *head("cross_entropy", z.t(), p.t(), 0, options, **more))
        if k in (0, len(OPTIONS) - 1):
            for labels, given in ((there_is_none, all_count), (LABELS, ignores)):
                check_same("cross_entropy", *head("cross_entropy", z.t(), labels, 0, given, **more))
            check_same("cross_entropy", *head("cross_entropy", z, p, 1, options, **more))
    images = logits(2, 5, 3, 2, dtype=dtype)
    labels = torch.arange(12).reshape(2, 3, 2) % 5
    check_same("cross_entropy", *head("cross_entropy", images, labels, 1, {}, **more))
    check_same("cross_entropy", *head("cross_entropy", z[0], labels[0, 0, 0], 0, {}, **more))
    check_same("cross_entropy", *head("cross_entropy", z[:0], LABELS[:0], 1, {}, **more))


@pytest.mark.parametrize(("dtype", "gradient"), GIVEN, ids=str)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_binary_cross_entropy_is_that_of_the_cpu(
    reduction: str, gradient: bool, dtype: Any
) -> None:
    name, z = "binary_cross_entropy", logits(6, 5, dtype=dtype)
    more = {"reduction": reduction, "gradient": gradient}
    labels = torch.arange(30).reshape(6, 5) % 2
    for target in (labels, labels == 1, labels.to(dtype), torch.sigmoid(logits(6, 5)).to(dtype)):
        for options in (
            {},
            {"pos_weight": WEIGHT, "label_smoothing": 0.1},
            {"weight": torch.rand(6, 1)},
            {"pos_weight": torch.tensor(2.0), "weight": torch.rand(6, 5)},
        ):
            check_same(name, *head(name, z, target, 0, options, **more))
        check_same(name, *head(name, z.t(), target.t(), 0, {}, **more))
        check_same(name, *head(name, z[:0], target[:0], 0, {}, **more))
        check_same(name, *head(name, z[0, 0], target[0, 0], 0, {}, **more))


@pytest.mark.usefixtures("_by_kernels_alone")
@pytest.mark.parametrize("name", sorted(set(names("heads")) & ON_CUDA.keys()))
def test_every_head_has_a_kernel_with_the_results_of_the_cpu(name: str) -> None:
    if find(name).layer:
        x, W, b = logits(6, 3), logits(5, 3) / 2, logits(5)
        rest = (LABELS, None, -100, 0.0, 0.0, None, 1.0, "mean", 2, [True] * 3)
        check_same(name, x, W, b, *rest)
        return
    per_row = find(name).over_rows
    target = LABELS.clamp(min=0) if per_row else torch.sigmoid(logits(6, 5))
    for gradient in (True, False):
        for reduction in ("mean", "none"):
            more = {"reduction": reduction, "gradient": gradient}
            check_same(name, *head(name, logits(6, 5), target, 1 if per_row else 0, {}, **more))


def test_a_mean_over_more_rows_than_a_half_counts_keeps_its_gradient() -> None:
    heavy = torch.full((5,), 40_000.0)
    z = logits(3, 5, dtype=torch.float16)
    given = head("cross_entropy", z, torch.tensor([0, 1, 2]), 1, {"weight": heavy})
    assert check_same("cross_entropy", *given)[1].any()
    z = logits(70_000, dtype=torch.float16)
    given = head("binary_cross_entropy", z, torch.zeros(70_000), 0, {"weight": heavy[0]})
    assert there("binary_cross_entropy", *given)[1].any()


def test_a_label_to_ignore_need_not_be_one_that_weights_have() -> None:
    labels = torch.tensor([1, 255, 2, 255, 0, 255])
    options = {"weight": WEIGHT, "ignore_index": 255}
    check_same("cross_entropy", *head("cross_entropy", logits(6, 5), labels, 1, options))
    options["reduction"] = "sum"
    nothing = torch.full((6,), 255)
    check_same("cross_entropy", *head("cross_entropy", logits(6, 5), nothing, 1, options))


def test_class_weights_may_be_negative() -> None:
    given = head("cross_entropy", logits(6, 5), LABELS.clamp(min=0), 1, {"weight": -WEIGHT})
    check_same("cross_entropy", *given)
    for name in ("weight", "pos_weight"):
        given = head("binary_cross_entropy", logits(6, 5), P, 0, {name: -WEIGHT})
        check_same("binary_cross_entropy", *given)


def test_what_the_host_does_not_look_at_gives_nan() -> None:
    z, endless = logits(6, 5), torch.full((5,), torch.inf)
    p = torch.softmax(z, 1)
    for target, options in (
        (torch.tensor([0, 1, 7, 0, 0, 0]), {}),
        (-p, {}),
        (p, {"weight": endless}),
    ):
        loss, dz = there("cross_entropy", *head("cross_entropy", z, target, 1, options))
        assert loss.isnan()
        assert dz.isnan().any()
    for target, options in ((2 + p, {}), (p, {"pos_weight": endless}), (p, {"weight": endless})):
        given = head("binary_cross_entropy", z, target, 0, options)
        loss, dz = there("binary_cross_entropy", *given)
        assert loss.isnan()
        assert dz.isnan().any()


Z, P = logits(6, 5), torch.softmax(logits(6, 5), 1)
BAD = {
    "reduction": ("cross_entropy", LABELS, 1, {"reduction": "avg", "ignore_index": -100}),
    "smoothing": ("cross_entropy", LABELS, 1, {"label_smoothing": 7.0, "ignore_index": -100}),
    "z_loss": ("cross_entropy", LABELS, 1, {"z_loss": -3.0, "ignore_index": -100}),
    "softcap": ("cross_entropy", LABELS, 1, {"softcap": 0.0, "ignore_index": -100}),
    "temperature": ("cross_entropy", LABELS, 1, {"temperature": -1.0, "ignore_index": -100}),
    "weight": ("cross_entropy", LABELS, 1, {"weight": WEIGHT[:3], "ignore_index": -100}),
    "few labels": ("cross_entropy", LABELS[:3], 1, {}),
    "other axis": ("cross_entropy", LABELS, 0, {}),
    "real labels": ("cross_entropy", LABELS.float(), 1, {}),
    "half labels": ("cross_entropy", LABELS.bfloat16(), 1, {}),
    "ignored p": ("cross_entropy", P, 1, {"ignore_index": -100}),
    "binary target": ("binary_cross_entropy", P[:3], 0, {}),
    "binary weight": ("binary_cross_entropy", P, 0, {"weight": WEIGHT[:3]}),
    "binary pos_weight": ("binary_cross_entropy", P, 0, {"pos_weight": torch.ones(7, 6, 5)}),
    "binary smoothing": ("binary_cross_entropy", P, 0, {"label_smoothing": -0.5}),
    "binary reduction": ("binary_cross_entropy", P, 0, {"reduction": "avg"}),
    "gamma": ("focal", LABELS, 1, {"gamma": -1.0, "ignore_index": -100}),
    "alpha": ("sigmoid_focal", P, 0, {"alpha": 2.0}),
}


@pytest.mark.parametrize("which", BAD)
def test_bad_input_is_refused_as_on_the_cpu(which: str) -> None:
    name, target, dim, options = BAD[which]
    given = head(name, Z, target, dim, options)
    raised = []
    for run in (here, there):
        with pytest.raises((ValueError, TypeError)) as caught:
            run(name, *given)
        raised.append((caught.type, str(caught.value)))
    assert raised[0] == raised[1]


# --------------------------------------------------------------------------- devices and libraries


def test_launches_go_to_the_tensor_s_device(monkeypatch: pytest.MonkeyPatch) -> None:
    met = []
    guard = torch.cuda.device_of
    monkeypatch.setattr(torch.cuda, "device_of", lambda t: met.append(t) or guard(t))
    for name in ("gelu", "softmax", "swiglu", "prelu"):
        x = logits(2, 3)
        met.clear()
        there(name, *arguments(name, x))
        assert len(met) == 1


@pytest.mark.parametrize("missing", ["triton", "triton.knobs"])
def test_triton_is_looked_for_once(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    def absent(name: str, *_: Any) -> ModuleType:
        looks.append(name)
        raise ModuleNotFoundError(name, name=missing)

    monkeypatch.setattr(_operators, "triton", _fresh(_operators.triton))
    monkeypatch.setattr(importlib, "import_module", absent)
    x = logits(2, 3)
    torch.testing.assert_close(there("gelu", x), here("gelu", x))
    torch.testing.assert_close(there("gelu", x), here("gelu", x))
    assert looks == ["._triton"]


@pytest.mark.parametrize(
    "name", ["gelu", "swiglu", "prelu", "softmax", "rrelu_sampled", "gumbel_softmax"]
)
def test_without_triton_a_function_says_what_it_does_without(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(module: str, *_: Any) -> ModuleType:
        raise ModuleNotFoundError(module, name="triton")

    monkeypatch.setattr(_operators, "triton", _fresh(_operators.triton))
    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.warns(RuntimeWarning, match=rf"^ogive\.torch\.{base_of(name)} .* cpu tensors"):
        check_same(name, *arguments(name, logits(2, 3)))


def test_an_option_that_a_kernel_does_not_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """At its default it is left out; else the formula takes the kernel's place."""
    kernels: Any = importlib.import_module("ogive.torch._triton")
    own = kernels.KERNELS["cross_entropy"]

    def older(
        logits: Any, target: Any, weight: Any, ignore_index: Any, label_smoothing: float,
        z_loss: float, softcap: Any, *, factor: Any, gradient: bool,
    ) -> Any:  # fmt: skip
        return own(
            logits, target, weight, ignore_index, label_smoothing, z_loss, softcap,
            factor=factor, gradient=gradient,
        )  # fmt: skip

    monkeypatch.setitem(kernels.KERNELS, "cross_entropy", older)
    monkeypatch.setattr(kernels, "options_of", kernels.options_of.__wrapped__)
    given = head("cross_entropy", logits(6, 5), LABELS.clamp(min=0), 1, {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_same("cross_entropy", *given)
    given = head("cross_entropy", logits(6, 5), LABELS.clamp(min=0), 1, {"temperature": 0.7})
    with pytest.warns(RuntimeWarning, match=r"cross_entropy has no kernel"):
        check_same("cross_entropy", *given)


def test_an_error_of_our_own_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str, *_: Any) -> ModuleType:
        raise ImportError(name, name="ogive.torch._triton.heads")

    monkeypatch.setattr(_operators, "triton", _fresh(_operators.triton))
    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(ImportError):
        there("gelu", logits(2, 3))


def test_an_error_inside_a_kernel_is_not_taken_for_its_absence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any) -> Any:
        raise NotImplementedError("inside")

    kernels = importlib.import_module("ogive.torch._triton")
    for name, kernel in (("gelu", "unary"), ("softmax", "rows"), ("swiglu", "gated")):
        monkeypatch.setattr(kernels, kernel, broken)
        # Not a NotImplementedError, for which `by_operator` would take torch's formula.
        with pytest.raises(RuntimeError, match=f"ogive::{name} failed: inside") as found:
            there(name, *arguments(name, logits(2, 3)))
        assert found.type is RuntimeError


def _fresh(cached: Any) -> Any:
    """A cached function that has been called by nobody."""
    return cache(cached.__wrapped__)
