"""Each fault is found, named, explained and cured; sound trainings raise no error."""

from __future__ import annotations

import math
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits  # noqa: E402

import ogive  # noqa: E402
import ogive.torch  # noqa: E402
from ogive.watch import FAULTS, WatchError, cures  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_torch_thread")

nn, F = torch.nn, torch.nn.functional


def table(load: Any) -> tuple[Any, Any]:
    x, y = load(return_X_y=True)
    x = torch.tensor(x, dtype=torch.float32)
    return (x - x.mean(0)) / (x.std(0) + 1e-6), torch.tensor(y)


X, Y = table(load_digits)
CANCER, ILL = table(load_breast_cancer)
DIABETES, SUGAR = table(load_diabetes)
SUGAR = ((SUGAR - SUGAR.mean()) / SUGAR.std()).float()


def mlp(act: Any, depth: int = 3, width: int = 64, first: int = 64, out: int = 10) -> Any:
    sizes = [first, *[width] * depth]
    layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), act())]
    return nn.Sequential(*layers, nn.Linear(width, out))


def gained(model: Any, gain: float) -> Any:
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, gain / math.sqrt(module.in_features))
            nn.init.zeros_(module.bias)
    return model


def fit(
    model: Any, optimizer: Any, loss: Any = F.cross_entropy, data: Any = (X, Y), *,
    steps: int = 300, batch: int = 64, watch: bool = True, **options: Any,
) -> tuple[Any, float]:  # fmt: skip
    """The report, and the loss on all rows."""
    x, y = data
    draw = torch.Generator().manual_seed(0)
    monitor = ogive.watch.Monitor(model, **options) if watch else None
    if monitor:
        monitor.attach()
    for _ in range(steps):
        rows = torch.randint(len(x), (batch,), generator=draw)
        optimizer.zero_grad()
        loss(model(x[rows]), y[rows]).backward()
        optimizer.step()
    if monitor:
        monitor.detach()
    report = monitor.report() if monitor else None
    assert report is None or not report.notes, report.notes
    with torch.no_grad():
        return report, float(loss(model(x), y))


def sgd(model: Any, rate: float) -> Any:
    return torch.optim.SGD(model.parameters(), rate, momentum=0.9)


def adam(model: Any, rate: float = 1e-3) -> Any:
    return torch.optim.Adam(model.parameters(), rate)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def main_fault(report: Any) -> Any:
    assert report.findings, report
    return report.findings[0]


def test_a_deep_sigmoid_network_vanishes_as_predicted_and_the_cure_trains() -> None:
    model = mlp(nn.Sigmoid, 8)
    report, before = fit(model, sgd(model, 0.05))
    found = main_fault(report)
    assert (found.fault, found.severity, found.layer) == ("vanishing_gradient", "error", "0")
    assert found.cause == "activation"
    assert math.log10(found.measured) == pytest.approx(math.log10(found.predicted), abs=0.5)
    assert "nn.Sigmoid() -> nn.ReLU()" in found.cure.code
    cured = mlp(nn.ReLU, 8)
    ogive.torch.init_(cured)
    report, after = fit(cured, sgd(cured, 0.05))
    assert after < 0.2 < before
    assert not report.errors


def test_weights_too_small_are_told_from_a_bad_activation() -> None:
    model = gained(mlp(nn.ReLU, 8), 0.14)
    report, before = fit(model, sgd(model, 0.02))
    found = main_fault(report)
    assert (found.fault, found.cause) == ("vanishing_gradient", "initialisation")
    assert found.cure.code.startswith("ogive.torch.init_(model)")
    ogive.torch.init_(model)
    assert fit(model, sgd(model, 0.02), watch=False)[1] < 0.2 < before


def test_weights_too_large_explode() -> None:
    model = gained(mlp(nn.ReLU, 10), 4.2)
    report, _ = fit(model, sgd(model, 0.01), steps=20)
    found = main_fault(report)
    assert (found.fault, found.severity, found.cause) == (
        "exploding_gradient", "error", "initialisation",
    )  # fmt: skip
    assert found.measured > 1e3
    assert "nan" in {f.fault for f in report.findings}  # what came of it


