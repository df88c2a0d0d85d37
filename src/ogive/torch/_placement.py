"""How operators' tensors may be sharded: DTensor's rules for elementwise functions and for rows.

An operator whose tensors all have the shape of the first, or that without the axis that its rows
lie along, takes them sharded along any other axis; each shard is computed where it lies.
"""

from __future__ import annotations

import sys
from typing import Any

OPERATORS: list[tuple[Any, bool]] = []
"""Those of kernels' modes, and whether their results are one number for each row."""
SHAPED = frozenset(("dy", "x", "y", "a", "b", "where"))
"""Tensors of such a shape; a seed, a learned parameter or bits are none."""
_placed = 0


def is_distributed(t: Any) -> bool:
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(t, module.DTensor)


def place(t: Any) -> None:
    """Registers the rules that are missing, if a tensor needs them: DTensor is slow to import."""
    global _placed
    if _placed == len(OPERATORS) or not is_distributed(t):
        return
    from torch.distributed.tensor.experimental import register_sharding

    for operator, reduces in OPERATORS[_placed:]:
        tensors = [a.name for a in operator._schema.arguments if "Tensor" in str(a.type)]
        if SHAPED.issuperset(tensors):
            register_sharding(operator)(rule(operator, reduces))
    _placed = len(OPERATORS)


def rule(operator: Any, reduces: bool) -> Any:
    """What placements go together: of results and of arguments, None for one that is a number."""
    names = [a.name for a in operator._schema.arguments]
    results = len(operator._schema.returns)

    def acceptable(*args: Any) -> list[tuple[list[Any], list[Any]]]:
        from torch.distributed.tensor import Replicate, Shard

        tensors = [a if hasattr(a, "placements") else None for a in args]
        whole = max((t for t in tensors if t is not None), key=lambda t: t.ndim).shape
        axis = args[names.index("dim")] % max(len(whole), 1) if "dim" in names else len(whole)

        def given(kind: Any) -> list[Any]:
            return [t and kind(t.ndim) for t in tensors]

        found = [([Replicate()] * results, given(lambda _: Replicate()))]
        for k in range(len(whole)):
            if k == axis or any(t is not None and not fits(t.shape, whole, axis) for t in tensors):
                continue

            def along(ndim: int, k: int = k) -> Any:
                return Shard(k - (ndim < len(whole) and k > axis))

            found.append(([along(len(whole) - reduces)] * results, given(along)))
        return found

    return acceptable


def fits(shape: Any, whole: Any, axis: int) -> bool:
    """Whether it is the whole shape, or that without the rows' axis."""
    return tuple(shape) in (tuple(whole), (*whole[:axis], *whole[axis + 1 :]))
