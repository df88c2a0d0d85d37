"""Networks as people write them: five architectures, each in five coding styles."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import ogive.torch  # which cures call

from .plan import Plan

Call = Callable[[Tensor], Tensor]

MODULES: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "gelu": nn.GELU, "silu": nn.SiLU,
    "elu": nn.ELU, "selu": nn.SELU, "leaky_relu": nn.LeakyReLU, "softsign": nn.Softsign,
    "softplus": nn.Softplus, "mish": nn.Mish, "hard_sigmoid": nn.Hardsigmoid, "relu6": nn.ReLU6,
    "softmax": lambda: nn.Softmax(1), "log_softmax": lambda: nn.LogSoftmax(1),
}  # fmt: skip

FUNCTIONS: dict[str, Call] = {
    "relu": F.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "gelu": F.gelu, "silu": F.silu,
    "elu": F.elu, "selu": F.selu, "leaky_relu": F.leaky_relu, "softsign": F.softsign,
    "softplus": F.softplus, "mish": F.mish, "hard_sigmoid": F.hardsigmoid, "relu6": F.relu6,
    "softmax": lambda z: F.softmax(z, dim=1), "log_softmax": lambda z: F.log_softmax(z, dim=1),
    "exp": torch.exp, "softmax_by_hand": lambda z: z.exp() / z.exp().sum(1, keepdim=True),
}  # fmt: skip

IN_PLACE: dict[str, Call] = {
    "relu": lambda z: F.relu(z, inplace=True), "tanh": torch.tanh_, "sigmoid": torch.sigmoid_,
    "silu": lambda z: F.silu(z, inplace=True), "elu": F.elu_, "selu": F.selu_,
    "leaky_relu": F.leaky_relu_, "relu6": lambda z: F.relu6(z, inplace=True),
}  # fmt: skip

METHODS: dict[str, Call] = {
    "relu": Tensor.relu, "tanh": Tensor.tanh, "sigmoid": Tensor.sigmoid,
    "softmax": lambda z: z.softmax(1), "log_softmax": lambda z: z.log_softmax(1),
}  # fmt: skip


def activation(style: str, name: str, shared: dict[str, nn.Module]) -> Any:
    """A module or a function; a name that a style does not have is called as a function."""
    if "+" in name:
        name, more = name.split("+")
        return lambda z: FUNCTIONS[name](z) + float(more)
    if style in ("modules", "reused") and name in MODULES:
        if style == "reused":
            return shared.setdefault(name, MODULES[name]())
        return MODULES[name]()
    return {"in-place": IN_PLACE, "methods": METHODS}.get(style, FUNCTIONS).get(name) or (
        FUNCTIONS[name]
    )


class Net(nn.Module):
    """What all have: activations in the style of the plan, and the end."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.hidden: list[str] = []
        """Modules whose outputs are pre-activations, in the order of the forward pass."""
        self._shared: dict[str, nn.Module] = {}
        self._called = 0

    def activate(self, layer: str, name: str = "") -> Any:
        """A new activation, which takes the output of a layer."""
        self.hidden.append(layer)
        at, self._called = self._called, self._called + 1
        if at in self.plan.gaps:
            self.hidden.pop()
            return nn.Identity() if self.plan.style == "modules" else lambda z: z
        return activation(self.plan.style, name or self.plan.act, self._shared)

    def finish(self, width: int) -> None:
        """The last layer."""
        self.last = nn.Linear(width, self.plan.outputs)
        self.ends = holder([activation(self.plan.style, name, {}) for name in self.plan.head])

    def ended(self, z: Tensor) -> Tensor:
        z = self.last(z)
        for end in self.ends:
            z = end(z)
        return z


class MLP(Net):
    def __init__(self, plan: Plan, inputs: int) -> None:
        super().__init__(plan)
        if plan.low_rank:
            self.embed = nn.Linear(inputs, plan.low_rank)
            inputs = plan.low_rank
        self.layers, self.norms = nn.ModuleList(), nn.ModuleList()
        acts = []
        for at in range(plan.depth):
            self.layers.append(nn.Linear(inputs, plan.width))
            self.norms.append(norm(plan.norm, plan.width))
            acts.append(self.activate(f"norms.{at}" if plan.norm else f"layers.{at}"))
            inputs = plan.width
        self.acts = holder(acts)
        self.drop = nn.Dropout(plan.dropout)
        self.finish(inputs)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        if self.plan.low_rank:
            x = self.embed(x)
        for layer, normed, act in zip(self.layers, self.norms, self.acts, strict=True):
            x = layer(x)
            if self.plan.norm:
                x = normed(x)
            x = act(x)
            if self.plan.dropout:
                x = self.drop(x)
        return self.ended(x)


