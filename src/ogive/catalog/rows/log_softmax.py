"""Log-softmax: the logarithms of the softmax probabilities."""

from ogive.catalog.card import Card, Peer

from . import softmax


def formula(m, x):
    log_total = m.log(m.sum([m.exp(v) for v in x]))
    return [v - log_total for v in x]


def pull_back(m, dy, y):
    total = m.sum(dy)
    return [d - total * m.exp(v) for v, d in zip(y, dy, strict=True)]


card = Card(
    name="log_softmax",
    kind="rows",
    title="LogSoftmax",
    summary="x_i minus the log of the sum of all e^x_j: log-probabilities, without taking a log "
    "of a probability that may have rounded to 0 or 1.",
    formula=formula,
    pull_back=pull_back,
    parameters=softmax.card.parameters,
    row_claims=("shift_invariant", "exponentials_sum_to_one"),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.log_softmax",
            differs="0 for the likeliest class from a gap of 17 on",
        ),
        Peer(framework="jax", name="jax.nn.log_softmax", differs="as torch; no temperature"),
        Peer(framework="keras", name="keras.activations.log_softmax"),
        Peer(framework="scipy", name="scipy.special.log_softmax", differs="no gradient, no out"),
        Peer(framework="onnx", name="LogSoftmax"),
    ),
    edges="A confident row keeps every digit of the likeliest class: log_softmax([20, 0])[0] is "
    "-2.06e-9. An element masked out is -inf, and its dy is ignored. backward_from_output cannot "
    "distinguish it from a logit of -inf, whose dy counts, so there dy must be 0 already.",
)
