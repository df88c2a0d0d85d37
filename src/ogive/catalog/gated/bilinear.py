"""Bilinear: the product of two projections, a gate without an activation."""

from ogive.catalog.card import Card, Peer


def formula(m, a, b):
    return a * b


card = Card(
    name="bilinear",
    kind="gated",
    title="Bilinear",
    summary="a times b: a gated unit without an activation.",
    formula=formula,
    gate="identity",
    row_claims=("linear_in_a", "symmetric_in_a_and_b"),
    peers=(
        Peer(framework="numpy", name="numpy.multiply", differs="no gradients"),
        Peer(
            framework="torch",
            name="torch.mul",
            differs="torch.nn.Bilinear is a different function: x1 A x2 + b",
        ),
    ),
    papers=(
        "Mnih & Hinton, Three New Graphical Models for Statistical Language Modelling, 2007",
        "Shazeer, GLU Variants Improve Transformer, 2020, arXiv:2002.05202",
    ),
    edges="The IEEE product: NaN for 0 times infinity. In backward a derivative of exactly 0 "
    "gives 0, whatever dy is.",
    notes="Every result is correctly rounded in every format. As a baseline it shows how much of "
    "a gated layer's gain is due to its activation.",
)
