"""Where gradients keep their size: the edge of chaos, advice, residual branches, attention."""

import math

import numpy as np
import pytest

import ogive
from ogive.predict import (
    PredictError,
    advise,
    attention_logits,
    edge_curve,
    edge_of_chaos,
    moments,
    network,
    residual,
    residual_table,
)


@pytest.mark.parametrize(
    ("name", "bias_std", "weight_std"),
    [
        ("relu", 0.0, 1.4142), ("tanh", 0.0, 1.0), ("softsign", 0.0, 1.0), ("erf", 0.0, 0.8862),
        ("hard_tanh", 0.0, 1.0), ("tanh", 0.05, 1.1225), ("tanh", 0.1, 1.1934),
        ("tanh", 0.3, 1.3956), ("tanh", 1.0, 1.8556), ("elu", 0.05, 1.132), ("elu", 0.1, 1.176),
        ("elu", 0.3, 1.263),
    ],
)  # fmt: skip
def test_the_edge_of_chaos_is_the_published_one(name, bias_std, weight_std):
    found = edge_of_chaos(name, bias_std=bias_std)
    digits = 3 if name == "elu" else 4
    assert round(found.weight_std, digits) == weight_std
    assert float(found) == found.weight_std
    assert f"{found.weight_std:.4f}" in found.reason
    if found.mean_square:
        here = moments(name, found.mean_square)
        assert found.weight_std**2 * here.slope_square == pytest.approx(1, rel=1e-9)
        after = found.weight_std**2 * here.square + bias_std**2
        assert after == pytest.approx(found.mean_square, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "bias_std", "why"),
    [
        ("sigmoid", 0.0, "nearly every unit is saturated"),
        ("softplus", 0.0, "no weights make chi = 1"),
        ("gelu", 0.0, "a fixed point that signals leave"),
        ("relu", 0.1, "no weights make chi = 1"),
    ],
)  # fmt: skip
def test_where_there_is_no_edge_the_reason_is_given(name, bias_std, why):
    found = edge_of_chaos(name, bias_std)
    assert found.weight_std is None
    assert found.mean_square is None
    assert math.isnan(float(found))
    assert why in found.reason


def test_gelu_is_half_stable_where_it_was_published():
    """sw2 = 1.98306 and sb2 = 0.17292 at K = 3.562: a smaller K leaves its fixed point."""
    by_k = {p.mean_square: p for p in edge_curve("gelu") if p.mean_square}
    assert all(p.stable == (k > 3.562) for k, p in by_k.items())
    near = min(by_k, key=lambda k: abs(k - 3.562))
    assert by_k[near].weight_std ** 2 == pytest.approx(1.98306, abs=0.01)


def test_the_edge_takes_parameters_and_python_functions():
    assert edge_of_chaos("leaky_relu", negative_slope=0.5).weight_std == pytest.approx(
        math.sqrt(2 / 1.25)
    )
    found = edge_of_chaos(np.tanh, 0.1, derivative=lambda x: 1 - np.tanh(x) ** 2, breaks=[1.0])
    assert found.weight_std == pytest.approx(edge_of_chaos("tanh", 0.1).weight_std, rel=1e-9)
    assert edge_curve(np.tanh, derivative=lambda x: 1 - np.tanh(x) ** 2, breaks=[1.0])[
        40
    ].weight_std == pytest.approx(edge_curve("tanh")[40].weight_std)
    assert len(edge_curve("leaky_relu", negative_slope=0.5)) == 1
    with pytest.raises(PredictError, match="bias_std"):
        edge_of_chaos("tanh", bias_std=math.nan)


def test_advice_is_an_initialisation_that_keeps_gradients_and_its_line_sets_it():
    torch = pytest.importorskip("torch")
    for name in ("relu", "gelu", "tanh", "elu"):
        found = advise(name, depth=50)
        assert found.trains
        again = network(name, 50, init=found.weight_std**2, bias_std=found.bias_std, width=512)
        assert found.network.chi == pytest.approx(again.chi, rel=1e-9)
        assert found.network.spread == pytest.approx(again.spread, rel=1e-6)
        assert abs(found.network.log10_gradient_ratio) < 1.1
        torch.manual_seed(0)
        layer = torch.nn.Linear(400, 400)
        exec(found.line, {"torch": torch, "layer": layer})
        assert float(layer.weight.detach().std()) * 20 == pytest.approx(found.weight_std, rel=0.02)
        assert float(layer.bias.detach().std()) == pytest.approx(found.bias_std, rel=0.15)
        assert found.why in str(found)
    assert advise("relu", 50).init == "he"
    assert advise("leaky_relu", 50, negative_slope=0.3).weight_std == pytest.approx(
        math.sqrt(2 / 1.09), rel=1e-6
    )
    hopeless = advise("sigmoid", depth=50)
    assert not hopeless.trains
    assert "No initialisation carries" in hopeless.why
    narrow = advise("gelu", depth=20, width=4)
    assert narrow.network.width == 4
    assert narrow.init != advise("gelu", depth=20).init
    python = advise(np.tanh, 10, derivative=lambda x: 1 - np.tanh(x) ** 2, breaks=[1.0])
    assert python.weight_std == pytest.approx(advise("tanh", 10).weight_std)
    with pytest.raises(PredictError, match="depth"):
        advise("relu", 0)


