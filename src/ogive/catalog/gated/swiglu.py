"""SwiGLU: a value times the SiLU of its gate, as in the feed-forward layers of most LLMs."""

from ogive.catalog.card import Card, Peer


def formula(m, a, b):
    return a * b / (1 + m.exp(-b))


card = Card(
    name="swiglu",
    kind="gated",
    title="SwiGLU",
    summary="a times silu(b): of a feed-forward layer, silu(gate) * up is swiglu(up, gate).",
    formula=formula,
    gate="silu",
    row_claims=("linear_in_a",),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.silu(b) * a",
            differs="two passes, no function of its own",
        ),
        Peer(
            framework="xformers",
            name="xformers.ops.SwiGLU",
            differs="with its linear layers; the first half of the packed one gates",
        ),
        Peer(
            framework="transformers",
            name="LlamaMLP",
            differs="with its linear layers: silu(gate_proj(x)) * up_proj(x)",
        ),
    ),
    papers=(
        "Shazeer, GLU Variants Improve Transformer, 2020, arXiv:2002.05202",
        "Touvron et al., LLaMA: Open and Efficient Foundation Language Models, 2023, "
        "arXiv:2302.13971",
    ),
    edges="silu(-inf) is -0 and closes the gate, and so does b = 0; an infinite a gives NaN there, "
    "as in any product, and infinity elsewhere. In float64 silu(b) is subnormal from b = -708 "
    "and 0 from b = -745, whatever a is. In backward a factor of exactly 0 lets nothing "
    "through, whatever it meets.",
    notes="The gate comes second, as in GLU. For one array that holds both halves: "
    "gate, up = np.split(x, 2, axis=-1), without a copy, then ogive.swiglu(up, gate) where the "
    "first half gates (xformers, most fused gate_up projections).",
)
