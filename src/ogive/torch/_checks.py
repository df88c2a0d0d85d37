"""Checks of what a call was given: numbers, dimensions, devices, temperatures and masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import forward_ad

from ..calls import checks
from ..calls.checks import checked_dim as checked_dim
from ..calls.formats import ANY_NAME
from ._formats import FLOATS
from ._route import is_dense, is_wrapped, kind_of, values_of
from ._transforms import outside_transforms

Temperature = float | Tensor


def floating(x: Any, name: str, *, dense: bool = True) -> Tensor:
    """x as floating-point numbers: integers and bool become the default dtype."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}: expected a Tensor, not {type(x).__name__}")
    if x.is_complex():
        raise RuntimeError(
            f"{name} is a function of real numbers, not of {x.dtype}; take x.real, x.imag or "
            "x.abs()"
        )
    if not is_dense(x):
        if dense:
            raise RuntimeError(f"{name} takes dense tensors, not {kind_of(x)} ones")
        return x
    if not x.is_floating_point():
        return x.to(torch.get_default_dtype())
    if x.dtype not in FLOATS:
        raise RuntimeError(f"{name} takes {ANY_NAME}, not {x.dtype}")
    return x


def as_number(value: Any, parameter: str) -> float:
    """A parameter that must be one number."""
    shown = value
    if isinstance(value, Tensor):
        shown = f"a tensor of shape {tuple(value.shape)}"
    try:
        if isinstance(value, np.ndarray) and value.ndim:
            raise TypeError("an array")
        return float(value)
    except OverflowError:
        raise ValueError(f"{parameter} is beyond float64") from None
    except (TypeError, ValueError):
        raise TypeError(f"{parameter} must be one number, not {shown!r}") from None


def check_devices(name: str, **tensors: Any) -> None:
    """Refuses tensors on different devices, of which kernels would read other memory, and beside
    the first those that are not dense.
    """
    (first, where), *rest = ((n, t.device) for n, t in tensors.items() if isinstance(t, Tensor))
    for other, device in rest:
        if not is_dense(tensors[other]):
            raise RuntimeError(
                f"{name}: {other} must be dense, not a {kind_of(tensors[other])} tensor"
            )
        if device != where:
            raise RuntimeError(
                f"{name}: {first} and {other} are on different devices, {where} and {device}"
            )


def learns(temperature: Any) -> bool:
    """Whether somebody may want a derivative by the temperature."""
    return isinstance(temperature, Tensor) and (
        (temperature.requires_grad and torch.is_grad_enabled())
        or is_wrapped(temperature)
        or (
            forward_ad._current_level >= 0
            and forward_ad.unpack_dual(temperature).tangent is not None
        )
    )


def checked_temperature(temperature: Any, name: str = "temperature") -> Temperature:
    """One positive number, or a tensor of them. The values of a traced tensor are not known yet:
    operators check them.
    """
    if not isinstance(temperature, Tensor):
        number = as_number(temperature, name)
        if not checks.is_temperature(number):
            raise ValueError(f"{name} must be positive and finite, not {temperature!r}")
        return number
    if temperature.is_complex() or temperature.dtype == torch.bool:
        raise TypeError(f"temperature must be of real numbers, not of {temperature.dtype}")
    known = values_of(temperature)
    if known is None:
        return temperature
    with outside_transforms():
        if not bool(checks.is_temperature(known).all()):
            shown = float(known) if known.dim() == 0 else known
            raise ValueError(f"{name} must be positive and finite, not {shown}")
    if temperature.dim() or learns(temperature):
        return temperature
    return float(temperature)


def refusing(temperature: Temperature) -> Temperature:
    """A temperature that is checked when what is compiled runs, if it is traced."""
    if not isinstance(temperature, Tensor) or not torch.compiler.is_compiling():
        return temperature
    known = temperature.detach()
    refused: Tensor = torch.ops.ogive.checked_temperature(known)
    return temperature + (refused - known)


def check_fits(temperature: Tensor, lead: Sequence[int], name: str) -> None:
    if not checks.broadcasts(tuple(temperature.shape), tuple(lead)):
        raise ValueError(
            f"{name}: temperature of shape {tuple(temperature.shape)} does not fit rows of shape "
            f"{tuple(lead)}"
        )


def checked_mask(where: Tensor, x: Tensor, name: str) -> Tensor:
    if not isinstance(where, Tensor):
        raise TypeError(f"{name}: where must be a Tensor, not {type(where).__name__}")
    given = tuple(where.shape), where.dtype, where.dtype is torch.bool
    checks.check_mask(*given, tuple(x.shape), f"{name}: ")
    check_devices(name, x=x, where=where)
    return where