def real_blocks(name, depth, norm, scale, width, seed):
    """Mean square at the end and log10 of the gradients' ratio of a real stack, by torch."""
    torch = pytest.importorskip("torch")
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    f = getattr(torch.nn.functional, name)
    x = first = normal(4, width).requires_grad_()
    for _ in range(depth):
        weight = normal(width, width) * math.sqrt(2 / width)
        seen = torch.nn.functional.layer_norm(x, (width,)) if norm == "pre" else x
        x = x + scale * f(seen) @ weight
        x = torch.nn.functional.layer_norm(x, (width,)) if norm == "post" else x
    dy = normal(4, width)
    (grad,) = torch.autograd.grad(x, first, dy)
    return float((x.detach() ** 2).mean()), math.log10(float(grad.norm() / dy.norm()))


@pytest.mark.parametrize("norm", ["none", "pre", "post"])
@pytest.mark.parametrize("scale", ["1", "1/sqrt(L)"])
def test_residual_blocks_do_what_was_predicted(norm, scale):
    found = residual("gelu", 8, norm=norm, branch_scale=scale)
    factor = {"1": 1.0, "1/sqrt(L)": 8**-0.5}[scale]
    runs = [real_blocks("gelu", 8, norm, factor, 192, seed) for seed in range(5)]
    assert np.mean([k for k, _ in runs]) == pytest.approx(found.mean_square[-1], rel=0.15)
    assert np.mean([g for _, g in runs]) == pytest.approx(found.log10_gradient_ratio, abs=0.1)


def test_the_scales_of_branches_are_a_table_to_choose_from():
    table = residual_table("leaky_relu", 32, init="glorot", negative_slope=0.3)
    assert {(r.norm, r.branch_scale) for r in table} == {
        (norm, scale) for norm in ("none", "pre", "post")
        for scale in ("1", "1/sqrt(2L)", "1/sqrt(L)", "1/L")
    }  # fmt: skip
    by = {(r.norm, r.branch_scale): r for r in table}
    chi = 1.09 / 2
    assert by["none", "1"].mean_square[-1] == pytest.approx((1 + chi) ** 32)
    assert by["none", "1/sqrt(2L)"].gradient[0] == pytest.approx((1 + chi / 64) ** 32)
    assert by["pre", "1"].mean_square[-1] == pytest.approx(1 + 32 * chi)
    assert by["post", "1/L"].factor == (1.0,) * 32  # f is homogeneous: chi is E f^2
    one = residual(np.sin, 3, derivative=np.cos, breaks=[1.0], branch_scale=0.5, bias_std=0.2)
    assert one.branch_scale == "0.5"
    square = 0.25 * (1 - math.exp(-2) + 0.04)
    assert one.mean_square[1] == pytest.approx(1 + square)
    for wrong in ({"norm": "before"}, {"branch_scale": "1/2L"}, {"branch_scale": 0}, {"depth": 0}):
        name = next(iter(wrong))
        with pytest.raises(PredictError, match=name):
            residual("gelu", **({"depth": 4} | wrong))


def test_attention_logits_have_the_predicted_size_and_maximum():
    draw = np.random.default_rng(0)
    for dim, tokens in ((16, 64), (64, 128)):
        found = attention_logits(dim, tokens, query_variance=0.5, key_variance=2.0, mean_square=1.5)
        assert found.std == pytest.approx(1.5)
        largest, sizes = [], []
        for _ in range(30):
            q, k = draw.standard_normal((2, tokens, dim)) * math.sqrt(1.5)
            logits = q @ k.T / math.sqrt(dim)
            largest.append(logits.max())
            sizes.append((logits**2).mean())
        assert math.sqrt(np.mean(sizes)) == pytest.approx(found.std, rel=0.03)
        assert np.mean(largest) == pytest.approx(found.maximum, rel=0.05)
    normal = attention_logits(100_000, 1000).maximum
    assert normal == pytest.approx(4.8637, abs=2e-3)  # of a million normal variables
    for wrong in ({"head_dim": 0}, {"tokens": 0}, {"query_variance": 0}, {"mean_square": -1}):
        with pytest.raises(PredictError, match=next(iter(wrong))):
            attention_logits(**({"head_dim": 8, "tokens": 8} | wrong))
    assert ogive.predict.attention_logits is attention_logits
