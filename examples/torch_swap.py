"""One line turns a model's activations and losses into Ogive's; one line turns them back.

python examples/torch_swap.py        (needs torch)
"""

import torch
from torch import nn

import ogive.torch


def build() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 256), nn.GELU(), nn.Linear(256, 256), nn.SiLU(),
                         nn.Linear(256, 10))  # fmt: skip


def kept_for_backward(model: nn.Module, x: torch.Tensor) -> int:
    """Bytes that a forward pass keeps beside the weights."""
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def pack(t: torch.Tensor) -> torch.Tensor:
        memory = t.untyped_storage()
        if memory.data_ptr() not in weights:
            kept[memory.data_ptr()] = memory.nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        model(x)
    return sum(kept.values())


def main() -> None:
    model, x = build(), torch.randn(512, 64)
    before, bytes_before = model(x), kept_for_backward(model, x)

    print(ogive.torch.swap(model, lean=True))

    difference = (model(x) - before).abs().max().item()
    print(f"largest difference of the outputs: {difference:.1e}")
    print(
        f"kept for backward: {bytes_before} bytes with torch's, {kept_for_backward(model, x)} now"
    )
    tail = torch.tensor([-10.0])
    print(f"GELU(-10): torch {nn.GELU()(tail).item():.3e}, Ogive {model[1](tail).item():.3e}")

    ogive.torch.unswap(model)
    assert torch.equal(model(x), before)
    print("unswapped: the outputs are torch's again")


if __name__ == "__main__":
    main()
