"""The Triton kernels on a GPU hold the contract of the CPU's; skipped where there is no GPU."""

from __future__ import annotations

from typing import Any

import pytest

import cuda as bench
from cases import ROW_LOSSES
from ogive.catalog import find, names
from ogive.reference.measure import CONTRACT, ROWS_CONTRACT

torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("no GPU", allow_module_level=True)
kernels = pytest.importorskip("ogive.torch._triton")

import ogive.torch  # noqa: E402
from ogive.torch._triton import heads  # noqa: E402


@pytest.fixture(scope="module")
def table() -> dict[str, dict[str, Any]]:
    return bench.accuracy(bench.references())


def test_float32_holds_the_contract(table: dict[str, dict[str, Any]]) -> None:
    for key, found in table.items():
        if "ulps" in found and key.endswith("/float32"):
            mode = key.split("/")[1]
            allowed = CONTRACT["float32", "value" if mode == "value" else "derivative"]
            assert found["ulps"] <= allowed, (key, found)


def test_rows_and_heads_hold_the_contract(table: dict[str, dict[str, Any]]) -> None:
    for key, found in table.items():
        if "ulps" in found and not key.endswith("/float32"):
            assert found["ulps"] <= ROWS_CONTRACT, (key, found)


def test_sixteen_bits_are_correctly_rounded(table: dict[str, dict[str, Any]]) -> None:
    for key, found in table.items():
        # dy a f'(b) may lie closer to a tie than double tells, where f' is 1 but for e^-b.
        if "wrong" in found and "/db/" not in key:
            assert found["wrong"] == 0, (key, found)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", names("unary"))
def test_bits_depend_on_nothing_but_the_element(name: str, dtype: Any) -> None:
    x = (3 * torch.randn(3, 701, 5, device="cuda")).to(dtype)
    whole = kernels.unary(name, "value", (x,))
    for view in (x.transpose(0, 2), x[:, 1::3], x[2, 5:, 1], x[1, 2, 3], x.flatten()[1:]):
        want = whole.as_strided(view.size(), view.stride(), view.storage_offset())
        assert torch.equal(kernels.unary(name, "value", (view,)), want)


@pytest.mark.parametrize("classes", [1, 33, 8192, 32_000, 128_256])
def test_the_gradient_may_take_the_logits_place(classes: int) -> None:
    z = torch.randn(64, classes, device="cuda")
    labels = torch.randint(classes, (64,), device="cuda")
    loss, dz = kernels.cross_entropy(z, labels, factor=0.25)
    again, _ = kernels.cross_entropy(z, labels, factor=0.25, out=z)
    assert torch.equal(loss, again)
    assert torch.equal(dz, z)


def test_a_row_has_the_same_bits_wherever_it_stands() -> None:
    z = torch.randn(50, 40_000, device="cuda")
    for name in ("softmax", "log_softmax", "logsumexp"):
        whole = kernels.rows(name, "value", (z,))
        assert torch.equal(kernels.rows(name, "value", (z[7:8],)), whole[7:8])


@pytest.mark.filterwarnings("error:ogive.torch")
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("name", names("rows"))
def test_rows_and_their_gradients_are_those_of_the_cpu(name: str, dim: int, masked: bool) -> None:
    f = getattr(ogive.torch, name)
    options: dict[str, Any] = {"seed": 3} if find(name).draws else {}
    if masked and find(name).draws:
        pytest.skip("takes no mask")
    mask = torch.arange(60).reshape(6, 10) % 7 > 1
    mask[0], mask[:, 3] = False, False
    results = []
    for device in ("cpu", "cuda"):
        x = torch.linspace(-3, 3, 60).reshape(6, 10).to(device).requires_grad_()
        if masked:
            options["where"] = mask.to(device)
        y = f(x, dim=dim, **options)
        (dx,) = torch.autograd.grad(y, x, torch.linspace(1, 2, y.numel()).reshape(y.shape).to(y))
        results.append((y.detach(), dx))
    for ours, theirs in zip(*results, strict=True):
        assert ours.stride() == theirs.stride()
        torch.testing.assert_close(theirs.cpu(), ours)


@pytest.mark.filterwarnings("error:ogive.torch")
@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("name", ROW_LOSSES)
def test_losses_and_their_gradients_are_those_of_the_cpu(name: str, reduction: str) -> None:
    results = []
    for device in ("cpu", "cuda"):
        z = torch.linspace(-3, 3, 30).reshape(6, 5).to(device).requires_grad_()
        labels = torch.tensor([0, 4, -100, 1, 2, 3], device=device)
        loss = getattr(ogive.torch, name)(z, labels, reduction=reduction)
        (dz,) = torch.autograd.grad(loss.sum(), z)
        results.append((loss.detach(), dz))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(theirs.cpu(), ours)


def test_a_mean_over_more_elements_than_a_half_counts_keeps_its_gradient() -> None:
    z = torch.zeros(70_000, 2, device="cuda", dtype=torch.float16, requires_grad=True)
    loss = ogive.torch.cross_entropy(z, torch.zeros(70_000, dtype=torch.long, device="cuda"))
    (dz,) = torch.autograd.grad(loss, z)
    assert dz.all()


def test_products_of_halves_are_added_unrounded() -> None:
    a = torch.tensor([[1, 2.0**-10]], dtype=torch.bfloat16, device="cuda")
    total = torch.zeros(1, 1, device="cuda")
    heads._add_product(total, a, torch.ones(2, 1, dtype=torch.bfloat16, device="cuda"))
    assert total.item() == 1 + 2.0**-10


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one GPU")
def test_launches_go_to_the_tensor_s_device() -> None:
    x = torch.linspace(-3, 3, 60).reshape(6, 10)
    for f in (ogive.torch.gelu, ogive.torch.softmax):
        torch.testing.assert_close(f(x.to("cuda:1")).cpu(), f(x))
