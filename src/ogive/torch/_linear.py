"""Cross-entropy of a linear layer's logits, chunk by chunk, with its gradients made in forward.

The products are torch's; in between, a chunk's logits become their own gradient in place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from ..calls import codegen
from ..calls.checks import Reduction
from ..calls.losses import Plan, checked_chunk
from . import _launch
from ._checks import check_devices, floating
from ._functions import applier
from ._heads import IGNORED, Head, hinted, is_compiling
from ._loss_derivatives import pulled_back, substituted
from ._loss_eager import asked_again
from ._loss_elements import TENSORS, Options, reduced
from ._loss_formula import checked_label, counted, total_weight
from ._loss_kernels import factor_of
from ._loss_operators import declared
from ._operators import define, on_gpu
from ._route import (
    FORMULA,
    KERNELS,
    TRANSFORMS,
    by_operator,
    densely,
    is_batched,
    is_passed_on,
    needs_operator,
    pass_on,
    route_of,
)
from ._transforms import ValueOf
from ._warn import warn_of_argument, warn_of_fallback


class Linear:
    """The loss of x Wᵀ + bias, by the head of the logits."""

    def __init__(self, head: Head):
        self.head, self.of, self.name = head, head.of, "linear_cross_entropy"
        self.weight, self.label = head.of.class_weight, head.of.label
        self.apply = applier(linear_function(self))
        self.define_operators()

    def by_formula(
        self, x: Tensor, W: Tensor, bias: Any, target: Tensor, options: Options
    ) -> Tensor:
        """The same in torch's operations, from whole logits."""
        z = whole_logits(x, W, bias, target, options[self.label], work_format(x, W))
        given = {name: options[name] for name in self.of.options}
        return self.head.formula.reduced(z, target, z.dim() - 1, given)

    def run(
        self, x: Tensor, W: Tensor, bias: Tensor | None, target: Tensor, options: Options,
        wanted: tuple[bool, bool, bool], upstream: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]:  # fmt: skip
        """The loss, in float32 at least, and the gradients wanted; `upstream` weighs the rows'
        gradients.
        """
        work, (mode, numbers) = work_format(x, W), self.check(x, W, target, options)
        plan = self.plan(mode, numbers, x, W, target, options, options["reduction"])
        *several, classes, width = W.shape
        lead = (*x.shape[:-1], *several)
        count, losses_of_row = math.prod(x.shape[:-1]), math.prod(several)
        rows = x.detach().reshape(count, width).to(work)
        matrix = W.detach().to(work).reshape(losses_of_row * classes, width)
        shift = None if bias is None else bias.detach().to(work).reshape(-1)
        labels, factor, kept = mode == "labels", factor_of(plan.total, None, work)[0], None
        goal = torch.from_numpy(plan.goal) if labels else plan.goal
        goal = goal.reshape((count, losses_of_row) if labels else (count, losses_of_row, classes))
        if upstream is not None:
            upstream = upstream.detach().reshape(count, losses_of_row).double()
            if labels:  # of which nothing comes is not asked for
                goal = torch.where(upstream == 0, -1, goal)
        if labels and bool((goal.numpy() < 0).any()):  # the rows of which a label counts
            kept = torch.nonzero((goal >= 0).any(1)).squeeze(1)
        kept_count = count if kept is None else len(kept)
        loss = torch.zeros(count, losses_of_row, dtype=torch.float64)
        dx = torch.zeros(rows.shape, dtype=work) if wanted[0] else None
        dW = torch.zeros(matrix.shape, dtype=work) if wanted[1] else None
        db = torch.zeros(len(matrix), dtype=work) if wanted[2] and shift is not None else None
        chunk = checked_chunk(options["chunk_rows"], matrix.shape, work.itemsize)
        between = self.head.kernels.between(plan, (classes,), 0)
        buffer = torch.empty(min(chunk, kept_count), len(matrix), dtype=work)
        for begin in range(0, kept_count, chunk):
            piece = slice(begin, begin + chunk)
            some = piece if kept is None else kept[piece]
            own = rows[some]
            z = buffer[: len(own)]
            torch.mm(own, matrix.t(), out=z)
            if shift is not None:
                z += shift
            losses = torch.empty(len(own) * losses_of_row, dtype=torch.float64)
            scale = factor
            if upstream is not None:
                scale = (upstream[some] * factor).reshape(-1)
            logits, of_these = z.view(len(losses), classes), goal[some].flatten(0, 1).contiguous()
            _launch.rows(
                self.of.name, mode, work, classes, (len(losses),),
                (logits, of_these, *between, scale, losses, logits if any(wanted) else None),
            )  # fmt: skip
            loss[some] = losses.view(len(own), losses_of_row)
            if dW is not None:
                dW.addmm_(z.t(), own)
            if db is not None:
                db += z.sum(0)
            if dx is not None:
                if kept is None:
                    torch.mm(z, matrix, out=dx[some])
                else:  # own is a copy by now; autocast would change a product without out=
                    dx[some] = torch.mm(z, matrix, out=own)
        return (
            reduced(loss.reshape(lead), options["reduction"], plan.total, work),
            None if dx is None else dx.reshape(x.shape).to(x.dtype),
            None if dW is None else dW.reshape(W.shape).to(W.dtype),
            None if db is None or bias is None else db.reshape(bias.shape).to(bias.dtype),
        )

    def call(self, input: Any, W: Any, target: Any, bias: Any, options: Options) -> Tensor:
        x, W = floating(input, self.name), floating(W, self.name)
        bias = None if bias is None else floating(bias, self.name)
        if not isinstance(target, Tensor):
            raise TypeError(f"{self.name}: target must be a Tensor, not {type(target).__name__}")
        if options[self.weight] is not None:
            options[self.weight] = torch.as_tensor(options[self.weight])
        check_devices(
            self.name, input=x, linear_weight=W, linear_bias=bias, target=target,
            **{self.weight: options[self.weight]},
        )  # fmt: skip
        if W.dim() < 2 or x.dim() == 0 or x.shape[-1] != W.shape[-1]:
            raise ValueError(
                f"{self.name}: input of shape {tuple(x.shape)} and weights of shape "
                f"{tuple(W.shape)} do not fit: they must be (..., d) and (classes, ..., d)"
            )
        classes, *several, _ = W.shape
        if classes == 0:
            raise ValueError(f"{self.name}: weights of shape {tuple(W.shape)} have no classes")
        if bias is not None and bias.shape != W.shape[:-1]:
            raise ValueError(
                f"{self.name}: bias of shape {tuple(bias.shape)} does not fit weights of shape "
                f"{tuple(W.shape)}: it must be {tuple(W.shape[:-1])}"
            )
        if several:
            W, target, bias = classes_last(self.name, x, W, target, bias)
        kind = x.device.type
        autocast = torch.is_autocast_enabled(kind)
        if autocast:
            form = torch.get_autocast_dtype(kind)
            x, W = (t.to(form) if t.dtype == torch.float32 else t for t in (x, W))
        if options[self.label] is None:
            options[self.label] = IGNORED  # as this function of torch's has it
        options[self.label] = checked_label(options[self.label], target)
        loss = self.loss(x, W, target, bias, options)
        # Under autocast it stays in float32, as torch's losses do.
        return loss if autocast else loss.to(torch.promote_types(x.dtype, W.dtype))

    def loss(self, x: Tensor, W: Tensor, target: Tensor, bias: Any, options: Options) -> Tensor:
        """The loss in float32 at least, whichever way it takes."""
        kind = x.device.type
        learned = [t for t in (target, options[self.weight]) if isinstance(t, Tensor)]
        way = route_of(x, W, *learned, *(() if bias is None else (bias,)))
        on = torch.is_grad_enabled()
        further = on and any(t.requires_grad for t in learned)
        if way in (TRANSFORMS, FORMULA) or further:
            if not is_compiling():
                mode, numbers = self.check(x, W, target, options)
                if way == KERNELS:  # of which the elements can be looked at
                    self.plan(mode, numbers, x, W, target, options, "none")
            return self.by_formula(x, W, bias, target, options)
        if way == KERNELS:
            return self.apply(x, W, bias, target, options)  # type: ignore[no-any-return]
        wanted = [bool(on and t is not None and t.requires_grad) for t in (x, W, bias)]
        none = options["reduction"] == "none"
        whole = kind == "cuda" and (none or not any(wanted))
        if whole or kind not in ("cpu", "cuda", "meta"):
            if kind != "cuda":
                warn_of_fallback(self.name, x.device.type)
            form = torch.promote_types(x.dtype, W.dtype)
            z = whole_logits(x, W, bias, target, options[self.label], form)
            given = {name: options[name] for name in self.of.options}
            return self.head.call(z, target, -1, False, **given)
        if none and any(wanted):
            return self.by_formula(x, W, bias, target, options)
        values = [options[name] for name in (*self.of.options, "chunk_rows")]
        return by_operator(  # type: ignore[no-any-return]
            self.name,
            lambda x, W, bias, target: self.operator(x, W, bias, target, *values, wanted)[0],
            lambda x, W, bias, target: self.by_formula(x, W, bias, target, options),
            x, W, bias, target,
        )  # fmt: skip

    def define_operators(self) -> None:
        of = self
        names = (*self.of.options, "chunk_rows")
        schema = (
            "(Tensor x, Tensor W, Tensor? bias, Tensor target, "
            f"{', '.join(map(declared, self.of.options.values()))}, int? chunk_rows, "
            "bool[] wanted) -> (Tensor, Tensor, Tensor, Tensor)"
        )

        def cpu(x: Tensor, W: Tensor, bias: Any, target: Tensor, *rest: Any) -> tuple[Tensor, ...]:
            *values, wanted = rest
            found = of.run(x, W, bias, target, dict(zip(names, values, strict=True)), wanted)
            return tuple(x.new_empty(0) if t is None else t for t in found)

        def fake(x: Tensor, W: Tensor, bias: Any, target: Tensor, *rest: Any) -> tuple[Tensor, ...]:
            *values, wanted = rest
            none = dict(zip(names, values, strict=True))["reduction"] == "none"
            each = (*x.shape[:-1], *W.shape[:-2])
            loss = x.new_empty(each if none else [], dtype=work_format(x, W))
            return loss, *(
                t.new_empty(t.shape) if want and t is not None else x.new_empty(0)
                for t, want in zip((x, W, bias), wanted, strict=True)
            )

        def cuda(x: Tensor, W: Tensor, bias: Any, target: Tensor, *rest: Any) -> tuple[Tensor, ...]:
            *values, wanted = rest
            given = dict(zip(names, values, strict=True))
            of.check(x, W, target, given)
            found = on_gpu(
                of.name, "value_and_grad", x,
                lambda kernels: of.by_triton(kernels, x, W, bias, target, given),
                lambda: of.by_torch(x, W, bias, target, given, wanted),
                plain=given["reduction"] != "none" and W.dim() == 2, options=given,
            )  # fmt: skip
            return tuple(
                x.new_empty(0) if t is None or (k and not wanted[k - 1]) else t.contiguous()
                for k, t in enumerate(found)
            )

        def save(ctx: Any, inputs: Any, output: Any) -> None:
            x, W, bias, target, *values, ctx.wanted = inputs
            ctx.options, ctx.count = dict(zip(names, values, strict=True)), len(inputs)
            ctx.mark_non_differentiable(*output[1:])
            ctx.save_for_backward(x, W, bias, target, ctx.options.pop(of.weight), *output[1:])

        def backward(ctx: Any, dy: Tensor, *_: Any) -> Any:
            x, W, bias, target, weight, *kept = ctx.saved_tensors
            found = [
                (g * dy).to(g.dtype) if want else None
                for g, want in zip(kept, ctx.wanted, strict=True)
            ]
            if torch.is_grad_enabled():
                given = {**ctx.options, of.weight: weight}
                found = of.leading_on((x, W, bias, target), given, ctx.wanted, dy, found)
            return *found, *(None,) * (ctx.count - 3)

        self.operator = define(
            self.name, schema, cpu, fake, cuda=cuda, backward=backward, setup_context=save
        )

    def check(
        self, x: Tensor, W: Tensor, target: Tensor, options: Options
    ) -> tuple[str, tuple[float, ...]]:
        """Refuses what does not fit, without a look at the elements, which a device would be waited
        for. The kernel's mode, and the options of one number as it takes them.
        """
        shape = (*x.shape[:-1], *W.shape[:-1])
        mode = self.head.kernels.check(shape, target, len(shape) - 1, options)
        checked_chunk(options["chunk_rows"], (1, 1), 1)
        return mode, self.head.kernels.checked_numbers(options)

    def plan(
        self, mode: str, numbers: tuple[float, ...], x: Tensor, W: Tensor, target: Tensor,
        options: Options, reduction: Reduction,
    ) -> Plan:  # fmt: skip
        """What a call comes to, after a look at the elements."""
        shape = (*x.shape[:-1], *W.shape[:-1])
        weights = [options[name] for name in self.of.weights]
        return self.of.plan(
            TENSORS, mode, shape, len(shape) - 1, work_format(x, W), target.detach().resolve_neg(),
            [w if w is None else w.detach() for w in weights], options[self.label], numbers,
            reduction,
        )  # fmt: skip

    def by_triton(
        self, kernels: Any, x: Tensor, W: Tensor, bias: Any, target: Tensor, options: Options
    ) -> tuple[Any, ...]:
        """The loss and all gradients from a GPU's kernel."""
        how = options["reduction"]
        form, classes = torch.promote_types(x.dtype, W.dtype), len(W)
        rows = x.reshape(-1, x.shape[-1]).to(form)
        total: Any = max(len(rows), 1)
        if target.dim() == x.dim():
            goal = target.reshape(-1, classes).to(form)
        else:
            goal = target.reshape(-1).long()
            kept = counted(goal, options[self.label])
            if options[self.label] is not None:  # 0 times NaN would reach dW
                rows = rows.masked_fill(~kept.unsqueeze(-1), 0)
            total = total_weight(goal, kept, options[self.weight], classes).double()
        factor = 1 / total if how == "mean" else 1.0
        losses, dx, dW, db = kernels.KERNELS[self.name](
            rows, W.to(form), goal, None if bias is None else bias.to(form), factor=factor,
            **kernels.taken(self.name, options),
        )  # fmt: skip
        loss = losses.sum() * factor
        return (
            loss.to(work_format(x, W)), dx.reshape(x.shape).to(x.dtype), dW.to(W.dtype),
            None if bias is None else db.to(bias.dtype),
        )  # fmt: skip

    def by_torch(
        self, x: Tensor, W: Tensor, bias: Any, target: Tensor, options: Options, wanted: Any
    ) -> tuple[Any, ...]:
        """The same by the formula."""
        with torch.enable_grad():
            leaves: list[Any] = [
                t if t is None else t.detach().requires_grad_(want)
                for t, want in zip((x, W, bias), wanted, strict=True)
            ]
            x, W, bias = leaves
            loss = self.by_formula(x, W, bias, target, options)
            asked = [t for t in leaves if t is not None and t.requires_grad]
            found = iter(torch.autograd.grad(loss, asked) if asked else ())
        return loss.detach(), *(
            next(found) if t is not None and t.requires_grad else None for t in leaves
        )

    def pulled_back(
        self, inputs: Sequence[Any], options: Options, wanted: Sequence[bool], dy: Tensor
    ) -> list[Tensor | None]:
        """The gradients by the formula, with their derivatives."""
        which = [k for k, want in enumerate(wanted) if want]

        def loss(*xs: Tensor) -> Tensor:
            x, W, bias, target = substituted(inputs, which, xs)
            return self.by_formula(x, W, bias, target, options)

        found: list[Tensor | None] = [None, None, None]
        for k, dx in zip(which, pulled_back(loss, [inputs[k] for k in which], dy), strict=True):
            found[k] = dx
        return found

    def leading_on(
        self, inputs: Sequence[Any], options: Options, wanted: Sequence[bool], dy: Tensor,
        found: Sequence[Any],
    ) -> list[Any]:  # fmt: skip
        """The gradients found, with the derivatives of the formula's."""
        by_formula = self.pulled_back(inputs, options, wanted, dy)
        return [
            value if carrier is None else ValueOf.apply(value.detach(), carrier)
            for value, carrier in zip(found, by_formula, strict=True)
        ]


