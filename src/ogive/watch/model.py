"""One model that is watched: its hooks on observed steps, its places, its checks."""

from __future__ import annotations

import contextlib
import math
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from . import judge
from .compiled import compiled_parts, is_compiled
from .faults import WINDOW_BATCHES, WINDOW_SAMPLES
from .functions import Activation
from .heads import Head, HeadStats, LossSeen
from .layer_stats import Units, units_of
from .observe import BACKWARD, DONE, FORWARD, Info, Observer, Owner
from .places import Block, Place, merged
from .ranks import together
from .records import Finding, Progress, Unseen, Watched
from .view import Key, Training, View, Window

CALLS = 8
"""Of the model in an observed step, at most: it is called without ever being stepped."""

PARTS = 64
"""Calls of parts that stand for one of the model, at most."""

BLOCK, LATER, MANY = 5, 10, 50
"""Observed steps from check to check: at first, and after so many."""

CLOSE = 130
"""Steps of a close look, at most."""

WEIGHTS = 16384
"""Entries of each layer's weights that are compared before and after a step."""

POINTS = 256
"""Of the progress; then every second is dropped."""

BLOCKS = 64
"""For windows."""


_GONE = nn.Identity()


class Hook:
    """A module's hook of ours: copies and pickles of the module get one that does nothing.

    A target network or a checkpoint is neither watched nor in need of this package.
    """

    def __init__(self, function: Callable[..., None]) -> None:
        self.function = function

    def __call__(self, *args: Any) -> None:
        self.function(*args)

    def __reduce__(self) -> Any:
        return getattr, (contextlib.nullcontext(), "__exit__")


