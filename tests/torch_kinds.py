"""Every kind of tensor in every place of every function: ``python tests/torch_kinds.py [SEED]``.

A line for each call, before and after it, so that a call that ends the process is the last one.
tests/test_torch_kinds.py reads them.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

import ogive.torch as ot
from torch_cases import CASES, HEAD_CASES, Case

aten = torch.ops.aten


class Wrapped(Tensor):
    """A tensor that holds another, as quantised weights and distributed tensors do."""

    inner: Tensor
    only_aten = False

    @staticmethod
    def __new__(cls, inner: Tensor) -> Any:
        made = Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), dtype=inner.dtype,
            requires_grad=inner.requires_grad,
        )  # fmt: skip
        made.inner = inner.detach()
        return made

    def __init__(self, inner: Tensor) -> None:
        pass

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if cls.only_aten and func.namespace != "aten":
            raise NotImplementedError(f"{cls.__name__} has no {func}")
        args, kwargs = tree_map(
            lambda t: t.inner if isinstance(t, Wrapped) else t, (args, kwargs or {})
        )
        return tree_map(lambda t: cls(t) if isinstance(t, Tensor) else t, func(*args, **kwargs))


class OnlyAten(Wrapped):
    only_aten = True


class Marked(Tensor):
    """A subclass that is memory all the same."""


def freed(t: Tensor) -> Tensor:
    t = t.clone()
    t.untyped_storage().resize_(0)
    return t


def inferred(t: Tensor) -> Tensor:
    with torch.inference_mode():
        return t.clone()


def faked(t: Tensor) -> Tensor:
    from torch._subclasses import FakeTensorMode

    return FakeTensorMode(allow_non_fake_inputs=True).from_tensor(t)


def distributed(t: Tensor) -> Tensor:
    from torch import distributed as dist
    from torch.distributed.tensor import Replicate, distribute_tensor, init_device_mesh

    if not dist.is_initialized():
        dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    return distribute_tensor(t, init_device_mesh("cpu", (1,)), [Replicate()])


def nested(layout: torch.layout) -> Callable[[Tensor], Tensor]:
    return lambda t: torch.nested.nested_tensor(list(t), layout=layout)


def spaced(t: Tensor) -> Tensor:
    if t.dim() == 0:
        return t.expand(3)[1]
    out = torch.empty(*t.shape[:-1], 2 * t.shape[-1], dtype=t.dtype)[..., ::2]
    return out.copy_(t)


def turned(t: Tensor) -> Tensor:
    return t.transpose(0, -1).contiguous().transpose(0, -1) if t.dim() else t


KINDS: dict[str, Callable[[Tensor], Tensor]] = {
    "plain": lambda t: t,
    "zero": lambda t: torch._efficientzerotensor(t.shape, dtype=t.dtype),
    "negative": lambda t: torch._neg_view(-t),
    "imaginary": lambda t: torch.complex(t, -t).conj().imag,
    "complex": lambda t: torch.complex(t, t).conj(),
    "sparse_coo": lambda t: t.to_sparse(),
    "sparse_csr": lambda t: t.to_sparse_csr(),
    "sparse_bsr": lambda t: t.to_sparse_bsr((1, 2)),
    "quantized": lambda t: torch.quantize_per_tensor(t, 0.25, 0, torch.qint8),
    "nested": nested(torch.strided),
    "jagged": nested(torch.jagged),
    "mkldnn": lambda t: t.to_mkldnn(),
    "wrapper": Wrapped,
    "wrapper of aten": OnlyAten,
    "subclass": lambda t: t.as_subclass(Marked),
    "parameter": lambda t: torch.nn.Parameter(t),
    "distributed": distributed,
    "functional": torch._to_functional_tensor,
    "fake": faked,
    "meta": lambda t: t.to("meta"),
    "freed": freed,
    "inference": inferred,
    "spaced": spaced,
    "turned": turned,
    "expanded": lambda t: (t[:1] if t.dim() else t).expand(t.shape),
}
MUST_WORK = (
    "plain", "zero", "negative", "imaginary", "wrapper", "wrapper of aten", "subclass",
    "parameter", "distributed", "functional", "inference", "spaced", "turned", "expanded",
)  # fmt: skip
"""The rest may be refused."""
OF_NUMBERS = ("negative", "imaginary", "complex", "quantized", "parameter", "mkldnn")


def densely(kind: str, t: Any) -> Tensor:
    """The plain tensor that one of a kind stands for."""
    if isinstance(t, Wrapped):
        return t.inner
    if t._is_zerotensor():
        return torch.zeros(t.shape, dtype=t.dtype)
    if torch._is_functional_tensor(t):
        torch._sync(t)
        return torch._from_functional_tensor(t)
    if t.is_quantized:
        return t.dequantize()
    if t.is_nested:
        return torch.stack(list(t.unbind()))
    if kind == "distributed" and hasattr(t, "to_local"):
        return t.to_local()
    if kind == "subclass":
        return t.as_subclass(Tensor)
    return (t.to_dense() if t.layout is not torch.strided else t).resolve_neg()


Call = Callable[..., Tensor]


def places(case: Case, generator: torch.Generator) -> Iterator[tuple[str, Call, list[Tensor]]]:
    """(which, function, plain tensors), of which each may be of some kind."""

    def some(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        x = torch.randn(shape, generator=generator, dtype=torch.float64)
        return ((x * 4).floor() / 4 + 0.125).to(dtype)

    shape = (2, 3) if case.variant == "channels" else (3, 4)
    xs = [some(*shape) for _ in range(case.inputs)]
    yield case.id, case.torch, xs
    f = getattr(ot, case.name)
    if case.variant:
        return
    if case.card.kind == "gated":
        yield f"{case.id} of halves", lambda x: f(x, dim=-1), [some(3, 4)]
    if case.card.learns:
        for count in (1, 4):
            yield f"{case.id} of {count}", f, [some(3, 4), some(count)]
    if case.card.kind == "rows" and not case.card.draws:
        at = some(3).abs() + 0.5
        yield f"{case.id} at", lambda x, t: f(x, -1, temperature=t), [some(3, 4), at]
        one = some(1).abs() + 0.5
        yield f"{case.id} at one", lambda x, t: f(x, -1, temperature=t[0]), [some(3, 4), one]
        mask = torch.rand(3, 4, generator=generator) > 0.4
        yield f"{case.id} where", lambda x, m: f(x, -1, where=m), [some(3, 4), mask]


def head_places(case: Case, generator: torch.Generator) -> Iterator[tuple[str, Call, list[Tensor]]]:
    """The same of a loss: its logits or what they come from, target and weights."""
    f = getattr(ot, case.name)
    shapes = ((3, 4), (5, 4)) if case.card.layer else ((3, 4),)
    xs = [torch.randn(shape, generator=generator) for shape in shapes]
    assert case.target is not None
    target = case.target(*xs)
    for reduction in ("mean", "none"):
        yield (
            f"{case.id} {reduction}",
            lambda *given, reduction=reduction: f(*given, reduction=reduction),
            [*xs, target if target.dtype == torch.int64 else target.float()],
        )
    weight = torch.rand(xs[-1].shape[0] if case.card.layer else 4, generator=generator) + 0.5
    yield (
        f"{case.id} of weights",
        lambda x, *rest: f(x, *rest[:-1], weight=rest[-1]),
        [*xs, target if target.dtype == torch.int64 else target.float(), weight],
    )


Result = tuple[Tensor, ...]


def differentiated(f: Call, xs: list[Tensor], dy: Callable[[Tensor], Tensor]) -> Result:
    y = f(*xs)
    leaves = [x for x in xs if x.requires_grad]
    if not y.requires_grad:
        return (y,)
    return (y, *torch.autograd.grad(y, leaves, dy(y.detach()), allow_unused=True))


def ramp(y: Tensor) -> Tensor:
    return torch.linspace(-1, 1.5, y.numel() + 1, dtype=y.dtype)[1:].reshape(y.shape)


def calls(kind: str, seed: int) -> Iterator[tuple[str, Callable[[], Result], Callable[[], Result]]]:
    """(what, the call with one tensor of the kind, the same with the plain one it stands for)."""
    make = KINDS[kind]
    generator = torch.Generator().manual_seed(seed)
    for case in (*CASES, *HEAD_CASES):
        of = head_places if case.target is not None else places
        for which, f, xs in of(case, generator):
            for k, x in enumerate(xs):
                if not x.is_floating_point() and kind in OF_NUMBERS:
                    continue
                for grad in (False, True):

                    def odd(k=k, x=x, f=f, xs=xs, grad=grad, dense=False):  # type: ignore
                        found = make(x.clone())
                        if dense:
                            found = densely(kind, found)
                        given = [t.clone() for t in xs]
                        given[k] = found
                        if grad:
                            given = [
                                t.detach().requires_grad_() if t.is_floating_point() else t
                                for t in given
                            ]
                        return differentiated(f, given, ramp)

                    name = f"{kind}: {which}, operand {k}{', backward' if grad else ''}"
                    yield name, odd, lambda odd=odd: odd(dense=True)

            def pulled(f=f, xs=xs, dense=False, again=False):  # type: ignore
                given = [t.clone().requires_grad_() if t.is_floating_point() else t for t in xs]

                def dy(y: Tensor) -> Tensor:
                    found = make(ramp(y))
                    return densely(kind, found) if dense else found

                return differentiated(f, given, dy)

            if kind == "freed":
                continue  # torch's own nodes read it before
            yield f"{kind}: {which}, dy", pulled, lambda pulled=pulled: pulled(dense=True)


def outcome(kind: str, call: Callable[[], Result], plainly: Callable[[], Result]) -> str:
    """What became of a call: "right", "refused KIND: message", or a fault."""
    try:
        expected: Any = plainly()
    except Exception as error:
        expected = error
    try:
        found = call()
    except Exception as error:
        said = str(error).splitlines()[0][:160] if str(error) else ""
        return f"refused {type(error).__name__}: {said}"
    if isinstance(expected, Exception):
        return f"passed, where the plain one gives {type(expected).__name__}: {expected}"
    if kind in ("fake", "meta"):
        return "right" if found[0].shape == expected[0].shape else "wrong shape"
    for ours, theirs in zip(found, expected, strict=kind in MUST_WORK):
        if kind == "zero" and theirs is not None and theirs.isnan().any():
            continue  # products with such zeros are zeros
        if ours is None or theirs is None:
            if ours is not theirs:
                return f"wrong: {ours} for {theirs}"
            continue
        ours = densely(kind, ours.detach())
        near = 0.13 if kind == "quantized" else 2e-6
        options = {"rtol": near, "atol": near, "equal_nan": True}
        if not torch.allclose(ours.to(theirs.dtype), theirs.detach(), **options):
            return f"wrong: {ours.flatten()[:4].tolist()} for {theirs.flatten()[:4].tolist()}"
    return "right"


def main(seed: int, *kinds: str) -> None:
    warnings.simplefilter("ignore")
    for kind in kinds or KINDS:
        for what, call, plainly in calls(kind, seed):
            print(what, end=" -> ", flush=True)
            print(outcome(kind, call, plainly), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0, *sys.argv[2:])
