"""SwiGLU: a value times the SiLU of its gate, as in the feed-forward layers of most LLMs."""

from ogive.catalog.card import Card, Peer


def formula(m, a, b):
    return a * b / (1 + m.exp(-b))


card = Card(
    name="swiglu",
    kind="gated",
    title="SwiGLU",
    summary="a times silu(b): a feed-forward layer's silu(gate) * up is swiglu(up, gate).",
    formula=formula,
    gate="silu",
    row_claims=("linear_in_a",),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.silu(b) * a",
            differs="two passes, no separate function",
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
    edges="The gate is closed at b = 0 and at b = -inf, where silu(b) is -0; there an infinite a "
    "gives NaN, as in any product, and elsewhere infinity. In float64 silu(b) is subnormal from "
    "b = -708 and 0 from b = -745, whatever a is. In backward a derivative of exactly 0 gives 0, "
    "whatever dy is.",
    notes="The gate comes second, as in GLU. For one array that holds both halves: "
    "gate, up = np.split(x, 2, axis=-1), without a copy, then ogive.swiglu(up, gate) where the "
    "first half gates (xformers, most fused gate_up projections).",
)
