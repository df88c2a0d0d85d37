"""Signals and gradients of a deep plain network before training, layer by layer."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

import ogive

from .errors import PredictError
from .functions import Activation, Function, resolve
from .gaussian import dual_of, square_of, through_layer
from .quadrature import rule

INITS = {"he": 2.0, "glorot": 1.0, "lecun": 1.0, "torch": 1 / 3}
"""fan_in times the weights' variance, in square layers; "gain" depends on the activation."""

TITLES = {"he": "He", "glorot": "Glorot", "lecun": "LeCun", "torch": "PyTorch's default"}

_ALSO = {"kaiming": "he", "xavier": "glorot", "default": "torch", "pytorch": "torch"}

VANISHING, EXPLODING = -2.0, math.log10(70)
"""log10 of the ratio of gradient norms, first over last, beyond which a network is called so."""

CHANGE = 6.0
"""Layers are trainable while squared gradients change by less than e^6: six depth scales."""

FAR = 1000
"""Layers that are looked at, at most."""

TINY = 1e-300
"""Stands for a K that has left the range of floats."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Network:
    """What happens in a network of equal layers: an activation, then a square linear map.

    Layer l maps pre-activations z_l to z_(l+1) = W f(z_l) + b, for l = 0 to depth - 1. Entries of
    ``mean_square``, ``gradient`` and ``correlation`` belong to z_0 to z_depth; those of ``chi``
    to the layers between.
    """

    activation: str
    parameters: dict[str, float]
    depth: int
    init: str
    """A name, or the number given."""
    weight_variance: float
    """sw2: fan_in times the variance of the weights."""
    bias_std: float
    width: int | None
    mean_square: tuple[float, ...]
    """K of each z: the mean of its entries' squares, over draws of the weights."""
    chi: tuple[float, ...]
    """sw2 E f'(z)^2: the factor on squared gradients on their way back through each layer."""
    gradient: tuple[float, ...]
    """|dL/dz_l|^2 over that of the last z."""
    log10_gradient_ratio: float
    """log10 of the norm of dL/dz_0 over that of the last z."""
    correlation: tuple[float, ...]
    """Of two inputs, at each z: 1 says that the network no longer tells them from each other."""
    depth_scale: float
    """1/|ln chi| of the last layer: layers over which squared gradients change by a factor e."""
    trainable_depth: float
    """Layers over which squared gradients change by less than e^6; inf beyond 1000."""
    spread: float | None
    """Standard deviation of log10_gradient_ratio over networks of this width."""
    regime: str
    """vanishing, stable or exploding: what gradients do over this depth."""
    sentence: str
    """The same in words, with its numbers."""

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, lists and strings; None for what is not finite."""
        return plain(asdict(self))

    def __repr__(self) -> str:
        return f"{self.sentence}\n{table(self)}"

    def __rich_console__(self, console: Any, options: Any) -> Any:
        return ogive._display().prediction(self, options.max_width)

    def _repr_html_(self) -> str:
        found: str = ogive._display().prediction_html(self)
        return found


def plain(fields: dict[str, Any]) -> dict[str, Any]:
    """As JSON has them: null for what is not finite."""
    return {name: _plain_value(value) for name, value in fields.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return [_plain_value(each) for each in value] if isinstance(value, (tuple, list)) else value


def network(
    activation: Activation,
    depth: int,
    *,
    init: str | float = "he",
    bias_std: float = 0.0,
    width: int | None = None,
    variance: float = 1.0,
    input_correlation: float = 0.0,
    derivative: Callable[..., Any] | None = None,
    breaks: Sequence[float] = (),
    **parameters: float,
) -> Network:
    """Predict signals and gradients of a deep network at its initialisation.

    Parameters
    ----------
    activation, derivative, breaks, **parameters
        As in :func:`ogive.predict.moments`; gated functions too.
    depth
        Layers: an activation and a square linear map each.
    init
        "he" (weights of variance 2/fan_in), "glorot" or "lecun" (1/fan_in), "torch" (PyTorch's
        default, 1/(3 fan_in)), "gain" (gain^2/fan_in), or a number: fan_in times the variance.
    bias_std
        Standard deviation of the biases.
    width
        Units of a layer, for ``spread``; everything else is of wide layers.
    variance
        K at the first activation.
    input_correlation
        Of two inputs, whose correlation is followed.

    Raises
    ------
    PredictError
        A ValueError that names the argument.

    Examples
    --------
    >>> p = network("relu", 20, init="torch")
    >>> round(p.log10_gradient_ratio, 2), p.regime
    (-7.78, 'vanishing')
    """
    function = resolve(activation, derivative, breaks, **parameters)
    check_whole("depth", depth)
    if width is not None:
        check_whole("width", width)
    name, weight_variance = initialisation(init, function)
    for argument, value in (("bias_std", bias_std), ("variance", variance)):
        if not (is_number(value) and value >= 0 and (value or argument == "bias_std")):
            raise PredictError(f"{argument} must be a finite number above 0, not {value!r}")
    if not (is_number(input_correlation) and -1 <= input_correlation <= 1):
        raise PredictError(
            f"input_correlation must lie between -1 and 1, not {input_correlation!r}"
        )
    walk = Walk(function, weight_variance, bias_std**2, variance)
    walk.to(depth)
    log_gradient = np.append(np.cumsum(walk.log_chi[:depth][::-1])[::-1], 0.0)
    overflow = not math.isfinite(walk.variances[depth])
    ratio = math.inf if overflow else float(log_gradient[0]) / 2
    with np.errstate(over="ignore", invalid="ignore"):
        gradient = tuple(map(float, 10.0**log_gradient))
    chi = tuple(walk.chi[:depth])
    found: dict[str, Any] = {
        "activation": function.name,
        "parameters": dict(parameters),
        "depth": int(depth),
        "init": name,
        "weight_variance": weight_variance,
        "bias_std": float(bias_std),
        "width": width,
        "mean_square": tuple(walk.variances[: depth + 1]),
        "chi": chi,
        "gradient": gradient,
        "log10_gradient_ratio": ratio,
        "correlation": _correlations(walk, depth, input_correlation),
        "depth_scale": _scale(chi[-1]),
        "trainable_depth": walk.trainable(),
        "spread": None if width is None else spread(walk, depth, width),
        "regime": regime(ratio),
    }
    return Network(**found, sentence=_sentence(**found))


def initialisation(init: str | float, function: Function) -> tuple[str, float]:
    """The name of an initialisation, and fan_in times the variance of its weights."""
    value: object = init
    if isinstance(init, str):
        word = init.strip().lower()
        word = _ALSO.get(word, word)
        if word in INITS:
            return word, INITS[word]
        if word == "gain":
            return word, 1 / square_of(function)
        try:
            value = float(word)
        except ValueError:
            value = None
    if not (is_number(value) and value > 0):  # type: ignore[operator]
        near = difflib.get_close_matches(str(init), [*INITS, "gain", *_ALSO], n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise PredictError(
            f"init must be {', '.join(INITS)}, gain or a positive number (fan_in times the "
            f"weights' variance), not {init!r}{hint}"
        )
    return f"{value:g}", float(value)  # type: ignore[arg-type]


def is_number(value: object) -> bool:
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return real and math.isfinite(value)  # type: ignore[arg-type]


def check_whole(name: str, value: object) -> None:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < 1:  # type: ignore[operator]
        raise PredictError(f"{name} must be a whole number of at least 1, not {value!r}")


class Walk:
    """K and chi from layer to layer, as far as they are asked for."""

    def __init__(
        self, function: Function, weight_variance: float, bias_variance: float, variance: float
    ) -> None:
        self.function = function
        self.weight_variance, self.bias_variance = weight_variance, bias_variance
        self.variances, self.chi, self.log_chi = [float(variance)], [], []  # type: ignore[var-annotated]

    def to(self, depth: int) -> None:
        while len(self.chi) < depth:
            variance = self.variances[-1]
            if not math.isfinite(variance):
                self._add(math.inf, math.inf)
                continue
            after, chi = through_layer(
                self.function, max(variance, TINY), self.weight_variance, self.bias_variance
            )
            self._add(chi, after if math.isfinite(after) else math.inf)

    def _add(self, chi: float, after: float) -> None:
        self.chi.append(chi)
        self.log_chi.append(math.log10(chi) if chi > 0 else -math.inf)
        self.variances.append(after)

    def settled(self) -> bool:
        """Whether K no longer changes."""
        before, after = self.variances[-2:]
        return abs(after - before) <= 1e-9 * after or after <= TINY or not math.isfinite(after)

    def trainable(self) -> float:
        """Layers over which squared gradients change by less than e^CHANGE."""
        limit, total = CHANGE / math.log(10), 0.0
        for layer in range(FAR):
            self.to(layer + 1)
            total += self.log_chi[layer]
            if not abs(total) < limit:
                return float(layer)
            if layer >= len(self.chi) - 1 and self.settled():
                rate = abs(self.log_chi[layer])
                left = limit - abs(total)
                far = layer + 1 + left / rate if rate * FAR > left else math.inf
                return float(math.floor(far)) if far < FAR else math.inf
        return math.inf


def _scale(chi: float) -> float:
    if chi == 0 or math.isinf(chi):
        return 0.0
    rate = abs(math.log(chi))
    return 1 / rate if rate > 1e-12 else math.inf


def regime(ratio: float) -> str:
    if ratio < VANISHING:
        return "vanishing"
    return "exploding" if ratio > EXPLODING else "stable"


def _correlations(walk: Walk, depth: int, start: float) -> tuple[float, ...]:
    found = [float(start)]
    for layer in range(depth):
        before, after = walk.variances[layer : layer + 2]
        if not (math.isfinite(after) and after > TINY and before > TINY):
            found.append(math.nan)
            continue
        if math.isnan(found[-1]) or 1 - found[-1] < 1e-13:
            found.append(found[-1])
            continue
        product = dual_of(walk.function, found[-1], before, nodes=8)
        value = (walk.weight_variance * product + walk.bias_variance) / after
        found.append(min(1.0, max(-1.0, value)))
    return tuple(found)


def spread(walk: Walk, depth: int, width: int) -> float:
    """Standard deviation of log10 of the gradients' ratio, to first order in 1/width.

    A layer's K differs from its mean because f(z)^2 is averaged over `width` units only, and its
    factor on gradients because f'(z)^2 is; what changes K changes all factors that follow.
    """
    total, after = 0.0, 0.0
    for layer in reversed(range(depth)):
        variance = walk.variances[layer]
        if not (math.isfinite(variance) and walk.chi[layer] > 0):
            return math.inf
        square, slope, bent, turned, own, other, both = _fluctuations(
            walk.function, max(variance, TINY)
        )
        passed = walk.weight_variance * after
        total += passed**2 * own + other + 2 * passed * both
        # How K changes the logarithm of this factor, and K at the next layer.
        after = _over(turned, slope) + walk.weight_variance * bent * after
        if not (math.isfinite(total + after) and square > 0):
            return math.inf
    return math.sqrt(max(0.0, total) / width) / (2 * math.log(10))


def _fluctuations(function: Function, variance: float) -> tuple[float, ...]:
    """E f^2, E f'^2, their derivatives in K; variances of f^2 and of the factor, and both."""
    scale = math.sqrt(variance)
    z, weight = rule(scale, function.breaks)
    y, d = function.value(scale * z) ** 2, function.slope(scale * z) ** 2
    with np.errstate(over="ignore", invalid="ignore"):
        moment = (z * z - 1) * weight / (2 * variance)
        square, slope = float(weight @ y), float(weight @ d)
        bent, turned = float(moment @ y), float(moment @ d)
        squares, slopes = float(weight @ (y * y)), float(weight @ (d * d))
        both = float(weight @ (y * d))
        if function.gated:
            # y = v f(u), whose slopes are v f'(u) and f(u); E v^2 = K and E v^4 = 3 K^2.
            k = variance
            bent, turned = square + k * bent, slope + k * turned + bent
            wide = k * slope + square
            fourth = 9 * k * k * slopes + 3 * squares + 6 * k * both
            mixed = 3 * k * k * both + k * squares
            whole = k * square
            return (
                whole, wide, bent, turned, 3 * k * k * squares - whole**2,
                _over(fourth, wide**2) - 1, _over(mixed, wide) - whole,
            )  # fmt: skip
        own, other = squares - square**2, _over(3 * slopes, slope**2) - 1
        return square, slope, bent, turned, own, other, _over(both, slope) - square


