"""PyTorch's own samples of the functions and modules that both have, run through ours.

Cards say which those are: a peer is the path of torch's function, a title that of its module.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402
from torch.testing._internal.common_modules import module_db  # noqa: E402
from torch.testing._internal.opinfo.core import OpInfo, SampleInput  # noqa: E402

import ogive  # noqa: E402
import ogive.torch as ot  # noqa: E402

DTYPES = (torch.float32, torch.float64, torch.bfloat16)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)

WITHOUT_OPINFO = {"identity", "gumbel_softmax"}
"""Functions of torch's that it has no samples for."""
WITHOUT_MODULEINFO = {"Hardsigmoid", "Identity", "RReLU"}
OTHERWISE = {"Bilinear": "torch's is a layer with weights"}
"""Modules that share no more than the name."""

DIFFERENT: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "rrelu": ("it draws slopes of its own", lambda s: s.kwargs.get("training", False)),
}
"""Samples on which we differ on purpose, as docs/torch.md says under "Where it differs"."""
KINDS = {RuntimeError: (RuntimeError, ValueError, TypeError, IndexError)}
"""We say whether it is the value, the type or the place of an argument that is wrong; torch has one
error for all, mostly.
"""


def path_of(peer: ogive.catalog.card.Peer) -> tuple[str, dict[str, Any]] | None:
    """The function of torch's that a peer is, and the options that make it so."""
    if peer.framework != "torch":
        return None
    tree, options = ast.parse(peer.name, mode="eval").body, {}
    if isinstance(tree, ast.Call) and not tree.args:
        options = {str(word.arg): ast.literal_eval(word.value) for word in tree.keywords}
        tree = tree.func
    path = ast.unparse(tree)
    return (path, options) if isinstance(tree, ast.Attribute) and path[:6] == "torch." else None


def infos(path: str) -> list[OpInfo]:
    """Its samples; those of complex numbers alone are for nobody here."""
    by_alias = {f"torch.{alias.name}": op.name for op in op_db for alias in op.aliases}
    name = by_alias.get(path, path.removeprefix("torch."))
    return [op for op in op_db if op.name == name and torch.float32 in op.dtypes]


SHARED = {
    card.name: shared
    for card in ogive.catalog()
    for shared in [next(filter(None, map(path_of, card.peers)), None)]
    if shared is not None
}
OPS = [(name, op, options) for name, (path, options) in SHARED.items() for op in infos(path)]
every_op = pytest.mark.parametrize(
    ("name", "op", "options"),
    OPS,
    ids=[f"{name}-{op.variant_test_name}".rstrip("-") for name, op, _ in OPS],
)
REFUSING = [(name, op) for name, op, options in OPS if op.error_inputs_func and not options]
MODULES = {
    info.module_cls.__name__: info
    for info in module_db
    if info.module_cls.__name__ in ot.nn.__all__ and info.module_cls.__name__ not in OTHERWISE
}
every_module = pytest.mark.parametrize("name", MODULES)


pytestmark = pytest.mark.filterwarnings("ignore:threshold = .* has no effect:UserWarning")


@pytest.fixture(autouse=True)
def _the_same_samples_each_time() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def test_every_shared_name_has_samples() -> None:
    assert {name for name, *_ in OPS} | WITHOUT_OPINFO == SHARED.keys()
    assert not {name for name, *_ in OPS} & WITHOUT_OPINFO
    shared = {name for name in ot.nn.__all__ if hasattr(torch.nn, name)} - OTHERWISE.keys()
    assert MODULES.keys() | WITHOUT_MODULEINFO == shared
    assert not MODULES.keys() & WITHOUT_MODULEINFO


def wide(t: Any) -> Any:
    if not isinstance(t, torch.Tensor) or not t.is_floating_point():
        return t
    return t.detach().double().requires_grad_(t.requires_grad)


def leaves(*values: Any) -> list[torch.Tensor]:
    return [t for t in values if isinstance(t, torch.Tensor) and t.requires_grad]


