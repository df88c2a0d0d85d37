"""Gates of recurrent layers, which compute them out of sight: computed again, on a few rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ogive import catalog

from .functions import Activation

SEQUENCES, STEPS = 16, 16
"""That are looked at, from the start of each sequence."""

SIGMOID = Activation(catalog.find("sigmoid"), {}, torch.sigmoid, False)
TANH = Activation(catalog.find("tanh"), {}, torch.tanh, False)
RELU = Activation(catalog.find("relu"), {}, torch.relu, False)

GATES: dict[str, tuple[tuple[str, Activation], ...]] = {
    "lstm": (("input", SIGMOID), ("forget", SIGMOID), ("cell", TANH), ("output", SIGMOID)),
    "gru": (("reset", SIGMOID), ("update", SIGMOID), ("new", TANH)),
    "rnn_tanh": (("hidden", TANH),),
    "rnn_relu": (("hidden", RELU),),
}


@torch.no_grad()
def gates(name: str, args: Any) -> Iterator[tuple[str, Activation, Tensor]]:
    """Each gate's name, activation and pre-activations, rows and units."""
    base = name.removesuffix("_cell")
    if name.endswith("_cell"):
        data, state, *weights = args
        hidden = state if isinstance(state, Tensor) else state[0]
        data = torch.atleast_2d(data)[: SEQUENCES * STEPS].float()
        hidden = torch.atleast_2d(hidden)[: SEQUENCES * STEPS].float()
        weights = [None if each is None else each.detach().float() for each in weights]
        z = _parts(base, data, hidden, weights)
        yield from _named(base, "", z)
        return
    data, state, weights, biases, layers, bidirectional, batch_first = _arguments(args)
    if data is None:
        return
    first = state if isinstance(state, Tensor) else state[0]
    if data.dim() == 2:
        data, first = data.unsqueeze(1), first.unsqueeze(1) if first.dim() == 2 else first
    elif batch_first:
        data = data.transpose(0, 1)
    data = data[:STEPS, :SEQUENCES].detach().float()
    each_has = 4 if biases else 2
    if isinstance(state, (tuple, list)) and weights and len(weights) % each_has:
        return  # with a projection
    directions = 2 if bidirectional else 1
    for layer in range(layers):
        outputs = []
        for direction in range(directions):
            at = layer * directions + direction
            own = [w.detach().float() for w in weights[at * each_has : (at + 1) * each_has]]
            own += [None] * (4 - len(own))
            start = first[at][:SEQUENCES].detach().float()
            found, output = _sequence(base, data, start, own, direction == 1)
            outputs.append(output)
            suffix = f" l{layer}" + " reverse" * direction if layers * directions > 1 else ""
            yield from _named(base, suffix, found)
        data = torch.cat(outputs, dim=-1)


def _named(base: str, suffix: str, z: Tensor) -> Iterator[tuple[str, Activation, Tensor]]:
    kinds = GATES[base]
    for (gate, activation), part in zip(kinds, z.chunk(len(kinds), dim=-1), strict=True):
        yield gate + suffix, activation, part.reshape(-1, part.shape[-1])


def _arguments(args: Any) -> tuple[Any, ...]:
    """Input, state, weights, whether with biases, layers, both directions, batch first."""
    if isinstance(args[2], (list, tuple)):
        data, state, weights, biases, layers, _, _, bidirectional, batch_first = args
        return data, state, weights, biases, layers, bidirectional, batch_first
    # Packed sequences: rows of all sequences, step after step.
    data, sizes, state, weights, biases, layers, _, _, bidirectional = args
    rows = int(sizes[-1]) if len(sizes) else 0  # sequences that last to the end
    rows = max(1, min(rows, SEQUENCES))
    starts = torch.cat((torch.zeros(1, dtype=sizes.dtype), sizes.cumsum(0)))[:-1][:STEPS]
    steps = torch.stack([data[int(at) : int(at) + rows] for at in starts])
    return steps, state, weights, biases, layers, bidirectional, False


def _parts(base: str, data: Tensor, hidden: Tensor, weights: Any) -> Tensor:
    """Pre-activations of all gates of one time step."""
    from_input = F.linear(data, weights[0], weights[2])
    from_hidden = F.linear(hidden, weights[1], weights[3])
    if base != "gru":
        return from_input + from_hidden
    # The new gate sees the state through the reset gate.
    r_in, z_in, n_in = from_input.chunk(3, dim=-1)
    r_h, z_h, n_h = from_hidden.chunk(3, dim=-1)
    reset = r_in + r_h
    return torch.cat((reset, z_in + z_h, n_in + torch.sigmoid(reset) * n_h), dim=-1)


def _sequence(
    base: str, data: Tensor, hidden: Tensor, weights: Any, backwards: bool
) -> tuple[Tensor, Tensor]:
    found, outputs = [], []
    cell = torch.zeros_like(hidden)
    steps = data.flip(0) if backwards else data
    for x in steps:
        z = _parts(base, x, hidden, weights)
        found.append(z)
        if base == "lstm":
            i, f, g, o = z.chunk(4, dim=-1)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
            hidden = torch.sigmoid(o) * torch.tanh(cell)
        elif base == "gru":
            _, u, n = z.chunk(3, dim=-1)
            u = torch.sigmoid(u)
            hidden = (1 - u) * torch.tanh(n) + u * hidden
        else:
            hidden = torch.tanh(z) if base == "rnn_tanh" else torch.relu(z)
        outputs.append(hidden)
    together = torch.stack(outputs)
    return torch.cat(found), together.flip(0) if backwards else together
