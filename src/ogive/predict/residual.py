"""Residual blocks: how signals and gradients grow with depth, by norm and scale of the branch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from .errors import PredictError
from .functions import Activation, resolve
from .gaussian import moments_of
from .network import check_whole, initialisation, is_number, plain, regime

SCALES: dict[str, Callable[[int], float]] = {
    "1": lambda depth: 1.0,
    "1/sqrt(2L)": lambda depth: 1 / math.sqrt(2 * depth),
    "1/sqrt(L)": lambda depth: 1 / math.sqrt(depth),
    "1/L": lambda depth: 1 / depth,
}
"""Factors on a branch, of the number of blocks L."""

Norm = Literal["pre", "post", "none"]


@dataclass(frozen=True, kw_only=True)
class Residual:
    """Signals and gradients of a stack of equal residual blocks; x_0 is the input of the first."""

    activation: str
    parameters: dict[str, float]
    depth: int
    norm: Norm
    branch_scale: str
    init: str
    weight_variance: float
    mean_square: tuple[float, ...]
    """Of x_0 to x_depth, the residual stream."""
    factor: tuple[float, ...]
    """On squared gradients, on their way back through each block."""
    gradient: tuple[float, ...]
    """|dL/dx_l|^2 over that at the end."""
    log10_gradient_ratio: float
    """log10 of the norm at x_0 over that at the end."""
    regime: str

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, lists and strings; None for what is not finite."""
        return plain(asdict(self))


def residual(
    activation: Activation,
    depth: int,
    *,
    norm: Norm = "pre",
    branch_scale: str | float = 1.0,
    init: str | float = "he",
    bias_std: float = 0.0,
    derivative: Callable[..., Any] | None = None,
    breaks: Sequence[float] = (),
    **parameters: float,
) -> Residual:
    """Predict a stack of residual blocks whose branch is W f(x) + b, times a scale a.

    Without normalisation x + a branch(x): K adds a^2 (sw2 E f^2 + sb2) and the squared gradient is
    multiplied by 1 + a^2 chi. Pre-norm, x + a branch(norm(x)): the branch always sees K = 1, and
    its gradient is divided by K. Post-norm, norm(x + a branch(x)): K stays at 1.

    Parameters
    ----------
    activation, derivative, breaks, **parameters
        As in :func:`ogive.predict.moments`.
    depth
        L, the number of blocks.
    norm
        "pre", "post" or "none".
    branch_scale
        A number, or "1", "1/sqrt(2L)", "1/sqrt(L)", "1/L".
    init, bias_std
        Of the branch's weights and biases, as in :func:`ogive.predict.network`.

    Examples
    --------
    >>> round(residual("relu", 24, norm="none").log10_gradient_ratio, 2)
    3.61
    >>> round(residual("relu", 24, norm="none", branch_scale="1/sqrt(L)").log10_gradient_ratio, 2)
    0.21
    """
    function = resolve(activation, derivative, breaks, **parameters)
    check_whole("depth", depth)
    if norm not in ("pre", "post", "none"):
        raise PredictError(f'norm must be "pre", "post" or "none", not {norm!r}')
    name, weight_variance = initialisation(init, function)
    scale = _branch_scale(branch_scale, depth)
    variances, factors = [1.0], []
    for _ in range(depth):
        k = variances[-1]
        if not math.isfinite(k):
            variances.append(math.inf)
            factors.append(math.inf)
            continue
        here = moments_of(function, k if norm == "none" else 1.0)
        branch = scale**2 * (weight_variance * here.square + bias_std**2)
        chi = scale**2 * weight_variance * here.slope_square
        if norm == "post":
            variances.append(1.0)
            factors.append((1 + chi) / (1 + branch))
        else:
            variances.append(k + branch)
            factors.append(1 + (chi / k if norm == "pre" else chi))
    logs = [math.log10(each) for each in factors]
    left = [math.fsum(logs[at:]) for at in range(depth + 1)]
    ratio = left[0] / 2
    return Residual(
        activation=function.name,
        parameters=dict(parameters),
        depth=int(depth),
        norm=norm,
        branch_scale=str(branch_scale) if isinstance(branch_scale, str) else f"{scale:g}",
        init=name,
        weight_variance=weight_variance,
        mean_square=tuple(variances),
        factor=tuple(factors),
        gradient=tuple(10**each if each < 308 else math.inf for each in left),
        log10_gradient_ratio=ratio,
        regime=regime(ratio),
    )


def residual_table(
    activation: Activation,
    depth: int,
    *,
    init: str | float = "he",
    bias_std: float = 0.0,
    derivative: Callable[..., Any] | None = None,
    breaks: Sequence[float] = (),
    **parameters: float,
) -> tuple[Residual, ...]:
    """Every norm with every scale of the branch, to choose from.

    Parameters
    ----------
    activation, depth, init, bias_std, derivative, breaks, **parameters
        As in :func:`residual`.

    Examples
    --------
    >>> best = min(residual_table("gelu", 24), key=lambda r: abs(r.log10_gradient_ratio))
    >>> best.branch_scale
    '1/L'
    """
    options: dict[str, Any] = {"bias_std": bias_std, "derivative": derivative, "breaks": breaks}
    options |= parameters
    norms: tuple[Norm, ...] = ("none", "pre", "post")
    return tuple(
        residual(activation, depth, norm=norm, branch_scale=scale, init=init, **options)
        for norm in norms
        for scale in SCALES
    )


def _branch_scale(given: str | float, depth: int) -> float:
    if isinstance(given, str) and given.replace(" ", "") in SCALES:
        return SCALES[given.replace(" ", "")](depth)
    if not (is_number(given) and given > 0):  # type: ignore[operator]
        raise PredictError(
            f"branch_scale must be a positive number or one of {', '.join(SCALES)}, not {given!r}"
        )
    return float(given)