def work_format(x: Tensor, W: Tensor) -> torch.dtype:
    """What sums are made in, and the loss, before it is given back in the format of the logits."""
    return torch.promote_types(torch.promote_types(x.dtype, W.dtype), torch.float32)


def classes_last(
    name: str, x: Tensor, W: Tensor, target: Tensor, bias: Any
) -> tuple[Tensor, Tensor, Any]:
    """Several losses for each input, as torch has them: weights (classes, ..., d), and target
    (rows, ...) or (rows, classes, ...). All else takes them with the classes last: weights
    (..., classes, d), probabilities (rows, ..., classes).
    """
    lead, (classes, *several, _) = tuple(x.shape[:-1]), W.shape
    if not lead:
        raise ValueError(
            f"{name}: weights of shape {tuple(W.shape)} have several losses for each input, which "
            f"then must be (N, {W.shape[-1]}), not {tuple(x.shape)}"
        )
    labels, probabilities = (*lead, *several), (*lead, classes, *several)
    if target.shape == probabilities:
        target = target.movedim(len(lead), -1)
    elif target.shape != labels:
        raise ValueError(
            f"{name}: target of shape {tuple(target.shape)} fits input of shape {tuple(x.shape)} "
            f"and weights of shape {tuple(W.shape)} neither as labels {labels} nor as "
            f"probabilities {probabilities}"
        )
    return W.movedim(0, -2), target, None if bias is None else bias.movedim(0, -1)


