"""ReGLU: a value times the ReLU of its gate."""

from ogive.catalog.card import Card, Peer


def formula(m, a, b):
    return a * m.split(b, 0, below=0, above=b)


card = Card(
    name="reglu",
    kind="gated",
    title="ReGLU",
    summary="a times relu(b): the product of both where the gate is open, else 0.",
    formula=formula,
    gate="relu",
    row_claims=("linear_in_a", "gate_is_never_negative"),
    peers=(
        Peer(
            framework="torch",
            name="a * torch.nn.functional.relu(b)",
            differs="two passes, no separate function",
        ),
    ),
    papers=("Shazeer, GLU Variants Improve Transformer, 2020, arXiv:2002.05202",),
    edges="The slope by b at 0 is 0. Where the gate is closed (b <= 0) y is a times 0: NaN for an "
    "infinite a, as in any product; da and db are 0, whatever dy is.",
    notes="Every result is correctly rounded in every format. For one array that holds both "
    "halves: value, gate = np.split(x, 2, axis=-1), without a copy.",
)
