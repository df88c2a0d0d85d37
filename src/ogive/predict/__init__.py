"""What depth and initialisation will do to signals and gradients, from the formula alone."""

from .gaussian import Moments, gain, gradient_ratio, moments

__all__ = ["Moments", "gain", "gradient_ratio", "moments"]
