"""swap(functional=True) beside what else takes hold of a model's methods: in methods beside
forward, under accelerate, PEFT, Trainer and generate, and after unswap.
"""

from __future__ import annotations

import copy
import inspect
import pickle
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

import ogive.torch as ot  # noqa: E402
from ogive.torch import _functional  # noqa: E402


class Encoder(nn.Module):
    """With a method beside forward, one that forward does not call, and a helper outside."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 6)

    def encode(self, x: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        return F.gelu(self.a(x)) * scale

    def energy(self, x: torch.Tensor) -> torch.Tensor:
        return helped(self.encode(x))

    def pieces(self, x: torch.Tensor) -> Iterator[torch.Tensor]:
        yield F.relu(x)

    @staticmethod
    def name_of() -> str:
        return "encoder"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(self.encode(x)).softmax(-1)


def helped(x: torch.Tensor) -> torch.Tensor:
    return F.softplus(x).sum()


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The functions of Ogive's that the mode calls."""
    called: list[str] = []
    with monkeypatch.context() as patch:
        spied = {
            name: lambda *a, name=name, f=f, **k: called.append(name) or f(*a, **k)
            for name, f in _functional.FUNCTIONS.items()
        }
        patch.setattr(_functional, "FUNCTIONS", spied)
        yield called


def swapped() -> tuple[Encoder, torch.Tensor]:
    torch.manual_seed(0)
    model = Encoder().double()
    ot.swap(model, functional=True)
    return model, torch.randn(3, 6, dtype=torch.float64)


