"""What predictions say, in the words and numbers that page, terminal and notebook share."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ogive.predict import Comparison, Line, Network, Residual

from .text import number, signed


def title(each: Network | Residual, several_inits: bool = True) -> str:
    """``gelu, he``: which of several predictions it is."""
    given = ", ".join(f"{name}={value:g}" for name, value in each.parameters.items())
    name = f"{each.activation}({given})" if given else each.activation
    return f"{name}, {each.init}" if several_inits else name


def log_gradient(each: Network) -> list[float]:
    """log10 of the gradient's norm at each layer, over the last one's; NaN where not finite."""
    return [math.log10(value) / 2 if 0 < value < math.inf else math.nan for value in each.gradient]


HEAD = (
    "activation", "init", "sw", "K", "chi", "log10\ngradient", "trainable\ndepth", "gradients"
)  # fmt: skip


def row(each: Network) -> tuple[str, ...]:
    """A prediction's numbers, as in HEAD."""
    return (
        title(each, False),
        each.init,
        number(math.sqrt(each.weight_variance), 4),
        f"{number(each.mean_square[0], 3)} → {finite(each.mean_square[-1])}",
        finite(each.chi[-1]),
        signed(each.log10_gradient_ratio)
        if math.isfinite(each.log10_gradient_ratio)
        else finite(each.log10_gradient_ratio),
        "any" if math.isinf(each.trainable_depth) else f"{each.trainable_depth:.0f}",
        each.regime,
    )


def spread(each: Network) -> str:
    """Chance at this width, in decades."""
    return "–" if each.spread is None else f"± {finite(each.spread)}"


def finite(value: float) -> str:
    """A number with three digits, or that it overflows."""
    if math.isfinite(value):
        return number(value, 3)
    return "–" if math.isnan(value) else "∞" if value > 0 else "−∞"


RESIDUAL_HEAD = ("norm", "branch", "K", "log10\ngradient", "gradients")


def by_network(blocks: Sequence[Residual]) -> dict[str, list[Residual]]:
    """Blocks under ``gelu, he``: the activation and initialisation that they share."""
    found: dict[str, list[Residual]] = {}
    for block in blocks:
        found.setdefault(title(block), []).append(block)
    return found


def residual_row(block: Residual) -> tuple[str, ...]:
    """A stack's numbers, as in RESIDUAL_HEAD."""
    ratio = block.log10_gradient_ratio
    return (
        block.norm,
        block.branch_scale,
        f"1 → {finite(block.mean_square[-1])}",
        signed(ratio) if math.isfinite(ratio) else finite(ratio),
        block.regime,
    )


ATTENTION_HEAD = ("init", "head", "tokens", "standard\ndeviation", "largest")


def attention_rows(found: Comparison) -> list[tuple[str, ...]]:
    """Each initialisation once, as in ATTENTION_HEAD; the gain is an activation's."""
    rows = [
        (title(each) if each.init == "gain" else each.init, str(logits.head_dim),
         str(logits.tokens), number(logits.std, 3), number(logits.maximum, 3))
        for each, logits in zip(found.networks, found.attention, strict=True)
    ]  # fmt: skip
    return [*dict.fromkeys(rows)]


MODEL_HEAD = ("module", "K", "measured", "gradient", "measured", "")


def model_row(line: Line) -> tuple[str, ...]:
    """A line's numbers and what is to be said of it."""
    numbers = (
        line.predicted, line.measured, line.predicted_gradient, line.measured_gradient
    )  # fmt: skip
    said = "parts here" if line.parted else f"from {line.restarted}" if line.restarted else ""
    return (*(number(each, 3) for each in numbers), said)