def test_units_that_die_at_a_large_rate_and_units_dead_from_the_start() -> None:
    model = mlp(nn.ReLU)
    data = (torch.tensor(load_digits().data, dtype=torch.float32) / 16 - 0.3, Y)
    report, before = fit(model, sgd(model, 3.0), data=data)
    found = main_fault(report)
    assert (found.fault, found.severity, found.cause) == ("dead_unit", "error", "training")
    assert found.share > 0.5
    assert "lr=0.3)  # was lr=3" in found.cure.code
    cured = mlp(nn.ReLU)
    assert fit(cured, sgd(cured, 0.3), data=data, watch=False)[1] < 0.5 * before

    model = gained(mlp(nn.ReLU), math.sqrt(2))
    nn.init.constant_(model[2].bias, -6.0)
    report, before = fit(model, adam(model))
    found = main_fault(report)
    assert (found.fault, found.layer, found.cause) == ("dead_unit", "2", "initialisation")
    assert found.cure.code == "nn.init.zeros_(model.get_submodule('2').bias)"
    nn.init.zeros_(model.get_submodule("2").bias)
    assert fit(model, adam(model), watch=False)[1] < 0.5 * before


def test_saturated_units_blame_the_data_where_the_data_are_large() -> None:
    def make() -> Any:
        return nn.Sequential(mlp(nn.Sigmoid, 2, first=30, out=1), nn.Flatten(0))

    x, y, loss = CANCER * 300 + 1000, ILL.float(), F.binary_cross_entropy_with_logits
    model = make()
    report, before = fit(model, adam(model), loss, data=(x, y))
    found = main_fault(report)
    assert (found.fault, found.layer, found.cause) == ("saturated_unit", "0.0", "data")
    assert found.cure.code == cures.STANDARDISE
    names: dict[str, Any] = {"x": x, "x_train": x}
    exec(found.cure.code, names)
    model = make()
    assert fit(model, adam(model), loss, data=(names["x"], y), watch=False)[1] < 0.5 * before


HEADS: dict[str, Any] = {
    "softmax, cross_entropy": (
        lambda: nn.Sequential(mlp(nn.ReLU, 2), nn.Softmax(1)), F.cross_entropy, (X, Y),
        "wrong_head/softmax_twice",
    ),
    "sigmoid, bce with logits": (
        lambda: nn.Sequential(mlp(nn.ReLU, 2, first=30, out=1), nn.Flatten(0), nn.Sigmoid()),
        F.binary_cross_entropy_with_logits, (CANCER, ILL.float()), "wrong_head/softmax_twice",
    ),
    "softmax of one unit": (
        lambda: nn.Sequential(mlp(nn.ReLU, 2, first=30, out=1), nn.Softmax(1), nn.Flatten(0)),
        F.binary_cross_entropy, (CANCER, ILL.float()), "wrong_head/one_unit_softmax",
    ),
    "cross_entropy of one unit": (
        lambda: mlp(nn.ReLU, 2, first=30, out=1),
        lambda z, y: F.cross_entropy(z, torch.zeros_like(y)), (CANCER, ILL),
        "wrong_head/one_unit_softmax",
    ),
    "softmax, nll": (
        lambda: nn.Sequential(mlp(nn.ReLU, 2), nn.Softmax(1)), F.nll_loss, (X, Y),
        "wrong_head/probs_as_logits",
    ),
    "logits, nll": (
        lambda: mlp(nn.ReLU, 2), F.nll_loss, (X, Y), "wrong_head/probs_as_logits",
    ),
    "sigmoid, cross_entropy": (
        lambda: nn.Sequential(mlp(nn.ReLU, 2), nn.Sigmoid()), F.cross_entropy, (X, Y),
        "wrong_head/probs_as_logits",
    ),
    "by value: a softmax by hand": (
        lambda: mlp(nn.ReLU, 2),
        lambda z, y: F.cross_entropy(z.exp() / z.exp().sum(1, keepdim=True), y), (X, Y),
        "wrong_head/softmax_twice",
    ),
    "relu, regression": (
        lambda: nn.Sequential(mlp(nn.Tanh, 2, first=10, out=1), nn.ReLU(), nn.Flatten(0)),
        F.mse_loss, (DIABETES, SUGAR), "wrong_head/target_range",
    ),
    "sigmoid, regression": (
        lambda: nn.Sequential(mlp(nn.Tanh, 2, first=10, out=1), nn.Sigmoid(), nn.Flatten(0)),
        F.l1_loss, (DIABETES, SUGAR * 80 + 150), "wrong_head/target_range",
    ),
    "labels of -1 and 1": (
        lambda: nn.Sequential(mlp(nn.ReLU, 2, first=30, out=1), nn.Flatten(0)),
        F.binary_cross_entropy_with_logits, (CANCER, ILL.float() * 2 - 1),
        "wrong_head/target_range",
    ),
    "relu, bce with logits": (
        lambda: nn.Sequential(mlp(nn.Tanh, 2, first=30, out=1), nn.Flatten(0), nn.ReLU()),
        F.binary_cross_entropy_with_logits, (CANCER, ILL.float()), "wrong_head/target_range",
    ),
}  # fmt: skip


