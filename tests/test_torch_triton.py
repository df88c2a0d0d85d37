"""The Triton kernels, run by Triton's interpreter: what they compute, where there is no GPU.

Every card is met through the catalog, so that a new one is covered without an edit here.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

import numpy as np
import pytest

import ogive
from ogive._numpy.api import modes
from ogive.catalog import find, names
from ogive.formula.tape import defaults
from ogive.reference import gated as gated_reference
from ogive.reference import measure
from ogive.reference.ulp import BFLOAT16, FLOAT16, FLOAT32, Format

torch = pytest.importorskip("torch")
pytest.importorskip("triton")
kernels = pytest.importorskip("ogive.torch._triton")

from ogive.torch._triton import heads, numbers, row_functions, seam  # noqa: E402

pytestmark = [
    pytest.mark.skipif(not seam.INTERPRETED, reason="test_torch_cuda runs them on the GPU"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # numpy's, of branches not taken
]

ELEMENTWISE = ("value", "derivative", "second_derivative", "backward_from_output")
EDGES = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 3.4e38, -3.4e38, 1.0, -1.0], np.float32)


@pytest.fixture(autouse=True)
def what_lies_beyond_is_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """A masked load that does not say what it finds past the end finds the largest number there,
    not 0 as in the interpreter.
    """
    from triton.runtime.interpreter import InterpreterBuilder, TensorHandle, _get_np_dtype

    real = InterpreterBuilder.create_masked_load

    def load(self: Any, pointers: Any, mask: Any, other: Any, *rest: Any) -> Any:
        if other is None:
            of = pointers.get_element_ty()
            dtype = np.dtype(_get_np_dtype(of))
            most = np.finfo(dtype).max if dtype.kind == "f" else np.iinfo(dtype).max
            other = TensorHandle(np.full_like(pointers.data, most, dtype=dtype), of)
        return real(self, pointers, mask, other, *rest)

    monkeypatch.setattr(InterpreterBuilder, "create_masked_load", load)


def tensor(x: Any) -> Any:
    x = np.ascontiguousarray(x)
    if x.dtype.name == "bfloat16":
        return torch.from_numpy(x.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(x.copy())


def array(t: Any, like: Any) -> Any:
    if t.dtype == torch.bfloat16:
        return t.view(torch.int16).numpy().view(like.dtype)
    return t.numpy()


def equal(got: Any, want: Any) -> Any:
    """Element by element; NaNs are equal, zeros of either sign too."""
    return (got == want) | (np.isnan(got) & np.isnan(want))


def error(got: Any, exact: Any) -> float:
    """The largest error of float32 results, in ulps, against float64."""
    unit = FLOAT32.spacing(np.where(np.isfinite(exact), exact, 0))
    with np.errstate(all="ignore"):
        away = np.abs(got.astype(np.float64) - exact) / unit
        fine = equal(got.astype(np.float64), exact) | equal(got, exact.astype(np.float32))
    return float(np.max(np.where(fine, np.minimum(np.nan_to_num(away), 0.5), away)))


def pairs(only: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(n, m) for n in names("unary") for m in only if m in modes(n)]


def test_whatever_states_no_types_is_compiled() -> None:
    """The interpreter runs an undecorated function too; on a GPU no kernel can call it."""
    for each in pkgutil.iter_modules(kernels.__path__, f"{kernels.__name__}."):
        module = importlib.import_module(each.name)
        for name, f in vars(module).items():
            if inspect.isfunction(f) and f.__module__ == each.name:
                assert "return" in f.__annotations__, f"{each.name}.{name}"


@pytest.mark.parametrize(("name", "mode"), pairs(("value", "derivative", "second_derivative")))
def test_float32_holds_the_contract_against_enclosures(name: str, mode: str) -> None:
    card = find(name)
    patterns = np.arange(0, 1 << 32, 8_000_009, dtype=np.int64).astype(np.uint32)
    if mode != "second_derivative":
        patterns = np.concatenate([patterns, measure.around(card, width=4)])
    x = patterns.view(np.float32)
    got = kernels.unary(name, mode, (tensor(x),)).numpy()
    encloser = measure.encloser(name, measure.results(name))
    order = measure.ORDERS[mode]
    found = encloser.judge(x, got, encloser.bounds(x)[order], FLOAT32, order)
    assert found.worst <= measure.CONTRACT["float32", mode], found


@pytest.mark.parametrize("fmt", [BFLOAT16, FLOAT16], ids=lambda f: f.name)
@pytest.mark.parametrize(("name", "mode"), pairs(ELEMENTWISE))
def test_every_half_is_that_of_the_cpu_and_so_correctly_rounded(
    name: str, mode: str, fmt: Format
) -> None:
    x = fmt.every()
    from_output = mode == "backward_from_output"
    if from_output:
        claims = find(name).claims
        assert claims is not None
        low, high = claims.range
        wide = x.astype(np.float64)
        x = x[(wide >= low) & (wide <= high)]
    given = (np.ones_like(x), x) if from_output else (x,)
    with np.errstate(all="ignore"):
        want = measure.function(find(name), mode)(*given)
        exact = measure.function(find(name), mode)(*(a.astype(np.float64) for a in given))
    got = array(kernels.unary(name, mode, tuple(map(tensor, given))), x)
    wrong = ~equal(got.astype(np.float32), want.astype(np.float32))
    # As near as the CPU's in all 53 digits of a double: what breaks the tie lies beyond them.
    got, want = (a.astype(np.float64) for a in (got, want))
    with np.errstate(invalid="ignore"):
        wrong &= ~(abs(got - exact) <= abs(want - exact))
    assert not wrong.any(), x[wrong][:5]


@pytest.mark.parametrize("name", names("unary"))
def test_edges_are_those_of_the_cpu(name: str) -> None:
    for mode in ("value", "derivative"):
        want = measure.function(find(name), mode)(EDGES)
        got = kernels.unary(name, mode, (tensor(EDGES),)).numpy()
        # Next to a tie the CPU may round the other way: each lies within .6 of an ulp.
        np.testing.assert_allclose(got, want, rtol=2**-23, err_msg=mode)
        if mode == "value":  # where the sign of a zero is part of the function
            zero = want == 0
            assert np.array_equal(np.signbit(got[zero]), np.signbit(want[zero])), (got, want)


@pytest.mark.parametrize("name", names("unary"))
def test_backward_is_dy_times_the_derivative(name: str) -> None:
    dy, x = (gated_reference.operands(FLOAT32, 500, seed) for seed in (1, 2))
    slope = measure.function(find(name), "derivative")(x.astype(np.float64))
    with np.errstate(all="ignore"):
        exact = np.where(slope == 0, 0, dy * slope)
    assert error(kernels.unary(name, "backward", (tensor(dy), tensor(x))).numpy(), exact) <= 1


@pytest.mark.parametrize("name", names("unary"))
def test_float64_agrees_with_the_cpu(name: str) -> None:
    # To the digits that the device's library keeps; what it loses in the tails docs/cuda.md says.
    x = np.linspace(-9, 9, 501)
    want = measure.function(find(name), "value")(x)
    got = kernels.unary(name, "value", (tensor(x),)).numpy()
    np.testing.assert_allclose(got, want, rtol=2e-14, atol=1e-300)


@pytest.mark.parametrize("name", [n for n in names("unary") if defaults(n)])
def test_parameters_may_be_numbers_or_tensors(name: str) -> None:
    x = np.random.default_rng(1).normal(0, 3, (2, 3, 5)).astype(np.float32)
    given = tuple(1.25 * p for p in defaults(name))
    want = kernels.unary(name, "value", (tensor(x),), given).numpy()
    cpu = getattr(ogive, name)(x.astype(np.float64), *given)
    assert error(want, cpu) <= measure.CONTRACT["float32", "value"]
    for shape in ((), (3, 1), (2, 3, 5), (2, 1, 5)):
        tensors = tuple(torch.full(shape, p, dtype=torch.float64) for p in given)
        got = kernels.unary(name, "value", (tensor(x),), tensors).numpy()
        assert np.array_equal(got, want), shape
    each = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)[:, None]
    got = kernels.unary(name, "value", (tensor(x),), (each, *given[1:])).numpy()
    for k, value in enumerate((0.5, 1.0, 2.0)):
        alone = kernels.unary(name, "value", (tensor(x),), (value, *given[1:])).numpy()
        assert np.array_equal(got[:, k], alone[:, k])


@pytest.mark.parametrize("fmt", [FLOAT32, BFLOAT16], ids=lambda f: f.name)
@pytest.mark.parametrize("name", names("gated"))
def test_gated_functions_and_their_gradients(name: str, fmt: Format) -> None:
    random = np.random.default_rng(4)
    dy, a, b = random.normal(0, 2, (3, 2000)).astype(fmt.dtype)
    results = (
        kernels.gated(name, "value", (tensor(a), tensor(b))),
        *kernels.gated(name, "backward", (tensor(dy), tensor(a), tensor(b))),
    )
    wide = [v.astype(np.float64) for v in (dy, a, b)]
    for got, exact in zip(results, gated_reference.results(find(name), *wide), strict=True):
        if fmt is FLOAT32:
            assert error(got.numpy(), exact) <= measure.CONTRACT["float32", "value"]
        else:
            assert np.array_equal(array(got, a).astype(np.float64), fmt.round_all(exact))


def test_bits_depend_on_nothing_but_the_element() -> None:
    x = torch.randn(3, 70, 5)
    whole = kernels.unary("gelu", "value", (x,))
    for view in (x.transpose(0, 2), x[:, 1::3], x[2, 5:, 1], x[1, 2, 3], x[:0]):
        want = whole.as_strided(view.size(), view.stride(), view.storage_offset())
        assert torch.equal(kernels.unary("gelu", "value", (view,)), want)


def test_the_result_lies_in_memory_as_the_input_does() -> None:
    x = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    y = kernels.unary("prelu", "value", (x,), (torch.tensor([0.1, 0.2, 0.3])[:, None, None],))
    assert y.is_contiguous(memory_format=torch.channels_last)
    want = torch.where(x > 0, x, x * torch.tensor([0.1, 0.2, 0.3])[:, None, None])
    torch.testing.assert_close(y, want)


# ------------------------------------------------------------------------------ rows and heads


@pytest.fixture(params=["in registers", "block by block"])
def _short_blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "block by block":
        monkeypatch.setattr(row_functions, "LONGEST_BLOCK", 16)
        monkeypatch.setattr(row_functions, "LOOP_BLOCK", 16)


def some_rows() -> list[Any]:
    return [r.z for r in measure.rows(huge=False) if r.z.size < 200 and abs(r.z).max() < 1e30]


@pytest.mark.usefixtures("_short_blocks")
@pytest.mark.parametrize("name", row_functions.KINDS)
def test_rows_hold_the_contract(name: str) -> None:
    random = np.random.default_rng(2)
    for z in some_rows()[::4]:
        got = kernels.rows(name, "value", (tensor(z)[None],))[0].numpy()
        want = getattr(ogive, name)(z.astype(np.float64))
        assert error(np.atleast_1d(got), np.atleast_1d(want)) <= measure.ROWS_CONTRACT
        if kernels.supported(name, "backward_from_output", torch.empty(0)):
            dy, y = random.normal(0, 1, z.size).astype(np.float32), getattr(ogive, name)(z)
            back = getattr(ogive.backward_from_output, name)
            want = back(dy.astype(np.float64), y.astype(np.float64), temperature=0.7)
            given = (tensor(dy)[None], tensor(y)[None])
            got = kernels.rows(name, "backward_from_output", given, (0.7,))[0].numpy()
            assert error(got, want) <= measure.ROWS_CONTRACT


@pytest.mark.parametrize("name", row_functions.KINDS)
def test_edges_of_rows_are_those_of_the_cpu(name: str) -> None:
    inf, nan = np.inf, np.nan
    for row in ([inf, 1, 2], [inf, inf, 0], [-inf] * 3, [nan, 1, 2], [1, -inf, 2], [0.5]):
        z = np.array(row, dtype=np.float32)
        got = kernels.rows(name, "value", (tensor(z)[None],))[0].numpy()
        # Either lies within an ulp of the exact result.
        np.testing.assert_allclose(got, getattr(ogive, name)(z), rtol=2**-22, err_msg=str(row))


@pytest.mark.usefixtures("_short_blocks")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"z_loss": 1e-3, "temperature": 0.7},
        {"label_smoothing": 0.1},
        {"label_smoothing": 0.1, "z_loss": 1e-3, "softcap": 30.0, "temperature": 0.7},
    ],
    ids=lambda o: "+".join(o) or "plain",
)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["labels", "probabilities"])
def test_cross_entropy_holds_the_contract(kind: str, weighted: bool, options: Any) -> None:
    random = np.random.default_rng(3)
    for z in some_rows()[::6]:
        n = z.size
        weight = random.uniform(0.5, 2, n) if weighted else None
        p = random.uniform(0, 1, n).astype(np.float32)
        target = np.array([n // 2]) if kind == "labels" else (p / p.sum())[None]
        wide = target if kind == "labels" else target.astype(np.float64)
        loss, dz = ogive.value_and_grad.cross_entropy(
            z.astype(np.float64)[None], wide, weight=weight, reduction="none", **options
        )
        got, gradient = kernels.cross_entropy(
            tensor(z)[None],
            torch.from_numpy(target),
            None if weight is None else torch.from_numpy(weight),
            **options,
        )
        assert error(got.float().numpy(), loss) <= measure.ROWS_CONTRACT
        assert error(gradient.numpy(), dz) <= measure.ROWS_CONTRACT


def test_labels_that_are_ignored_and_labels_that_are_none() -> None:
    z = torch.randn(5, 10)
    z[2, 3] = float("nan")
    labels = torch.tensor([1, 4, -100, 10, -1])
    loss, dz = kernels.cross_entropy(z, labels, ignore_index=-100)
    assert loss[2] == 0
    assert (dz[2] == 0).all()
    assert loss[3:].isnan().all()
    assert dz[3:].isnan().all()
    want, gradient = ogive.value_and_grad.cross_entropy(z[:2].numpy(), [1, 4], reduction="none")
    assert error(loss[:2].float().numpy(), want.astype(np.float64)) <= 1
    assert error(dz[:2].numpy(), gradient.astype(np.float64)) <= 1


def test_the_gradient_may_take_the_logits_place() -> None:
    z, labels = torch.randn(4, 33), torch.tensor([0, 5, 32, 7])
    loss, dz = kernels.cross_entropy(z, labels, factor=0.25)
    again, same = kernels.cross_entropy(z, labels, factor=0.25, out=z)
    assert torch.equal(loss, again)
    assert torch.equal(dz, z)
    assert same is z


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_binary_cross_entropy_holds_the_contract(smoothing: float) -> None:
    random = np.random.default_rng(6)
    z = np.concatenate([random.normal(0, 20, 500), EDGES]).astype(np.float32)
    t, w = random.uniform(0, 1, (2, z.size)).astype(np.float32)
    t[:250] = random.integers(0, 2, 250)
    loss, dz = ogive.value_and_grad.binary_cross_entropy(
        z.astype(np.float64), t.astype(np.float64), 2.0, w, smoothing, reduction="none"
    )
    given = (tensor(z), tensor(t), torch.tensor(2.0), tensor(w), smoothing)
    got, gradient = kernels.binary_cross_entropy(*given)
    assert error(got.numpy(), loss) <= 1
    assert error(gradient.numpy(), dz) <= 1
    finite = np.isfinite(loss)
    some = (tensor(z[finite]), tensor(t[finite]), torch.tensor(2.0), tensor(w[finite]), smoothing)
    total, _ = kernels.binary_cross_entropy(*some, summed=True)
    np.testing.assert_allclose(float(total), loss[finite].sum(), rtol=1e-13)


@pytest.mark.usefixtures("_short_blocks")
@pytest.mark.parametrize("gamma", [0.0, 0.5, 4.0, 5.0])
@pytest.mark.parametrize("kind", ["labels", "probabilities"])
def test_focal_losses_hold_the_contract(kind: str, gamma: float) -> None:
    random = np.random.default_rng(8)
    for z in some_rows()[::9]:
        weight = random.uniform(0.5, 2, z.size)
        p = random.uniform(0, 1, z.size).astype(np.float32)
        target = np.array([z.size // 2]) if kind == "labels" else (p / p.sum())[None]
        wide = target if kind == "labels" else target.astype(np.float64)
        options = {"gamma": gamma, "label_smoothing": 0.1 if z.size % 2 else 0.0}
        loss, dz = ogive.value_and_grad.focal(
            z.astype(np.float64)[None], wide, weight=weight, reduction="none", **options
        )
        given = (tensor(z)[None], torch.from_numpy(target))
        got, gradient = kernels.focal(*given, weight=torch.from_numpy(weight), **options)
        assert error(got.float().numpy(), loss) <= measure.ROWS_CONTRACT
        assert error(gradient.numpy(), dz) <= measure.ROWS_CONTRACT


@pytest.mark.parametrize("alpha", [0.25, None])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_losses_of_sigmoids_hold_the_contract(gamma: float, alpha: float | None) -> None:
    random = np.random.default_rng(9)
    z = np.concatenate([random.normal(0, 5, 300), random.normal(0, 30, 200), EDGES])
    z = z.astype(np.float32)
    t = random.uniform(0, 1, z.size).astype(np.float32)
    t[:200] = random.integers(0, 2, 200)
    loss, dz = ogive.value_and_grad.sigmoid_focal(
        z.astype(np.float64), t.astype(np.float64), alpha, gamma, reduction="none"
    )
    got, gradient = kernels.sigmoid_focal(tensor(z), tensor(t), alpha, gamma)
    assert error(got.numpy(), loss) <= 1
    assert error(gradient.numpy(), dz) <= 1


def test_linear_cross_entropy_in_chunks_is_that_of_the_whole() -> None:
    random = np.random.default_rng(7)
    x, W, b = (random.normal(0, 1, s).astype(np.float32) for s in ((10, 6), (12, 6), (12,)))
    labels = random.integers(0, 12, 10)
    want = ogive.value_and_grad.linear_cross_entropy(x, W, labels, b)
    loss, *gradients = kernels.linear_cross_entropy(
        tensor(x), tensor(W), torch.from_numpy(labels), tensor(b), factor=0.1, chunk_rows=3
    )
    np.testing.assert_allclose(float(loss.mean()), want[0], rtol=1e-6)
    for got, exact in zip(gradients, want[1], strict=True):
        np.testing.assert_allclose(got.numpy(), exact, rtol=1e-4, atol=1e-6)


def test_what_has_no_kernel_is_refused() -> None:
    x = torch.randn(3, 5)
    for name in names("rows"):
        for mode in ("value", "backward", "backward_from_output"):
            if not kernels.supported(name, mode, x):
                with pytest.raises(NotImplementedError, match=f"{mode} of {name}"):
                    kernels.rows(name, mode, (x, x))
    for mode in ("backward_from_output", "lean"):
        with pytest.raises(NotImplementedError, match=f"{mode} of gelu"):
            kernels.unary("gelu", mode, (x, x))


def test_a_gradient_goes_only_where_it_fits() -> None:
    z, labels = torch.randn(4, 6), torch.tensor([0, 5, 3, 1])
    for out in (torch.empty(6, 4).t(), torch.empty(4, 5), torch.empty(4, 6).double()):
        with pytest.raises(ValueError, match="is no contiguous"):
            kernels.cross_entropy(z, labels, out=out)


def test_products_of_halves_are_added_unrounded() -> None:
    a = torch.tensor([[1, 2.0**-10]], dtype=torch.bfloat16)
    total = torch.zeros(1, 1)
    heads._add_product(total, a, torch.ones(2, 1, dtype=torch.bfloat16))
    assert total.item() == 1 + 2.0**-10


def test_what_is_supported() -> None:
    x = torch.empty(3)
    for name in names("unary"):
        assert all(kernels.supported(name, m, x) for m in modes(name) if m in ELEMENTWISE)
        assert kernels.supported(name, "backward", x)
    assert not kernels.supported("gelu", "backward_from_output", x)
    assert not kernels.supported("gelu", "value", x.to(torch.int32))
    for name in names("rows"):
        assert all(kernels.supported(name, mode, x) for mode in ("value", "backward"))
    assert not kernels.supported("logsumexp", "backward_from_output", x)


SEEDS = [0, 7, 2**32 + 5, 2**63 - 1]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_slopes_are_those_that_the_cpu_draws(dtype: Any, seed: int) -> None:
    x = (4 * torch.randn(3, 41, generator=torch.Generator().manual_seed(2))).to(dtype)
    x[0, :5] = torch.tensor([torch.nan, torch.inf, -torch.inf, 0.0, -0.0])
    dy = torch.linspace(-2, 2, x.numel()).to(dtype).reshape(x.shape)
    for low, high in ((1 / 8, 1 / 3), (-1.0, 2.0)):
        given = low, high, torch.tensor(seed)
        for mode, tensors in (("value", (x,)), ("backward", (dy, x))):
            ending = "" if mode == "value" else "_backward"
            want = getattr(torch.ops.ogive, f"rrelu_sampled{ending}")(*tensors, *given)
            found = kernels.sampled("rrelu", mode, tensors, low, high, seed)
            same = (found == want) | (found.isnan() & want.isnan())
            if dtype == torch.float64:
                same |= (found - want).abs() <= 2.0**-52 * want.abs()
            assert bool(same.all()), (mode, low, high)


@pytest.mark.parametrize("seed", SEEDS)
def test_gumbel_noise_is_that_of_the_cpu(seed: int) -> None:
    from ogive.torch import _operators

    x = 3 * torch.randn(9, 17, generator=torch.Generator().manual_seed(4))
    x[0, 3] = torch.inf
    x[1, :2] = torch.inf
    x[2], x[3, 5], x[4, ::2] = -torch.inf, torch.nan, -torch.inf
    dy, key = torch.linspace(-1, 1, x.numel()).reshape(x.shape), torch.tensor(seed)
    operator, back = torch.ops.ogive.gumbel_softmax, torch.ops.ogive.gumbel_softmax_backward
    for wide in (x, x.double(), x.bfloat16(), x.half()):
        # In float64 a logit's noise is rounded once before its distance from the greatest is taken.
        near = {
            "rtol": max(torch.finfo(wide.dtype).eps, 1e-13), "atol": 1e-30, "equal_nan": True
        }  # fmt: skip
        for hard in (False, True):
            found = kernels.gumbel_softmax(wide, 0.7, hard, seed)
            want = operator(wide, 1, 0.7, hard, key)
            torch.testing.assert_close(found, want, **near)
        upstream = dy.to(wide.dtype)
        found = kernels.gumbel_softmax(wide, 0.7, False, seed, upstream)
        near["atol"] = 1e-14 if wide.dtype == torch.float64 else 1e-12
        torch.testing.assert_close(found, back(upstream, wide, 1, 0.7, False, key), **near)
    assert {"gumbel_softmax", "rrelu_sampled"} <= _operators.ON_CUDA.keys()
    assert kernels.gumbel_softmax(x[:, :0], 1.0, False, seed).shape == (9, 0)


# ------------------------------------------------------------------------------ masks and inputs

SPARSE = ("sparsemax", "entmax15")
MASKABLE = [name for name in names("rows") if not find(name).draws]


def all_modes(name: str, mode: str, dy: Any, z: Any, keep: Any, dtype: Any) -> tuple[Any, Any]:
    """A result of the kernels, and the exact one of the same operands."""
    given = (torch.from_numpy(dy).to(dtype), torch.from_numpy(z).to(dtype))
    tensors = given[-1:] if mode == "value" else given
    got = kernels.rows(name, mode, tensors, (0.7,), None if keep is None else tensor(keep))
    function = getattr(ogive if mode == "value" else ogive.backward, name)
    exact = function(
        *(t.double().numpy() for t in tensors),
        temperature=0.7,
        where=True if keep is None else keep,
    )
    return got.double().numpy(), exact


def most_wrong(got: Any, exact: Any, fmt: Format) -> float:
    """The largest error in units of a format."""
    both_nan = np.isnan(got) & np.isnan(exact)
    unit = fmt.spacing(np.where(np.isfinite(exact), exact, 0))
    with np.errstate(all="ignore"):
        away = np.where((got == exact) | both_nan, 0, np.abs(got - exact) / unit)
    return float(np.max(np.nan_to_num(away, nan=np.inf), initial=0))


@pytest.mark.usefixtures("_short_blocks")
@pytest.mark.parametrize("fmt", [FLOAT32, FLOAT16], ids=lambda f: f.name)
@pytest.mark.parametrize("mode", ["value", "backward"])
@pytest.mark.parametrize("name", MASKABLE)
def test_rows_with_a_mask_hold_the_contract(
    name: str, mode: str, fmt: Format, request: pytest.FixtureRequest
) -> None:
    if fmt is not FLOAT32 and "block by block" in request.node.name:
        pytest.skip("as float32")
    random = np.random.default_rng(12)
    z, dy = random.normal(0, 2, (2, 4, 20))
    z[2] *= 0.02
    keep = random.random(z.shape) < 0.6
    keep[0], keep[1] = False, True
    junk = random.choice([np.nan, np.inf, -np.inf, 3.0], z.shape)
    z, upstream = np.where(keep, z, junk), np.where(keep, dy, junk)
    upstream = dy[:, 0] if name == "logsumexp" else upstream
    got, exact = all_modes(name, mode, upstream, z, keep, getattr(torch, fmt.name))
    allowed = measure.ROWS_CONTRACT if fmt is FLOAT32 else 0.501
    assert most_wrong(got, exact, fmt) <= allowed


@pytest.mark.parametrize("fmt", [FLOAT32, BFLOAT16], ids=lambda f: f.name)
@pytest.mark.parametrize("name", MASKABLE)
def test_backward_from_the_input_holds_the_contract(name: str, fmt: Format) -> None:
    random = np.random.default_rng(14)
    allowed = measure.ROWS_CONTRACT if fmt is FLOAT32 else 0.501
    for z in some_rows()[9::6]:
        dy = random.normal(0, 1, (1, *(z.shape if name != "logsumexp" else ())))
        got, exact = all_modes(name, "backward", dy, z[None], None, getattr(torch, fmt.name))
        assert most_wrong(got, exact, fmt) <= allowed


def test_masks_are_read_without_the_copies_that_broadcasting_makes() -> None:
    rows = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    for shape in ((2, 3, 4), (1, 3, 4), (2, 1, 4), (2, 3, 1), (1, 3, 1), (1, 1, 1), (2, 1, 1)):
        mask = torch.arange(5 * int(np.prod(shape))).reshape(*shape, 5)
        items, inner, count = numbers.repeated(mask.expand(2, 3, 4, 5), 3)
        read = items.reshape(-1, 5)[(torch.from_numpy(rows) // inner) % count]
        assert torch.equal(read, mask.expand(2, 3, 4, 5)), shape
        assert items.numel() == mask.numel() or shape == (2, 1, 4)


EDGE_ROWS = [
    ([np.nan, 2.0, 3.0], [0, 0, 0]),
    ([np.nan, np.nan, np.nan], [1, 1, 1]),
    ([np.nan, 2.0, 3.0], [0, 1, 1]),
    ([np.nan, 2.0, 3.0], [1, 1, 0]),
    ([np.inf, np.inf, 3.0], [0, 1, 1]),
    ([-np.inf, -np.inf, 3.0], [1, 1, 0]),
    ([-np.inf, 1.0, 3.0], [1, 1, 0]),
    ([-np.inf, -np.inf, -np.inf], [1, 1, 1]),
    ([np.inf, np.inf, 0.0], [1, 1, 1]),
    ([np.inf, 1.0, -np.inf], [1, 1, 1]),
]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.parametrize("mode", ["value", "backward"])
@pytest.mark.parametrize("name", MASKABLE)
def test_edges_of_rows_with_a_mask_are_those_of_the_cpu(name: str, mode: str, dtype: Any) -> None:
    z, keep = (np.array(each) for each in zip(*EDGE_ROWS, strict=True))
    dy = np.array([1.0, -2.0, 0.5] * len(z)).reshape(z.shape)
    upstream = dy[:, 0] if name == "logsumexp" else dy
    got, exact = all_modes(name, mode, upstream, z, keep > 0, dtype)
    want = torch.from_numpy(np.asarray(exact)).to(dtype).double().numpy()
    np.testing.assert_allclose(got, want, rtol=float(torch.finfo(dtype).eps), atol=0)
    assert np.array_equal(got == 0, want == 0)


@pytest.mark.parametrize("name", ["softmax", "softmin", *SPARSE])
def test_what_arrives_at_a_class_without_probability_counts_nowhere(name: str) -> None:
    sign = -1 if name == "softmin" else 1
    z = sign * np.array([[0.0, -np.inf, 0.5], [0.5, 0.25, -np.inf]], np.float32)
    dy = np.array([[1.0, np.inf, 2.0], [-1.0, 2.0, np.nan]], np.float32)
    y = kernels.rows(name, "value", (tensor(z),))
    for mode, x in (("backward", tensor(z)), ("backward_from_output", y)):
        want = getattr(getattr(ogive, mode), name)(dy, x.numpy())
        assert np.isfinite(want).all()
        got = kernels.rows(name, mode, (tensor(dy), x)).numpy()
        np.testing.assert_allclose(got, want, rtol=2**-22)


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "sparsemax_loss"])
def test_a_target_on_an_impossible_class_costs_infinity(name: str) -> None:
    z = np.array([[0.0, -np.inf, 0.5, 1.0], [0.5, 0.25, -np.inf, 3.0]], np.float32)
    p = np.array([[0.25, 0.5, 0.125, 0.125], [0.25, 0.5, 0.0, 0.25]], np.float32)
    want = getattr(ogive.value_and_grad, name)(z, p, reduction="none")
    got = kernels.KERNELS[name](tensor(z), tensor(p))
    assert np.isinf(want[0][0])
    for ours, theirs in zip(got, want, strict=True):
        np.testing.assert_allclose(ours.float().numpy(), theirs, rtol=2**-20)


@pytest.mark.usefixtures("_short_blocks")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["labels", "probabilities"])
def test_the_sparsemax_loss_holds_the_contract(kind: str, weighted: bool) -> None:
    random = np.random.default_rng(13)
    for scale in (0.02, 1):
        for z in some_rows()[::7]:
            z, n = np.float32(scale) * z, z.size
            weight = random.uniform(0.5, 2, n) * 10.0 ** random.integers(-30, 30)
            weight = weight if weighted else None
            p = random.uniform(0, 1, n).astype(np.float32)
            hot = int(random.choice([z.argmax(), n // 2]))
            target = np.array([hot]) if kind == "labels" else (p / p.sum())[None]
            wide = target if kind == "labels" else target.astype(np.float64)
            loss, dz = ogive.value_and_grad.sparsemax_loss(
                z.astype(np.float64)[None], wide, weight=weight, reduction="none"
            )
            given = None if weight is None else torch.from_numpy(weight)
            got, gradient = kernels.sparsemax_loss(tensor(z)[None], torch.from_numpy(target), given)
            assert error(got.float().numpy(), loss) <= measure.ROWS_CONTRACT
            assert error(gradient.numpy(), dz) <= measure.ROWS_CONTRACT


def test_edges_of_the_sparsemax_loss_are_those_of_the_cpu() -> None:
    inf, nan = np.inf, np.nan
    rows = [[inf, 1, 2], [inf, inf, 0], [-inf] * 3, [nan, 1, 2], [1, -inf, 2], [0.5, -0.5, 3e38]]
    rows += [[0, 5, 1], [0, 1, 0], [0, 1 - 2**-24, 0], [2**-60, 0, 0]]
    z = np.array(rows, dtype=np.float32)
    weights = np.array([0.0, 2.0, -1.5])
    for label, weight in ((1, None), (0, weights), (-1, None)):
        labels = np.full(len(z), label)
        want = ogive.value_and_grad.sparsemax_loss(
            z, labels, weight=weight, ignore_index=-1, reduction="none"
        )
        given = None if weight is None else torch.from_numpy(weight)
        got = kernels.sparsemax_loss(tensor(z), torch.from_numpy(labels), given, -1)
        for ours, theirs in zip(got, want, strict=True):
            np.testing.assert_allclose(ours.float().numpy(), theirs, rtol=2**-22)


@pytest.mark.usefixtures("_short_blocks")
@pytest.mark.parametrize("name", SPARSE)
def test_threshold_rows_are_near_the_exact_ones(name: str) -> None:
    random = np.random.default_rng(2)
    back = getattr(ogive.backward_from_output, name)
    for scale in (0.01, 1.0, 5.0):
        for z in some_rows()[::9]:
            z = scale * z
            got = kernels.rows(name, "value", (tensor(z)[None],), (0.7,))[0].numpy()
            want = getattr(ogive, name)(z.astype(np.float64), temperature=0.7)
            assert np.array_equal(got > 0, want.astype(np.float32) > 0)
            assert error(got, want) <= 1
            dy, y = random.normal(0, 1, z.size).astype(np.float32), getattr(ogive, name)(z)
            exact = back(dy.astype(np.float64), y.astype(np.float64), temperature=0.7)
            given = (tensor(dy)[None], tensor(y)[None])
            got = kernels.rows(name, "backward_from_output", given, (0.7,))[0].numpy()
            assert error(got, exact) <= 1
    z = np.linspace(0, 1e-9, 1000, dtype=np.float32)  # all of them share
    got = kernels.rows(name, "value", (tensor(z)[None],))[0].numpy()
    assert error(got, getattr(ogive, name)(z.astype(np.float64))) <= 1


@pytest.mark.usefixtures("_short_blocks")
@pytest.mark.parametrize("name", SPARSE)
def test_edges_of_threshold_rows_are_those_of_the_cpu(name: str) -> None:
    inf, nan = np.inf, np.nan
    rows = ([inf, 1, 2], [inf, inf, 0], [-inf] * 3, [nan, 1, 2], [1, -inf, 2], [0.5], [3e38, -3e38])
    for row in rows:
        z = np.array(row, dtype=np.float32)
        got = kernels.rows(name, "value", (tensor(z)[None],))[0].numpy()
        np.testing.assert_allclose(got, getattr(ogive, name)(z), rtol=2**-22, err_msg=str(row))