def test_methods_beside_forward_call_ogive_s_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = swapped()
    with counted(monkeypatch) as called:
        model.encode(x)
        model.energy(x)
        model(x)
    assert called == ["gelu", "gelu", "softplus", "gelu", "softmax"]
    assert inspect.signature(model.encode) == inspect.signature(Encoder().encode)
    assert model.encode.__func__.__qualname__ == "Encoder.encode"
    torch.testing.assert_close(model.encode(x, scale=2.0), 2 * F.gelu(model.a(x)))
    assert model.name_of() == "encoder"
    assert torch.equal(next(model.pieces(x)), F.relu(x))


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_methods_of_copies_do_too(how: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = swapped()
    other = how(model)
    with counted(monkeypatch) as called:
        y = other.energy(x)
    assert called == ["gelu", "softplus"]
    assert torch.equal(y, model.energy(x))
    assert other.encode.__self__ is other


def test_methods_that_a_library_asks_whether_they_were_overridden_stay_its_own() -> None:
    """As Lightning asks of its hooks."""
    base = types.new_class("LightningModule", (nn.Module,), exec_body=lambda body: body.update(
        __module__="lightning.pytorch", training_step=lambda self: None,
        activation=lambda self, x: F.relu(x),
    ))  # fmt: skip
    cls = type("Mine", (base,), {"__module__": "mine", "forward": lambda self, x: F.gelu(x)})
    model = cls()
    ot.swap(model, functional=True)
    assert type(model).training_step is base.training_step
    assert type(model).activation is not base.activation


def test_a_bound_method_kept_elsewhere_is_torch_s_after_unswap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, x = swapped()
    encode, forward = model.encode, model.forward
    model.forward = model.forward  # in the instance, as transformers leaves it after a capture
    model._old_forward = model.forward  # and accelerate
    ot.unswap(model)
    assert model.forward.__func__ is Encoder.forward
    with counted(monkeypatch) as called:
        encode(x)
        forward(x)
        model(x)
        model._old_forward(x)
    assert not called
    ot.swap(model, functional=True)
    with counted(monkeypatch) as called:
        model(x)
        model._old_forward(x)
    assert called == ["gelu", "softmax"] * 2


def test_a_forward_in_the_instance_that_is_its_class_s_is_no_obstacle() -> None:
    model = nn.Sequential(nn.GELU())
    model[0].forward = model[0].forward
    assert not ot.swap(model).kept
    x = torch.tensor([-9.0])
    assert model(x) != 0  # torch's underflows to 0
    ot.unswap(model)
    assert model(x) == 0


def test_what_is_unwrapped_has_the_parameters_in_its_code() -> None:
    class Odd(nn.Module):
        def forward(
            self, a: Any, /, b: Any = 2, *more: Any, c: Any, d: Any = 4, **rest: Any
        ) -> Any:
            return a, b, more, c, d, rest

    model = Odd()
    ot.swap(model, functional=True)
    inner = inspect.unwrap(type(model).forward)
    assert inner.__code__.co_varnames[: 5 + 2] == ("self", "a", "b", "c", "d", "more", "rest")
    assert inner(model, 1, c=3) == (1, 2, (), 3, 4, {})
    assert inner(model, 1, 5, 6, 7, c=3, d=8, e=9) == (1, 5, (6, 7), 3, 8, {"e": 9})


def test_it_compiles_with_methods_beside_forward() -> None:
    torch._dynamo.reset()
    model, x = swapped()
    graphs: list[Any] = []

    def count(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(model, backend=count, fullgraph=True)
    torch.testing.assert_close(compiled(x), model(x))
    assert len(graphs) == 1
    assert "ogive.gelu" in graphs[0].code
    torch._dynamo.reset()


# Other libraries.


@pytest.mark.parametrize("precision", ["no", "bf16"])
@pytest.mark.parametrize("first", ["swap", "prepare"])
def test_accelerate_prepares_and_unwraps(
    precision: str, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accelerate = pytest.importorskip("accelerate")
    accelerate.state.AcceleratorState._reset_state(True)
    accelerator = accelerate.Accelerator(cpu=True, mixed_precision=precision)
    model, x = Encoder(), torch.randn(3, 6)
    if first == "swap":
        ot.swap(model, functional=True)
    prepared = accelerator.prepare(model)
    if first == "prepare":
        ot.swap(prepared, functional=True)
    with counted(monkeypatch) as called:
        y = prepared(x)
        for keep in (True, False):
            unwrapped = accelerator.unwrap_model(prepared, keep_fp32_wrapper=keep)
            unwrapped(x)
        unwrapped.encode(x)
    assert called == ["gelu", "softmax"] * 3 + ["gelu"]
    assert y.dtype == torch.float32
    changed = first == "prepare" and precision == "bf16"  # the forward that swap put in its place
    with pytest.warns(UserWarning, match="forward was set") if changed else nullcontext():
        ot.unswap(unwrapped)
    with counted(monkeypatch) as called:
        unwrapped(x)
    assert not called
    accelerate.state.AcceleratorState._reset_state(True)


@pytest.mark.parametrize("first", ["swap", "hook"])
def test_accelerate_s_hooks_come_and_go(first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = pytest.importorskip("accelerate.hooks")
    model, x = Encoder(), torch.randn(3, 6)
    steps = [
        lambda: ot.swap(model, functional=True),
        lambda: hooks.add_hook_to_module(model, hooks.ModelHook()),
    ]
    for step in steps if first == "swap" else steps[::-1]:
        step()
    with counted(monkeypatch) as called:
        model(x)
        copy.deepcopy(model)(x)
        hooks.remove_hook_from_module(model)
        model(x)
    assert called == ["gelu", "softmax"] * 3
    changed = first == "hook"  # the forward that swap put in its place
    with pytest.warns(UserWarning, match="forward was set") if changed else nullcontext():
        ot.unswap(model)
    with counted(monkeypatch) as called:
        model(x)
    assert not called


def language_model(**more: Any) -> Any:
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
        vocab_size=50, attn_implementation="eager", **more,
    )  # fmt: skip
    torch.manual_seed(0)
    return transformers.LlamaForCausalLM(config)


def ids(rows: int = 2, seed: int = 1) -> torch.Tensor:
    return torch.randint(3, 50, (rows, 7), generator=torch.Generator().manual_seed(seed))


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
@pytest.mark.parametrize("first", ["swap", "peft"])
def test_peft_adapts_a_swapped_model(first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    peft = pytest.importorskip("peft")
    settings = peft.LoraConfig(target_modules=["q_proj", "gate_proj"], task_type="CAUSAL_LM")

    def trained(swaps: bool) -> tuple[list[torch.Tensor], torch.Tensor]:
        model = language_model()
        if swaps and first == "swap":
            ot.swap(model, functional=True)
        torch.manual_seed(3)
        adapted = peft.get_peft_model(model, settings)
        for name, p in adapted.named_parameters():
            if "lora_B" in name:
                nn.init.normal_(p, 0, 0.1)
        if swaps and first == "peft":
            ot.swap(adapted, functional=True)
        adapted(input_ids=ids(), labels=ids()).loss.backward()
        gradients = [p.grad for p in adapted.parameters() if p.grad is not None]
        return gradients, adapted.merge_and_unload()(input_ids=ids()).logits

    exact, logits = trained(False)
    with counted(monkeypatch) as called:
        found, again = trained(True)
    assert called.count("softmax") == 4
    assert len(found) == len(exact) == 8
    for a, b in zip([*found, again], [*exact, logits], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


def trained_by_trainer(folder: Any, swaps: bool, **options: Any) -> tuple[list[float], Any]:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    model = language_model()
    if swaps:
        ot.swap(model, functional=True, **options.pop("swap", {}))
    options.pop("swap", None)
    rows = []
    for k in range(12):  # of different lengths, so that means of means are no means
        labels = ids(1, k)[0].clone()
        labels[: k % 6] = -100
        rows.append({"input_ids": ids(1, k)[0], "labels": labels})
    arguments = transformers.TrainingArguments(
        output_dir=str(folder), use_cpu=True, max_steps=3, logging_steps=1, report_to=[],
        disable_tqdm=True, save_strategy="no", learning_rate=0.05, lr_scheduler_type="constant",
        per_device_train_batch_size=2, optim="sgd", **options,
    )  # fmt: skip
    trainer = transformers.Trainer(model, arguments, train_dataset=rows)
    assert trainer.model_accepts_loss_kwargs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.train()
    losses = [log["loss"] for log in trainer.state.log_history if "loss" in log]
    return losses, model


@pytest.mark.parametrize(
    "options",
    [
        {"gradient_accumulation_steps": 2},
        {"gradient_accumulation_steps": 2, "activation_checkpointing": True},
        {"bf16": True},
    ],
    ids=["accumulation", "checkpointing", "bf16"],
)
def test_trainer_gives_the_numbers_of_the_unswapped_model(
    options: dict[str, Any], tmp_path: Any
) -> None:
    """num_items_in_batch reaches the loss: accumulated gradients are those of the whole batch."""
    exact, theirs = trained_by_trainer(tmp_path, False, **options)
    found, ours = trained_by_trainer(tmp_path, True, **options)
    near = 2e-2 if "bf16" in options else 1e-4
    assert found == pytest.approx(exact, rel=near)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=near, atol=near)


def test_the_softmax_of_eager_attention_and_the_loss_are_ogive_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = language_model()
    exact = model(input_ids=ids(), labels=ids(), num_items_in_batch=torch.tensor(5)).loss
    ot.swap(model, functional=True)
    with counted(monkeypatch) as called:
        loss = model(input_ids=ids(), labels=ids(), num_items_in_batch=torch.tensor(5)).loss
    assert called == ["softmax", "softmax", "cross_entropy"]
    torch.testing.assert_close(loss, exact)


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}, {"do_sample": True, "top_k": 5}])
def test_generate_gives_the_same_tokens(options: dict[str, Any]) -> None:
    model = language_model().eval()
    mask = torch.ones_like(ids())
    mask[0, :2] = 0  # padded on the left
    given = {"attention_mask": mask, "max_new_tokens": 6, "eos_token_id": None, "pad_token_id": 0}

    def generated() -> torch.Tensor:
        torch.manual_seed(5)
        return model.generate(ids(), **given, **options)

    before = generated()
    ot.swap(model, functional=True)
    assert torch.equal(generated(), before)
    ot.unswap(model)
    assert torch.equal(generated(), before)