@pytest.mark.parametrize("head", HEADS)
def test_a_wrong_head_is_named_at_once(head: str) -> None:
    make, loss, data, fault = HEADS[head]
    model = make()
    told: list[Any] = []
    fit(model, adam(model), loss, data, steps=12, on_finding=told.append)
    assert told[0].fault == fault
    assert told[0].severity == "error"
    assert told[0].step <= 6  # three batches, where it is judged by values alone


SOUND_HEADS: dict[str, Any] = {
    "log_softmax, nll": (
        lambda: nn.Sequential(mlp(nn.ReLU, 2), nn.LogSoftmax(1)), F.nll_loss, (X, Y)
    ),
    "sigmoid, bce": (
        lambda: nn.Sequential(mlp(nn.ReLU, 2, first=30, out=1), nn.Sigmoid(), nn.Flatten(0)),
        F.binary_cross_entropy, (CANCER, ILL.float()),
    ),
    "tanh, values within": (
        lambda: nn.Sequential(mlp(nn.ReLU, 2, first=10, out=1), nn.Tanh(), nn.Flatten(0)),
        F.mse_loss, (DIABETES, SUGAR.tanh()),
    ),
    "ignored labels": (
        lambda: mlp(nn.ReLU, 2), F.cross_entropy,
        (X, torch.where(torch.arange(len(Y)) % 5 == 0, -100, Y)),
    ),
    "smooth labels": (
        lambda: mlp(nn.ReLU, 2), lambda z, y: F.cross_entropy(z, y, label_smoothing=0.1), (X, Y),
    ),
    "a distribution as target": (
        lambda: mlp(nn.ReLU, 2), lambda z, y: F.cross_entropy(z, F.one_hot(y, 10).float()), (X, Y),
    ),
}  # fmt: skip


@pytest.mark.parametrize("head", SOUND_HEADS)
def test_a_sound_head_is_left_alone(head: str) -> None:
    make, loss, data = SOUND_HEADS[head]
    model = make()
    report, _ = fit(model, adam(model), loss, data, steps=40)
    assert not [f for f in report.findings if f.fault.startswith("wrong_head")], report
    assert report.progress[-1].skill is not None


def test_labels_outside_the_classes_are_told_before_torch_raises() -> None:
    model = mlp(nn.ReLU, 1, out=9)
    told: list[Any] = []
    with (
        pytest.raises(IndexError),
        ogive.watch.Monitor(model, on_finding=told.append),
    ):
        F.cross_entropy(model(X[:64]), Y[:64])
    assert told[0].fault == "wrong_head/target_range"
    assert "outside the 9 classes" in told[0].sentence


def test_two_linear_maps_with_nothing_between_but_no_low_rank_pair() -> None:
    model = nn.Sequential(
        nn.Linear(64, 64), nn.Dropout(0.1), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    report, _ = fit(model, adam(model), steps=40)
    found = next(f for f in report.findings if f.fault == "missing_activation")
    assert (found.layer, found.severity) == ("0", "warn")
    low = nn.Sequential(nn.Linear(64, 8), nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 10))
    report, _ = fit(low, adam(low), steps=40)
    assert all(f.fault != "missing_activation" for f in report.findings)


