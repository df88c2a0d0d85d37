"""Cross-entropy of a linear layer's logits, which are never whole."""

from ogive.catalog.card import Card, Parameter, Peer

from .cross_entropy import card as rows_card


def formula(m, x, W, t, bias=None, **options):
    # One row: x holds its d inputs, W a row of d weights for each class.
    z = [m.sum([w * v for w, v in zip(row, x, strict=True)]) for row in W]
    if bias is not None:
        z = [v + b for v, b in zip(z, bias, strict=True)]
    return rows_card.formula(m, z, t, **options)


card = Card(
    name="linear_cross_entropy",
    kind="heads",
    title="LinearCrossEntropyLoss",
    summary="Cross-entropy of the logits x Wᵀ + bias, which are never held whole.",
    formula=formula,
    loss_of=rows_card.name,
    inputs=(
        ("x", "Rows of inputs, (..., d)."),
        ("W", "Weights of the layer, (classes, d), as torch.nn.Linear keeps them."),
        ("target", "Labels, of shape (...), or probabilities, of shape (..., classes)."),
    ),
    parameters=(
        Parameter(name="bias", role="bias", default=None, doc="Bias of each class."),
        *(p for p in rows_card.parameters if p.role != "axis"),
        Parameter(
            name="accumulate",
            role="choice",
            default=None,
            doc="Format of products and sums: 'float32' (the default, unless the arrays are "
            "float64) or 'float64'.",
        ),
        Parameter(
            name="chunk_rows",
            role="count",
            default=None,
            doc="Rows whose logits exist at a time. By default 512, or as many as fit in 16 MiB; "
            "fewer where 512 rows take more than 256 MiB and more than a quarter of W.",
        ),
    ),
    returns="(loss, (dx, dW, db)), each gradient of the shape and dtype of its array; db is None "
    "without a bias. For reduction='none' they are those of the summed loss",
    out="(dx, dW, db), each an array or None; dx may be x itself",
    row_claims=("gradients_are_products", "bias_gradient_sums_to_zero"),
    peers=(
        Peer(
            framework="torch",
            name="torch.nn.functional.linear_cross_entropy",
            differs="whole logits unless options= is given, and always with probabilities or label "
            "smoothing; ignore_index -100 by default; no z_loss, softcap or temperature",
        ),
    ),
    papers=(
        "Wijmans et al., Cut Your Losses in Large-Vocabulary Language Models, 2024, "
        "arXiv:2411.09009",
        "Hsu et al., Liger Kernel, 2024, arXiv:2410.10989 (chunks, gradient in place)",
    ),
    edges="As cross_entropy. Rows that are ignored take no part in any product. An interruption "
    "leaves unfinished gradients in out.",
    notes="The products are those of NumPy's BLAS: their bits depend on it, on its threads and on "
    "chunk_rows, and a sum of n products is within n 2^-24 (accumulate='float32') or n 2^-53 "
    "('float64') of the sum of their magnitudes. float16 and bfloat16 arrays are widened to "
    "the format of the products piece by piece. Beside the gradients, memory goes to one buffer "
    "(chunk_rows by classes) and a piece of 32 MiB; where dW is narrower than the products and "
    "there are several chunks, also to one accumulator of W's shape.",
)
