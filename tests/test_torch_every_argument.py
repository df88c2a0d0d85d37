"""Every argument of every function of ogive.torch counts, alone, beside others, and on every way.

tests/torch_calls.py has what arguments may be and what is then right; an argument that is not there
makes the first test fail.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.distributed as dist  # noqa: E402
from torch.autograd.graph import saved_tensors_hooks  # noqa: E402
from torch.func import functionalize, grad, jvp, vjp, vmap  # noqa: E402

from cases import public_modes  # noqa: E402
from torch_calls import PUBLIC, Given, Public, fresh  # noqa: E402
from torch_kinds import Marked, Wrapped  # noqa: E402
from torch_operators import samples_like  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{kind}")
    for kind in ("UserWarning", "RuntimeWarning", "FutureWarning", "DeprecationWarning")
]
Tensor = torch.Tensor
Found = tuple[Tensor, dict[str, float]]
every_function = pytest.mark.parametrize("f", PUBLIC, ids=str)


@pytest.fixture(autouse=True, scope="module")
def _a_group_of_one_rank() -> Iterator[None]:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@every_function
def test_every_argument_is_varied(f: Public) -> None:
    tried = {*f.first, *f.varied}
    missing = [name for name in f.arguments() if name not in tried]
    assert not missing, f"nothing is tried for {missing} of ogive.torch.{f}"


def weighed(y: Any) -> Any:
    """What comes from upstream: another number for each element."""
    return torch.cos(torch.arange(y.numel(), dtype=torch.float64) + 1).reshape(y.shape) + 0.25


def direction(t: Tensor) -> Tensor:
    return torch.cos(2 * torch.arange(t.numel(), dtype=torch.float64) + 1).reshape(t.shape)


def called(f: Public, given: Given, **tensors: Tensor) -> Tensor:
    """The call with some tensors in place of those given."""
    torch.manual_seed(0)
    given = {**fresh(given), **tensors}
    over = given.get("inplace") or f.name.endswith("_")
    if over:
        given["input"] = given["input"] * 1
    y: Tensor = f.function(**given)
    if type(y) is Tensor:
        assert given.get("out") is None or y is given["out"]
        assert not over or "out" in given or y is given["input"]
    return y


def floats(given: Given) -> dict[str, Tensor]:
    """The tensors that may have a gradient."""
    return {
        name: t.clone() for name, t in given.items()
        if isinstance(t, Tensor) and t.is_floating_point()
    }  # fmt: skip


def right(f: Public, given: Given, **tensors: Tensor) -> Tensor:
    torch.manual_seed(0)
    return torch.from_numpy(f.right({**fresh(given), **tensors}))


def slope(f: Callable[..., Tensor], at: Tensor) -> float:
    """The derivative of f, weighed, along the direction, by differences."""
    step = 1e-6 * direction(at)
    above, below = f(at + step), f(at - step)
    change = torch.where(above.isfinite(), above - below, 0)  # the logarithm of a masked element
    return float((weighed(above) * change).sum()) / 2e-6


def along(gradients: Any, leaves: dict[str, Tensor]) -> dict[str, float]:
    return {
        name: float((g.double() * direction(leaves[name])).sum())
        for (name, g) in zip(leaves, gradients, strict=True)
    }


def value(f: Public, given: Given) -> Found:
    with torch.no_grad():
        return called(f, given), {}


def graph(f: Public, given: Given, names: Any = None, **options: Any) -> Found:
    leaves = {
        name: t.requires_grad_() for name, t in floats(given).items()
        if name in (names or list(f.first)[:1])
    }  # fmt: skip
    y = called(f, given, **leaves)
    dy = weighed(y).to(y.dtype)
    return y.detach(), along(torch.autograd.grad(y, list(leaves.values()), dy, **options), leaves)


def whole_graph(f: Public, given: Given) -> Found:
    return graph(f, given, list(floats(given)))


def further_graph(f: Public, given: Given) -> Found:
    return graph(f, given, list(floats(given)), create_graph=True)


def pulled(f: Public, given: Given) -> Found:
    leaves = floats(given)
    y, pull = vjp(
        lambda *ts: called(f, given, **dict(zip(leaves, ts, strict=True))), *leaves.values()
    )
    return y, along(pull(weighed(y).to(y.dtype)), leaves)


def pushed(f: Public, given: Given) -> Found:
    leaves = floats(given)
    y, tangent = jvp(
        lambda *ts: called(f, given, **dict(zip(leaves, ts, strict=True))),
        tuple(leaves.values()), tuple(map(direction, leaves.values())),
    )  # fmt: skip
    return y, {"all": float((torch.where(y.isfinite(), tangent, 0) * weighed(y)).sum())}


def functional(f: Public, given: Given) -> Found:
    leaves = floats(given)
    y = functionalize(lambda *ts: called(f, given, **dict(zip(leaves, ts, strict=True))))
    return y(*leaves.values()), {}


def wrapped(f: Public, given: Given) -> Found:
    first = next(iter(f.first))
    y: Any = called(f, given, **{first: Wrapped(given[first])})
    return y.inner if isinstance(y, Wrapped) else y, {}


WAYS = [value, graph, whole_graph, further_graph, pulled, pushed, functional, wrapped]


def ways(f: Public, given: Given) -> list[Callable[..., Found]]:
    """Those that the call promises."""
    if "out" in given:
        return [value]
    if not f.higher:
        return [value, graph]
    found = list(WAYS)
    if given.get("training"):  # as it says itself
        found = [way for way in found if way not in (functional, wrapped)]
    if given.get("create_graph") is False or given.get("lean") is True:
        found.remove(further_graph)
    return found


def refusal(f: Public, given: Given) -> str:
    """What the error says of arguments that exclude each other; nothing of others."""
    if f.kind == "parallel" and f.card.layer and given.get("reduction") == "none":
        return "each row|reduction"
    target, ignored = given.get("target"), given.get("ignore_index", -100)
    if f.kind not in ("over rows", "linear", "parallel"):
        return ""
    if target.is_floating_point():
        return "ignore_index" if given.get("ignore_index") is not None else ""
    ignored = -100 if ignored is None and f.kind == "linear" else ignored  # torch's own has it so
    wrong = target[(target < 0) & (target != (0 if ignored is None else ignored))]
    return f"= {int(wrong[0])}: labels" if len(wrong) else ""


def check(f: Public, varied: Given, chosen: Callable[[list[Any]], list[Any]] = list) -> None:
    """A call with some arguments varied, on the ways that are chosen."""
    given = {**f.first, **varied}
    error = refusal(f, given)
    if error:
        for call in (right, called):
            with pytest.raises(ValueError, match=error):
                call(f, given)
        return
    exact = right(f, given)
    soft = {**given, "hard": False} if "hard" in given else given  # of which gradients are
    slopes = {
        name: slope(lambda t, name=name: right(f, soft, **{name: t}), tensor)  # type: ignore[misc]
        for name, tensor in floats(given).items()
    }
    slopes["all"] = sum(slopes.values())
    near = 2e-5 if torch.float32 in given.values() else 1e-6
    near = 1e-4 if given.get("lean") is True else near
    for way in chosen(ways(f, given)):
        what = f"{f} with {varied}, {way.__name__}"
        try:
            y, found = way(f, given)
        except Exception as error:
            raise AssertionError(f"{what}: {error}") from error
        assert y.shape == exact.shape, f"{what}: shape {tuple(y.shape)}, not {tuple(exact.shape)}"
        dtype = torch.float64 if "out" in given else given.get("dtype", torch.float64)
        assert y.dtype == dtype, f"{what}: {y.dtype}"
        assert torch.allclose(y.double(), exact, near / 10, near / 10), f"{what}: another value"
        for name, number in found.items():
            assert abs(number - slopes[name]) <= near * (1 + abs(slopes[name])), (
                f"{what}: along {name} {number}, not {slopes[name]}"
            )


WITHOUT_EFFECT = {
    "_stacklevel",  # torch's own, of its warnings
    "eps",  # of torch's gumbel_softmax, which does nothing with it
    "options", "chunk_rows",  # how many rows at a time
    "inplace",  # of which `called` asks whose memory the result has
    "vocab_start", "group",  # one rank alone has but one of each: see tests/torch_ranks.py
}  # fmt: skip
"""Arguments that change neither a result nor what is kept for its gradients."""


def has_effect(f: Public, name: str) -> bool:
    if name == "lean":
        return "lean" in public_modes(f.card.name) and f.kind != "learned"
    if name == "create_graph":
        return f.kind != "linear"  # whose gradients always have gradients
    ignored = {n for peer in f.card.peers for n, _ in peer.ignored}
    return name not in WITHOUT_EFFECT | ignored


def told(f: Public, given: Given) -> Any:
    """The result, its format, what is kept for its gradient, and whether that has a gradient."""
    kept: list[Any] = []
    x = given[next(iter(f.first))].clone().requires_grad_("out" not in given)
    with saved_tensors_hooks(lambda t: kept.append((t.dtype, t.shape)) or t, lambda t: t):
        y = called(f, given, **{next(iter(f.first)): x})
    further: Any = None
    if y.requires_grad:
        try:
            further = torch.autograd.grad(y.sum(), x, create_graph=True)[0].requires_grad
        except RuntimeError:
            further = "refused"
    return y.dtype, y.shape, y.double().tolist(), kept, further


@every_function
def test_every_argument_has_an_effect(f: Public) -> None:
    """Alone, or beside another."""
    for name, values in f.varied.items():
        given = {**f.first, **({"training": True} if name in ("seed", "generator") else {})}
        given = {k: v for k, v in given.items() if k in f.arguments()}
        plain = told(f, given)
        changed = any(told(f, {**given, name: v}) != plain for v in values)
        assert changed == has_effect(f, name), f"{name} of {f}: {values}"


@every_function
def test_each_argument_on_every_way(f: Public) -> None:
    check(f, {})
    for name, values in f.varied.items():
        for each in values:
            check(f, {name: each})


@every_function
def test_every_argument_beside_every_other(f: Public) -> None:
    turn = itertools.count()

    def two(found: list[Any]) -> list[Any]:
        """In a graph, and on the others by turns."""
        return [found[:2][-1], found[next(turn) % len(found)]]

    for (one, ones), (other, others) in itertools.combinations(f.varied.items(), 2):
        for a, b in itertools.product(ones, others):
            check(f, {one: a, other: b}, two)


def tensor_arguments(f: Public) -> dict[str, Tensor]:
    """One of each argument that may be a tensor."""
    found = {name: v for name, v in f.first.items() if isinstance(v, Tensor)}
    for name, values in f.varied.items():
        for each in values:
            if isinstance(each, Tensor):
                found.setdefault(name, each)
    return found


HIGHER = [f for f in PUBLIC if f.higher]


@pytest.mark.parametrize("f", HIGHER, ids=str)
def test_each_tensor_alone_carries_every_transform(f: Public) -> None:
    """The others are plain. The plain call, sample by sample, is held to NumPy's above."""
    first = next(iter(f.first))
    for name, t in tensor_arguments(f).items():
        given = {**f.first, **({"seed": 3} if "generator" in f.arguments() else {})}

        def alone(t: Tensor, name: str = name, given: Given = given) -> Tensor:
            return called(f, given, **{name: t})

        def beside(x: Tensor, t: Tensor, name: str = name, given: Given = given) -> Tensor:
            return called(f, given, **{first: x, name: t})

        def total(t: Tensor, alone: Callable[[Tensor], Tensor] = alone) -> Tensor:
            y = alone(t)
            return (torch.where(y.isfinite(), y, 0) * weighed(y)).sum()

        what = f"{name} of {f}"
        y = alone(t)
        near(alone(Wrapped(t)).inner, y, f"a subclass as {what}")
        near(alone(t.as_subclass(Marked)).as_subclass(Tensor), y, f"a subclass as {what}")
        near(functionalize(alone)(t), y, f"functionalize, {what}")
        each = samples_like(t)
        ys = torch.stack([alone(one) for one in each])
        for axis in range(t.dim() + 1):
            many = torch.stack(each, axis)
            near(vmap(alone, axis)(many), ys, f"vmap along {axis}, {what}")
            if name == first:
                continue
            xs = samples_like(given[first])
            found = vmap(beside, (-1, axis))(torch.stack(xs, -1), many)
            ys_beside = torch.stack([beside(x, one) for x, one in zip(xs, each, strict=True)])
            near(found, ys_beside, f"vmap along {axis} beside {first}, {what}")
        if not t.is_floating_point():
            continue
        exact = slope(alone, t)
        leaf = t.clone().requires_grad_()
        (dt,) = torch.autograd.grad(total(leaf), leaf)
        alike(along([dt], {"": t})[""], exact, f"the gradient of {what}")
        (dt,) = torch.autograd.grad(alone(leaf), leaf, Wrapped(weighed(y)))
        dt = dt.inner if isinstance(dt, Wrapped) else dt
        alike(along([dt], {"": t})[""], exact, f"the gradient of {what} of a subclass")
        alike(along([grad(total)(t)], {"": t})[""], exact, f"func.grad of {what}")
        alike(float(jvp(total, (t,), (direction(t),))[1]), exact, f"jvp of {what}")
        gradients = torch.stack([grad(total)(one) for one in each])
        found = vmap(grad(total), -1)(torch.stack(each, -1))
        near(found, gradients, f"vmap of the gradient of {what}")


def near(found: Tensor, exact: Tensor, what: str) -> None:
    assert found.shape == exact.shape, f"{what}: {tuple(found.shape)}, not {tuple(exact.shape)}"
    same = torch.isclose(found, exact, 1e-9, 1e-10)
    assert same.all(), f"{what}: {(found - exact)[~same]} off"


def alike(found: float, exact: float, what: str) -> None:
    assert abs(found - exact) <= 1e-6 * (1 + abs(exact)), f"{what}: {found}, not {exact}"
