"""What depth and initialisation will do to signals and gradients, from the formula alone."""

from .attention import AttentionLogits, attention_logits
from .edge import Advice, EdgeOfChaos, EdgePoint, advise, edge_curve, edge_of_chaos
from .errors import PredictError
from .gaussian import Moments, dual_activation, gain, gradient_ratio, moments
from .network import Network, network
from .residual import Residual, residual, residual_table

__all__ = [
    "Advice",
    "AttentionLogits",
    "EdgeOfChaos",
    "EdgePoint",
    "Moments",
    "Network",
    "PredictError",
    "Residual",
    "advise",
    "attention_logits",
    "dual_activation",
    "edge_curve",
    "edge_of_chaos",
    "gain",
    "gradient_ratio",
    "moments",
    "network",
    "residual",
    "residual_table",
]
