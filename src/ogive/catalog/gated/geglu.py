"""GEGLU: a value times the GELU of its gate."""

from ogive.catalog.card import Card, Peer


def formula(m, a, b):
    return a * b * m.erfc(-b / m.sqrt(2)) / 2


card = Card(
    name="geglu",
    kind="gated",
    title="GEGLU",
    summary="a times gelu(b), with the exact GELU.",
    formula=formula,
    gate="gelu",
    row_claims=("linear_in_a",),
    peers=(
        Peer(
            framework="torch",
            name="a * torch.nn.functional.gelu(b)",
            differs="two passes, no separate function",
        ),
        Peer(
            framework="diffusers",
            name="diffusers.models.activations.GEGLU",
            differs="with its linear layer; the second half of its output gates",
        ),
    ),
    papers=("Shazeer, GLU Variants Improve Transformer, 2020, arXiv:2002.05202",),
    edges="The gate is closed at b = 0 and at b = -inf, where gelu(b) is -0; there an infinite a "
    "gives NaN, as in any product, and elsewhere infinity. In float64 gelu(b) is subnormal from "
    "b = -37 and 0 from b = -38, whatever a is. In backward a derivative of exactly 0 gives 0, "
    "whatever dy is.",
    notes="For one array that holds both halves: value, gate = np.split(x, 2, axis=-1), without a "
    "copy; check which half of your model gates. Models that say GEGLU often mean the tanh "
    "approximation of GELU.",
)