@pytest.mark.parametrize("where", ["data", "weights", "forward", "loss"])
def test_the_first_value_that_is_not_finite_is_located(where: str) -> None:
    model = mlp(nn.ReLU, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    told: list[Any] = []
    with ogive.watch.Monitor(model, on_finding=told.append):
        for step in range(8):
            x = X[:64].clone()
            if step == 6 and where == "data":
                x[3, 4] = math.nan
            if step == 6 and where == "weights":
                model[2].weight.data[0, 0] = math.inf
            if step == 6 and where == "forward":
                model[2].weight.data.fill_(3e38)
            z = model(x)
            loss = F.cross_entropy(z, Y[:64])
            if step == 6 and where == "loss":
                loss = -(z.softmax(1) * 0).log().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    found = [f for f in told if f.fault == "nan"]
    assert len(found) == 1
    assert found[0].evidence["stage"] == where
    assert found[0].step == 6
    if where in ("weights", "forward"):
        assert found[0].layer == "2"
    assert 0 < found[0].evidence["largest value before"] < 100


def test_over_confidence_is_measured_on_the_batches() -> None:
    model = mlp(nn.ReLU, 2)
    with torch.no_grad():
        model[4].weight *= 60
    report, _ = fit(model, torch.optim.SGD(model.parameters(), 1e-5), steps=200)
    found = main_fault(report)
    assert (found.fault, found.cause) == ("over_confidence", "initialisation")
    assert found.measured > 0.2
    assert found.cure.code.startswith("ogive.torch.init_(model)")


def test_a_dead_branch_beside_a_sum_is_no_error_where_the_network_learns() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.down, self.up = nn.LayerNorm(64), nn.Linear(64, 64), nn.Linear(64, 64)
            nn.init.constant_(self.down.bias, -12.0)

        def forward(self, x: Any) -> Any:
            return x + self.up(F.relu(self.down(self.norm(x))))

    model = nn.Sequential(Block(), nn.Linear(64, 10))
    report, loss = fit(model, adam(model, 3e-3))
    assert loss < 0.4
    found = main_fault(report)
    assert (found.fault, found.layer, found.share) == ("dead_unit", "0.down", 1.0)
    assert not report.errors
    assert found.cure.code == "nn.init.zeros_(model.get_submodule('0.down').bias)"


def test_units_that_the_data_s_mean_kills_are_blamed_on_the_data() -> None:
    model = gained(mlp(nn.ReLU, first=30, out=2), math.sqrt(2))
    report, _ = fit(model, sgd(model, 0.03), data=(CANCER - 40, ILL))
    found = main_fault(report)
    assert (found.fault, found.layer, found.cause) == ("dead_unit", "0", "data")
    assert found.cure.code == cures.STANDARDISE


def test_dormant_units_are_told_by_what_holds_them_there() -> None:
    model = mlp(nn.GELU)
    nn.init.constant_(model[2].bias[:40].data, -9.0)
    report, _ = fit(model, adam(model))
    found = next(f for f in report.findings if f.fault == "dormant_unit")
    assert (found.layer, found.cause) == ("2", "initialisation")
    assert found.cure.code == "nn.init.zeros_(model.get_submodule('2').bias)"


def test_gates_that_start_at_their_ends_start_anew() -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.last = nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 10)
            nn.init.constant_(self.rnn.bias_ih_l0, 9.0)

        def forward(self, x: Any) -> Any:
            return self.last(self.rnn(x.view(len(x), 8, 8))[0][:, -1])

    model = Reader()
    report, _ = fit(model, adam(model), steps=60)
    found = next(f for f in report.findings if f.fault == "saturated_unit")
    assert (found.layer, found.cause) == ("rnn", "initialisation")
    assert found.cure.code.startswith("model.rnn.reset_parameters()")


def test_sums_that_grow_without_a_norm_get_one() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down, self.up = nn.Linear(64, 64), nn.Linear(64, 64)

        def forward(self, x: Any) -> Any:
            return x + self.up(F.relu(self.down(x)))

    model = gained(nn.Sequential(*(Block() for _ in range(10)), nn.Linear(64, 10)), 2.4)
    report, _ = fit(model, sgd(model, 0.01), steps=20)
    found = main_fault(report)
    assert (found.fault, found.cause) == ("exploding_gradient", "structure")
    assert found.cure.code == "x = x + branch(norm(x))"


def test_a_rate_is_lowered_by_as_much_as_the_first_step_was_too_large() -> None:
    model = mlp(nn.ReLU)
    report, _ = fit(model, sgd(model, 1e4), steps=20)
    found = main_fault(report)
    assert (found.fault, found.cause) == ("nan", "training")
    rate = float(found.cure.code.partition("lr=")[2].partition(")")[0])
    assert 1e-3 <= rate <= 1
    view: Any = SimpleNamespace(watch=SimpleNamespace(rate=None, optimizer="", first_blocks={}))
    assert cures.lower_rate(view, factor=7).code.endswith(
        'group["lr"] /= 7'
    )  # where the rate is not known
    assert cures.lower_rate(view).code.endswith('group["lr"] /= 10')