class CNN(Net):
    """3x3 convolutions on 8x8 images; halved after the second."""

    def __init__(self, plan: Plan, inputs: int) -> None:
        super().__init__(plan)
        self.convs, self.norms, acts, before = nn.ModuleList(), nn.ModuleList(), [], 1
        for at in range(plan.depth):
            self.convs.append(nn.Conv2d(before, plan.width, 3, padding=1))
            self.norms.append(nn.BatchNorm2d(plan.width) if plan.norm else nn.Identity())
            acts.append(self.activate(f"norms.{at}" if plan.norm else f"convs.{at}"))
            before = plan.width
        self.acts = holder(acts)
        self.finish(plan.width * 4 * 4)

    def forward(self, x: Tensor) -> Tensor:
        x = x.view(-1, 1, 8, 8)
        for at, (conv, act) in enumerate(zip(self.convs, self.acts, strict=True)):
            x = conv(x)
            if self.plan.norm:
                x = self.norms[at](x)
            x = act(x)
            if at == min(1, self.plan.depth - 1):
                x = F.max_pool2d(x, 2)
        return self.ended(x.flatten(1))


class Residual(Net):
    """x + up(act(down(x))) in blocks, with or without a norm."""

    def __init__(self, plan: Plan, inputs: int) -> None:
        super().__init__(plan)
        self.stem = nn.Linear(inputs, plan.width)
        self.downs, self.ups, self.norms = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        acts = []
        for at in range(plan.depth):
            self.downs.append(nn.Linear(plan.width, plan.width))
            self.ups.append(nn.Linear(plan.width, plan.width))
            self.norms.append(nn.LayerNorm(plan.width) if plan.norm else nn.Identity())
            acts.append(self.activate(f"downs.{at}"))
        self.acts = holder(acts)
        self.finish(plan.width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x.flatten(1))
        for down, up, normed, act in zip(self.downs, self.ups, self.norms, self.acts, strict=True):
            if self.plan.norm == "post":
                x = normed(x + up(act(down(x))))
            else:
                x = x + up(act(down(normed(x) if self.plan.norm else x)))
        return self.ended(x)


class Recurrent(Net):
    """A digit's rows, one after another."""

    def __init__(self, plan: Plan, inputs: int) -> None:
        super().__init__(plan)
        kind = nn.LSTM if plan.net == "lstm" else nn.GRU
        self.rnn = kind(8, plan.width, plan.depth, batch_first=True)
        self.finish(plan.width)

    def forward(self, x: Tensor) -> Tensor:
        return self.ended(self.rnn(x.view(len(x), 8, 8))[0][:, -1])


class Block(nn.Module):
    def __init__(self, width: int, act: Any, placed: str) -> None:
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend = nn.MultiheadAttention(width, 2, batch_first=True)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.act = act
        self.placed = placed

    def forward(self, x: Tensor) -> Tensor:
        if self.placed == "post":
            x = self.n1(x + self.attend(x, x, x, need_weights=False)[0])
            return self.n2(x + self.down(self.act(self.up(x))))
        h = self.n1(x)
        x = x + self.attend(h, h, h, need_weights=False)[0]
        return x + self.down(self.act(self.up(self.n2(x))))


class Transformer(Net):
    """A digit's rows as eight tokens."""

    def __init__(self, plan: Plan, inputs: int) -> None:
        super().__init__(plan)
        self.embed = nn.Linear(8, plan.width)
        self.place = nn.Parameter(0.1 * torch.randn(8, plan.width))
        self.blocks = nn.ModuleList(
            Block(plan.width, self.activate(f"blocks.{at}.up"), plan.norm or "pre")
            for at in range(plan.depth)
        )
        self.finish(plan.width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x.view(len(x), 8, 8)) + self.place
        for block in self.blocks:
            x = block(x)
        return self.ended(x.mean(1))


class Autoencoder(Net):
    """In, narrow, and out again."""

    def __init__(self, plan: Plan, inputs: int) -> None:
        super().__init__(plan)
        self.down, self.code = (
            nn.Linear(inputs, 2 * plan.width),
            nn.Linear(2 * plan.width, plan.width),
        )
        self.up = nn.Linear(plan.width, 2 * plan.width)
        self.act1, self.act2 = self.activate("down"), self.activate("up")
        self.finish(2 * plan.width)

    def forward(self, x: Tensor) -> Tensor:
        return self.ended(self.act2(self.up(self.code(self.act1(self.down(x.flatten(1)))))))


NETS = {
    "mlp": MLP, "cnn": CNN, "residual": Residual, "lstm": Recurrent, "gru": Recurrent,
    "transformer": Transformer, "autoencoder": Autoencoder,
}  # fmt: skip


def holder(acts: list[Any]) -> Any:
    """Modules are registered, as a program would."""
    return nn.ModuleList(acts) if all(isinstance(act, nn.Module) for act in acts) else acts


def norm(kind: str, width: int) -> nn.Module:
    return {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}.get(kind, nn.Identity)(width)


def build(plan: Plan, inputs: int) -> Net:
    """The network at its start, always the same."""
    torch.manual_seed(plan.seed)
    model = NETS[plan.net](plan, inputs)
    if plan.gain is not None:
        for module in model.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                fan_in = module.weight[0].numel()
                nn.init.normal_(module.weight, 0, plan.gain / math.sqrt(fan_in))
                nn.init.zeros_(module.bias)
    with torch.no_grad():
        for edit in plan.edits:
            exec(edit, {"model": model, "torch": torch, "nn": nn, "ogive": ogive})
    return model
