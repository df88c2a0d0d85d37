"""A swapped module takes every kind of tensor that torch's takes, and gives what torch's gives."""

from __future__ import annotations

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import ogive.torch as ot  # noqa: E402
from ogive.torch._counterparts import counterpart  # noqa: E402

BASE = torch.linspace(-2, 2, 24).reshape(4, 6)
KINDS: dict[str, Any] = {
    "complex": lambda: BASE.to(torch.complex64) + 0.3j,
    "sparse": lambda: BASE.relu().to_sparse(),
    "csr": lambda: BASE.relu().to_sparse_csr(),
    "jagged": lambda: torch.nested.nested_tensor([BASE[:2], BASE[1:]], layout=torch.jagged),
    "nested": lambda: torch.nested.nested_tensor([BASE[:2], BASE[1:]]),
    "quantised": lambda: torch.quantize_per_tensor(BASE, 0.05, 10, torch.quint8),
    "mkldnn": lambda: BASE.to_mkldnn(),
    "integers": lambda: torch.arange(24).reshape(4, 6) - 9,
}
GIVEN = {"Softmax": (-1,), "LogSoftmax": (-1,), "Softmin": (-1,), "Threshold": (0.1, 0.2)}
NAMES = [
    name for name, cls in vars(nn).items()
    if isinstance(cls, type) and issubclass(cls, nn.Module) and counterpart(cls)
    and not name.endswith("Loss")
]  # fmt: skip


def dense(t: torch.Tensor) -> torch.Tensor:
    if t.is_nested:
        return torch.cat(t.unbind())
    return t.dequantize() if t.is_quantized else t.to_dense()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_swapped_module_gives_what_torch_s_gives(name: str, kind: str) -> None:
    module = getattr(nn, name)(*GIVEN.get(name, ())).eval()
    swapped = copy.deepcopy(module)
    ot.swap(swapped)
    try:
        expected = module(KINDS[kind]())
    except (RuntimeError, TypeError, NotImplementedError, IndexError, ValueError):
        return  # nor does torch take it
    found = swapped(KINDS[kind]())
    assert (found.dtype, found.layout, type(found)) == (
        expected.dtype, expected.layout, type(expected)
    )  # fmt: skip
    torch.testing.assert_close(dense(found), dense(expected))


def test_what_neither_takes_is_refused_as_before() -> None:
    module = nn.CrossEntropyLoss()
    ot.swap(module)
    with pytest.raises(ValueError, match="target"):
        module(BASE, torch.zeros(3, dtype=torch.long))