def whole_logits(
    x: Tensor, W: Tensor, bias: Any, target: Tensor, ignore_index: int | None, form: torch.dtype
) -> Tensor:
    """Logits of all rows, by products in the format given. A row of which no label counts is 0:
    what it holds, NaN too, must reach no gradient.
    """
    *several, classes, width = W.shape
    if ignore_index is not None and target.dim() < x.dim() + len(several):
        kept = counted(target.long(), ignore_index)
        if several:
            kept = kept.flatten(x.dim() - 1).any(-1)
        x = x.masked_fill(~kept.unsqueeze(-1), 0)
    with plain_products(x.device.type):
        z = torch.nn.functional.linear(
            x.to(form), W.to(form).reshape(math.prod(several) * classes, width),
            None if bias is None else bias.to(form).flatten(),
        )  # fmt: skip
    return z.reshape(*x.shape[:-1], *several, classes) if several else z


def plain_products(kind: str) -> Any:
    """Products in the format of their operands, also under autocast."""
    on = torch.is_autocast_enabled(kind)
    return torch.autocast(kind, enabled=False) if on else nullcontext()


def rows_at_a_time(options: Any, chunk_rows: int | None) -> int | None:
    """``chunk_rows``, or what torch's own options of chunks say of it."""
    if options is None:
        return chunk_rows
    theirs: Any = getattr(torch.nn, "LinearCrossEntropyOptions", ())
    if not isinstance(options, theirs):
        raise TypeError(
            f"options must be torch.nn.LinearCrossEntropyOptions, not {type(options).__name__}"
        )
    usual = theirs()
    for name in ("chunking_method", "acc_policy", "acc_dtype"):
        if getattr(options, name) not in (None, getattr(usual, name)):
            warn_of_argument(
                "linear_cross_entropy", f"options.{name}",
                "rows are chunked and sums made in Ogive's own way",
            )  # fmt: skip
    return options.batch_chunk_size if chunk_rows is None else chunk_rows


