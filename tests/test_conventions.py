"""The table of conventions: all that cards say of peers is in it, and what it says is so."""

from __future__ import annotations

import math
from html.parser import HTMLParser

import numpy as np
import pytest

import ogive
from ogive.catalog.conventions import FAMILIES

TABLE = ogive.conventions()


def test_every_peer_of_a_card_stands_in_its_column_with_its_difference() -> None:
    columns = {each: column for column, of in FAMILIES.items() for each in of}
    seen = 0
    for card in ogive.catalog():
        for peer in card.peers:
            said = getattr(TABLE[card.name], columns[peer.framework]).split("; ")
            whole = f"{peer.name}: {peer.differs}" if peer.differs else peer.name
            assert whole in "; ".join(said)
            seen += 1
        assert all(alias in TABLE[card.name].ogive for alias in card.aliases)
    assert seen > 150


def test_topics_are_found_by_name_and_named_once() -> None:
    topics = [row.topic for row in TABLE]
    assert len(set(topics)) == len(topics) == len(TABLE)
    assert "leaky_relu(negative_slope=0.01)" in TABLE["leaky_relu"].ogive
    with pytest.raises(KeyError, match="no such thing"):
        TABLE["no such thing"]


class Cells(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows:
            self.rows[-1][-1] += data


def test_text_and_html_show_every_cell() -> None:
    heads, *rows = Cells(ogive.conventions()._repr_html_()).rows
    assert heads == ["topic", "ogive", *FAMILIES]
    blocks = repr(TABLE).split("\n\n")
    for row, cells, block in zip(TABLE, rows, blocks, strict=False):
        assert cells == [getattr(row, head) for head in heads]
        words = " ".join(block.split())
        assert all(" ".join(cell.split()) in words for cell in cells)
    assert max(map(len, repr(TABLE).split("\n"))) <= 120


# What the shared rows say, measured.

KINKS = {
    "relu": (0,),
    "leaky_relu": (0,),
    "hard_tanh": (-1, 1),
    "relu6": (0, 6),
    "hard_swish": (3,),
}


def said(topic: str, column: str, slope: float) -> float:
    """A number of the table; the name of a parameter stands for its value."""
    text = getattr(TABLE[topic], column)
    return slope if text == "negative_slope" else float(text)


@pytest.mark.parametrize("name", KINKS)
def test_derivatives_at_kinks(name: str) -> None:
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.nn.functional, name.replace("hard_", "hard"))
    topic = next(row.topic for row in TABLE if row.topic.startswith(f"derivative of {name} at"))
    for at in KINKS[name]:
        x = torch.tensor(float(at), requires_grad=True)
        theirs(x).backward()
        assert float(x.grad) == pytest.approx(said(topic, "torch", 0.01))
        ours = getattr(ogive.derivative, name)(np.float64(at))
        assert float(ours) == said(topic, "ogive", 0.01)


def test_limits_and_nan() -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    assert TABLE["gelu, silu and mish at -inf"].torch == "NaN"
    for name in ("gelu", "silu", "mish"):
        ours = float(getattr(ogive, name)(np.float32(-np.inf)))
        assert ours == 0
        assert math.copysign(1, ours) == -1
        assert math.isnan(getattr(functional, name)(torch.tensor([-math.inf] * 32))[0])
    assert TABLE["softsign at -inf and inf"].torch == "NaN"
    assert ogive.softsign(np.array([-np.inf, np.inf])).tolist() == [-1, 1]
    assert functional.softsign(torch.tensor([-math.inf, math.inf])).isnan().all()
    assert TABLE["gradient of relu at NaN"].torch == "dy"
    x = torch.tensor(math.nan, requires_grad=True)
    functional.relu(x).backward(torch.tensor(3.0))
    assert float(x.grad) == 3
    assert math.isnan(ogive.backward.relu(3.0, np.nan))


def test_losses() -> None:
    torch = pytest.importorskip("torch")
    loss = torch.nn.functional.cross_entropy
    z = torch.zeros(2, 3, requires_grad=True)
    assert TABLE["ignored label"].torch == "ignore_index, -100"
    mean = loss(z, torch.tensor([-100, -100]))
    mean.backward()
    assert mean.isnan()
    assert (z.grad == 0).all()
    assert TABLE["mean when every row is ignored"].torch == "NaN, with gradient 0"
    ours, dz = ogive.value_and_grad.cross_entropy(np.zeros((2, 3)), [7, 7], ignore_index=7)
    assert ours == 0
    assert (dz == 0).all()
    with pytest.raises(IndexError, match="Target 3 is out of bounds"):
        loss(z, torch.tensor([0, 3]))
    with pytest.raises(IndexError, match=r"target\[1\] = 3"):
        ogive.cross_entropy(np.zeros((2, 3)), [0, 3])
    sure = np.array([[4.0, 0, 0]])
    smooth = float(loss(torch.from_numpy(sure), torch.tensor([0]), label_smoothing=0.3))
    log_p = sure - np.log(np.exp(sure).sum())
    assert smooth == pytest.approx(-(0.7 * log_p[0, 0] + 0.3 * log_p.mean()))
    assert float(ogive.cross_entropy(sure, [0], label_smoothing=0.3)) == pytest.approx(smooth)
    certain = torch.nn.functional.binary_cross_entropy(torch.tensor(0.0), torch.tensor(1.0))
    assert float(certain) == 100


def test_masked_rows_and_default_axes() -> None:
    special = pytest.importorskip("scipy.special")
    torch = pytest.importorskip("torch")
    empty = np.full((1, 3), -np.inf)
    with np.errstate(invalid="ignore"):
        assert np.isnan(special.softmax(empty)).all()
    assert torch.nn.functional.softmax(torch.from_numpy(empty), 1).isnan().all()
    assert (ogive.softmax(np.zeros((1, 3)), where=np.zeros((1, 3), bool)) == 0).all()
    assert special.softmax(np.zeros((2, 2))).sum() == pytest.approx(1)
    assert ogive.softmax(np.zeros((2, 2))).sum() == pytest.approx(2)


def test_the_slope_of_rrelu_in_evaluation() -> None:
    torch = pytest.importorskip("torch")
    slope = (1 / 8 + 1 / 3) / 2
    assert float(ogive.rrelu(-1.0)) == pytest.approx(-slope)
    assert float(torch.nn.functional.rrelu(torch.tensor(-1.0))) == pytest.approx(-slope)