def check(y: Any, given: list[Any], exact: Any, of_exact: list[Any]) -> None:
    """Values and gradients, within what torch allows its own formats."""
    if not y.dim() and exact.isnan():  # a mean over no rows
        assert y == 0
        assert not any(dx.any() for dx in torch.autograd.grad(y, given))
        return
    close(y, exact)
    if not of_exact or not exact.requires_grad:
        return
    dy = torch.tensor([1.0, -0.5, 2.0, 0.25, -1.5]).repeat(y.numel() // 5 + 1)[: y.numel()]
    ours, theirs = (
        torch.autograd.grad(out, xs, dy.reshape(out.shape).to(out.dtype), allow_unused=True)
        for out, xs in ((y, given), (exact, of_exact))
    )
    for dx, expected in zip(ours, theirs, strict=True):
        assert (dx is None) == (expected is None)
        if dx is not None:
            close(dx, expected)


TOLERANCES = {
    torch.float32: (1.3e-6, 1e-5), torch.float64: (1e-7, 1e-7), torch.bfloat16: (1.6e-2, 1e-2),
}  # fmt: skip


def close(found: Any, exact: Any) -> None:
    rtol, atol = TOLERANCES[found.dtype]
    torch.testing.assert_close(found.double(), exact, rtol=rtol, atol=atol, equal_nan=True)


@pytest.mark.filterwarnings("ignore:.*has no effect:UserWarning")
@every_dtype
@every_op
def test_samples_of_functions(
    name: str, op: OpInfo, options: dict[str, Any], dtype: torch.dtype
) -> None:
    ran, skipped = 0, 0
    for sample in op.sample_inputs("cpu", dtype, requires_grad=True):
        if name in DIFFERENT and DIFFERENT[name][1](sample):
            skipped += 1
            continue
        if any(sample.kwargs.get(key) != value for key, value in options.items()):
            continue  # another function of ours
        exact = sample.transform(wide)
        ours = dict(sample.kwargs)
        for key in options:
            del ours[key]
        if name == "softplus":  # a straight line from there, which the formula is not
            exact.kwargs["threshold"] = 1e6
        exact.kwargs.pop("options", None)  # how torch goes about it
        y = getattr(ot, name)(sample.input, *sample.args, **ours)
        check(
            y, leaves(sample.input, *sample.args, *ours.values()),
            op.op(exact.input, *exact.args, **exact.kwargs),
            leaves(exact.input, *exact.args, *exact.kwargs.values()),
        )  # fmt: skip
        ran += 1
    assert ran
    assert (skipped > 0) == (name in DIFFERENT)


def refused(kind: type[Exception], call: Callable[[], Any]) -> None:
    with pytest.raises(KINDS.get(kind, kind)) as found:
        call()
    assert "unexpected" not in str(found.value)


@pytest.mark.parametrize(
    ("name", "op"), REFUSING, ids=[f"{n}-{op.variant_test_name}".rstrip("-") for n, op in REFUSING]
)
def test_what_torch_refuses_is_refused(name: str, op: OpInfo) -> None:
    for error in op.error_inputs("cpu"):
        sample: SampleInput = error.sample_input
        call = partial(getattr(ot, name), sample.input, *sample.args, **sample.kwargs)
        refused(error.error_type, call)


@pytest.mark.filterwarnings("ignore:.*has no effect:UserWarning")
@every_dtype
@every_module
def test_samples_of_modules(name: str, dtype: torch.dtype) -> None:
    info, ran = MODULES[name], 0
    for sample in info.module_inputs_func(
        info, device="cpu", dtype=dtype, requires_grad=True, training=True
    ):
        build, call = sample.constructor_input, sample.forward_input
        ours = getattr(ot.nn, name)(*build.args, **build.kwargs)
        theirs = info.module_cls(*build.args, **build.kwargs)
        assert list(ours.state_dict()) == list(theirs.state_dict())
        ours.to(dtype).load_state_dict(theirs.to(dtype).state_dict())
        exact = copy.deepcopy(theirs).double()
        if name == "Softplus":
            exact.threshold = 1e6
        if hasattr(exact, "options"):  # how torch goes about it
            exact.options = None
        args = [wide(t) for t in call.args]
        check(
            ours(*call.args, **call.kwargs), leaves(*call.args, *ours.parameters()),
            exact(*args, **call.kwargs), leaves(*args, *exact.parameters()),
        )  # fmt: skip
        ran += 1
    assert ran


@pytest.mark.parametrize(
    "name", [name for name, info in MODULES.items() if info.module_error_inputs_func]
)
def test_what_torch_s_modules_refuse_is_refused(name: str) -> None:
    info = MODULES[name]
    for error in info.module_error_inputs_func(
        info, device="cpu", dtype=torch.float32, requires_grad=False, training=True
    ):
        sample = error.module_error_input
        build, call = sample.constructor_input, sample.forward_input

        def run(build: Any = build, call: Any = call) -> Any:
            layer = getattr(ot.nn, name)(*build.args, **build.kwargs)
            return layer(*call.args, **call.kwargs)

        refused(error.error_type, run)
