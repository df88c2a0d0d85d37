"""Predicts from a formula alone how signals and gradients change with depth."""

from .attention import AttentionLogits, attention_logits
from .building import build_model
from .compare import Comparison, compare
from .coordinate_result import Coordinates
from .edge import Advice, EdgeOfChaos, EdgePoint, advise, edge_curve, edge_of_chaos
from .errors import PredictError
from .gaussian import Moments, dual_activation, gain, gradient_ratio, moments
from .model_result import Line, ModelPrediction
from .models import coordinates, model
from .network import Network, network
from .residual import Residual, residual, residual_table

__all__ = [
    "Advice",
    "AttentionLogits",
    "Comparison",
    "Coordinates",
    "EdgeOfChaos",
    "EdgePoint",
    "Line",
    "ModelPrediction",
    "Moments",
    "Network",
    "PredictError",
    "Residual",
    "advise",
    "attention_logits",
    "build_model",
    "compare",
    "coordinates",
    "dual_activation",
    "edge_curve",
    "edge_of_chaos",
    "gain",
    "gradient_ratio",
    "model",
    "moments",
    "network",
    "residual",
    "residual_table",
]
