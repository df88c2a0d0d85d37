"""GLU: a value times the sigmoid of its gate."""

from ogive.catalog.card import Card, Peer


def formula(m, a, b):
    return a / (1 + m.exp(-b))


card = Card(
    name="glu",
    kind="gated",
    title="GLU",
    summary="Gated linear unit: a times sigmoid(b).",
    formula=formula,
    gate="sigmoid",
    row_claims=("linear_in_a", "gate_opens_from_zero_to_one"),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.glu",
            differs="one array whose second half is b",
        ),
        Peer(framework="jax", name="jax.nn.glu", differs="one array whose second half is b"),
        Peer(framework="flax", name="flax.nnx.glu", differs="one array whose second half is b"),
        Peer(
            framework="keras",
            name="keras.activations.glu",
            differs="one array whose second half is b",
        ),
    ),
    papers=(
        "Dauphin, Fan, Auli & Grangier, Language Modeling with Gated Convolutional Networks, "
        "2016, arXiv:1612.08083",
        "Shazeer, GLU Variants Improve Transformer, 2020, arXiv:2002.05202",
    ),
    edges="The gate is 0 at b = -inf; there an infinite a gives NaN, as in any product, "
    "and elsewhere infinity. In float64 sigmoid(b) is subnormal from b = -708 and 0 from "
    "b = -745, whatever a is. In backward a derivative of exactly 0 gives 0, whatever dy is.",
    notes="For one array that holds both halves: ogive.glu(*np.split(x, 2, axis=-1)), without a "
    "copy. The gate is at most 1, so it never amplifies, and at b = 0 it halves a.",
)
