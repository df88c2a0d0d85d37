"""Loss heads in torch: kernels for value and gradient, torch's formula for what lies beyond.

Backward needs what forward had: the logits and the target, both of which exist anyway, so that no
tensor is made for it. It runs the kernel for the gradient with what comes from upstream folded into
the factor of each row, and rounds once. The checks and the bits are those of NumPy's heads.
"""

from __future__ import annotations

import inspect
import math
import operator
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._functorch.pyfunctorch import retrieve_current_functorch_interpreter
from torch.autograd import Function, forward_ad
from torch.nn._reduction import legacy_get_string

from .. import _native
from ..calls import checks
from ..calls.arrays import checked_axis, not_real
from ..calls.codegen import generated
from ..calls.formats import ANY_NAME, BFLOAT16
from ..calls.losses import CHUNK, inverse, loss_of, mean_weights
from ..catalog import Card, Parameter
from . import _formulas, _launch
from ._checks import check_devices, checked_dim, floating
from ._formats import HALVES, NUMBER_OF
from ._functions import applier
from ._launch import ONE_THREAD, laid_out_as, same_dense_layout
from ._operators import define, on_gpu
from ._route import (
    FORMULA,
    KERNELS,
    TRANSFORMS,
    by_operator,
    densely,
    is_batched,
    is_dense,
    is_passed_on,
    is_plain,
    kind_of,
    needs_operator,
    pass_on,
    route,
    route_of,
)
from ._transforms import batched, with_memory
from ._warn import warn_of_fallback

IGNORED = -100
"""torch's label of rows that do not count."""

Options = dict[str, Any]
grad_enabled = torch.is_grad_enabled
transforms_active = torch._C._are_functorch_transforms_active
is_compiling = torch.compiler.is_compiling


def as_array(t: Tensor) -> Any:
    """A CPU tensor's memory as an array."""
    t = t.detach().resolve_neg()
    if not is_plain(t):
        raise RuntimeError(f"a {kind_of(t)} tensor has no memory that can be read")
    if t.dtype == torch.bfloat16:
        if BFLOAT16 is None:
            raise RuntimeError("losses of bfloat16 logits need ml_dtypes: pip install ml_dtypes")
        return t.view(torch.int16).numpy().view(BFLOAT16)
    return t.numpy()


def as_tensor(array: Any) -> Tensor:
    array = np.asarray(array)
    if array.dtype == BFLOAT16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


class Scratch(threading.local):
    """Memory for labels and losses of a few rows, each thread's own."""

    def __init__(self, most: int):
        self.most, self.memory = most, np.empty((2, most))
        self.labels: int = self.memory.ctypes.data
        self.losses = self.labels + 8 * most

    def known(self, count: int) -> Any:
        """The labels as an array."""
        return self.memory[0, :count].view(np.int64)


SCRATCH = Scratch(1024)


