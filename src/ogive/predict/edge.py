"""Where gradients neither vanish nor explode, and which initialisation to use."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

import ogive

from .errors import PredictError
from .functions import Activation, Function, resolve
from .gaussian import moments_of
from .network import (
    INITS,
    TITLES,
    Network,
    Walk,
    check_whole,
    initialisation,
    is_number,
    network,
    regime,
    spread,
)

LARGEST = math.sqrt(30)
"""Weights of a larger standard deviation saturate nearly every unit, and are no initialisation."""

BIASES = (0.0, 0.1, 0.3, 0.5, 1.0)
"""Standard deviations of biases for which `advise` tries the edge of chaos."""

CHANCE = 3.0
"""Decades of chance, at most: a first-order estimate says no more."""

GRID = 10.0 ** np.arange(-6, 6.01, 0.125)
"""Values of K among which the edge is looked for."""


@dataclass(frozen=True, kw_only=True)
class EdgeOfChaos:
    """Where chi = 1 at the fixed point of K, for one standard deviation of the biases."""

    activation: str
    bias_std: float
    weight_std: float | None
    """sw: weights of this over sqrt(fan_in); None where there is no such value."""
    mean_square: float | None
    """K at the fixed point."""
    reason: str
    """What was found, or why there is none."""

    def __float__(self) -> float:
        return math.nan if self.weight_std is None else self.weight_std

    def _repr_html_(self) -> str:
        found: str = ogive._display().prediction_html(self)
        return found


@dataclass(frozen=True, kw_only=True)
class EdgePoint:
    """One point of the curve on which chi = 1 at a fixed point."""

    weight_std: float
    bias_std: float
    mean_square: float
    stable: bool
    """Whether K returns to the fixed point from nearby."""


def edge_of_chaos(
    activation: Activation,
    bias_std: float = 0.0,
    *,
    derivative: Callable[..., Any] | None = None,
    breaks: Sequence[float] = (),
    **parameters: float,
) -> EdgeOfChaos:
    """The standard deviation of weights at which gradients neither vanish nor explode.

    Parameters
    ----------
    activation, derivative, breaks, **parameters
        As in :func:`ogive.predict.moments`.
    bias_std
        Standard deviation of the biases.

    Returns
    -------
    EdgeOfChaos
        ``weight_std``, which is None where there is none below sqrt(30), and the ``reason``.

    Examples
    --------
    >>> round(edge_of_chaos("tanh", bias_std=0.1).weight_std, 4)
    1.1934
    >>> edge_of_chaos("sigmoid").weight_std is None
    True
    """
    function = resolve(activation, derivative, breaks, **parameters)
    if not (is_number(bias_std) and bias_std >= 0):
        raise PredictError(f"bias_std must be a finite number, 0 or above, not {bias_std!r}")
    points = [_at_zero(function)] if bias_std == 0 else []
    points += [_point(function, k) for k in _roots(function, bias_std**2)]
    found = [point for point in points if point is not None]
    near = [point for point in found if point.weight_std <= LARGEST]
    chosen = next((point for point in near if point.stable), None)
    return EdgeOfChaos(
        activation=function.name,
        bias_std=float(bias_std),
        weight_std=chosen.weight_std if chosen else None,
        mean_square=chosen.mean_square if chosen else None,
        reason=_reason(function, bias_std, chosen, near, found),
    )


def edge_curve(
    activation: Activation,
    *,
    derivative: Callable[..., Any] | None = None,
    breaks: Sequence[float] = (),
    **parameters: float,
) -> tuple[EdgePoint, ...]:
    """Weights and biases for which chi = 1 at a fixed point, over all K, for a map.

    Parameters
    ----------
    activation, derivative, breaks, **parameters
        As in :func:`ogive.predict.moments`.

    Examples
    --------
    >>> [round(point.weight_std, 3) for point in edge_curve("relu")]
    [1.414]
    """
    function = resolve(activation, derivative, breaks, **parameters)
    found = [_at_zero(function), *(_point(function, float(k)) for k in GRID)]
    return tuple(each for each in found if each is not None and each.weight_std <= LARGEST)


def _excess(function: Function, k: float) -> float:
    """K at the next layer where chi = 1, without biases, over K; 1 where it stays."""
    here = moments_of(function, k)
    return here.square / here.slope_square / k if here.slope_square else math.inf


def _point(function: Function, k: float) -> EdgePoint | None:
    """The weights that make chi = 1 at K, and the biases that keep K there."""
    here = moments_of(function, k)
    bias = k * (1 - _excess(function, k))
    if not (math.isfinite(here.slope_square) and here.slope_square > 0 and bias > -1e-9 * k):
        return None
    if abs(bias) <= 1e-9 * k and _homogeneous(function):
        return None  # the same at every K: it is the point at 0
    weight = 1 / here.slope_square
    step = 1e-4 * k
    bent = moments_of(function, k + step).square - moments_of(function, k - step).square
    stable = weight * bent / (2 * step) <= 1 + 1e-6
    return EdgePoint(
        weight_std=math.sqrt(weight), bias_std=math.sqrt(max(bias, 0.0)), mean_square=k,
        stable=stable,
    )  # fmt: skip


def _homogeneous(function: Function) -> bool:
    return all(abs(_excess(function, k) - 1) < 1e-10 for k in (1e-3, 0.1, 3.0, 40.0))


def _at_zero(function: Function) -> EdgePoint | None:
    """The point without biases, for small K, where f is linear; for every K, of the ReLU family."""
    same = _homogeneous(function)
    k = 1.0 if same else 1e-10
    excess = _excess(function, k)
    if not abs(excess - 1) < 1e-3:
        return None
    if same:
        weight = 1 / moments_of(function, k).slope_square
    else:
        # As K goes to 0, each half of the inputs meets the slope on its side.
        left, right = function.slope(np.array([-1e-14, 1e-14]))
        weight = float(2 / (left**2 + right**2))
    after = weight * moments_of(function, 1e-3).square
    stable = same or after <= 1e-3 * (1 + 1e-9)
    return EdgePoint(
        weight_std=math.sqrt(weight), bias_std=0.0, mean_square=1.0 if same else 0.0, stable=stable
    )


def _roots(function: Function, bias: float) -> list[float]:
    """K that stay where they are if the weights make chi = 1."""

    def change(k: float) -> float:
        return _excess(function, k) + bias / k - 1

    values = [change(float(k)) for k in GRID]
    found = []
    for low, high, at, after in zip(GRID, GRID[1:], values, values[1:], strict=False):
        # Without biases values approach 0 as K does, with rounding errors of either sign.
        if min(abs(at), abs(after)) < 1e-7 or not at * after < 0 or not math.isfinite(at - after):
            continue
        low, high = float(low), float(high)
        for _ in range(60):
            middle = math.sqrt(low * high)
            low, high = (middle, high) if change(middle) * at > 0 else (low, middle)
        found.append(math.sqrt(low * high))
    return found


def _reason(
    function: Function,
    bias_std: float,
    chosen: EdgePoint | None,
    near: list[EdgePoint],
    found: list[EdgePoint],
) -> str:
    of = f"{function.name} with biases of std {bias_std:g}"
    if chosen:
        where = "as K goes to 0" if chosen.mean_square == 0 else f"at K = {chosen.mean_square:.4g}"
        if _homogeneous(function) and bias_std == 0:
            where = "at every K"
        return f"{of}: chi = 1 {where} for weights of std {chosen.weight_std:.4f}/sqrt(fan_in)."
    if near:
        point = near[0]
        return (
            f"{of}: chi = 1 only at a fixed point that signals leave (K = {point.mean_square:.3g}, "
            f"weight_std {point.weight_std:.4f}): smaller ones fade and larger ones grow."
        )
    if found:
        point = found[0]
        return (
            f"{of}: chi = 1 only for weight_std {point.weight_std:.3g}, where K = "
            f"{point.mean_square:.3g} and nearly every unit is saturated; below that gradients "
            "vanish at any depth without normalisation."
        )
    return f"{of}: no weights make chi = 1 at a fixed point of K."


@dataclass(frozen=True, kw_only=True)
class Advice:
    """Which initialisation to use for an activation at a depth, and why."""

    activation: str
    depth: int
    init: str
    """he, glorot, torch, gain, or edge for the edge of chaos."""
    weight_std: float
    """Times 1/sqrt(fan_in)."""
    bias_std: float
    trains: bool
    """Whether gradients keep their size; if not, nothing better was found."""
    why: str
    line: str
    """What sets it for a ``layer`` of PyTorch."""
    network: Network
    """The prediction with it."""

    def __str__(self) -> str:
        return f"{self.why}\n{self.line}"


def advise(
    activation: Activation,
    depth: int,
    *,
    width: int = 512,
    derivative: Callable[..., Any] | None = None,
    breaks: Sequence[float] = (),
    **parameters: float,
) -> Advice:
    """The initialisation to use for a plain network of this depth.

    Of the named ones, the activation's gain and the edge of chaos, the one that
    holds gradients within the bounds of a stable regime; without biases where there is a choice.

    Parameters
    ----------
    activation, derivative, breaks, **parameters
        As in :func:`ogive.predict.moments`.
    depth
        Layers: an activation and a square linear map each.
    width
        Units of a layer: in narrow ones chance moves gradients, where K is not held.

    Examples
    --------
    >>> advice = advise("relu", depth=50)
    >>> advice.init, round(advice.weight_std, 4)
    ('he', 1.4142)
    """
    check_whole("depth", depth)
    check_whole("width", width)
    function = resolve(activation, derivative, breaks, **parameters)
    options: dict[str, Any] = {"derivative": derivative, "breaks": breaks, **parameters}
    costs = {
        name: _cost(function, *values, depth, width)
        for name, values in _candidates(activation, function, options).items()
    }
    if not costs:
        raise PredictError(f"{function.name} has no initialisation: E f(z)^2 is not finite or 0")
    plain = {name: each for name, each in costs.items() if each.trains and not each.bias_std}
    init = min(plain or costs, key=lambda name: round(costs[name].total, 2))
    best = costs[init]
    found = network(
        activation, depth, init=best.weight_variance, bias_std=best.bias_std, width=width,
        **options,
    )  # fmt: skip
    sw, sb = math.sqrt(best.weight_variance), best.bias_std
    biases = f"normal_(layer.bias, std={sb:g})" if sb else "zeros_(layer.bias)"
    return Advice(
        activation=function.name,
        depth=int(depth),
        init=init.partition(" ")[0],
        weight_std=sw,
        bias_std=sb,
        trains=best.trains,
        why=_why(function, found, init, costs),
        line=f"torch.nn.init.normal_(layer.weight, std={sw:.4f} / layer.weight[0].numel() ** 0.5)"
        + f"; torch.nn.init.{biases}",
        network=found,
    )


@dataclass(frozen=True)
class _Cost:
    """What an initialisation does to a network, in decades."""

    weight_variance: float
    bias_std: float
    ratio: float
    drift: float
    spread: float

    @property
    def trains(self) -> bool:
        return regime(self.ratio) == "stable" and self.drift <= 2 and self.spread <= 1

    @property
    def total(self) -> float:
        return min(1e9, abs(self.ratio) + self.drift / 2 + min(self.spread, CHANCE))


def _candidates(
    activation: Activation, function: Function, options: dict[str, Any]
) -> dict[str, tuple[float, float]]:
    """Weight variances and standard deviations of biases to choose from, by name."""
    found = {name: INITS[name] for name in ("he", "glorot", "torch")}
    with suppress(PredictError):  # it has no gain
        found["gain"] = initialisation("gain", function)[1]
    chosen = {name: (variance, 0.0) for name, variance in found.items()}
    for bias_std in BIASES:
        edge = edge_of_chaos(activation, bias_std, **options)
        if edge.weight_std is not None:
            chosen[f"edge {bias_std:g}"] = edge.weight_std**2, bias_std
    return chosen


def _cost(
    function: Function, weight_variance: float, bias_std: float, depth: int, width: int
) -> _Cost:
    walk = Walk(function, weight_variance, bias_std**2, 1.0)
    walk.to(depth)
    last = walk.variances[depth]
    if not 0 < last < math.inf:
        ratio = math.copysign(math.inf, last - 1)
        return _Cost(weight_variance, bias_std, ratio, math.inf, math.inf)
    ratio = math.fsum(walk.log_chi[:depth]) / 2
    drift = abs(math.log10(last))
    return _Cost(weight_variance, bias_std, ratio, drift, spread(walk, depth, width))


def _why(function: Function, found: Network, init: str, costs: dict[str, _Cost]) -> str:
    of = {"gain": "its gain", "edge": "the edge of chaos"}.get(init.partition(" ")[0])
    best = costs[init]
    biases = f" and biases of std {best.bias_std:g}" if best.bias_std else ""
    said = (
        f"{function.name} at depth {found.depth}: use {of or TITLES.get(init, init)} (weights of "
        f"std {math.sqrt(best.weight_variance):.4f}/sqrt(fan_in){biases}): the first layer's "
        f"gradients are 10^{best.ratio:.2f} times the last layer's, and K goes from 1 to "
        f"{found.mean_square[-1]:.3g}"
    )
    others = [
        f"{TITLES[name]} gives 10^{each.ratio:.2f}"
        for name, each in costs.items()
        if name in INITS and name != init and math.isfinite(each.ratio)
    ]
    said += f" ({', '.join(others)})." if others else "."
    if best.trains:
        return said.replace("^-", "^−").replace("e-", "e−")
    if best.spread > 1:
        said += (
            f" It does not hold K: at width {found.width} chance changes the ratio by more than "
            "a factor of 10."
        )
    said += (
        " No initialisation carries a plain network so far: add normalisation or skip "
        "connections, or use another activation or fewer layers."
    )
    return said.replace("^-", "^−").replace("e-", "e−")
