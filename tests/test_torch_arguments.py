"""What torch's functions and modules take, ours take: in their order, under their names."""

from __future__ import annotations

import inspect
import itertools
import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

import ogive  # noqa: E402
import ogive.torch as ot  # noqa: E402
from ogive.torch import _warn  # noqa: E402

X = torch.linspace(-3, 3, 12, dtype=torch.float64).reshape(3, 4) + 0.1


@pytest.fixture(autouse=True)
def _each_warning_comes_again() -> Iterator[None]:
    before = set(_warn._warned)
    _warn._warned.clear()
    yield
    _warn._warned.clear()
    _warn._warned.update(before)


def shared(kind: str) -> list[tuple[str, Any]]:
    """Our name and torch's function, for each plain path among the peers."""
    return [
        (card.name, function)
        for card in ogive.catalog(kind)
        for peer in card.peers
        for home, _, word in [peer.name.rpartition(".")]
        if home in ("torch", "torch.nn.functional") and word.isidentifier()
        for function in [getattr(F if "functional" in home else torch, word)]
    ]


UNARY, ROWS = shared("unary"), shared("rows")


def of_torch(module: Any, ending: str = "") -> dict[str, Any]:
    names = {function.__name__ for _, function in UNARY + ROWS}
    return {f"{n}{ending}": getattr(module, f"{n}{ending}", None) for n in names}


def count(name: str) -> int:
    return sum(p.operand for p in ogive.card(name).parameters)


