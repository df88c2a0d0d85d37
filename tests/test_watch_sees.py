"""Every style of activation, layer and loop is seen, and measured as plain computation does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import ogive  # noqa: E402
import ogive.torch as ot  # noqa: E402
from ogive.watch.monitor import due  # noqa: E402
from watch_models import (  # noqa: E402
    Convolutional,
    Functional,
    Recurrent,
    Transformer,
    classes,
    token_loss,
    tokens,
    train,
    watched,
)

nn, F = torch.nn, torch.nn.functional


def seen(report: Any) -> list[tuple[Any, ...]]:
    """Layer, call, activation, its style, units; the head marked."""
    assert not report.notes, report.notes
    return [
        (e.layer, e.call, e.activation, e.style, e.units) + (("head",) if e.head else ())
        for e in report.layers
    ]


def test_functions_methods_in_place_and_a_module_used_twice_are_seen() -> None:
    assert seen(watched(Functional(), classes(8), steps=4)) == [
        ("a", 0, "relu", "function", 16),
        ("b", 0, "tanh", "function", 16),
        ("c", 0, "relu", "in-place", 16),
        ("d", 0, "relu", "module", 16),
        ("d", 1, "relu", "module", 16),
        ("e", 0, "", "", 3, "head"),
    ]


def test_convolutions_are_seen_by_channel_and_tokens_by_feature() -> None:
    assert seen(watched(Convolutional(), classes(1, 8, 8), steps=4)) == [
        ("c1", 0, "relu", "in-place", 6),
        ("c2", 0, "silu", "function", 12),
        ("fc", 0, "", "", 3, "head"),
    ]
    report = watched(Transformer(), tokens, token_loss, steps=4)
    found = {(layer, name): units for layer, _, name, _, units, *_ in seen(report)}
    assert found["blocks.0.gate", "silu"] == 64
    assert found["layer.linear1", "relu"] == 32
    # The softmax of attention is no head: nothing is said of it.
    assert not report.findings or all("head" not in f.fault for f in report.findings)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (nn.LeakyReLU(0.3), "leaky_relu"), (nn.ReLU6(), "relu6"), (nn.Hardtanh(), "hard_tanh"),
        (nn.GELU("tanh"), "gelu_tanh"), (nn.PReLU(16), "prelu"), (nn.Threshold(0.0, 0.0), "relu"),
        (nn.Softplus(), "softplus"), (nn.Hardsigmoid(), "hard_sigmoid"), (nn.GLU(), "glu"),
        (ot.nn.GELU(), "gelu"), (ot.nn.Mish(), "mish"), (ot.nn.ReLU(inplace=True), "relu"),
    ],
)  # fmt: skip
def test_each_activation_is_known_by_its_name(module: Any, name: str) -> None:
    out = 8 if name == "glu" else 16
    model = nn.Sequential(nn.Linear(8, 16), module, nn.Linear(out, 3))
    report = watched(model, classes(8), steps=3)
    assert seen(report)[0][2] == name
    assert report.layers[0].units == out


def test_functions_of_ogive_and_swapped_models_are_seen() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Linear(8, 16), nn.Linear(8, 16), nn.Linear(16, 3)

        def forward(self, x: Any) -> Any:
            return self.c(ot.swiglu(self.a(x), self.b(x)))

    report = watched(Own(), classes(8), ot.cross_entropy, steps=6)
    assert ("b", 0, "swiglu", "function", 16) in seen(report)
    assert report.models[0].loss == "cross_entropy"
    assert report.progress[-1].skill is not None
    swapped = nn.Sequential(nn.Linear(8, 16), nn.SiLU(), nn.Linear(16, 3))
    ot.swap(swapped)
    assert seen(watched(swapped, classes(8), steps=3))[0][2] == "silu"


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_gates_are_those_that_the_layer_computes(kind: Any) -> None:
    torch.manual_seed(1)
    model = Recurrent(kind)
    with torch.no_grad():  # open gates so far that all of them are flat
        for name, weight in model.rnn.named_parameters():
            if "bias_ih_l1" in name:
                weight.fill_(9.0)
    report = watched(model, classes(6, 8), steps=12, rate=1e-6)
    gates = [layer for layer in report.layers if "gate" in layer.kind]
    assert len(gates) == {nn.LSTM: 16, nn.GRU: 12, nn.RNN: 4}[kind]
    for gate in gates:
        assert gate.stats[-1].saturated == (1.0 if "l1" in gate.kind else 0.0), gate.kind


def test_recurrent_gates_replay_the_layer_itself() -> None:
    from ogive.watch.recurrent import gates

    torch.manual_seed(0)
    layer = nn.LSTM(5, 7, 2, batch_first=True)
    x = torch.randn(4, 6, 5)
    zero = torch.zeros(2, 4, 7)
    arguments = (x, (zero, zero), layer._flat_weights, True, 2, 0.0, True, False, True)
    found = {name: act.call(z).reshape(6, 4, 7) for name, act, z in gates("lstm", arguments)}
    cell = torch.zeros(4, 7)
    for step in range(6):
        part = {name: found[f"{name} l1"][step] for name in ("input", "forget", "cell", "output")}
        cell = part["forget"] * cell + part["input"] * part["cell"]
        hidden = part["output"] * torch.tanh(cell)
        expected = layer(x)[0][:, step]
        torch.testing.assert_close(hidden, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_checkpoint_counts_once_and_its_gradients_are_seen(reentrant: bool) -> None:
    plain, check = [], []
    for found, model in ((plain, Transformer()), (check, Transformer(reentrant))):
        torch.manual_seed(3)
        model.eval()  # without dropout, both draw the same batches
        for p in model.parameters():
            nn.init.normal_(p, 0, 0.1)
        report = watched(model, tokens, token_loss, steps=6)
        found += [
            (e.layer, e.call, e.stats[-1].samples, e.stats[-1].gradient) for e in report.layers
        ]
    assert [e[:3] for e in plain] == [e[:3] for e in check]
    np.testing.assert_allclose([e[3] for e in plain], [e[3] for e in check], rtol=1e-4)


def test_statistics_are_those_of_a_plain_computation() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 3))
    with torch.no_grad():
        model[0].bias[:3] = -50.0  # off for every sample
    x, y = torch.randn(256, 8), torch.randint(3, (256,))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with ogive.watch.Monitor(model, every=1) as monitor:
        z = model[0](x).detach()
        before = [p.detach().clone() for p in model.parameters()]
        out = model(x)
        loss = F.cross_entropy(out, y)
        loss.backward()
        optimizer.step()
    stats = monitor.report().layers[0].stats[-1]
    assert stats.samples == 256
    assert stats.dead == 3 / 12
    assert stats.mean_square == pytest.approx(float((z**2).mean()), rel=1e-5)
    assert stats.rms == pytest.approx(float((z.clamp(min=0) ** 2).mean().sqrt()), rel=1e-5)
    assert stats.mean == pytest.approx(float(z.clamp(min=0).mean()), rel=1e-5)
    assert stats.largest == pytest.approx(float(z.abs().max()), rel=1e-6)
    probabilities = out.detach().softmax(1)
    probabilities[torch.arange(256), y] -= 1
    dz = (probabilities / 256) @ before[2] * (z > 0)
    assert stats.gradient == pytest.approx(float(dz.norm()), rel=1e-4)
    after = model[0].weight.detach()
    change = float((after - before[0]).norm() / before[0].norm())
    assert stats.update_ratio == pytest.approx(change, rel=1e-4)
    assert stats.weight_variance == pytest.approx(8 * float((after**2).mean()), rel=1e-4)


def test_predicted_sizes_meet_measured_ones_in_a_wide_network() -> None:
    torch.manual_seed(0)
    layers: list[Any] = [nn.Linear(64, 512)]
    for _ in range(5):
        layers += [nn.Tanh(), nn.Linear(512, 512)]
    model = nn.Sequential(*layers, nn.Tanh(), nn.Linear(512, 10))
    report = watched(model, classes(64, count=10, batch=256), steps=1, rate=0.0)
    inner = report.layers[1:-1]
    for layer in inner:
        stats = layer.stats[-1]
        assert stats.predicted_mean_square == pytest.approx(stats.mean_square, rel=0.15)
    chi = math.prod(layer.stats[-1].predicted_chi for layer in report.layers[1:])
    measured = report.layers[0].stats[-1].gradient / report.layers[-1].stats[-1].gradient
    assert math.log10(measured) == pytest.approx(math.log10(chi) / 2, abs=0.1)


def test_accumulation_autocast_a_scaler_and_lbfgs() -> None:
    scaler = torch.amp.GradScaler("cpu")
    report = watched(Functional(), classes(8), steps=12, accumulate=3,
                     autocast=torch.bfloat16, scaler=scaler)  # fmt: skip
    assert report.models[0].steps == 12
    assert report.models[0].precision == "bfloat16"
    assert report.layers[0].stats[-1].samples == 32 * report.models[0].observed
    model = Functional()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=2)
    x, y = classes(8)()

    def closure() -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    with ogive.watch.Monitor(model) as monitor:
        for _ in range(6):
            optimizer.step(closure)
    record = monitor.report().models[0]
    assert (record.steps, record.optimizer) == (6, "LBFGS")
    assert record.observed >= 5


def test_a_loop_without_an_optimizer_is_followed_by_its_weights() -> None:
    model = Functional()
    with ogive.watch.Monitor(model) as monitor:
        for _ in range(8):
            x, y = classes(8)()
            model.zero_grad()
            F.cross_entropy(model(x), y).backward()
            for p in model.parameters():
                p.data -= 0.1 * p.grad
    record = monitor.report().models[0]
    assert record.steps == 7  # the eighth ends with the next call
    assert len(monitor.report().layers) == 6


def test_parts_of_a_model_that_are_called_one_by_one_are_seen() -> None:
    model = Functional()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with ogive.watch.Monitor(model) as monitor:
        for _ in range(5):
            x, y = classes(8)()
            optimizer.zero_grad()
            F.cross_entropy(model.e(torch.tanh(model.b(F.relu(model.a(x))))), y).backward()
            optimizer.step()
    found = {(e.layer, e.activation): e.head for e in monitor.report().layers}
    assert found == {("a", "relu"): False, ("b", "tanh"): False, ("e", ""): True}


def test_two_networks_that_train_against_each_other() -> None:
    torch.manual_seed(0)
    g = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2), nn.Tanh())
    d = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1), nn.Sigmoid())
    og, od = (torch.optim.Adam(m.parameters(), 1e-3) for m in (g, d))
    with ogive.watch.Monitor({"generator": g, "discriminator": d}) as monitor:
        for _ in range(60):
            real, fake = torch.rand(32, 2), g(torch.randn(32, 4))
            od.zero_grad()
            loss = F.binary_cross_entropy(d(real), torch.ones(32, 1))
            (loss + F.binary_cross_entropy(d(fake.detach()), torch.zeros(32, 1))).backward()
            od.step()
            og.zero_grad()
            F.binary_cross_entropy(d(fake), torch.ones(32, 1)).backward()
            og.step()
    report = monitor.report()
    assert [(m.name, m.steps) for m in report.models] == [("generator", 60), ("discriminator", 60)]
    assert {(e.model, e.layer, e.activation, e.head) for e in report.layers} == {
        ("generator", "0", "relu", False), ("generator", "2", "tanh", True),
        ("discriminator", "0", "leaky_relu", False), ("discriminator", "2", "sigmoid", True),
    }  # fmt: skip
    assert not report.errors


def test_an_activation_that_is_written_out_is_not_judged_by_its_gate() -> None:
    class ByHand(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(8, 16), nn.Linear(16, 3)

        def forward(self, x: Any) -> Any:
            z = 40 * self.a(x)  # far into the flat parts of the gate, which is no harm
            return self.b(z * torch.sigmoid(z) / 40)

    report = watched(ByHand(), classes(8), steps=60)
    assert all(f.fault != "saturated_unit" for f in report.findings)


def test_what_is_never_called_and_what_never_steps_are_said() -> None:
    model = Functional()
    with ogive.watch.Monitor(model) as monitor:
        pass
    report = monitor.report()
    assert "never called inside the monitor" in report.unseen[0].why
    assert report.sentence.startswith("Nothing was seen")
    with ogive.watch.Monitor(model) as monitor:
        model(torch.randn(4, 8))
    assert "no optimizer step" in monitor.report().unseen[0].why
    hidden = torch.jit.trace(Functional().eval(), torch.randn(2, 8))
    assert hidden is not None


def test_steps_are_looked_at_often_first_and_then_rarely() -> None:
    looked = [step for step in range(3000) if due(step, None)]
    assert looked[:12] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15]
    assert np.diff(looked)[-1] == 50
    assert len(looked) < 3000 * 0.035
    assert [step for step in range(10) if due(step, 4)] == [0, 4, 8]


def test_validation_between_steps_is_not_taken_for_training() -> None:
    model = Functional()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with ogive.watch.Monitor(model, every=1) as monitor:
        for _ in range(6):
            train(model, classes(8), steps=1, optimizer=optimizer)
            model.eval()
            model(1000 * torch.randn(64, 8))  # with its graph, as when no_grad is forgotten
            with torch.no_grad():
                model(1000 * torch.randn(64, 8))
            model.train()
    stats = monitor.report().layers[0].stats[-1]
    assert stats.samples == 6 * 32
    assert stats.largest < 100
