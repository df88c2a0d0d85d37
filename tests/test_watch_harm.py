"""Watching changes nothing: not a bit of the training, no graph, no hook that stays, no crash."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import ogive  # noqa: E402
from ogive.watch import hub, places  # noqa: E402
from watch_models import (  # noqa: E402
    Convolutional,
    Functional,
    Recurrent,
    Transformer,
    classes,
    token_loss,
    tokens,
    train,
)

nn, F = torch.nn, torch.nn.functional

KINDS: dict[str, Any] = {
    "functional": lambda: (Functional(), classes(8), F.cross_entropy, {}),
    "convolutional": lambda: (Convolutional(), classes(1, 8, 8), nn.CrossEntropyLoss(), {}),
    "transformer": lambda: (Transformer(), tokens, token_loss, {}),
    "checkpoint": lambda: (Transformer(False), tokens, token_loss, {}),
    "reentrant checkpoint": lambda: (Transformer(True), tokens, token_loss, {}),
    "lstm": lambda: (Recurrent(), classes(5, 8), F.cross_entropy, {}),
    "accumulated, autocast": lambda: (
        Functional(), classes(8), F.cross_entropy,
        {"accumulate": 2, "autocast": torch.bfloat16, "scaler": torch.amp.GradScaler("cpu")},
    ),
    "random slopes": lambda: (
        nn.Sequential(nn.Linear(8, 16), nn.RReLU(), nn.Linear(16, 3)), classes(8),
        F.cross_entropy, {},
    ),
}  # fmt: skip


def run(kind: str, monitored: bool, every: int | None, **extra: Any) -> dict[str, Any]:
    torch.manual_seed(0)
    model, batch, loss, options = KINDS[kind]()
    monitor = ogive.watch.Monitor(model, every=every) if monitored else None
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    if monitor:
        monitor.attach()
    losses = train(model, batch, loss, optimizer=optimizer, steps=24, **options, **extra)
    if monitor:
        monitor.detach()
        report = monitor.report()
        assert not report.notes, report.notes
        assert report.models[0].observed
    return {
        "losses": torch.stack(losses),
        "weights": torch.cat([p.detach().flatten() for p in model.parameters()]),
        "gradients": torch.cat([p.grad.flatten() for p in model.parameters()]),
        "buffers": torch.cat([b.flatten().double() for b in model.buffers()] or [torch.zeros(1)]),
        "random state": torch.get_rng_state(),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_is_bit_for_bit_that_of_the_run_without(kind: str) -> None:
    plain = run(kind, False, None)
    for every in (None, 1):
        seen = run(kind, True, every)
        for name, expected in plain.items():
            assert torch.equal(seen[name], expected), name


@pytest.mark.parametrize("how", ["before", "after", "method", "part"])
def test_a_compiled_model_is_not_compiled_again_and_computes_the_same(how: str) -> None:
    def once(monitored: bool) -> tuple[Any, int]:
        torch._dynamo.reset()
        compiled: list[Any] = []

        def backend(graph: Any, inputs: Any) -> Any:
            compiled.append(graph)
            return graph

        torch.manual_seed(0)
        model = Functional()
        monitor = ogive.watch.Monitor(model) if monitored and how != "after" else None
        if monitor:
            monitor.attach()
        call: Any = model
        if how == "method":
            model.compile(backend=backend)
        elif how == "part":
            model.d = torch.compile(model.d, backend=backend)
        else:
            call = torch.compile(model, backend=backend)
        if monitored and how == "after":
            monitor = ogive.watch.Monitor(call).attach()
        losses = train(model, classes(8), call=call, steps=15)
        if monitor:
            monitor.detach()
            report = monitor.report()
            assert not report.notes
            assert {"a", "b", "c"} <= {layer.layer for layer in report.layers}, report
            assert all(layer.stats[-1].gradient for layer in report.layers)
        return (torch.stack(losses), torch.get_rng_state()), len(compiled)

    (losses, state), count = once(False)
    (seen, seen_state), seen_count = once(True)
    assert torch.equal(losses, seen)
    assert torch.equal(state, seen_state)
    assert count == seen_count


def test_no_graph_is_kept_alive() -> None:
    model = Functional()
    alive = []
    with ogive.watch.Monitor(model, every=1):
        optimizer = torch.optim.SGD(model.parameters(), 0.01)
        for _ in range(7):
            x = torch.randn(4, 8)
            z = model(x)
            loss = F.cross_entropy(z, torch.zeros(4, dtype=torch.long))
            alive += [weakref.ref(x), weakref.ref(z), weakref.ref(loss)]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            del z, loss, x
        gc.collect()
        # Of the input, the last one alone, to find where a NaN came from.
        assert sum(each() is not None for each in alive) <= 1
    gc.collect()
    assert all(each() is None for each in alive)


def test_nothing_stays_behind() -> None:
    model = Functional()
    before = torch.autograd.backward
    monitor = ogive.watch.Monitor(model, every=1).attach()
    assert torch.autograd.backward is not before
    with pytest.raises(KeyError):
        train(model, lambda: {}["no batch"])  # type: ignore[arg-type, return-value]
    model(torch.randn(4, 8))  # the monitor's mode is on now
    monitor.detach()
    assert torch.autograd.backward is before
    assert not torch.overrides._get_current_function_mode_stack()
    assert not hub._listeners
    assert all(not m._forward_pre_hooks and not m._forward_hooks for m in model.modules())


def test_an_error_of_the_monitor_is_told_and_training_goes_on(monkeypatch: Any) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("planted")

    torch.manual_seed(0)
    model = Functional()
    with ogive.watch.Monitor(model) as monitor:
        train(model, classes(8), steps=3)
        monkeypatch.setattr(places.Place, "add", broken)
        with pytest.warns(UserWarning, match="stopped watching, training goes on.*planted"):
            losses = train(model, classes(8), steps=3)
    assert len(losses) == 3
    assert "planted" in monitor.report().notes[0]
    assert all(not m._forward_hooks for m in model.modules())


def test_a_mode_of_the_program_is_not_disturbed() -> None:
    model = Functional()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with ogive.watch.Monitor(model, every=1):
        for _ in range(3):
            # Entered before the monitor's mode, left after it: the order of neither is nested.
            with torch.device("cpu"):
                z = model(torch.randn(4, 8))
            assert not any(
                isinstance(each, torch.utils._device.DeviceContext)
                for each in torch.overrides._get_current_function_mode_stack()
            )
            loss = F.cross_entropy(z, torch.zeros(4, dtype=torch.long))
            with torch.device("meta"):
                assert torch.empty(2).device.type == "meta"
            loss.backward()
            optimizer.step()


def test_copies_and_pickles_of_a_watched_model_are_free_of_it() -> None:
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    with ogive.watch.Monitor(model, every=1) as monitor:
        train(model, classes(8), steps=2)
        target = copy.deepcopy(model)
        saved = pickle.dumps(model)
        assert b"ogive" not in saved
        optimizer = torch.optim.SGD(model.parameters(), 0.05)
        for _ in range(4):
            x, _ = classes(8)()
            optimizer.zero_grad()
            F.mse_loss(
                model(x), target(2 + x)
            ).backward()  # with gradients, as if it were the model
            optimizer.step()
    torch.testing.assert_close(pickle.loads(saved)(x), target(x))
    first = monitor.report().layers[0]
    assert len(monitor.report().layers) == 2
    assert first.stats[-1].samples == 6 * 32


def test_lazy_layers_are_watched_and_scripts_are_named() -> None:
    lazy = nn.Sequential(nn.LazyLinear(16), nn.ReLU(), nn.LazyLinear(3))
    with ogive.watch.Monitor(lazy) as monitor:
        lazy(torch.randn(2, 8))
        train(lazy, classes(8), steps=12)
    report = monitor.report()
    assert [layer.layer for layer in report.layers] == ["0", "2"]
    assert report.models[0].parameters == 8 * 16 + 16 + 16 * 3 + 3
    scripted = torch.jit.script(nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3)))
    with pytest.raises(ogive.watch.WatchError, match=r"torch\.jit script runs out of sight"):
        ogive.watch.Monitor(scripted)
    part = nn.Sequential(scripted, nn.ReLU(), nn.Linear(3, 3))
    with ogive.watch.Monitor(part) as monitor:
        train(part, classes(8), steps=12)
    report = monitor.report()
    assert not report.notes
    assert report.unseen[0].what == "0"
    assert "torch.jit script" in report.unseen[0].why
    assert report.layers[-1].layer == "2"


def test_memory_is_bounded_and_stated() -> None:
    model = nn.Sequential(nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 3))
    with ogive.watch.Monitor(model, every=1) as monitor:
        train(model, classes(64, batch=2048), steps=12)
    limit = 3 * (5 * 2 * places.KEPT * 4 + 20 * 8 * 512 * 4 + 256 * 1024)
    assert 0 < monitor.report().cost.bytes < limit
