"""Where frameworks differ: from the cards, and facts that belong to no one card."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, fields

from . import find, names
from .card import Card

VERSIONS = "torch 2.13.0, JAX 0.10.2, Keras 3 (August 2026), SciPy 1.17.1, ONNX (August 2026)"
"""What the statements about others were measured on, or read in."""

FAMILIES = {
    "torch": ("torch", "entmax", "xformers", "diffusers", "transformers"),
    "jax": ("jax", "flax", "optax"),
    "keras": ("keras", "tensorflow"),
    "scipy": ("scipy", "numpy", "scikit-learn"),
    "onnx": ("onnx",),
}
"""The column of each framework that cards name."""


@dataclass(frozen=True, kw_only=True)
class Convention:
    """One topic: what Ogive does, and what others do. Empty where a framework has no such thing."""

    topic: str
    """A function's name, or a few words."""
    ogive: str
    torch: str = ""
    jax: str = ""
    keras: str = ""
    scipy: str = ""
    onnx: str = ""

    def others(self) -> list[tuple[str, str]]:
        """(framework, what it does) of those that have it."""
        return [(name, said) for name in FAMILIES if (said := getattr(self, name))]


@dataclass(frozen=True, repr=False)
class Conventions:
    """A table of conventions, one row per topic; printed as text, in notebooks as a table."""

    rows: tuple[Convention, ...]

    def __iter__(self) -> Iterator[Convention]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, topic: str) -> Convention:
        """The row of a topic.

        Raises
        ------
        KeyError
            There is no such topic.
        """
        for row in self.rows:
            if row.topic == topic:
                return row
        raise KeyError(topic)

    def __repr__(self) -> str:
        blocks = []
        for row in self.rows:
            lines = [row.topic]
            for name, said in (("ogive", row.ogive), *row.others()):
                first, *rest = textwrap.wrap(said, 70, break_on_hyphens=False)
                lines += [f"  {name:6} {first}", *(" " * 9 + line for line in rest)]
            blocks.append("\n".join(lines))
        return "\n\n".join([*blocks, f"Measured on, or read in, {VERSIONS}."])

    def _repr_html_(self) -> str:
        names = [field.name for field in fields(Convention)]
        head = "".join(f"<th>{name}</th>" for name in names)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(getattr(row, name))}</td>" for name in names)
            + "</tr>" for row in self.rows
        )  # fmt: skip
        return (
            f"<table><caption>Measured on, or read in, {html.escape(VERSIONS)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )


def conventions() -> Conventions:
    """Names, defaults and edges across frameworks.

    Returns
    -------
    Conventions
        One row per topic, with what Ogive does and what torch, JAX, Keras, SciPy and ONNX do:
        first `SHARED`, which concerns many functions, then every function that another has.

    Examples
    --------
    >>> import ogive
    >>> ogive.conventions()["axis argument"].torch
    'dim'
    >>> ogive.conventions()["leaky_relu"].keras
    'keras.layers.LeakyReLU: slope 0.3 by default; keras.ops.leaky_relu: slope 0.2 by default; \
tf.nn.leaky_relu: slope 0.2 by default'
    """
    with_peers = (card for card in map(find, names()) if card.peers)
    return Conventions((*SHARED, *map(of_card, with_peers)))


def of_card(card: Card) -> Convention:
    """What a card says of its peers."""
    numbers = [p for p in card.parameters if p.role == "number" and p.default is not None]
    defaults = ", ".join(f"{p.name}={p.default:.4g}" for p in numbers)
    also = f"; also called {', '.join(card.aliases)}" if card.aliases else ""
    columns: dict[str, list[str]] = {}
    for peer in card.peers:
        column = next((key for key, of in FAMILIES.items() if peer.framework in of), None)
        if column:
            said = f"{peer.name}: {peer.differs}" if peer.differs else peer.name
            columns.setdefault(column, []).append(said)
    return Convention(
        topic=card.name,
        ogive=f"ogive.{card.name}" + (f"({defaults})" if defaults else "") + also,
        **{column: "; ".join(said) for column, said in columns.items()},
    )


SHARED = (
    Convention(
        topic="axis argument", ogive="axis, -1 by default", torch="dim", jax="axis", keras="axis",
        scipy="axis, None by default: over the whole array", onnx="axis",
    ),
    Convention(
        topic="default reduction of losses", ogive="mean", torch="mean",
        jax="none: optax returns one loss per row", keras="sum_over_batch_size, which is the mean",
        onnx="mean",
    ),
    Convention(
        topic="ignored label", ogive="ignore_index, None by default", torch="ignore_index, -100",
        jax="none: where= masks rows", keras="ignore_class, None by default",
        onnx="ignore_index, none by default",
    ),
    Convention(
        topic="mean when every row is ignored", ogive="0, with gradient 0",
        torch="NaN, with gradient 0",
    ),
    Convention(
        topic="label outside the classes", ogive="an error that names the row and the label",
        torch="IndexError without the row",
        jax="optax: -1 is the last class, other labels give NaN",
    ),
    Convention(
        topic="label smoothing", ogive="eps / K over all K classes", torch="eps / K over all K",
        jax="optax.smooth_labels of one-hot targets: eps / K over all K",
        keras="eps / K over all K",
    ),
    Convention(
        topic="probability 0 in binary cross-entropy",
        ogive="takes logits, so that none is cut off",
        torch="binary_cross_entropy: log is at least -100",
        keras="clipped to [1e-7, 1 - 1e-7]",
        scipy="sklearn.metrics.log_loss: clipped by the format's epsilon",
    ),
    Convention(
        topic="derivative of relu at 0", ogive="0", torch="0", jax="0", keras="its backend's",
    ),
    Convention(
        topic="derivative of leaky_relu at 0", ogive="negative_slope", torch="negative_slope",
        jax="1", keras="its backend's",
    ),
    Convention(
        topic="derivative of hard_tanh at -1 and 1", ogive="0", torch="0", jax="1",
        keras="its backend's",
    ),
    Convention(
        topic="derivative of relu6 at 0 and 6", ogive="0", torch="0", jax="0",
        keras="its backend's",
    ),
    Convention(
        topic="derivative of hard_swish at 3", ogive="1", torch="1", jax="1",
        keras="its backend's",
    ),
    Convention(
        topic="gradient of relu at NaN", ogive="NaN", torch="dy", jax="0", keras="its backend's",
    ),
    Convention(
        topic="gelu, silu and mish at -inf", ogive="-0, the limit", torch="NaN", jax="NaN",
        keras="its backend's",
    ),
    Convention(
        topic="softsign at -inf and inf", ogive="-1 and 1, the limits", torch="NaN", jax="NaN",
        keras="its backend's",
    ),
    Convention(
        topic="a row of logits that is masked out", ogive="where=: zeros",
        torch="a row of -inf: NaN", scipy="a row of -inf: NaN",
    ),
    Convention(
        topic="slope of rrelu in evaluation",
        ogive="(lower + upper) / 2; the paper has 1 / 5.5", torch="(lower + upper) / 2",
    ),
)  # fmt: skip
"""Facts that concern more than one function, or that a card has no field for."""
