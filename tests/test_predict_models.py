"""PyTorch models are predicted from their weights, checked over widths, initialised by gains."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import ogive.torch  # noqa: E402
from ogive.predict import PredictError, build_model, coordinates, model  # noqa: E402

nn, F = torch.nn, torch.nn.functional


class Block(nn.Module):
    """A residual block in functional and in-place style."""

    def __init__(self, width):
        super().__init__()
        self.norm, self.drop = nn.LayerNorm(width), nn.Dropout(0.3)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x):
        y = F.gelu(self.up(self.norm(x)))
        y = self.drop(self.down(y))
        y += x
        return y * 0.5


def close(found, rel):
    for line in found.lines:
        if line.predicted is not None:
            assert line.predicted == pytest.approx(line.measured, rel=rel), line
            if line.measured_gradient:
                ratio = line.predicted_gradient / line.measured_gradient
                assert ratio == pytest.approx(1, rel=2 * rel), line
    assert found.parts_at is None
    assert found.gradient_parts_at is None


def test_every_kind_of_layer_is_predicted_from_its_weights():
    torch.manual_seed(0)
    plain = nn.Sequential(
        nn.Linear(256, 512), nn.ReLU(), Block(512), Block(512), nn.Linear(512, 512), nn.GLU(),
        nn.Linear(256, 256), ogive.torch.nn.GELU(), nn.RMSNorm(256), nn.Linear(256, 256),
        nn.BatchNorm1d(256), nn.PReLU(), nn.Linear(256, 256), nn.LeakyReLU(0.3),
        nn.Linear(256, 64),
    )  # fmt: skip
    found = model(plain, torch.randn(128, 256))
    close(found, 0.2)
    assert all(not line.restarted for line in found.lines), found
    assert [line.path for line in found.lines][:4] == ["", "0", "1", "2"]
    plain.eval()  # without dropout, and by running statistics
    close(model(plain, torch.randn(128, 256)), 0.35)


def test_convolutions_know_their_padding_and_pooling_starts_again():
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(3, 48, 3, padding=1, stride=2), nn.SiLU(), nn.Conv2d(48, 48, 3, padding=1),
        nn.GroupNorm(4, 48), nn.Mish(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(48, 5),
    )  # fmt: skip
    small = nn.Sequential(nn.Conv2d(8, 64, 5, padding=2), nn.Identity())
    line = model(small, torch.randn(64, 8, 5, 5)).lines[1]
    assert line.predicted == pytest.approx(line.measured, rel=0.06)  # 64 % of it meets no padding
    found = model(net, torch.randn(16, 3, 12, 12))
    by = {line.path: line for line in found.lines}
    assert by["5"].restarted == "adaptive_avg_pool2d"
    assert by["5"].predicted == by["5"].measured
    for path in "0134":
        assert by[path].predicted == pytest.approx(by[path].measured, rel=0.2)


def test_it_says_where_a_model_parts_from_its_prediction():
    torch.manual_seed(2)
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.Tanh())
    with torch.no_grad():
        # All rows alike: outputs of one input add up instead of averaging out.
        net[2].weight[:] = torch.randn(64, 1) * torch.sign(net[0].weight.mean(0)) * 0.1
    x = torch.sign(net[0].weight.mean(0)).expand(32, 64).clone()
    found = model(net, 3 * x)
    apart = [
        line.path for line in found.lines[1:]
        if not 0.5 < line.predicted / line.measured < 2
    ]  # fmt: skip
    assert found.parts_at == apart[0]
    assert f"part from the prediction at {found.parts_at}" in found.sentence
    assert found.sentence in repr(found)
    assert "<- parts here" in repr(found)
    assert "parts here" in found._repr_html_()


def test_a_prediction_changes_nothing():
    torch.manual_seed(3)
    net = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 1))
    before = copy.deepcopy(net.state_dict())
    x = torch.randn(16, 8)
    state = torch.get_rng_state()
    model(net, x)
    model(net, (x,))
    model(net, {"input": x})
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert all(p.grad is None and not p._backward_hooks for p in net.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


def test_compiled_frozen_and_swapped_models_are_seen():
    torch.manual_seed(7)
    net = nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64), nn.SiLU())
    x = torch.randn(64, 64)
    eager = model(net, x)
    compiled = model(torch.compile(net, backend="eager"), x)
    assert [line.predicted for line in compiled.lines] == [line.predicted for line in eager.lines]
    nested = nn.Sequential(torch.compile(net, backend="eager"), nn.Linear(64, 3))
    assert model(nested, x).lines[-2].predicted == eager.lines[-1].predicted
    with torch.no_grad():
        ogive.torch.swap(net)
        swapped = model(net, x)
    assert not any(line.restarted for line in swapped.lines)
    assert [line.predicted for line in swapped.lines] == pytest.approx(
        [line.predicted for line in eager.lines]
    )
    frozen = model(net.requires_grad_(False), x)
    assert all(line.measured_gradient is None for line in frozen.lines)
    assert "radient" not in frozen.sentence


@pytest.mark.parametrize(
    ("module", "x", "message"),
    [
        (nn.ReLU(), torch.zeros(2), "ReLU has no parameters"),
        ("net", torch.zeros(2), "a torch.nn.Module is predicted, not a str"),
        (nn.LazyLinear(3), torch.zeros(2, 2), "lazy layers have no weights yet"),
        (nn.Linear(2, 2), [1.0], "x must be a tensor"),
    ],
)  # fmt: skip
def test_what_cannot_be_predicted_is_said(module, x, message):
    with pytest.raises(PredictError, match=message):
        model(module, x)


def test_blocks_of_transformers_are_predicted():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(4)
    config = transformers.GPT2Config(
        n_layer=1, n_embd=64, n_head=4, vocab_size=99, n_positions=32, bos_token_id=0,
        eos_token_id=0,
    )  # fmt: skip
    found = model(transformers.GPT2LMHeadModel(config), torch.randint(99, (4, 32)))
    known = [line for line in found.lines if line.predicted is not None]
    assert len(known) >= 15
    assert found.parts_at is None
    # At random weights: the residual stream and both branches.
    for line in known:
        assert line.predicted == pytest.approx(line.measured, rel=0.25), line


def test_a_coordinate_check_fits_the_powers_of_the_width():
    def make(width):
        net = nn.Sequential(nn.Linear(8, width, bias=False), nn.Linear(width, 4, bias=False))
        with torch.no_grad():
            net[0].weight.normal_(0, width**0.5)
            net[1].weight.normal_(0, 1 / width)
        return net

    x = torch.randn(32, 8)
    widths = (32, 128, 512)
    found = coordinates(make, widths, x=x, steps=1, seeds=4)
    assert found.widths == widths
    assert [row.layer for row in found.rows] == ["0", "1"]
    first, last = found.rows
    assert first.size_exponent == pytest.approx(0.5, abs=0.08)
    assert last.size_exponent == pytest.approx(0.0, abs=0.2)
    assert first.update_exponent == pytest.approx(0.0, abs=0.1)  # Adam moves each weight alike
    assert "exponent" in repr(found)
    # The input may come with the model; optimiser and loss may be the user's.
    still = coordinates(
        lambda width: (make(width), x), widths, seeds=1, steps=2,
        optimizer=lambda p: torch.optim.SGD(p, lr=0.0), loss=lambda y: y.sum(),
    )  # fmt: skip
    assert all(row.updates == (0.0, 0.0, 0.0) for row in still.rows)
    assert all(math.isnan(row.update_exponent) for row in still.rows)
    for wrong in (
        lambda: coordinates(make, [8], x=x),
        lambda: coordinates(make, widths),
        lambda: coordinates(make, widths, x=x, steps=0),
    ):
        with pytest.raises(PredictError):
            wrong()


def test_a_model_is_built_from_a_file_or_the_reason_is_one_line(tmp_path: Path):
    file = tmp_path / "m.py"
    file.write_text("import torch\nbuild = lambda: torch.nn.Linear(3, 2)\nsize = 3\n")
    module, x = build_model(f"{file}:build", [4, 3])
    assert isinstance(module, nn.Linear)
    assert x.shape == (4, 3)
    assert torch.equal(x, build_model(f"{file}:build", [4, 3])[1])
    with pytest.raises(PredictError, match="no function size"):
        build_model(f"{file}:size", [1])
    file.write_text("1/0")
    with pytest.raises(PredictError, match="ZeroDivisionError"):
        build_model(f"{file}:build", [1])


def test_init_sets_the_gain_of_each_layers_activation_and_reports_it():
    net = nn.Sequential(
        nn.Conv2d(8, 64, 3), nn.BatchNorm2d(64), nn.GELU(), nn.Flatten(), nn.Linear(900, 700),
        nn.LeakyReLU(0.3), nn.Dropout(), nn.Linear(700, 600), nn.GLU(), nn.Linear(300, 300),
    )  # fmt: skip
    net[7].weight.requires_grad_(False)
    frozen = net[7].weight.clone()
    draw = torch.Generator().manual_seed(5)
    report = ogive.torch.init_(net, generator=draw)
    wanted = {
        "0": ("gelu", ogive.gain("gelu"), 72),
        "4": ("leaky_relu", ogive.gain("leaky_relu", negative_slope=0.3), 900),
        "9": ("", 1.0, 300),
    }
    assert {each.path for each in report.layers} == set(wanted)
    for each in report.layers:
        name, gain, fan_in = wanted[each.path]
        layer = net.get_submodule(each.path)
        assert each.activation == name
        assert each.gain == pytest.approx(gain, rel=1e-7)
        assert each.std == pytest.approx(gain / math.sqrt(fan_in), rel=1e-7)
        assert float(layer.weight.detach().std()) == pytest.approx(each.std, rel=0.03)
        assert float(layer.bias.detach().abs().max()) == 0
    assert report.kept == (("7", "its weights are frozen"),)
    assert torch.equal(net[7].weight, frozen)
    assert "3 layers set" in str(report)
    again = [ogive.torch.init_(net, generator=torch.Generator().manual_seed(5)) for _ in range(2)]
    assert again[0] == again[1] == report


def test_init_before_holds_the_mean_square_of_any_activation():
    torch.manual_seed(6)
    for activation in (nn.GELU, nn.Tanh, nn.Sigmoid, nn.SELU):
        layers = [part for _ in range(8) for part in (nn.Linear(512, 512), activation())]
        net = nn.Sequential(*layers, nn.Linear(512, 512))
        ogive.torch.init_(net, match="before")
        with torch.no_grad():
            square = float((net(torch.randn(16, 512)) ** 2).mean())
        assert square == pytest.approx(1, rel=0.35), activation
    functional = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64))
    report = ogive.torch.init_(functional, activation="silu")
    assert [each.activation for each in report.layers] == ["silu", "silu"]
    for wrong, error in (
        (lambda: ogive.torch.init_(nn.ReLU()), ValueError),
        (lambda: ogive.torch.init_("net"), TypeError),
        (lambda: ogive.torch.init_(functional, match="between"), ValueError),
        (lambda: ogive.torch.init_(functional, activation="sillu"), ValueError),
    ):
        with pytest.raises(error):
            wrong()