def linear_function(of: Linear) -> type[Function]:
    class LinearFunction(Function):
        @staticmethod
        def forward(
            ctx: Any, x: Tensor, W: Tensor, bias: Any, target: Tensor, options: Options
        ) -> Tensor:
            wanted = ctx.needs_input_grad[:3]
            # How much each row counts is known in backward.
            ctx.rows = options["reduction"] == "none"
            loss, *gradients = of.run(
                x, W, bias, target, options, (False,) * 3 if ctx.rows else wanted
            )
            ctx.options = {**options, of.weight: None}
            # The inputs are for a second derivative; torch keeps them too, and the logits.
            ctx.save_for_backward(x, W, bias, target, options[of.weight], *gradients)
            return loss

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Any:
            x, W, bias, target, weight, *found = ctx.saved_tensors
            inputs, wanted = (x, W, bias, target), ctx.needs_input_grad[:3]
            options = {**ctx.options, of.weight: weight}
            again, batched = torch.is_grad_enabled(), is_batched(dy)
            if ctx.rows and needs_operator(dy):
                dy, batched = densely(dy), True
            if batched and (again or ctx.rows):
                return *of.pulled_back(inputs, options, wanted, dy), None, None
            if ctx.rows:
                with torch.no_grad():
                    _, *found = of.run(x, W, bias, target, options, wanted, dy)
            elif batched or again or asked_again():
                found = [None if g is None else (g * dy).to(g.dtype) for g in found]
            elif dy.item() != 1:  # in their place, of which nobody asks again: W's is large
                for g in found:
                    if g is not None:
                        g.mul_(dy)
            if again:
                found = of.leading_on(inputs, options, wanted, dy, found)
            return *found, None, None

    return LinearFunction