@pytest.mark.parametrize("x", [X, X + 1j * X.flip(0)], ids=["real", "complex"])
@pytest.mark.parametrize(("name", "function"), UNARY, ids=lambda v: getattr(v, "__name__", v))
def test_what_torch_takes_is_taken(name: str, function: Any, x: Any) -> None:
    """Parameters that its formula makes no sense of, and complex numbers: by torch's function."""
    if name in ("prelu", "rrelu"):  # of tensors; of random numbers
        return
    for numbers in itertools.product((-1.5, 0.0, 0.25, 3.0), repeat=count(name)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ours, theirs = (x.clone().requires_grad_() for _ in range(2))
            try:
                expected = function(theirs, *numbers)
                expected.abs().sum().backward()
            except (RuntimeError, ValueError, ZeroDivisionError):
                continue
            found = getattr(ot, name)(ours, *numbers)
            found.abs().sum().backward()
            torch.testing.assert_close(found, expected, equal_nan=True)
            torch.testing.assert_close(ours.grad, theirs.grad, equal_nan=True)
            getattr(ot, name)(x, *numbers)
        assert len(caught) <= 1
        assert all("torch's own function takes it" in str(w.message) for w in caught)


@pytest.mark.parametrize(
    ("name", "function"), UNARY + ROWS, ids=lambda v: getattr(v, "__name__", v)
)
def test_every_function_has_torch_s_name_too(name: str, function: Any) -> None:
    word = function.__name__.lstrip("_")
    assert getattr(ot, word) is getattr(ot, name)
    assert word in ot.__all__


IN_PLACE = {
    **{n: f for n, f in of_torch(torch, "_").items() if f is not None and hasattr(torch, n[:-1])},
    **{n: f for n, f in of_torch(F, "_").items() if f is not None},
}
IN_PLACE = {n: f for n, f in IN_PLACE.items() if n not in ("prelu_", "softmax_")}


@pytest.mark.parametrize("name", sorted(IN_PLACE))
def test_the_names_that_write_over_their_input(name: str) -> None:
    given = (0.25, 0.5) if name == "threshold_" else ()
    x, exact = X.clone(), IN_PLACE[name](X.clone(), *given)
    assert getattr(ot, name)(x, *given) is x
    torch.testing.assert_close(x, exact)


NUMBERS: dict[str, tuple[float, ...]] = {
    "hard_tanh": (-0.5, 2.0), "softplus": (2.0, 20.0), "threshold": (0.5, -1.0),
    "rrelu": (0.1, 0.3, False), "prelu": (torch.tensor(0.2, dtype=torch.float64),),
}  # fmt: skip


@pytest.mark.parametrize(("name", "function"), UNARY, ids=lambda v: getattr(v, "__name__", v))
def test_arguments_come_in_torch_s_order(name: str, function: Any) -> None:
    ours = getattr(ot, name)
    try:
        taken = list(inspect.signature(function).parameters)[1:]
    except ValueError:  # a built-in function: its numbers, and those of the card
        taken = [p.name for p in ogive.card(name).parameters if p.operand]
    numbers = NUMBERS.get(name, tuple(0.75 for n in taken if n != "inplace"))
    for count in range(0 if name not in ("threshold", "prelu") else len(numbers), len(numbers) + 1):
        torch.testing.assert_close(ours(X, *numbers[:count]), function(X, *numbers[:count]))
    if "inplace" in taken:
        x = X.clone()
        assert ours(x, *numbers, True) is x
        torch.testing.assert_close(x, function(X.clone(), *numbers, True))


@pytest.mark.parametrize(
    ("function", "ours"),
    [(F.softmax, ot.softmax), (F.log_softmax, ot.log_softmax), (F.softmin, ot.softmin)],
    ids=lambda f: f.__module__,
)
def test_rows_take_a_dtype_wherever_torch_has_it(function: Any, ours: Any) -> None:
    x = X.float()
    exact = function(x, 0, 3, torch.float64)
    assert exact.dtype == torch.float64
    for found in (
        ours(x, 0, 3, torch.float64), ours(x, 0, dtype=torch.float64),
        ours(x, 0, torch.float64), ours(x, dim=0, _stacklevel=5, dtype=torch.float64),
    ):  # fmt: skip
        assert found.dtype == torch.float64
        torch.testing.assert_close(found, exact)


@pytest.mark.parametrize("shape", [(), (4,), (3, 4), (2, 3, 4), (2, 3, 4, 5)], ids=str)
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_no_dim_is_the_one_that_torch_chooses_with_its_warning(name: str, shape: Any) -> None:
    x = torch.randn(shape, dtype=torch.float64)
    with pytest.warns(UserWarning, match=f"Implicit dimension choice for {name} has been"):
        exact = getattr(F, name)(x, None)
    with pytest.warns(UserWarning, match=f"Implicit dimension choice for {name} has been"):
        found = getattr(ot, name)(x, None)
    torch.testing.assert_close(found, exact)
    module = {"softmax": "Softmax", "log_softmax": "LogSoftmax", "softmin": "Softmin"}[name]
    with pytest.warns(UserWarning, match="Implicit dimension choice"):
        torch.testing.assert_close(getattr(ot.nn, module)(None)(x), exact)


WITH_OUT: list[tuple[str, tuple[Any, ...]]] = [
    *((name, ()) for name, _ in UNARY if name not in ("prelu", "rrelu")),
    ("softmax", (0,)), ("log_softmax", (1,)), ("softmin", (1,)), ("logsumexp", ((0, 1), True)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args"), WITH_OUT, ids=[name for name, _ in WITH_OUT])
def test_out_takes_the_result(name: str, args: tuple[Any, ...]) -> None:
    f = getattr(ot, name)
    expected = f(X, *args)
    for out in (torch.empty(0, dtype=X.dtype), torch.empty_like(expected), torch.empty(3, 8)):
        out = out.to(X.dtype) if out.numel() < 24 else out.double()[:, ::2]
        if out.shape != expected.shape and out.numel():
            continue
        assert f(X, *args, out=out) is out
        assert torch.equal(out, expected)
    narrow = torch.empty(0)
    assert f(X, *args, out=narrow) is narrow
    torch.testing.assert_close(narrow, expected.float())
    if expected.shape == X.shape:
        x = X.clone()
        assert torch.equal(f(x, *args, out=x), expected)


def test_out_behaves_as_torch_s() -> None:
    for f in (torch.sigmoid, ot.sigmoid):
        out = torch.empty(2, dtype=X.dtype)
        with pytest.warns(
            UserWarning, match=r"was resized since it had shape \[2\], which does not"
        ):
            f(X, out=out)
        assert out.shape == X.shape
        with pytest.raises(RuntimeError, match="can't be cast to"):
            f(X, out=torch.empty(3, 4, dtype=torch.int64))
        with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
            f(X.clone().requires_grad_(), out=out)
        with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
            f(X, out=out.clone().requires_grad_())
        with torch.no_grad():
            f(X.clone().requires_grad_(), out=out)
        with pytest.raises(TypeError, match="out"):
            f(X, out=[1.0])


IGNORED: list[tuple[str, Callable[..., Any]]] = [
    ("threshold", lambda: ot.softplus(X, 1.0, 2.0)),
    ("threshold", lambda: ot.softplus(X, threshold=-1)),
    ("threshold", lambda: ot.nn.Softplus(1.0, 2.0)(X)),
    ("threshold", lambda: ot.nn.Softplus(threshold=0.5)(X)),
    ("eps", lambda: ot.gumbel_softmax(X, 1.0, False, 1e-3)),
    ("eps", lambda: ot.gumbel_softmax(logits=X, eps=0.1, dim=0)),
]


@pytest.mark.parametrize(("argument", "call"), IGNORED, ids=range(len(IGNORED)))
def test_an_argument_of_no_effect_is_taken_with_one_warning(
    argument: str, call: Callable[[], Any]
) -> None:
    with pytest.warns(UserWarning, match=f"{argument} = .* has no effect") as caught:
        first, _ = call(), call()
    assert len(caught) == 1
    if argument == "threshold":
        assert torch.equal(first, ot.softplus(X))


def test_torch_s_own_defaults_give_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ot.softplus(X, 1, 20)
        ot.nn.Softplus()(X)
        ot.nn.Softplus(1, 20)(X)
        ot.gumbel_softmax(X, eps=1e-10)


@pytest.mark.parametrize("bounds", list(itertools.pairwise([-2.0, -0.5, 0.0, 0.0, 1.5])), ids=str)
def test_hardtanh_takes_bounds_in_order(bounds: tuple[float, float]) -> None:
    x, y = X.clone().requires_grad_(), X.clone().requires_grad_()
    ours, theirs = ot.hardtanh(x, *bounds), F.hardtanh(y, *bounds)
    assert torch.equal(ours, theirs)
    assert torch.equal(*(torch.autograd.grad(v.sum(), t)[0] for v, t in ((ours, x), (theirs, y))))
    if bounds[0] != bounds[1]:
        with pytest.raises(ValueError, match=r"min_val = .* is above max_val"):
            ot.hardtanh(X, bounds[1], bounds[0])
        with pytest.raises(ValueError, match="min_val"):
            F.hardtanh(X, bounds[1], bounds[0])


def test_hardtanh_s_module_takes_the_older_names() -> None:
    for module in (ot.nn, torch.nn):
        with pytest.warns(
            FutureWarning, match="`min_value` is deprecated and renamed to `min_val`"
        ):
            layer = module.Hardtanh(min_value=-3)
        with pytest.warns(
            FutureWarning, match="`max_value` is deprecated and renamed to `max_val`"
        ):
            layer = module.Hardtanh(-3, 2, True, max_value=4)
        assert (layer.min_val, layer.max_val, layer.inplace) == (-3, 4, True)
        assert repr(layer) == "Hardtanh(min_val=-3, max_val=4, inplace=True)"


LAYOUTS = {
    "nested": lambda: torch.nested.as_nested_tensor([X[:1], X[1:]]),
    "nested, transposed": lambda: torch.nested.as_nested_tensor([X[:1], X[1:]]).transpose(1, 2),
    "jagged": lambda: torch.nested.as_nested_tensor([X[:1], X[1:]], layout=torch.jagged),
    "mkldnn": lambda: X.float().to_mkldnn(),
    "complex": lambda: X + 1j,
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("name", "function"), ROWS, ids=lambda v: getattr(v, "__name__", v))
def test_rows_take_the_layouts_that_torch_takes(name: str, function: Any, layout: str) -> None:
    x = LAYOUTS[layout]()
    if name == "gumbel_softmax":  # of random numbers
        return
    try:
        expected = function(x, -1)
    except (RuntimeError, NotImplementedError):
        with pytest.raises(RuntimeError, match=f"{name} takes dense tensors|real numbers"):
            getattr(ot, name)(x, -1)
        return
    with pytest.warns(UserWarning, match="torch's own function takes it"):
        found = getattr(ot, name)(x, -1)
    for ours, theirs in zip(
        *(t.unbind() if t.is_nested else (t.to_dense(),) for t in (found, expected)), strict=True
    ):
        torch.testing.assert_close(ours, theirs)
    with pytest.raises(RuntimeError, match=f"{name} takes dense tensors|real numbers"):
        getattr(ot, name)(x, -1, temperature=2.0)


def test_every_function_says_where_it_is_found() -> None:
    """`torch.save` of a module that holds one asks for it."""
    functions = [name for name in ot.__all__ if inspect.isfunction(getattr(ot, name))]
    assert {"gelu", "softmax", "cross_entropy", "linear_cross_entropy", "swap"} <= {*functions}
    for name in functions:
        function = getattr(ot, name)
        assert function.__module__ == "ogive.torch", name
        assert function is getattr(ot, function.__qualname__), name
        assert pickle.loads(pickle.dumps(function)) is function, name
        assert function.__doc__ or name.endswith("_"), name
