"""Gumbel-softmax: a differentiable draw of one class from a row of logits."""

from ogive.catalog.card import Card, Parameter, Peer


def formula(m, x, u, temperature=1):
    # u holds the uniform numbers in (0, 1) that a seed draws, one for each logit.
    powers = [m.exp((v - m.log(-m.log(w))) / temperature) for v, w in zip(x, u, strict=True)]
    total = m.sum(powers)
    return [power / total for power in powers]


card = Card(
    name="gumbel_softmax",
    kind="rows",
    title="GumbelSoftmax",
    summary="The softmax of the logits with Gumbel noise added: its largest element is a draw from "
    "the softmax of the logits, and it has a gradient.",
    formula=formula,
    parameters=(
        Parameter(
            name="axis", role="axis", default=-1, doc="Axis along which the result sums to 1."
        ),
        Parameter(
            name="temperature",
            default=1.0,
            doc="Divides logits plus noise: the smaller, the closer to one-hot.",
            domain=(0.0, float("inf")),
        ),
        Parameter(
            name="hard",
            role="switch",
            default=False,
            doc="One-hot result, 1 at the draw; backward stays that of the soft one.",
        ),
        Parameter(
            name="seed",
            role="seed",
            default=None,
            doc="Key of the counter-based generator, an integer that must be given: the same seed "
            "draws the same noise in backward.",
        ),
    ),
    aliases=("concrete",),
    row_claims=(
        "positive",
        "sums_to_one",
        "shift_invariant",
        "jacobian_columns_sum_to_zero",
        "jacobian_symmetric",
    ),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.gumbel_softmax",
            differs="draws from the global generator and keeps the graph of the noise; argument "
            "tau; float32 noise is added to the logits and rounds with them",
            ignored=(("eps", 1e-10),),
        ),
        Peer(
            framework="tensorflow",
            name="tfp.distributions.RelaxedOneHotCategorical",
            differs="a distribution with sample() and log_prob()",
        ),
    ),
    papers=(
        "Jang, Gu & Poole, Categorical Reparameterization with Gumbel-Softmax, 2017, "
        "arXiv:1611.01144",
        "Maddison, Mnih & Teh, The Concrete Distribution, 2017, arXiv:1611.00712",
        "Salmon, Moraes, Dror & Shaw, Parallel Random Numbers: As Easy as 1, 2, 3, 2011 (Philox)",
    ),
    edges="A logit of -inf is never drawn, one of +inf always; a row of -inf, or of several +inf, "
    "is NaN. With hard=True a tie goes to the first.",
    notes="An element's noise depends only on the seed and on its position, counted in C order "
    "with the row's axis last, and not on layout, threads or chunks. Its uniform numbers are "
    "(k + 1/2)/2^32, so the noise lies between -3.1 and 22.9.",
)