class Head:
    """One loss of logits and targets."""

    def __init__(self, card: Card):
        self.card, self.name, self.of = card, card.name, loss_of(card.name)
        self.over_rows, self.most, self.weights = card.over_rows, self.of.most, card.weights
        self.options = {p.name: p for p in card.parameters if p.role != "axis"}
        by_role = {p.role: name for name, p in self.options.items()}
        self.label = by_role.get("label", "")
        """The option that names the label of rows that do not count; "" where there is none."""
        self.class_weight = by_role.get("weights", "") if self.over_rows else ""
        """The option with a weight for each class; "" where there is none."""
        self.defaults = {
            name: IGNORED if p.role == "label" else p.default for name, p in self.options.items()
        }
        self.formula = _formulas.head(card, self.over_rows)
        self.checked_options = self.of.checked_numbers
        self.numbers = tuple(p.name for p in self.of.numbers)
        self.usual = tuple(p.default for p in self.of.numbers)
        self.usual_numbers = self.checked_options(*self.usual)
        self.handle = _launch.handle_of(self.name, "labels" if self.over_rows else "probabilities")
        self.usual_between = self.between(self.usual_numbers)
        self.between_of = lru_cache(256, typed=True)(
            lambda *numbers: self.between(self.checked_options(*numbers))
        )
        self.apply = applier(head_function(self))
        self.loss, self.gradient = transformed(self)
        self.define_operators()

    # The kernels.

    def run(
        self, z: Tensor, target: Tensor, dim: int, options: Options, gradient: bool,
        upstream: Tensor | None = None, samples: int = 0,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """The loss and, if asked for, its gradient; with `upstream` only the latter, times that.

        The first `samples` axes of all tensors are of calls of their own; `dim` counts without
        them.
        """
        if samples and any(isinstance(options[name], Tensor) for name in self.numbers):
            return self.run_in_turn(z, target, dim, options, gradient, upstream, samples)
        how = checks.checked_reduction(options["reduction"])
        numbers = self.checked_numbers(options)
        if not samples and (dim == z.dim() - 1 or not self.over_rows):
            weight = options.get(self.class_weight)
            if self.over_rows or all(options[name] is None for name in self.weights):
                between, ignored = self.between(numbers), options.get(self.label)
                done = self.run_dense(z, target, weight, how, ignored, between, gradient, upstream)
                if done is not None:
                    return done
        self.check(z.shape[samples:], target, dim, options, samples)
        run = self.run_rows if self.over_rows else self.run_elements
        return run(z, target, samples, dim, options, numbers, gradient, upstream)

    def run_in_turn(
        self, z: Tensor, target: Tensor, dim: int, options: Options, gradient: bool,
        upstream: Tensor | None, samples: int,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """Calls that differ in more than their tensors, one after the other."""
        each = [
            self.run(
                z[k], target[k], dim,
                {name: v[k] if isinstance(v, Tensor) else v for name, v in options.items()},
                gradient, None if upstream is None else upstream[k], samples - 1,
            )
            for k in range(len(z))
        ]  # fmt: skip
        losses, slopes = zip(*each, strict=True)
        return torch.stack(losses), torch.stack(slopes) if gradient else None

    def run_dense(
        self, z: Tensor, target: Tensor, weight: Tensor | None, how: str, ignored: Any,
        between: Iterable[Any], gradient: bool, upstream: Tensor | None,
    ) -> tuple[Tensor, Tensor | None] | None:  # fmt: skip
        """The fast path for a few dense rows (classes last) or elements. For small tensors the
        general path's checks cost more than the loss. None where it does not apply, or where
        something is wrong.
        """
        count = target.numel()
        if not 0 < count <= CHUNK or not z.is_contiguous() or z.is_neg():
            return None
        room = SCRATCH if count <= SCRATCH.most else Scratch(count)
        if self.over_rows:
            if target.dim() + 1 != z.dim() or target.dtype not in INTEGERS:
                return None
            *lead, n = z.shape
            if n == 0 or tuple(lead) != target.shape or not (ignored is None or ignored in LONGS):
                return None
            if target.dtype is not torch.int64 or not target.is_contiguous() or target.is_neg():
                if target.dtype is torch.uint64:
                    return None
                target = target.resolve_neg().long().contiguous()
            rows, goal = count, room.labels
            kept = _native.raw_labels(_launch.address(target), count, n, ignored, goal)
            if kept < 0:
                return None
        else:
            # One long row, which is one thread's.
            rows, n, kept, goal = 1, count, count, _launch.address(target)
            if n > ONE_THREAD or target.shape != z.shape or not same_dense_layout(target, z):
                return None
            least, most = torch.aminmax(target)
            if not (least.item() >= 0 and most.item() <= 1):  # of which a NaN is neither
                return None
        total = (float(kept) or math.inf) if how == "mean" else 1.0
        if weight is not None:
            if weight.dim() != 1 or len(weight) != n:
                return None
            weights = checks.checked_weights(self.class_weight, as_array(weight))
            if how == "mean":
                weights, total, _ = mean_weights("labels", room.known(count), weights)
        factor: Any = inverse(total)
        after: Any = None
        by: Any = None
        if upstream is not None:
            factor, after = factor_of(total, upstream, z.dtype)
            if not isinstance(factor, Tensor):
                if not factor:  # which float lanes do not take either
                    return upstream, torch.zeros_like(z)
            elif not self.over_rows:
                return None
            else:
                by, factor = factor, (_launch.address(factor),)
                after = after if after is None else after.unsqueeze(-1)
                room.known(count)[by.view(-1).numpy() == 0] = -1
        form, losses = NUMBER_OF[z.dtype], room.losses
        dz = torch.empty_like(z) if gradient else None
        into = None if dz is None else dz.data_ptr()
        if weight is None:
            aims: Any = (goal,) if self.over_rows else goal
            operands = _launch.address(z), aims, *between, factor, losses, into
            _native.raw_rows(self.handle, form, rows, n, *operands)
        else:
            size, (_, *numbers) = z.element_size(), between
            steps = n * size, size
            _native.raw_strided(self.handle, form, (rows,), n, (
                (_launch.address(z), steps), (goal, (8,)), (weights.ctypes.data, (0, 8)), *numbers,
                factor if by is None else (*factor, (8,)), (losses, (8,)),
                None if into is None else (into, steps),
            ))  # fmt: skip
        if upstream is not None:
            return upstream, dz if dz is None or after is None else dz.mul_(after)
        if how == "none":
            loss = torch.empty(target.shape, dtype=z.dtype)
            _native.raw_flat(NARROWED, form, count, (losses,), loss.data_ptr())
        else:
            loss = torch.empty((), dtype=z.dtype)
            _native.raw_rows(SUMMED, form, 1, count, (losses,), total, loss.data_ptr())
            if z.dtype is torch.float64 and not math.isfinite(loss.item()):
                return None  # of losses that are finite it may be another way
        return loss, dz

    def run_rows(
        self, z: Tensor, target: Tensor, samples: int, dim: int, options: Options,
        numbers: tuple[float, ...], gradient: bool, upstream: Tensor | None,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """Any layout, weights and reduction, of rows."""
        axis, how = samples + dim, options["reduction"]
        rows = z.movedim(axis, -1)
        lead, classes = rows.shape[:-1], rows.shape[-1]
        weight = options.get(self.class_weight)
        weights = None if weight is None else checked_weights(self.class_weight, weight)
        total: float | Tensor = 1.0
        if target.shape == z.shape:
            mode, goal = "probabilities", checked_probabilities(target, z.dtype, self.most)
            goal = goal.movedim(axis, -1)
            if how == "mean":
                total = float(math.prod(lead[samples:])) or math.inf
        else:
            mode, (goal, _) = "labels", checked_labels(target, classes, options.get(self.label))
            if how == "mean":
                weights, total = mean_over(goal, weights, samples)
        by, after = factor_of(total, upstream, z.dtype)
        if upstream is not None and not isinstance(by, Tensor) and not by:
            return upstream, torch.zeros_like(z)
        if isinstance(by, Tensor):
            by = across(by, lead)
            if upstream is not None and mode == "labels":
                # Nothing comes from upstream; and float lanes take no factor of 0.
                goal = goal.masked_fill_(by == 0, -1)
        if isinstance(weights, Tensor) and weights.dim() > 1:
            gap = (1,) * (len(lead) - samples)
            weights = weights.reshape(*weights.shape[:-1], *gap, classes).expand(rows.shape)
        losses = torch.empty(lead, dtype=torch.float64)
        dz = torch.empty_like(z) if gradient else None
        between = self.between(numbers, (weights,) if self.class_weight else ())
        into = None if dz is None else dz.movedim(axis, -1)
        _launch.rows(
            self.name, mode, z.dtype, classes, lead, (rows, goal, *between, by, losses, into)
        )
        if upstream is not None:
            if dz is not None and after is not None:
                dz.mul_(across(after, lead).unsqueeze(axis) if isinstance(after, Tensor) else after)
            if dz is not None and isinstance(by, Tensor) and mode == "probabilities":
                without(dz, by.unsqueeze(axis))
            return losses, dz
        return reduced(losses, how, total, z.dtype, samples), dz

    def run_elements(
        self, z: Tensor, target: Tensor, samples: int, dim: int, options: Options,
        numbers: tuple[float, ...], gradient: bool, upstream: Tensor | None,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """Any layout, weights and reduction, of elements with a loss each."""
        how = options["reduction"]
        goal = checked_probabilities(target, z.dtype, self.most)
        weights = [
            None if options[name] is None
            else fitted(checked_weights(name, options[name]), z.shape, samples)
            for name in self.weights
        ]  # fmt: skip
        total = (float(math.prod(z.shape[samples:])) or math.inf) if how == "mean" else 1.0
        by, after = factor_of(total, upstream, z.dtype)
        if upstream is not None and not isinstance(by, Tensor) and not by:
            return upstream, torch.zeros_like(z)
        by, after = (across(x, z.shape) if isinstance(x, Tensor) else x for x in (by, after))
        factors = by
        if isinstance(by, Tensor) and (z.dtype not in HALVES or not self.of.factor_each):
            # Float lanes want one factor for all; halves, whose digits are few, are rounded once.
            rest: Tensor = by if after is None else by * after
            by, after = 1.0, rest.to(z.dtype) if how == "none" else rest
        dz = torch.empty_like(z) if gradient else None
        given: list[Any] = [z, goal, *weights, by, dz]
        plain = all(t.is_contiguous() for t in given if isinstance(t, Tensor))
        if plain:  # one long row
            given = [t.reshape(-1) if isinstance(t, Tensor) else t for t in given]
        if plain and not samples and (upstream is not None or how != "none"):
            loss = self.in_pieces(given, numbers, upstream is None, total)
        else:
            losses = torch.empty(given[0].shape, dtype=torch.float64)
            self.launch(numbers, (*given[:-1], losses, given[-1]))
            loss = losses.view(z.shape)
            if upstream is None:
                loss = reduced(loss, how, total, z.dtype, samples)
        if dz is not None and after is not None:
            dz.mul_(after)
        if dz is not None and isinstance(factors, Tensor):
            without(dz, factors)
        return loss, dz

    def in_pieces(
        self, given: Sequence[Any], numbers: tuple[float, ...], summed: bool, total: float
    ) -> Tensor:
        """The loss of elements that lie one after the other, through a buffer that stays in the
        cache.
        """
        z, *rest = given
        losses = torch.empty(min(len(z), CHUNK), dtype=torch.float64)
        sums = []
        for begin in range(0, len(z), CHUNK):
            some = slice(begin, begin + CHUNK)
            own = losses[: len(z[some])]
            *tensors, into = (t[some] if isinstance(t, Tensor) else t for t in (z, *rest))
            self.launch(numbers, (*tensors, own, into))
            if summed:
                sums.append(reduced(own, "sum", 1.0, torch.float64))
        if len(sums) == 1:
            return reduced(losses, "mean", total, z.dtype)
        return reduced(torch.tensor(sums, dtype=torch.float64), "mean", total, z.dtype)

    def launch(self, numbers: Sequence[float], given: Sequence[Any]) -> None:
        """The kernel on elements; a long row is cut into pieces that threads share."""
        shape = given[0].shape
        if len(shape) == 1 and shape[0] > ROW:
            middle = shape[0] - shape[0] % ROW
            cut = [
                t[:middle].unflatten(0, (-1, ROW)) if isinstance(t, Tensor) else t for t in given
            ]
            self.launch(numbers, cut)
            given = [t[middle:] if isinstance(t, Tensor) else t for t in given]
            shape = given[0].shape
        if not shape:
            given = [t.reshape(1) if isinstance(t, Tensor) else t for t in given]
            shape = given[0].shape
        z, goal, *weights, by, losses, dz = given
        if z.numel():
            between = self.between(numbers, weights)
            if isinstance(by, Tensor):
                by = by.double()
            operands = z, goal, *between, by, losses, dz
            _launch.rows(self.name, "probabilities", z.dtype, shape[-1], shape[:-1], operands)

    def checked_numbers(self, options: Options) -> tuple[float, ...]:
        """The options of one number, as the kernel takes them."""
        given = [options[name] for name in self.numbers]
        if all(map(operator.is_, given, self.usual)):
            return self.usual_numbers
        return self.checked_options(*(
            v.item() if isinstance(v, Tensor) and v.dim() == 0 else v for v in given
        ))  # fmt: skip

    def between(
        self, numbers: Sequence[float], weights: Sequence[Any] | None = None
    ) -> tuple[Any, ...]:
        """The kernel's operands between target and factor, in its order."""
        each = [1.0 if w is None else w for w in weights or (None,) * len(self.weights)]
        return self.of.between(each, numbers)

    def check(
        self, shape: Sequence[int], target: Tensor, dim: int, options: Options, samples: int = 0
    ) -> None:
        """Refuses shapes, formats and options that do not fit logits of that shape, without a look
        at the elements: a device would be waited for.
        """
        checks.checked_reduction(options["reduction"])
        if self.over_rows:
            dim = checked_axis(len(shape), dim, self.name)
        weights = [options[name] for name in self.weights]
        for name, t in (*zip(self.weights, weights, strict=True), ("target", target)):
            if t is not None and t.dtype.is_complex:
                raise not_real(name, t.dtype)
        self.of.checked_mode(
            tuple(shape), dim, [None if w is None else tuple(w.shape[samples:]) for w in weights],
            tuple(target.shape[samples:]), target.dtype, target.dtype in INTEGERS,
            options.get(self.label),
        )  # fmt: skip

    # The formula.

    def by_formula(self, z: Tensor, target: Tensor, dim: int, options: Options) -> Tensor:
        """The same in torch's operations, with its derivatives of any order."""
        reduction = checks.checked_reduction(options["reduction"])
        rest = {k: v for k, v in options.items() if k not in ("reduction", self.label)}
        rows = z.movedim(dim, -1) if self.over_rows else z
        hard = self.over_rows and target.dim() < z.dim()
        if self.over_rows and not hard:
            target = target.movedim(dim, -1)
        if hard:
            target = target.long()
            kept = counted(target, options.get(self.label))
            if options.get(self.label) is not None:
                rows = rows.masked_fill(~kept.unsqueeze(-1), 0)
            # A label below 0 that nobody ignores is no class: the formula meets one too high.
            bad = target < 0
            target = torch.where(kept, torch.where(bad, rows.shape[-1], target), -1)
            weight = rest.get(self.class_weight)
            if reduction == "mean" and weight is not None:
                weight = rest[self.class_weight] = of_moderate_size(weight, target, kept)
        loss = self.formula(rows, target, **rest)
        if reduction == "none":
            return loss.to(z.dtype)
        found = loss.sum()
        if reduction == "mean":
            total: Any = max(loss.numel(), 1)
            if hard:
                total = total_weight(target, kept, weight, rows.shape[-1]).to(loss.dtype)
            found = found / total
        return found.to(z.dtype)

    def batched_formula(self, samples: int, dim: int, options: Options) -> Callable[..., Tensor]:
        """`by_formula` as a function of (logits, target, *tensors among the options)."""
        names = [name for name, value in options.items() if isinstance(value, Tensor)]

        def formula(z: Tensor, target: Tensor, *tensors: Tensor) -> Tensor:
            given = {**options, **dict(zip(names, tensors, strict=True))}
            return self.by_formula(z, target, dim, given)

        for _ in range(samples):
            formula = torch.func.vmap(formula)
        return formula

    # The call.

    def at_once(
        self, z: Any, target: Any, weight: Any, how: Any, ignored: Any, create_graph: bool,
        numbers: tuple[Any, ...] | None,
    ) -> Tensor | None:  # fmt: skip
        """The loss of plain tensors of which only the logits learn, under no transform and no
        autocast; `numbers` are None where they are the usual ones. None for the rest.
        """
        if route(z) != KERNELS or how not in checks.REDUCTIONS:
            return None
        if not is_plain(z) or not isinstance(target, Tensor) or not is_plain(target):
            return None
        if z.dtype is not torch.float32 and z.dtype is not torch.float64:
            return None
        if target.requires_grad or (
            self.over_rows and (z.dim() != 2 or target.dtype not in INTEGERS)
        ):
            return None
        if weight is not None and (
            not isinstance(weight, Tensor) or not is_plain(weight) or weight.requires_grad
        ):
            return None
        if ignored is not None and type(ignored) is not int:
            return None
        between = self.usual_between
        if numbers is not None:
            for number in numbers:
                if type(number) is not float and number is not None:
                    return None
            between = self.between_of(*numbers)
        options = None
        if z.requires_grad and grad_enabled():
            options = {**self.defaults, "reduction": how}
            if numbers is not None:
                options.update(zip(self.numbers, numbers, strict=True))
            if self.class_weight:
                options[self.class_weight] = weight
            if self.label:
                options[self.label] = ignored
        try:
            if options is not None:
                return self.apply(z, target, 1, options, create_graph)  # type: ignore[no-any-return]
            found = self.run_dense(z, target, weight, how, ignored, between, False, None)
        except RuntimeError:
            if all(is_plain(t) for t in (z, target, weight) if isinstance(t, Tensor)):
                raise
            found = None
        return None if found is None else found[0]

    def call(
        self, input: Any, target: Any, dim: int | None, create_graph: bool, **options: Any
    ) -> Tensor:
        z = floating(input, self.name)
        if not isinstance(target, Tensor):
            raise TypeError(f"{self.name}: target must be a Tensor, not {type(target).__name__}")
        if z.dtype in HALVES and torch.is_autocast_enabled(z.device.type):
            z = z.float()  # as torch's losses do
        where = 0
        if self.over_rows:
            where = checked_dim(min(1, z.dim() - 1) if dim is None else dim, z, self.name)
        if self.label:
            options[self.label] = ignored(options[self.label], target)
        for name in self.weights:
            if options[name] is not None and not isinstance(options[name], Tensor):
                options[name] = torch.as_tensor(options[name], device=z.device)
        tensors = [t for t in (z, target, *options.values()) if isinstance(t, Tensor)]
        if any(t.device != z.device or not is_dense(t) for t in tensors):
            check_devices(self.name, logits=z, target=target, **options)
        way = route_of(*tensors)
        values = [options[name] for name in self.options]
        if way == TRANSFORMS:
            return self.loss.apply(z, target, 0, where, *values)  # type: ignore[no-any-return]
        further = grad_enabled() and any(t.requires_grad for t in tensors[1:])
        if way == KERNELS:
            if further:
                return self.loss.apply(z, target, 0, where, *values)  # type: ignore[no-any-return]
            for name in self.numbers:
                if isinstance(options[name], Tensor) and not options[name].dim():
                    options[name] = options[name].item()
            if not (z.requires_grad and grad_enabled()):
                return self.run(z, target, where, options, False)[0]
            return self.apply(z, target, where, options, create_graph)  # type: ignore[no-any-return]
        known = z.device.type in ("cpu", "cuda", "meta")
        if not known:
            warn_of_fallback(self.name, z.device.type)
        if not known or way == FORMULA or any(isinstance(options[n], Tensor) for n in self.numbers):
            if not is_compiling():
                self.check(z.shape, target, where, options)
            return self.by_formula(z, target, where, options)
        alone = not (create_graph or further) and z.requires_grad and grad_enabled()
        return by_operator(  # type: ignore[no-any-return]
            self.name,
            lambda z, target: self.operator(z, target, where, *values, alone)[0],
            lambda z, target: self.by_formula(z, target, where, options), z, target,
        )  # fmt: skip

    def pulled_back_by_operator(
        self, dy: Tensor, z: Tensor, target: Tensor, dim: int, options: Options
    ) -> Tensor:
        """dz of whatever kind dy is; where operators do not take it, dy times that of ones."""
        rest = z, target, dim, *options.values()
        found: Tensor = by_operator(
            self.name, lambda dy: self.backward_operator(dy, *rest),
            lambda dy: self.scaled(
                self.backward_operator(torch.ones(dy.shape, dtype=z.dtype), *rest), dy, dim
            ),
            densely(dy),
        )  # fmt: skip
        return found

    def runs_again(self, z: Tensor, target: Tensor, options: Options) -> bool:
        """Whether backward runs the kernel again, and no gradient is kept for it: where the kernel
        is quick enough to be faster than torch's functions all the same.
        """
        if options["reduction"] == "none":
            return True  # what comes from upstream is hardly 1 for each
        if not self.card.recomputes or z.numel() <= FEW or z.dtype is torch.float64:
            return False
        return z.dim() > target.dim() and self.checked_numbers(options) is self.usual_numbers

    def scaled(self, dz: Tensor, dy: Tensor, dim: int, into: Tensor | None = None) -> Tensor:
        """A gradient that was made in forward, times what comes from upstream."""
        if dy.dim() and self.over_rows and dy.dim() < dz.dim():
            dy = dy.unsqueeze(dim)
        found = torch.mul(dz, dy, out=into)
        return torch.where(dy == 0, 0, found) if into is None else without(found, dy)

    def define_operators(self) -> None:
        of = self
        given = "".join(f", {declared(p)}" for p in self.options.values())

        def options_of(values: Sequence[Any]) -> Options:
            return dict(zip(of.options, values, strict=True))

        def cpu(z: Tensor, target: Tensor, dim: int, *rest: Any) -> tuple[Tensor, Tensor]:
            *values, gradient = rest
            loss, dz = of.run(*of.checked_operands(z, target, dim), options_of(values), gradient)
            return loss, z.new_empty(0) if dz is None else dz

        def cpu_backward(dy: Tensor, z: Tensor, target: Tensor, dim: int, *rest: Any) -> Tensor:
            options = options_of(rest)
            z, target, dim = of.checked_operands(z, target, dim)
            wanted = of.shape_of(z.shape, dim, options["reduction"])
            if list(dy.shape) != wanted:
                raise ValueError(
                    f"{of.name}: dy of shape {tuple(dy.shape)} does not fit a loss of shape "
                    f"{tuple(wanted)}"
                )
            dz = of.run(z, target, dim, options, True, dy)[1]
            assert dz is not None
            return dz

        def fake(z: Tensor, target: Tensor, dim: int, *rest: Any) -> tuple[Tensor, Tensor]:
            *values, gradient = rest
            loss = z.new_empty(of.shape_of(z.shape, dim, options_of(values)["reduction"]))
            return loss, torch.empty_like(z) if gradient else z.new_empty(0)

        def cuda(z: Tensor, target: Tensor, dim: int, *rest: Any) -> tuple[Tensor, Tensor]:
            *values, gradient = rest
            loss, dz = of.on_gpu(z, target, dim, options_of(values), gradient)
            return loss, z.new_empty(0) if dz is None else dz

        def cuda_backward(dy: Tensor, z: Tensor, target: Tensor, dim: int, *rest: Any) -> Tensor:
            dz = of.on_gpu(z, target, dim, options_of(rest), True, dy)[1]
            assert dz is not None
            return dz

        count = len(self.options)

        def further(ctx: Any, g: Tensor) -> Any:
            needs = ctx.needs_input_grad[: count + 4]
            needs = (*needs[:3], False, *needs[3:])
            dy, z, target, _, *rest = of.pull_back_further(g, kept_by(ctx), needs)
            return dy, z, target, *rest

        backward_op = define(
            f"{self.name}_backward",
            f"(Tensor dy, Tensor z, Tensor target, int dim{given}) -> Tensor",
            cpu_backward, lambda dy, z, *_: torch.empty_like(z), cuda=cuda_backward,
            backward=further, setup_context=lambda ctx, inputs, output: keep(
                ctx, (*inputs[:3], 0, *inputs[3:])),
        )  # fmt: skip

        def save(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.mark_non_differentiable(output[1])
            ctx.alone = inputs[-1]
            if ctx.alone:
                ctx.dim = inputs[2]
                ctx.save_for_backward(output[1])
            else:
                keep(ctx, (*inputs[:2], 0, *inputs[2:-1]))

        def backward(ctx: Any, dy: Tensor, _: Any) -> Any:
            if ctx.alone:
                (dz,) = ctx.saved_tensors
                if grad_enabled() and route(dz) == KERNELS:
                    raise RuntimeError(f"ogive::{of.name} with gradient=True has one derivative")
                return of.scaled(dz, dy, ctx.dim), *(None,) * (count + 3)
            needs = ctx.needs_input_grad[: count + 3]
            z, target, _, *rest = of.pull_back(
                dy, kept_by(ctx), (*needs[:2], False, *needs[2:]),
                lambda dy, z, target, _, *rest: backward_op(dy, z, target, *rest),
            )  # fmt: skip
            return z, target, *rest, None

        self.operator = define(
            self.name,
            f"(Tensor z, Tensor target, int dim{given}, bool gradient) -> (Tensor, Tensor)",
            cpu, fake, cuda=cuda, backward=backward, setup_context=save,
        )  # fmt: skip
        self.backward_operator = backward_op

    def shape_of(self, shape: Sequence[int], dim: int, reduction: str) -> list[int]:
        """The shape of the loss."""
        if reduction != "none":
            return []
        dim %= max(len(shape), 1)
        return [n for axis, n in enumerate(shape) if axis != dim or not self.over_rows]

    def checked_operands(self, z: Tensor, target: Tensor, dim: int) -> tuple[Tensor, Tensor, int]:
        """What an operator that is called directly has been given."""
        if z.dtype not in NUMBER_OF:
            raise TypeError(f"{self.name} takes {ANY_NAME}, not {z.dtype}")
        return z, target, checked_dim(dim, z, self.name) if self.over_rows else 0

    def on_gpu(
        self, z: Tensor, target: Tensor, dim: int, options: Options, gradient: bool,
        upstream: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        self.checked_numbers(options)
        self.check(z.shape, target, dim, options)

        def by_triton(kernels: Any) -> tuple[Tensor, Tensor | None]:
            run = over_rows if self.over_rows else over_elements
            loss, dz = run(self, kernels, z, target, dim, options, gradient, upstream)
            if dz is not None and upstream is not None and upstream.dim():
                dz = self.scaled(dz, upstream, dim)
            return loss, dz if dz is None else laid_out_as(z, dz)

        def by_torch() -> tuple[Tensor, Tensor | None]:
            with torch.enable_grad():
                x = z.detach().requires_grad_()
                loss = self.by_formula(x, target, dim, options)
                if not gradient:
                    return loss.detach(), None
                dy = torch.ones_like(loss) if upstream is None else upstream
                (dz,) = torch.autograd.grad(loss, x, dy)
            return loss.detach(), laid_out_as(z, dz)

        found: tuple[Tensor, Tensor | None] = on_gpu(
            self.name, "value_and_grad" if gradient else "value", z, by_triton, by_torch,
            options=options,
        )  # fmt: skip
        return found

    # Derivatives. `given` is (logits, target, samples, dim, *options) throughout.

    def pull_back(
        self, dy: Tensor, given: Sequence[Any], needs: Sequence[bool], gradient: Callable[..., Any]
    ) -> list[Any]:
        """What dy pulls back to: to the logits by the kernel, to other tensors by the formula."""
        found: list[Any] = [None] * len(given)
        if needs[0]:
            found[0] = gradient(dy, *given)
        learned = [k for k in range(1, len(given)) if needs[k]]
        if learned:
            loss, xs = self.some_of_loss(given, learned)
            for k, dx in zip(learned, pulled_back(loss, xs, dy), strict=True):
                found[k] = dx
        return found

    def some_of_loss(
        self, given: Sequence[Any], which: Sequence[int]
    ) -> tuple[Callable[..., Tensor], list[Tensor]]:
        """The formula as a function of some of its operands, and those."""

        def loss(*xs: Tensor) -> Tensor:
            z, target, samples, dim, *values = substituted(given, which, xs)
            options = dict(zip(self.options, values, strict=True))
            tensors = [value for value in values if isinstance(value, Tensor)]
            return self.batched_formula(samples, dim, options)(z, target, *tensors)

        return loss, [given[k] for k in which]

    def some_of_gradient(
        self, given: Sequence[Any], which: Sequence[int]
    ) -> tuple[Callable[..., Tensor], list[Tensor]]:
        """The gradient by the formula as a function of some of (dy, *operands), and those."""

        def gradient(*xs: Tensor) -> Tensor:
            dy, *operands = substituted(given, which, xs)
            loss, (z,) = self.some_of_loss(operands, [0])
            dz: Tensor = pulled_back(loss, [z], dy)[0]
            return dz

        return gradient, [given[k] for k in which]

    def pull_back_further(
        self, g: Tensor, given: Sequence[Any], needs: Sequence[bool]
    ) -> list[Any]:
        """What pulls back through the gradient."""
        found: list[Any] = [None] * len(given)
        which = [k for k in range(len(given)) if needs[k]]
        gradient, xs = self.some_of_gradient(given, which)
        for k, dx in zip(which, pulled_back(gradient, xs, g), strict=True):
            found[k] = dx
        return found


SCHEMA = {"weights": "Tensor?", "label": "int?", "number": "float", "reduction": "str"}
"""Types of options in operators, by their role."""


def declared(p: Parameter) -> str:
    """An option in an operator's schema."""
    return f"{SCHEMA[p.role]}{'?' if p.as_operands is not None else ''} {p.name}"


HINTS = {"weights": "Tensor | None", "label": "int | None", "number": "float", "reduction": "str"}
"""Their types in signatures."""


def hinted(p: Parameter, **defaults: Any) -> str:
    """An option in a signature, with a default of its own for a role."""
    hint = HINTS[p.role] + (" | None" if p.as_operands is not None else "")
    return f"{p.name}: {hint!r} = {defaults.get(p.role, p.default)!r}"


def nested(jvp: Callable[..., Any]) -> Callable[..., Any]:
    """A forward derivative of what was kept, through which outer transforms go. Torch turns forward
    mode off in a ``jvp``, and theirs would be 0 without a word; so it runs a level below its own.
    """

    def through(ctx: Any, *along: Any) -> Any:
        given: Sequence[Any] = kept_by(ctx)
        directions: Sequence[Any] = along
        if not transforms_active():
            return jvp(given, directions)
        transform = retrieve_current_functorch_interpreter()
        level = transform.level()
        given, directions = (
            [unwrapped(t, level) if isinstance(t, Tensor) else t for t in each]
            for each in (given, directions)
        )
        with torch.enable_grad(), forward_ad._set_fwd_grad_enabled(True), transform.lower():
            found = jvp(given, directions)
        return torch._C._functorch._wrap_for_grad(found, level)

    return through


unwrapped = torch._C._functorch._unwrap_for_grad


def transformed(of: Head) -> tuple[Any, Any]:
    """The loss and its gradient as Functions that every transform of torch.func goes through, and
    whose derivatives have derivatives.
    """
    names = tuple(of.options)

    class Loss(Function):
        @staticmethod
        def forward(z: Tensor, target: Tensor, samples: int, dim: int, *values: Any) -> Tensor:
            options = dict(zip(names, values, strict=True))
            z, target = map(with_memory, (z, target))
            return of.run(z, target, dim, options, False, None, samples)[0]

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            keep(ctx, inputs, forward=True)

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Any:
            given = kept_by(ctx)
            return (*of.pull_back(densely(dy), given, ctx.needs_input_grad, Gradient.apply),)

        @staticmethod
        @nested
        def jvp(given: Any, along: Any) -> Tensor | None:
            z, _, samples, dim, *values = given
            reduction = dict(zip(names, values, strict=True))["reduction"]
            shape = (*z.shape[:samples], *of.shape_of(z.shape[samples:], dim, reduction))
            found: Tensor | None = None
            if along[0] is not None:
                slopes = Gradient.apply(z.new_ones(shape), *given)
                each = _formulas.wide(slopes) * _formulas.wide(along[0])
                if reduction != "none":
                    each = each.reshape(*shape, -1).sum(-1)
                elif of.over_rows:
                    each = each.sum(samples + dim)
                found = each.to(z.dtype)
            which = [k for k, tangent in enumerate(along) if k and tangent is not None]
            if which:
                loss, xs = of.some_of_loss(given, which)
                more = pushed_on(loss, xs, [along[k] for k in which], z.new_zeros(shape))
                found = more if found is None else found + more
            return found

        @staticmethod
        def vmap(info: Any, dims: Any, *given: Any) -> tuple[Tensor, int]:
            z, target, samples, *rest = batched(info, dims, *given)
            return Loss.apply(z, target, samples + 1, *rest), 0

    class Gradient(Function):
        @staticmethod
        def forward(
            dy: Tensor, z: Tensor, target: Tensor, samples: int, dim: int, *values: Any
        ) -> Tensor:
            options = dict(zip(names, values, strict=True))
            dy, z, target = map(with_memory, (dy, z, target))
            dz = of.run(z, target, dim, options, True, dy, samples)[1]
            assert dz is not None
            return dz

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            keep(ctx, inputs, forward=True)

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            return (*of.pull_back_further(g, kept_by(ctx), ctx.needs_input_grad),)

        @staticmethod
        @nested
        def jvp(given: Any, along: Any) -> Tensor:
            which = [k for k, tangent in enumerate(along) if tangent is not None]
            gradient, xs = of.some_of_gradient(given, which)
            return pushed_on(gradient, xs, [along[k] for k in which], torch.zeros_like(given[1]))

        @staticmethod
        def vmap(info: Any, dims: Any, *given: Any) -> tuple[Tensor, int]:
            dy, z, target, samples, *rest = batched(info, dims, *given)
            return Gradient.apply(dy, z, target, samples + 1, *rest), 0

    return Loss, Gradient


FEW = 1 << 18
"""Logits whose gradient is kept in any case: it lies in caches, and to run the kernel again would
cost more than torch's backward. Of more, memory is what counts.
"""
HERE = object()
"""Where a tensor was, which autograd keeps."""


def keep(ctx: Any, inputs: Sequence[Any], forward: bool = False) -> None:
    tensors = [value for value in inputs if isinstance(value, Tensor)]
    ctx.save_for_backward(*tensors)
    if forward:
        ctx.save_for_forward(*tensors)
    ctx.given = tuple(HERE if isinstance(value, Tensor) else value for value in inputs)


def kept_by(ctx: Any) -> list[Any]:
    # `torch.func.vjp` returns a function that is called after the transform has ended. The saved
    # tensors then record nothing, but the tensors they wrap do.
    tensors = iter(map(torch._C._functorch.unwrap_if_dead, ctx.saved_tensors))
    return [next(tensors) if value is HERE else value for value in ctx.given]


def substituted(given: Sequence[Any], which: Sequence[int], xs: Sequence[Tensor]) -> list[Any]:
    found = list(given)
    for k, x in zip(which, xs, strict=True):
        found[k] = x
    return found


def pulled_back(f: Callable[..., Any], xs: Sequence[Tensor], dy: Any) -> Sequence[Tensor]:
    """What dy pulls back to through f, by torch's own derivatives, which have derivatives."""
    if transforms_active():
        return torch.func.vjp(f, *xs)[1](dy)  # type: ignore[no-any-return]
    further = grad_enabled()
    with torch.enable_grad():
        # A view has none of the hooks of x.
        xs = [x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in xs]
        return torch.autograd.grad(f(*xs), xs, dy, create_graph=further, materialize_grads=True)


def pushed_on(
    f: Callable[..., Tensor], xs: Sequence[Tensor], along: Sequence[Tensor], nothing: Tensor
) -> Tensor:
    """The derivative of f along a direction: what its pull-back, linear in dy, pulls back itself.
    Dual numbers do not nest. `nothing` is a zero of f's result.
    """
    return pulled_back(lambda dy: tuple(pulled_back(f, xs, dy)), [nothing], tuple(along))[0]


def head_function(of: Head) -> type[Function]:
    """The Function for plain tensors of which only the logits learn."""

    class HeadFunction(Function):
        @staticmethod
        def forward(
            ctx: Any, z: Tensor, target: Tensor, dim: int, options: Options, create_graph: bool
        ) -> Tensor:
            again = create_graph and of.runs_again(z, target, options)
            loss, dz = of.run(z, target, dim, options, not again)
            ctx.further, ctx.dim, ctx.options = create_graph, dim, options
            if not create_graph:
                ctx.save_for_backward(dz)
                return loss
            weights = [options[name] for name in of.weights if options[name] is not None]
            if weights:
                ctx.options = {k: HERE if isinstance(v, Tensor) else v for k, v in options.items()}
            ctx.save_for_backward(dz, z, target, *weights)
            return loss

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Any:
            dz, *given = ctx.saved_tensors
            # The gradient of the loss itself is dz as it stands, if nobody can ask for it again.
            late = dz is None or grad_enabled() or is_batched(dy) or asked_again()
            if not (late or dy.dim()) and dy.item() == 1:
                return dz, None, None, None, None
            odd = needs_operator(dy)
            further = grad_enabled() or odd or is_batched(dy)
            if not given and grad_enabled():
                raise RuntimeError(
                    f"{of.name} was called with create_graph=False and keeps its gradient alone: "
                    "leave that out for a second derivative"
                )
            if not given:
                into = None if further or asked_again() else dz
                return of.scaled(dz, dy, ctx.dim, into), None, None, None, None
            # The kernel once more, which rounds once and as an operator does.
            z, target, *weights = given
            dim, options = ctx.dim, ctx.options
            if weights:
                weight = iter(weights)
                options = {k: next(weight) if v is HERE else v for k, v in options.items()}
            if odd:
                dz = of.pulled_back_by_operator(dy, z, target, dim, options)
            elif further:
                dz = of.gradient.apply(dy, z, target, 0, dim, *options.values())
            else:
                dz = of.run(z, target, dim, options, True, dy)[1]
            return dz, None, None, None, None

    return HeadFunction


# torch's own, and private: whether the backward that runs leaves the graph for another.
asked_again: Callable[[], bool] = torch._C._autograd._get_current_graph_task_keep_graph


# Checks of elements, and what depends on them.

ROW = 1 << 12
"""Elements of a piece that one thread takes."""
SUMMED = _launch.handle_of("summed", "value")
NARROWED = _launch.handle_of("narrowed", "value")
INTEGERS = frozenset((
    torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool, torch.uint16,
    torch.uint32, torch.uint64,
))  # fmt: skip
LONGS = range(-(1 << 63), 1 << 63)


def checked_labels(target: Tensor, classes: int, ignored: int | None) -> tuple[Tensor, int]:
    """Labels as kernels take them, int64 and below 0 where a row does not count, in memory of their
    own; and how many count. The one place where they are checked against the classes.
    """
    if target.dtype is not torch.uint64 and (ignored is None or ignored in LONGS):
        wide = target.long().contiguous()
        labels = torch.empty_like(wide)
        at = _launch.address(wide), wide.numel(), classes, ignored, labels.data_ptr()
        kept = _native.raw_labels(*at)
        if kept >= 0:
            return labels, kept
    array = checks.checked_labels(target.numpy(), classes, ignored)  # which says what is wrong
    labels = torch.from_numpy(np.array(array))
    return labels, int((labels >= 0).sum())


def checked_probabilities(target: Tensor, dtype: torch.dtype, most: float) -> Tensor:
    """Target probabilities in the logits' format: not NaN, from 0 to `most`."""
    given = target if target.is_floating_point() else target.to(dtype)
    if target.numel() and not target.is_complex():
        low, high = (t.item() for t in torch.aminmax(given))
        if low >= 0 and high <= most and high < math.inf:
            cast = given.to(dtype)
            if given.dtype is torch.float64 and dtype in HALVES:
                cast = narrowed(given, dtype)  # rounded once
            if given.dtype is dtype or not cast.isinf().any():
                return cast
    if dtype is torch.bfloat16 and BFLOAT16 is None:
        dtype = torch.float32
    given = target.float() if target.dtype is torch.bfloat16 else target
    form = as_array(torch.empty(0, dtype=dtype)).dtype
    return as_tensor(checks.checked_probabilities(as_array(given), form, most)).to(dtype)


def checked_weights(name: str, weight: Tensor) -> Tensor:
    """Weights in float64."""
    weight = weight.float() if weight.dtype is torch.bfloat16 else weight
    return torch.from_numpy(checks.checked_weights(name, as_array(weight)))


def fitted(weight: Tensor, shape: Sequence[int], samples: int) -> Tensor:
    """The weights of each sample broadcast to its elements."""
    gap = (1,) * (len(shape) - weight.dim())
    return weight.reshape((*weight.shape[:samples], *gap, *weight.shape[samples:])).expand(shape)


def mean_over(
    labels: Tensor, weights: Tensor | None, samples: int
) -> tuple[Tensor | None, float | Tensor]:
    """Weights of classes, and what the mean of each sample divides by."""
    lead = labels.shape[:samples]
    if not samples:
        array = None if weights is None else weights.numpy()
        array, total, _ = mean_weights("labels", labels.numpy(), array)
        return array if array is None else torch.from_numpy(array), total
    if weights is None:
        counts = (labels >= 0).reshape(*lead, -1).sum(-1).double()
        return None, torch.where(counts == 0, math.inf, counts)
    every = weights.expand(*lead, weights.shape[-1]).reshape(-1, weights.shape[-1])
    each = [
        mean_over(some, own, 0)
        for some, own in zip(labels.reshape(len(every), -1), every, strict=True)
    ]
    scaled = torch.stack([own for own, _ in each if own is not None])
    totals = torch.tensor([total for _, total in each], dtype=torch.float64)
    return scaled.reshape(*lead, -1), totals.reshape(lead)


def factor_of(
    total: float | Tensor, upstream: Tensor | None, dtype: torch.dtype
) -> tuple[Any, Any]:
    """What the kernel multiplies the gradient by, and what it is multiplied by afterwards, if by
    anything.
    """
    base: Any = total.reciprocal() if isinstance(total, Tensor) else inverse(total)
    if upstream is None:
        return base, None
    if not any(upstream.stride()):  # one number for all
        number = upstream.reshape(-1)[0].item() if upstream.numel() else 1.0
        if not isinstance(base, Tensor):
            factor, after = split(base * number)
            return factor, None if after == 1 else after
        by = base * number
    else:
        by = torch.empty(upstream.shape, dtype=torch.float64).copy_(upstream)
        if isinstance(base, Tensor) or base != 1:
            by = by.mul_(base)
    if not by.numel():
        return by, None
    least, most = (t.item() for t in torch.aminmax(by))
    if least == most:
        return split(least)
    if least >= 0:
        return by, None
    return by.abs(), torch.where(by < 0, -1, 1).to(dtype)  # float lanes take none below 0


LEAST = 2.0**-30
"""Float lanes take no factors below this."""


def split(factor: float) -> tuple[float, float]:
    """A factor that float lanes take, and the sign and the power of two that are left of it."""
    sign = -1.0 if factor < 0 else 1.0
    if not 0 < abs(factor) < LEAST:
        return abs(factor), sign
    rest, exponent = math.frexp(abs(factor))
    return rest, math.ldexp(sign, exponent)


def without(dz: Tensor, dy: Tensor) -> Tensor:
    """dz, 0 where nothing comes from upstream: also where it is not a number."""
    nothing = dy == 0
    return dz.masked_fill_(nothing, 0) if nothing.any() else dz


def across(by: Tensor, shape: Sequence[int]) -> Tensor:
    """What each sample or row has, for all that it is of."""
    return by.reshape(*by.shape, *(1,) * (len(shape) - by.dim())).expand(shape)


def narrowed(values: Tensor, dtype: torch.dtype) -> Tensor:
    """float64 to any format, rounded once."""
    values = values.contiguous()
    out = torch.empty(values.shape, dtype=dtype)
    _native.raw_flat(NARROWED, NUMBER_OF[dtype], out.numel(), (values.data_ptr(),), out.data_ptr())
    return out


def reduced(
    losses: Tensor, how: str, total: float | Tensor, dtype: torch.dtype, samples: int = 0
) -> Tensor:
    """The losses of rows or elements to what was asked for, of each sample."""
    if how == "none":
        return narrowed(losses, dtype)
    lead = losses.shape[:samples]
    out = torch.zeros(lead, dtype=dtype)
    calls, count = out.numel(), losses.numel() // max(out.numel(), 1)
    if not calls or not count:
        return out
    losses = losses.reshape(calls, count)
    if count > CHUNK:
        pieces = losses.split(CHUNK, 1)
        losses = torch.stack([reduced(p, "sum", 1.0, torch.float64, 1) for p in pieces], 1)
    losses = losses.contiguous()
    divisor: Any = 1.0
    if how == "mean":
        divisor = total.contiguous() if isinstance(total, Tensor) else total
    _native.raw_rows(
        SUMMED, NUMBER_OF[dtype], calls, losses.shape[1], (losses.data_ptr(),),
        (divisor.data_ptr(),) if isinstance(divisor, Tensor) else divisor, out.data_ptr(),
    )  # fmt: skip
    if dtype is torch.float64 and not out.isfinite().all() and losses.isfinite().all():
        # It may be the sum alone that leaves the range.
        total = total.reshape(calls) if isinstance(total, Tensor) else total
        out = torch.ldexp(
            reduced(losses * 2.0**-64, how, total, dtype, 1).reshape(lead), torch.tensor(64)
        )
    return out


def ignored(ignore_index: Any, target: Tensor) -> int | None:
    """The label that does not count. Among probabilities there is none; as in torch, to name a
    class is an error there, and its default is not.
    """
    number: int | None = ignore_index
    if type(ignore_index) is not int:
        number = checks.checked_ignore_index(ignore_index)
    if not target.is_floating_point():
        return number
    if number is not None and number >= 0:
        raise ValueError(f"ignore_index = {number} applies to integer labels, not to probabilities")
    return None


def counted(target: Tensor, ignore_index: int | None) -> Tensor:
    """Which labels are not the one that is ignored."""
    if ignore_index is None:
        return torch.ones_like(target, dtype=torch.bool)
    return target != ignore_index


def of_moderate_size(weight: Tensor, labels: Tensor, kept: Tensor) -> Tensor:
    """Weights of classes times the same power of two, near 1 where they count most, so that neither
    their sum nor its inverse overflows. It changes no mean.
    """
    own = torch.where(kept, weight.detach()[labels.clamp(0, weight.shape[-1] - 1)], 0).abs()
    most = own.flatten().amax() if own.numel() else own.new_zeros(())
    size = torch.exp2(torch.floor(torch.log2(most)))
    return weight / torch.where((size > 0) & (size < math.inf), size, 1.0)


def total_weight(target: Tensor, kept: Tensor, weight: Tensor | None, classes: int) -> Tensor:
    """What a mean over labels divides by: the weights of the rows that count; inf for none."""
    wide = torch.float32 if target.device.type == "mps" else torch.float64  # which has no double
    counts = kept.to(wide)
    if weight is not None:
        counts = torch.where(kept, weight.to(wide)[target.clamp(0, classes - 1).long()], 0)
    return torch.where((counts == 0).all(), math.inf, counts.sum())


Result = tuple[Tensor, Tensor | None]


def over_rows(
    of: Head,
    kernels: Any,
    z: Tensor,
    target: Tensor,
    dim: int,
    options: Options,
    gradient: bool,
    upstream: Tensor | None,
) -> Result:
    """Loss and gradient by a GPU's kernel for rows of classes."""
    how, kernel = options["reduction"], kernels.KERNELS[of.name]
    rows = z.movedim(dim, -1)
    lead, classes = rows.shape[:-1], rows.shape[-1]
    total: Any = max(lead.numel(), 1)
    if target.shape == z.shape:
        flat = target.movedim(dim, -1).to(z.dtype).reshape(-1, classes)
    else:
        flat = target.long().reshape(-1)
        if how == "mean":
            kept = counted(flat, options.get(of.label))
            total = total_weight(flat, kept, options.get(of.class_weight), classes).double()
    factor = times(1 / total if how == "mean" else 1.0, upstream)
    losses, dz = kernel(
        rows.reshape(-1, classes), flat, **kernels.taken(of.name, options), factor=factor,
        gradient=gradient,
    )  # fmt: skip
    if dz is not None:
        dz = dz.reshape(rows.shape).movedim(-1, dim)
    if how == "none":
        return losses.reshape(lead).to(z.dtype), dz
    loss = losses.sum()
    return (loss / total if how == "mean" else loss).to(z.dtype), dz


def over_elements(
    of: Head,
    kernels: Any,
    z: Tensor,
    target: Tensor,
    dim: int,
    options: Options,
    gradient: bool,
    upstream: Tensor | None,
) -> Result:
    """The same for logits that have a loss each."""
    how, kernel = options["reduction"], kernels.KERNELS[of.name]
    total = max(z.numel(), 1)
    loss, dz = kernel(
        z, target.to(z.dtype), **kernels.taken(of.name, options),
        factor=times(1 / total if how == "mean" else 1.0, upstream), gradient=gradient,
        summed=how != "none",
    )  # fmt: skip
    return (loss / total if how == "mean" else loss).to(z.dtype), dz


def times(factor: Any, upstream: Tensor | None) -> Any:
    """The factor of the gradient, with what comes from upstream to a single loss."""
    if upstream is None or upstream.dim():
        return factor
    return upstream.double() * factor


def public(of: Head) -> Callable[..., Tensor]:
    """The function with torch's parameters, in torch's order where torch has it, and the rest by
    keyword. It is written out, as a small tensor pays for each star.
    """
    names = torch_parameters(of.card) or list(of.weights)
    defaults = {**of.defaults, "size_average": None, "reduce": None}
    keyword: Options = {"dim": None} if of.over_rows else {}
    keyword |= {k: v for k, v in of.defaults.items() if k not in names} | {"create_graph": True}
    defaults |= keyword
    taken = ["input", "target", *names, "*", *keyword]
    taken = [f"{name}=defaults[{name!r}]" if name in defaults else name for name in taken]
    legacy = (
        """
    if size_average is not None or reduce is not None:
        reduction = legacy_get_string(size_average, reduce)"""
        if "reduce" in names
        else ""
    )
    numbers = "".join(f"{name}, " for name in of.numbers)
    usual = " and ".join(f"{name} is usual_{name}" for name in of.numbers) or True
    plain = ["dim is None"] if of.over_rows else [f"{name} is None" for name in of.weights]
    weight, label = of.class_weight or None, of.label or None
    given = ", ".join(f"{name}={name}" for name in (*names, *keyword))
    code = f"""
def {of.name}({", ".join(taken)}):{legacy}
    if {" and ".join(plain) or True}:
        loss = at_once(
            input, target, {weight}, reduction, {label},
            create_graph, None if {usual} else ({numbers}),
        )
        if loss is not None:
            return loss
    if is_passed_on({", ".join(["input", "target", *of.weights])}):
        return pass_on(again, input, target, {given})
    options = {{{", ".join(f"{name!r}: {name}" for name in of.options)}}}
    return call(input, target, {"dim" if of.over_rows else None}, create_graph, **options)
"""
    scope: dict[str, Any] = {
        "legacy_get_string": legacy_get_string, "defaults": defaults, "at_once": of.at_once,
        "call": of.call, "is_passed_on": is_passed_on, "pass_on": pass_on,
        **{f"usual_{name}": defaults[name] for name in of.numbers},
    }  # fmt: skip
    scope["again"] = generated(of.name, code, scope, f"torch {of.name}")
    return scope["again"]  # type: ignore[no-any-return]


def torch_parameters(card: Card) -> list[str]:
    """The parameters that torch's own function takes after input and target, in its order; none
    where torch has no such function.
    """
    for peer in card.peers:
        path, _, name = peer.name.rpartition(".")
        if path == "torch.nn.functional":
            return list(inspect.signature(getattr(torch.nn.functional, name)).parameters)[2:]
    return []