def _over(part: float, whole: float) -> float:
    return part / whole if whole else math.inf


def _sentence(
    activation: str,
    depth: int,
    init: str,
    weight_variance: float,
    log10_gradient_ratio: float,
    trainable_depth: float,
    mean_square: tuple[float, ...],
    regime: str,
    **_: Any,
) -> str:
    how = TITLES.get(init, "gain-matched" if init == "gain" else f"sw2 = {weight_variance:g}")
    layers = f"{depth} layer" + "s" * (depth > 1)
    first = f"{activation}, {how} initialisation, {layers}: "
    last = mean_square[-1]
    if math.isinf(last):
        return first + "signals overflow."
    if math.isinf(log10_gradient_ratio):
        return first + "no gradient reaches the first layer."
    size = f"10^{log10_gradient_ratio:.2f} times the last layer's".replace("-", "−")
    what = {
        "vanishing": f"gradients vanish: the first layer's are {size}",
        "exploding": f"gradients explode: the first layer's are {size}",
        "stable": f"gradients hold: the first layer's are {size}",
    }[regime]
    far = (
        "at any depth"
        if math.isinf(trainable_depth)
        else f"to about {trainable_depth:.0f} layer" + "s" * (trainable_depth != 1)
    )
    return (
        f"{first}{what}; signals go from K = {mean_square[0]:.3g} to {last:.3g}; trainable {far}."
    )


ROWS = 12
"""Layers shown of a deep network, at most."""


def shown(depth: int, most: int = ROWS) -> list[int]:
    """Evenly chosen layers, the first and the last among them."""
    if depth < most:
        return list(range(depth + 1))
    return sorted({round(at * depth / (most - 1)) for at in range(most)})


def table(found: Network) -> str:
    """Layers with their numbers, as text."""
    lines = [f"{'layer':>6} {'K':>10} {'chi':>9} {'log10 gradient':>15} {'correlation':>12}"]
    for at in shown(found.depth):
        chi = f"{found.chi[at]:9.4f}" if at < found.depth else " " * 9
        gradient = found.gradient[at]
        log = math.log10(gradient) / 2 if gradient > 0 else -math.inf
        lines.append(
            f"{at:6} {found.mean_square[at]:10.4g} {chi} {log:15.2f} "
            f"{round(found.correlation[at], 4) + 0.0:12.4f}"
        )
    return "\n".join(lines)