class ModelWatch(Owner, Training):
    """Follows one model's training."""

    def __init__(self, name: str, module: nn.Module, failed: Callable[[Exception], None]) -> None:
        self.name = self.given_name = name
        # Held weakly: a program that trains many models one after another lets go of them.
        self._outer: weakref.ref[nn.Module] = weakref.ref(module)
        self._module: weakref.ref[nn.Module] = weakref.ref(unwrapped(module))
        self.kind_name = type(unwrapped(module)).__name__
        self.parameters = 0
        self._failed = failed
        self.observer = Observer(self)
        self.places: dict[Key, Place] = {}
        self.heads: dict[str, Head] = {}
        self.blocks: dict[Key, deque[Block]] = {}
        self.history: dict[Key, list[Any]] = {}
        self.maps: dict[Key, list[Any]] = {}
        self.first_blocks: dict[Key, Block] = {}
        self.progress: list[Progress] = []
        self.skills: list[tuple[int, float | None, float | None]] = []
        self.structure: dict[tuple[str, str], tuple[Place, Place]] = {}
        self.finder = judge.Finder(name)
        self.steps = 0
        self.observed = 0
        self.first_observed = 0
        self.block_start = 0
        self.epoch = 0
        """Steps of an epoch, where a loader shows it."""
        self.stepped_by: dict[int, Any] = {}
        self.backwards = 0
        self.forwards = 0
        self.seen_calls = 0
        self.optimizer = ""
        self.rate: float | None = None
        self.precision = ""
        self.armed = False
        self.input_stats: list[tuple[Place, Tensor]] = []
        self.inputs: dict[Key, dict[str, float]] = {}
        self.largest = 0
        self.losses: list[Tensor] = []
        self.loss_now: float | None = None
        self.nan_known = False
        self.peak_bytes = 0
        self._stack: list[tuple[str, nn.Module]] = []
        self._handles: list[Any] = []
        self._calls = 0
        self._windows: dict[Key, Window] = {}
        self._weights: dict[str, Tensor] = {}
        self._updates: dict[str, Tensor] = {}
        self.activated_layers: set[tuple[str, int]] = set()
        self._names: dict[int, tuple[str, str]] = {}
        self._kinds: dict[str, str] = {}
        self._ids: frozenset[int] = frozenset()
        self._order = 0
        self._trained = False
        self.by_parts = hasattr(self.module, "training_step")
        """Its layers are called, and not the model itself, as Lightning does."""
        self.refresh()

    # What the model consists of.

    def refresh(self) -> None:
        """Parameters may be replaced: by lazy layers, by sharding."""
        self._names.clear()
        self.parameters = sum(
            each.numel()
            for each in self.outer.parameters()
            if not isinstance(each, nn.parameter.UninitializedParameter)
        )
        for name, parameter in self.module.named_parameters(remove_duplicate=True):
            layer = name.rpartition(".")[0]
            self._names[id(parameter)] = (layer, name)
        self._kinds = {path: type(each).__name__ for path, each in self.module.named_modules()}
        self._ids = frozenset(self._names)

    def owns(self, optimizer: Any) -> bool:
        """Whether an optimizer trains a parameter of the model."""
        known = self.stepped_by.get(id(optimizer))
        if known is not None and known() is optimizer:
            return True
        own = {id(each) for each in self.outer.parameters()}
        for group in optimizer.param_groups:
            if any(id(each) in own for each in group["params"]):
                self.stepped_by[id(optimizer)] = weakref.ref(optimizer)
                self.refresh()
                return True
        return False

    @property
    def module(self) -> nn.Module:
        """The model without what is wrapped around it; an empty one where it is gone."""
        module = self._module()
        return _GONE if module is None else module

    @property
    def outer(self) -> nn.Module:
        """What is called: the model, or what torch.compile made of it."""
        module = self._outer()
        return _GONE if module is None else module

    @outer.setter
    def outer(self, module: nn.Module) -> None:
        self._outer = weakref.ref(module)

    def rename(self, name: str) -> None:
        """Another model is watched too: this one gets a name."""
        self.name = self.finder.model = name
        self.finder.findings = {
            key: replace(each, model=name) for key, each in self.finder.findings.items()
        }
        self.progress = [replace(each, model=name) for each in self.progress]

    # Hooks, only on observed steps.

    def arm(self) -> None:
        """The step that begins is looked at."""
        if self.armed:
            return
        self.armed = True
        self._calls = self._part_calls = 0
        parts = compiled_parts(self.module)
        hidden = {id(part) for each in parts for part in each.modules()}
        for path, module in self.module.named_modules():
            if isinstance(module, torch.jit.ScriptModule):
                continue  # it takes no hooks, and its functions are out of sight
            if path and not self.by_parts and _plain(module) and not is_compiled(module):
                continue  # known by its weights
            if path and is_compiled(module):
                # What lies inside is compiled code: it must not meet the mode.
                self._handles += self._around_compiled(module)
            elif id(module) not in hidden:
                enter = module.register_forward_pre_hook(Hook(self._entering(path)), prepend=True)
                leave = module.register_forward_hook(Hook(self._leave), always_call=True)
                self._handles += [enter, leave]

    def disarm(self) -> None:
        """The step is over; no hook is left."""
        self.observer.remove()
        self.observer.end()
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._stack.clear()
        self.armed = False

    def _entering(self, path: str) -> Callable[..., None]:
        def enter(module: nn.Module, *_: Any) -> None:
            if torch.compiler.is_compiling():
                return
            try:
                if not self._stack:
                    self._outermost(module)
                self._stack.append((path, module))
            except Exception as error:
                self.failed(error)

        return enter

    def enter(self) -> None:
        """The model's own call has begun, from a hook that ran before this step's were made."""
        if not self._stack:
            self._outermost(self.module)
        self._stack.append(("", self.module))

    def changed(self) -> bool:
        """Whether its weights were changed since the last time, by the look of the first ones."""
        first = next(iter(self.module.parameters()), None)
        if first is None or isinstance(first, nn.parameter.UninitializedParameter):
            return False
        version = first._version
        entries = None
        if first.device.type == "cpu":  # elsewhere it would wait for the device
            entries = local(first.detach()).reshape(-1)[:8].clone()
        before, self._first_entries = self._first_entries, (version, entries)
        if before is None:
            return False
        if before[0] != version:
            return True
        return entries is not None and before[1] is not None and not torch.equal(entries, before[1])

    _first_entries: tuple[int, Tensor | None] | None = None

    def _outermost(self, module: nn.Module) -> None:
        observer = self.observer
        if not torch.is_grad_enabled():
            return
        if observer.phase is BACKWARD:  # a checkpoint computes this part again
            observer.begin_call()
            observer.insert()
            return
        if self.backwards_now or (self._trained and not module.training):
            return
        self._trained = self._trained or module.training
        whole = module is self.module
        # A program may call the model's parts instead of the model.
        self._part_calls += not whole
        self._calls = self._calls + 1 if whole else max(1, self._calls)
        if self._calls > CALLS or self._part_calls > CALLS * PARTS:
            observer.remove()
            observer.phase = DONE
            return
        if observer.phase is DONE:
            observer.begin()
        elif whole:
            observer.begin_call()
        observer.insert()

    @property
    def backwards_now(self) -> bool:
        """Whether a backward pass of this step is over."""
        return self.armed and self._backward_over

    _backward_over = False
    _part_calls = 0
    is_compiled = False
    """As a whole: then it is followed in a run of its own."""
    was_armed = arm_again = False
    alert: Any = None
    """Called with what is certain at once."""
    after_handle: Any = None

    def release_compiled(self) -> None:
        if self.after_handle is not None:
            self.after_handle.remove()
            self.after_handle = None

    def sample_ahead(self) -> None:
        """Weights before a step that calls the model itself."""
        if self.armed:
            self._weights = dict(self._sampled())

    _since_check = 0
    close_look = 0
    """Steps that are looked at one after another from now on: something may be wrong."""

    def _check_due(self) -> bool:
        if self.observed == 1:
            return True  # the state at the start
        often = self.observed < MANY or self.close_look > 0
        return self._since_check >= (BLOCK if often else LATER)

    def _leave(self, module: nn.Module, args: Any, output: Any) -> None:
        if torch.compiler.is_compiling():
            return
        try:
            while self._stack:
                _, last = self._stack.pop()
                if last is module:
                    break
            if self._stack:
                return
            if self.observer.phase is BACKWARD:
                self.observer.remove()
            elif self.observer.phase is FORWARD:
                self.seen_calls += 1
                if module is self.module:
                    self._returned(output)
        except Exception as error:
            self.failed(error)

    def _returned(self, output: Any) -> None:
        for tensor in tensors_of(output):
            info = self.observer.info(tensor)
            if info is not None and info.place is not None and not info.place.consumed:
                info.place.head = True
            if info is not None and info.activated is not None and not info.activated.consumed:
                info.activated.head = True

    def _around_compiled(self, module: nn.Module) -> list[Any]:
        def enter(*_: Any) -> None:
            if not torch.compiler.is_compiling():
                self._was = self.observer.inserted
                self.observer.remove()

        def leave(*_: Any) -> None:
            if not torch.compiler.is_compiling() and self._was:
                self.observer.insert()

        return [
            module.register_forward_pre_hook(Hook(enter)),
            module.register_forward_hook(Hook(leave), always_call=True),
        ]

    _was = False

    # What the observer asks and tells.

    def failed(self, error: Exception) -> None:
        self._failed(error)

    def parameter(self, tensor: Any) -> tuple[str, str] | None:
        return self._names.get(id(tensor))

    def path(self) -> str:
        return self._stack[-1][0] if self._stack else ""

    def inside(self) -> bool:
        return bool(self._stack)

    def caller(self) -> tuple[str, bool]:
        if not self._stack:
            return "", False
        path, module = self._stack[-1]
        return path, not _children(module) and not any(
            True for each in module.parameters(recurse=False) if each.dim() > 1
        )

    def kind(self, layer: str) -> str:
        return self._kinds.get(layer, "")

    def place(
        self, layer: str, call: int, kind: str, units: int, activation: Activation | None,
        number: int, gate: str = "",
    ) -> Place:  # fmt: skip
        name = activation.name if activation is not None else ""
        key = (layer, call, name, number, gate)
        found = self.places.get(key)
        if found is None:
            found = Place(layer, call, kind, self._order, units, activation, number, gate=gate)
            self._order += 1
            self.places[key] = found
        return found

    def linear_pair(self, first: Place, second: Place) -> None:
        self.structure[first.layer, second.layer] = first, second

    def input(self, place: Place, data: Tensor, info: Info | None) -> None:
        """The data that the first layer sees are looked at too."""
        if info is None and self.observer.phase is FORWARD and len(self.input_stats) < 4:
            with torch.no_grad():
                rows = data.detach().reshape(len(data), -1)[:64].to(torch.float32, copy=True)
            self.input_stats.append((place, rows))

    def output(self, place: Place, result: Tensor, axis: int) -> None:
        if not self.precision:
            self.precision = str(result.dtype).removeprefix("torch.")
        place.add(result, axis)

    def activated(self, place: Place) -> None:
        """From now on the activation's place stands for the layer's."""
        if (place.layer, place.call) not in self.activated_layers:
            self.activated_layers.add((place.layer, place.call))
            place.clear()

    def loss(self, seen: LossSeen) -> None:
        if seen.place is None and not self.alone:
            return
        if seen.loss.rows and seen.given.device.type == "cpu":
            self._check_labels(seen)
        head = self.heads.get(seen.name)
        if head is None:
            head = self.heads[seen.name] = Head(seen.name, seen.loss)
        known = head.place, head.activated, head.softmax, head.only
        head.add(seen)
        if seen.place is None:  # of a compiled model, whose original was followed
            head.place, head.activated, head.softmax, head.only = known

    def _check_labels(self, seen: LossSeen) -> None:
        """torch raises in a moment: say why before."""
        given, target = seen.given, seen.target
        if target.is_floating_point() or given.dim() < 1 or not target.numel():
            return
        classes = given.shape[1 if given.dim() > 1 else 0]
        if int(target.max()) < classes and int(target.min()) >= 0:
            return
        kept = target[target != int(seen.options.get("ignore_index", -100) or -100)]
        outside = int(((kept < 0) | (kept >= classes)).sum())
        if outside:
            head = Head(seen.name, seen.loss, place=seen.place, classes=classes)
            self.alert(self, judge.head_suspicion(
                "wrong_head/target_range", head, "error", "labels", labels=float(outside),
                classes=float(classes), lowest=float(kept.min()), highest=float(kept.max()),
            ))  # fmt: skip

    alone = True
    """Whether no other model is watched: then every loss is this model's."""

    # Steps.

    def backward_begins(self, tensors: Any) -> None:
        self.backwards += 1
        if self.observer.phase is FORWARD and self.armed:
            self.observer.phase = BACKWARD
            first = tensors if isinstance(tensors, Tensor) else None
            if first is not None and first.numel() == 1:
                self.losses.append(first.detach())
                del self.losses[:-BLOCK]

    def backward_ends(self) -> None:
        if self.observer.phase is BACKWARD:
            self.observer.phase = DONE
            self._backward_over = True

    def before_step(self, optimizer: Any) -> None:
        """The step of the optimizer begins."""
        if optimizer is not None:
            group = optimizer.param_groups[0]
            self.optimizer = type(optimizer).__name__
            rate = group.get("lr")
            self.rate = float(rate) if isinstance(rate, (int, float)) else None
        self.was_armed = self.armed
        if not self.armed:
            return
        seen = self._calls > 0
        self.disarm()
        self._backward_over = False
        if not seen and self.backwards:
            self.by_parts = True
        if seen:
            self.observed += 1
            self._since_check += 1
            if self._check_due() and not self._weights:
                self._weights = dict(self._sampled())

    def after_step(self) -> bool:
        """Whether a check is due."""
        self.steps += 1
        self.close_look = max(0, self.close_look - 1)
        if not self._weights:
            return False
        self._since_check = 0
        named = dict(self.module.named_parameters())
        with torch.no_grad():
            for name, after in self._sampled():
                before = self._weights.get(name)
                if before is not None and before.shape == after.shape:
                    change = (after - before).norm() / before.norm().clamp_min(1e-30)
                    bias = named.get(f"{name.rpartition('.')[0]}.bias".lstrip("."))
                    biases = after.new_zeros(()) if bias is None else (
                        local(bias.detach()).float().square().mean().nan_to_num(0.0))  # fmt: skip
                    self._updates[name] = torch.stack((change, after.square().mean(), biases))
        self._weights = {}
        return True

    def _sampled(self) -> Iterator[tuple[str, Tensor]]:
        """Evenly chosen entries of each layer's weights, copied."""
        named = dict(self.module.named_parameters())
        wanted = {place.weight or f"{place.layer}.weight" for place in self.places.values()}
        for name in wanted:
            weight = named.get(name)
            if weight is None or not weight.requires_grad:
                continue
            entries = local(weight.detach()).reshape(-1)
            stride = math.ceil(len(entries) / WEIGHTS)
            yield name, entries[::stride].to(torch.float32, copy=True)

    # Checks.

    def check(self, final: bool = False) -> list[Finding]:
        """Bring what was kept to the host in one transfer, and judge it."""
        found: dict[Any, Tensor] = {}
        for key, place in self.places.items():
            for name, tensor in place.collect().items():
                found[key, name] = tensor
        for name, head in self.heads.items():
            for part, tensor in head.collect().items():
                found["head", name, part] = tensor
        for name, tensor in self._updates.items():
            found["weight", name] = tensor
        for at, (_, rows) in enumerate(self.input_stats[:4]):
            found["input", at] = rows
        for at, loss in enumerate(self.losses):
            found["loss", at] = loss
        numbers = transferred(found)
        self._windows.clear()
        self.checks += 1
        self._close_blocks(numbers)
        if self.ranks is not None and self.ranks.connect():
            self._exchange(self.ranks, final)
        heads = {
            name: head.conclude(
                {key[2]: v for key, v in numbers.items() if key[0] == "head" and key[1] == name}
            )
            for name, head in self.heads.items()
        }
        losses = [float(v) for key, v in numbers.items() if key[0] == "loss"]
        self.overflowed = any(not math.isfinite(each) for each in losses)
        self._advance(heads, losses)
        findings = self.finder.judge(View(self, heads, losses, final, not found))
        self.block_start = self.steps
        self.losses.clear()
        return findings

    checks = 0
    overflowed = False
    """A loss of the last check was not finite."""
    ranks: Any = None
    """Other processes of the same training."""

    def _exchange(self, ranks: Any, final: bool) -> None:
        """Add what the other processes saw, or leave it for the first one."""
        own = {
            key: blocks[-1] for key, blocks in self.blocks.items()
            if blocks[-1].check == self.checks
        }  # fmt: skip
        if ranks.rank:
            ranks.leave(self.given_name, self.checks, own)
            if final:
                ranks.end(self.given_name, self.checks)
            return
        take = ranks.take_last if final else ranks.take
        for found in take(self.given_name):
            for key, others in found.items():
                blocks = self.blocks.get(key) or deque()
                # It may come late, or be of other steps where one process looked closer.
                nearest = min(
                    range(len(blocks)),
                    key=lambda at: abs(blocks[at].step - others.step),
                    default=None,
                )
                if nearest is not None:
                    blocks[nearest] = together(blocks[nearest], others)

    def _close_blocks(self, numbers: Mapping[Any, Any]) -> None:
        bytes_kept = 0
        for key, place in self.places.items():
            if not place.batches and (key, "gradient_square") not in numbers:
                continue
            bytes_kept += place.bytes
            weight = numbers.get(("weight", place.weight or f"{place.layer}.weight"))
            last = self.blocks[key][-1] if key in self.blocks else None
            block = Block(
                check=self.checks,
                first_step=self.block_start,
                step=self.steps,
                batches=place.batches,
                rows=place.rows,
                units=numbers.get((key, "units")),
                gradient_largest=numbers.get((key, "gradient_largest")),
                gradient_square=_number(numbers.get((key, "gradient_square"))),
                cosine=_number(numbers.get((key, "cosine"))),
                wide=_number(numbers.get((key, "wide"))) or 4.0,
                counts=numbers.get((key, "counts")),
                update_ratio=float(weight[0])
                if weight is not None
                else (last.update_ratio if last is not None else None),
                weight_variance=float(weight[1]) * place.fan_in
                if weight is not None
                else (last.weight_variance if last is not None else None),
                bias_variance=float(weight[2])
                if weight is not None
                else (last.bias_variance if last is not None else 0.0),
            )
            self.blocks.setdefault(key, deque(maxlen=BLOCKS)).append(block)
            place.clear()
        for at, (place, _) in enumerate(self.input_stats[:4]):
            rows = numbers["input", at]
            rows = rows[np.isfinite(rows).all(axis=1)]
            if not len(rows):
                continue
            size = np.linalg.norm(rows, axis=1, keepdims=True)
            unit = rows / np.maximum(size, 1e-30)
            count = len(unit)
            cosine = (np.square(unit.sum(0)).sum() - count) / max(1, count * (count - 1))
            self.inputs[place.key] = {
                "mean": float(rows.mean()), "rms": float(np.sqrt(np.square(rows).mean())),
                "cosine": float(cosine), "largest": float(np.abs(rows).max()),
            }  # fmt: skip
        self.input_stats.clear()
        self._updates.clear()
        self.peak_bytes = max(self.peak_bytes, bytes_kept)

    def _advance(self, heads: Mapping[str, HeadStats | None], losses: list[float]) -> None:
        main = next((each for each in heads.values() if each is not None and each.rows), None)
        loss = losses[-1] if losses else (main.loss if main else None)
        skill = main.skill if main else None
        if loss is None and skill is None:
            return
        self.progress.append(
            Progress(
                step=self.steps,
                model=self.name,
                loss=loss,
                skill=skill,
                accuracy=main.accuracy if main else None,
            )
        )
        self.skills.append((self.steps, skill, float(np.mean(losses)) if losses else loss))
        if len(self.progress) > POINTS:
            del self.progress[1:-1:2]

    def window(self, key: Key) -> Window:
        """The latest blocks that fill the window, as one."""
        found = self._windows.get(key)
        if found is None:
            chosen: list[Block] = []
            for block in reversed(self.blocks[key]):
                chosen.insert(0, block)
                if judge.fills(chosen, self.epoch):
                    break
            whole = merged(chosen) if len(chosen) > 1 else chosen[0]
            units = units_of(self.places[key], whole)
            found = Window(whole, judge.fills(chosen, self.epoch), units)
            self._windows[key] = found
        return found

    def recent_units(self, key: Key) -> Units | None:
        """Of the last block alone."""
        return units_of(self.places[key], self.blocks[key][-1])

    def look_closer(self, place: Place) -> None:
        """Look at all of the next steps, until a window of them is full."""
        block = self.blocks[place.key][-1]
        rows = max(1.0, block.rows / max(1, block.batches))
        batches = max(WINDOW_BATCHES, math.ceil(WINDOW_SAMPLES / rows))
        self.close_look = max(self.close_look, min(CLOSE, batches + BLOCK))

    def beside(self, places: list[Place]) -> bool:
        """Whether each activation is a module registered right after its layer: where
        `ogive.torch.init_` finds it by itself."""
        leaves = [path for path, each in self.module.named_modules() if not _children(each)]
        order = {path: at for at, path in enumerate(leaves)}
        weighted = {each.layer for each in places}
        for each in places:
            layer, activation = order.get(each.layer, -1), order.get(each.path, -1)
            if not 0 <= layer < activation or weighted & {*leaves[layer + 1 : activation]}:
                return False
        return True

    # Records.

    def record(self) -> Watched:
        return Watched(
            name=self.name,
            kind=self.kind_name,
            parameters=self.parameters,
            steps=self.steps,
            observed=self.observed,
            layers=len(self.judged()),
            loss=", ".join(self.heads),
            optimizer=self.optimizer,
            precision=self.precision,
        )

    def judged(self) -> list[tuple[Key, Place]]:
        """Places in the order of the forward pass: an activation's stands for its layer's."""
        taken = self.activated_layers
        return sorted(
            (
                (key, place)
                for key, place in self.places.items()
                if place.units
                and key in self.blocks
                and (place.activation is not None or (place.layer, place.call) not in taken)
            ),
            key=lambda pair: pair[1].order,
        )

    def unseen(self) -> list[Unseen]:
        """What of this model could not be looked at."""
        found = []
        who = f"{self.name}: " if self.name else ""
        if not self.steps:
            found.append(
                Unseen(
                    what=f"{who}{self.kind_name}",
                    why="the model was never called inside the monitor"
                    if not self.forwards
                    else "it was called, but no optimizer step and no backward pass followed",
                    how="Train it inside the with block, or attach before training starts.",
                )
            )
        elif self.steps and not self.seen_calls:
            found.append(
                Unseen(
                    what=f"{who}{self.kind_name}",
                    why="its parameters were trained, but no call of it could be seen: it runs "
                    "inside compiled code or in other threads",
                    how="Give the monitor the object that is called: Monitor(compiled_model).",
                )
            )
        scripted = [
            path for path, each in self.module.named_modules()
            if isinstance(each, torch.jit.ScriptModule)
        ]  # fmt: skip
        if scripted:
            found.append(
                Unseen(
                    what=f"{who}{scripted[0]}",
                    why="it is a torch.jit script, which runs out of sight",
                    how="Train the module that was scripted.",
                )
            )
        if self.steps and self.seen_calls and not self.heads and self.alone:
            found.append(
                Unseen(
                    what=f"{who}the loss",
                    why="no loss function of torch or Ogive was called on the model's output, so "
                    "the head's values and the score are not known",
                    how="Use torch.nn.functional's or ogive.torch's losses.",
                )
            )
        return found


