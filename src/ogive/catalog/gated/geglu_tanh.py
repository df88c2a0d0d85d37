"""GEGLU, tanh form: a value times the tanh approximation of GELU of its gate."""

from ogive.catalog.card import Card, Peer


def formula(m, a, b):
    k = m.sqrt(2 / m.pi) * (b + 0.044715 * b * b * b)
    return a * b / (1 + m.exp(-2 * k))


card = Card(
    name="geglu_tanh",
    kind="gated",
    title="GEGLUTanh",
    summary="a times gelu_tanh(b): the gate of Gemma and of T5 1.1.",
    formula=formula,
    gate="gelu_tanh",
    row_claims=("linear_in_a",),
    peers=(
        Peer(
            framework="torch",
            name="a * torch.nn.functional.gelu(b, approximate='tanh')",
            differs="two passes, no separate function",
        ),
        Peer(
            framework="transformers",
            name="GemmaMLP",
            differs="with its linear layers: gelu_tanh(gate_proj(x)) * up_proj(x)",
        ),
    ),
    papers=(
        "Shazeer, GLU Variants Improve Transformer, 2020, arXiv:2002.05202",
        "Gemma Team, Gemma: Open Models Based on Gemini Research and Technology, 2024, "
        "arXiv:2403.08295",
    ),
    edges="The gate is closed at b = 0 and at b = -inf, where gelu_tanh(b) is -0; there an "
    "infinite a gives NaN, as in any product, and elsewhere infinity. In float64 gelu_tanh(b) is "
    "subnormal from b = -21.2 and 0 from b = -21.6, whatever a is. In backward a derivative of "
    "exactly 0 gives 0, whatever dy is.",
    notes="For one array that holds both halves: value, gate = np.split(x, 2, axis=-1), without a "
    "copy; check which half of your model gates. In a new model, geglu is the exact function at no "
    "higher cost.",
)
