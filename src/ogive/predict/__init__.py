"""Predicts from a formula alone how signals and gradients change with depth."""

from .gaussian import Moments, gain, gradient_ratio, moments

__all__ = ["Moments", "gain", "gradient_ratio", "moments"]