PLAIN = {nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm,
         nn.Dropout, nn.MaxPool2d, nn.Flatten, nn.Embedding, nn.Identity}  # fmt: skip


def _plain(module: nn.Module) -> bool:
    return type(module) in PLAIN and not module._forward_pre_hooks


def _children(module: nn.Module) -> bool:
    return any(True for _ in module.children())


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def unwrapped(module: nn.Module) -> nn.Module:
    """The model inside a wrapper for several processes."""
    while isinstance(module, (nn.parallel.DistributedDataParallel, nn.DataParallel)):
        module = module.module
    return module


def local(tensor: Tensor) -> Tensor:
    """This process's part of a sharded tensor."""
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor


def tensors_of(output: Any) -> Iterator[Tensor]:
    """Tensors in what a model returns."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Mapping):
        for each in output.values():
            yield from tensors_of(each)
    elif isinstance(output, (list, tuple)):
        for each in output:
            yield from tensors_of(each)
    elif hasattr(output, "logits"):
        yield from tensors_of(output.logits)


def transferred(found: Mapping[Any, Tensor]) -> dict[Any, Any]:
    """All tensors as arrays of float64, each device's in one transfer."""
    by_device: dict[torch.device, list[Any]] = {}
    for key, tensor in found.items():
        by_device.setdefault(tensor.device, []).append(key)
    numbers: dict[Any, Any] = {}
    for keys in by_device.values():
        flat = torch.cat([found[key].detach().reshape(-1).to(torch.float32) for key in keys])
        host = flat.cpu().numpy().astype(np.float64)
        start = 0
        for key in keys:
            size = found[key].numel()
            numbers[key] = host[start : start + size].reshape(tuple(found[key].shape))
            start += size
    return numbers
