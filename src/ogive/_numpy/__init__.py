"""The NumPy API: the public functions of every kind, each built from its card and its kernels.

``api``         builds them, by kind and mode, when first asked for
``unary`` ``gated`` ``rows`` ``heads`` (losses) ``lean``  what differs from kind to kind
``linear``      the loss of a linear layer
``docstrings``  their docs, derived from their cards
"""
