"""Gated functions as the user calls them: a ufunc, and a backward that knows what dask lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..calls.arrays import is_dask, is_labelled
from ..calls.ufuncs import ufunc
from ..catalog import Card
from .docstrings import docstring


def function(card: Card, mode: str) -> Any:
    """The ufunc a f(b), or the function around that of da and db."""
    if mode == "value":
        return ufunc(card.name, mode, docstring(card, mode))
    return backward(card)


def backward(card: Card) -> Callable[..., Any]:
    """The ufunc with two results, which dask does not take by itself."""
    loop = ufunc(card.name, "backward")

    def call(dy: Any, a: Any, b: Any, out: Any = None, *, where: Any = True, **kwargs: Any) -> Any:
        operands = (dy, a, b)
        plain = type(dy) is type(a) is type(b) is np.ndarray  # asking for more costs a microsecond
        held = () if plain else tuple(x.data if is_labelled(x) else x for x in operands)
        if plain or not any(map(is_dask, held)):
            if out is None:
                return loop(dy, a, b, where=where, **kwargs)
            return loop(dy, a, b, out=out, where=where, **kwargs)
        if out is not None or where is not True:
            raise TypeError(f"backward.{card.name}: out and where need NumPy arrays, not dask's")
        if any(map(is_labelled, operands)):
            from xarray import apply_ufunc

            return apply_ufunc(
                call, *operands, output_core_dims=((), ()), dask="allowed", kwargs=kwargs
            )
        from dask.array import apply_gufunc

        together: Any = apply_gufunc
        return together(loop, "(),(),()->(),()", *map(_typed(held), operands), **kwargs)

    return call


def _typed(operands: tuple[Any, ...]) -> Callable[[Any], Any]:
    """Numbers of Python as arrays of the dtype that NumPy would give them beside the arrays."""
    dtypes = [x.dtype for x in operands if hasattr(x, "dtype")]
    return lambda x: x if hasattr(x, "dtype") else np.asarray(x, np.result_type(x, *dtypes))
