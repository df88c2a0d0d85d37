"""Several activations and initialisations beside each other, with the map and advice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .attention import AttentionLogits, attention_logits
from .edge import Advice, EdgeOfChaos, EdgePoint, advise, edge_curve, edge_of_chaos
from .network import Network, network
from .residual import Residual, residual_table


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Predictions of one depth, and what belongs to each of their activations."""

    networks: tuple[Network, ...]
    edges: tuple[EdgeOfChaos, ...]
    """Of each activation, at the bias_std that was given."""
    curves: tuple[tuple[EdgePoint, ...], ...]
    """The edge of chaos of each activation, over all biases."""
    advice: tuple[Advice, ...]
    residuals: tuple[Residual, ...] = ()
    """Every norm and scale of the branch for each network; where asked for."""
    attention: tuple[AttentionLogits, ...] = ()
    """With each network's weights in the projections of queries and keys; where asked for."""

    def to_json(self) -> str:
        """All numbers; null for what is not finite."""
        advice = [
            {key: value for key, value in asdict(each).items() if key != "network"}
            for each in self.advice
        ]
        found = {
            "networks": [each.to_dict() for each in self.networks],
            "edges": [asdict(each) for each in self.edges],
            "advice": advice,
        }
        if self.residuals:
            found["residuals"] = [each.to_dict() for each in self.residuals]
        if self.attention:
            found["attention"] = [asdict(each) for each in self.attention]
        return json.dumps(found, indent=1, allow_nan=False) + "\n"


def compare(
    activations: Sequence[tuple[str, dict[str, Any]]],
    depth: int,
    *,
    inits: Sequence[str | float] = ("he",),
    bias_std: float = 0.0,
    width: int | None = None,
    residual: bool = False,
    attention: tuple[int, int] | None = None,
) -> Comparison:
    """Predict each activation with each initialisation.

    Parameters
    ----------
    activations
        Names with their parameters.
    depth, bias_std, width
        As in :func:`ogive.predict.network`.
    inits
        Initialisations.
    residual
        Whether to predict residual blocks too, as :func:`ogive.predict.residual_table` does.
    attention
        Entries of a head and tokens, to predict attention logits too, of normalised inputs, as
        :func:`ogive.predict.attention_logits` does.

    Examples
    --------
    >>> found = compare([("relu", {}), ("leaky_relu", {"negative_slope": 0.3})], 10)
    >>> [each.regime for each in found.networks]
    ['stable', 'stable']
    """
    networks = [
        network(name, depth, init=init, bias_std=bias_std, width=width, **given)
        for name, given in activations
        for init in inits
    ]
    return Comparison(
        networks=tuple(networks),
        edges=tuple(edge_of_chaos(name, bias_std, **given) for name, given in activations),
        curves=tuple(edge_curve(name, **given) for name, given in activations),
        advice=tuple(
            advise(name, depth, width=width or 512, **given) for name, given in activations
        ),
        residuals=tuple(
            block
            for name, given in activations
            for init in inits
            for block in residual_table(name, depth, init=init, bias_std=bias_std, **given)
        )
        if residual
        else (),
        attention=tuple(
            attention_logits(
                *attention,
                query_variance=each.weight_variance,
                key_variance=each.weight_variance,
            )
            for each in networks
        )
        if attention
        else (),
    )