def test_a_regression_that_overflows_is_not_told_to_use_cross_entropy() -> None:
    model = nn.Sequential(mlp(nn.ReLU, 2, first=10, out=1), nn.Flatten(0))
    report, _ = fit(model, sgd(model, 3.0), F.mse_loss, (DIABETES, SUGAR), steps=60)
    found = next(f for f in report.findings if f.fault == "nan")
    assert found.cause == "training"
    assert "lr=" in found.cure.code


def test_an_overflow_before_the_first_step_is_not_the_rate_s_doing() -> None:
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
    with torch.no_grad():
        model[2].weight.fill_(3e38)
    report, _ = fit(model, sgd(model, 0.01), steps=5)
    found = next(f for f in report.findings if f.fault == "nan")
    assert (found.layer, found.cause) == ("2", "initialisation")
    assert found.cure.code == "nn.BatchNorm1d(64)  # after 2"


def test_the_line_that_initialises_names_an_activation_that_is_not_beside_its_layer() -> None:
    class Apart(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(64, 64) for _ in range(9))
            self.act, self.last = nn.ReLU(), nn.Linear(64, 10)

        def forward(self, x: Any) -> Any:
            for layer in self.layers:
                x = self.act(layer(x))
            return self.last(x)

    model = gained(Apart(), 0.14)
    report, _ = fit(model, sgd(model, 0.02), steps=150)
    found = main_fault(report)
    assert found.fault == "vanishing_gradient"
    assert found.cure.code.startswith("ogive.torch.init_(model, activation='relu')")


SOUND: dict[str, Any] = {
    "relu": (lambda: mlp(nn.ReLU), adam),
    "narrow relu": (lambda: mlp(nn.ReLU, 2, 16), lambda m: adam(m, 3e-3)),
    "tanh": (lambda: mlp(nn.Tanh), adam),
    "selu": (lambda: gained(mlp(nn.SELU, 8), 1.0), lambda m: sgd(m, 0.01)),
    "gelu": (lambda: mlp(nn.GELU, 4), adam),
    "one layer of sigmoids": (lambda: mlp(nn.Sigmoid, 1), lambda m: adam(m, 0.01)),
    "deep relu, He": (lambda: gained(mlp(nn.ReLU, 10), math.sqrt(2)), lambda m: sgd(m, 0.01)),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_trainings_raise_no_error(name: str) -> None:
    make, optimizer = SOUND[name]
    model = make()
    report, loss = fit(model, optimizer(model))
    assert loss < 0.4  # it is sound
    assert not report.errors, report
    assert not [f for f in report.findings if f.fault not in ("dead_unit", "dormant_unit",
                                                              "magnitude_drift")]  # fmt: skip


def test_a_network_that_is_accurate_although_sparse_is_warned_of_at_most() -> None:
    model = mlp(nn.ReLU, 2, 128)
    with torch.no_grad():
        model[0].bias[:90] = -60.0
    report, loss = fit(model, adam(model, 3e-3))
    assert loss < 0.2
    found = next(f for f in report.findings if f.fault == "dead_unit" and f.layer == "0")
    assert found.severity == "warn"
    assert found.share == pytest.approx(90 / 128, abs=0.05)


def test_a_fault_met_once_is_no_finding() -> None:
    model = mlp(nn.ReLU, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.0)
    told: list[Any] = []
    with ogive.watch.Monitor(model, every=1, on_finding=told.append):
        for step in range(60):
            bad = 26 <= step <= 30  # one check of five steps
            z = model(X[:64]) * (1e4 if bad else 1e-3)
            F.cross_entropy(z, Y[:64]).backward()
            optimizer.step()
    assert not [f for f in told if f.fault == "over_confidence" and f.severity == "error"]


def test_rules_are_chosen_by_name_and_a_misspelt_one_gets_the_nearest() -> None:
    model = mlp(nn.ReLU)
    report, _ = fit(model, sgd(model, 3.0), rules=["vanishing_gradient"])
    assert all(f.fault == "vanishing_gradient" for f in report.findings)
    with pytest.raises(WatchError, match="did you mean dead_unit"):
        ogive.watch.Monitor(model, rules=["dead_units"])


def test_every_fault_has_its_words() -> None:
    assert set(cures.TELL) == set(FAULTS)