TORCH_S = ("linear_bias", "weight", "reduction", "ignore_index", "label_smoothing", "options")
"""What torch's own function takes by keyword, in its order."""


def public(of: Linear) -> Callable[..., Tensor]:
    """The function with torch's parameters in torch's order, and the loss's others by keyword."""
    losses = of.of.options
    own = {
        "linear_bias": "linear_bias: 'Tensor | None' = None", "options": "options: 'Any' = None",
        "chunk_rows": "chunk_rows: 'int | None' = None",
        "create_graph": "create_graph: 'bool' = False",
        **{name: hinted(p) for name, p in losses.items()},
    }  # fmt: skip
    names = [*TORCH_S, *(n for n in losses if n not in TORCH_S), "chunk_rows", "create_graph"]
    given = codegen.items(f"{name!r}: {name}" for name in losses)
    inputs = ["input", "linear_weight", "target"]
    taken = [*(f"{name}: 'Any'" for name in inputs), "*", *(own[name] for name in names)]
    lines = f"""
if is_passed_on({", ".join([*inputs, "linear_bias", *of.of.weights])}):
    return pass_on(again, {codegen.items(inputs)}{codegen.by_name(names)})
given = {{{given}"chunk_rows": rows_at_a_time(options, chunk_rows)}}
return call(input, linear_weight, target, linear_bias, given)"""
    scope: dict[str, Any] = {
        "Any": Any, "Tensor": Tensor, "call": of.call,
        "rows_at_a_time": rows_at_a_time,
        "pass_on": pass_on, "is_passed_on": is_passed_on,
    }  # fmt: skip
    scope["again"] = codegen.written(
        of.name, taken, [lines], scope, f"torch {of.name}", returns="'Tensor'"
    )
    return scope["again"]  # type: ignore[no-any-return]
