"""Cross-entropy of a linear layer's logits, chunk by chunk, with its gradients made in forward.

The products are torch's; in between, a chunk's logits become their own gradient in place.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from .. import _heads
from ..catalog.heads import cross_entropy as rows_head
from ..catalog.heads import linear_cross_entropy as linear_head
from . import _formulas, _raw
from ._dispatch import (
    FORMULA,
    KERNELS,
    TRANSFORMS,
    ValueOf,
    applier,
    check_devices,
    floating,
    is_batched,
    route_of,
    warn_of_fallback,
)
from ._heads import (
    IGNORED,
    Head,
    as_array,
    as_tensor,
    asked_again,
    counted,
    ignored,
    torch_threads,
    total_weight,
)
from ._library import define, on_cuda

Options = dict[str, Any]


class Linear:
    """The loss of x Wᵀ + bias, by the head of the logits."""

    def __init__(self, head: Head):
        self.head, self.name = head, linear_head.card.name
        self.apply = applier(linear_function(self))
        self.define_operators()

    def by_formula(
        self, x: Tensor, W: Tensor, target: Tensor, bias: Any, options: Options
    ) -> Tensor:
        z = _formulas.wide(torch.nn.functional.linear(x, W, bias))
        given = {name: options[name] for name in self.head.options}
        return self.head.by_formula(z, target, z.dim() - 1, given)

    def run(
        self, x: Tensor, W: Tensor, bias: Tensor | None, target: Tensor, options: Options,
        wanted: tuple[bool, bool, bool], upstream: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]:  # fmt: skip
        """The loss, in float32 at least, and the gradients wanted; `upstream` weighs the rows'
        gradients.
        """
        work = work_format(x, W)
        lead, classes = tuple(x.shape[:-1]), W.shape[0]
        rows, matrix = x.detach().reshape(-1, x.shape[-1]).to(work), W.detach().to(work)
        shift = None if bias is None else bias.detach().to(work)
        mode, goal, weights, how = checked(target, (*lead, classes), options, work)
        total = rows_head.total_weight(mode, goal.numpy(), weights)
        factor: Any = (1 / total if total else 0.0) if how == "mean" else 1.0
        numbers = rows_head.checked_options(
            *(options[k] for k in ("label_smoothing", "z_loss", "softcap", "temperature"))
        )
        count = rows.shape[0]
        kept = torch.arange(count)
        if mode == "labels":
            kept = torch.nonzero(goal >= 0).squeeze(1)
        every = len(kept) == count
        loss = torch.zeros(count, dtype=torch.float64)
        dx = torch.zeros(rows.shape, dtype=work) if wanted[0] else None
        dW = torch.zeros(matrix.shape, dtype=work) if wanted[1] else None
        db = torch.zeros(classes, dtype=work) if wanted[2] and shift is not None else None
        chunk = linear_head._checked_chunk(
            options["chunk_rows"], np.empty((classes, x.shape[-1]), np.int8), np.dtype(
                np.float64 if work == torch.float64 else np.float32)
        )  # fmt: skip
        buffer = torch.empty(min(chunk, max(len(kept), 1)), classes, dtype=work)
        class_weight: Any = 1.0
        if weights is not None:
            class_weight = torch.from_numpy(weights)
        for begin in range(0, len(kept), chunk):
            some = slice(begin, begin + chunk) if every else kept[begin : begin + chunk]
            own = rows[some]
            z = buffer[: len(own)]
            torch.mm(own, matrix.t(), out=z)
            if shift is not None:
                z += shift
            losses = torch.empty(len(own), dtype=torch.float64)
            scale = factor if upstream is None else (upstream[some] * factor).contiguous()
            gradient = z if any(wanted) else None
            _raw.rows(
                self.head.name, mode, work, classes, (len(own),),
                (z, goal[some].contiguous(), class_weight, *numbers, scale, losses, gradient),
            )  # fmt: skip
            loss[some] = losses
            if dW is not None:
                dW.addmm_(z.t(), own)
            if db is not None:
                db += z.sum(0)
            if dx is not None:
                if every:
                    torch.mm(z, matrix, out=dx[some])
                else:  # own is a copy by now; autocast would change a product without out=
                    dx[some] = torch.mm(z, matrix, out=own)
        with torch_threads():
            value = as_tensor(
                _heads.reduced(loss.reshape(lead).numpy(), how, total, np.dtype(np.float64))
            )
        return (
            value.to(work),
            None if dx is None else dx.reshape(x.shape).to(x.dtype),
            None if dW is None else dW.to(W.dtype),
            None if db is None or bias is None else db.to(bias.dtype),
        )

    def call(
        self, input: Any, W: Any, target: Any, bias: Any, create_graph: bool, options: Options
    ) -> Tensor:
        x, W = floating(input, self.name), floating(W, self.name)
        bias = None if bias is None else floating(bias, self.name)
        if not isinstance(target, Tensor):
            raise TypeError(f"{self.name}: target must be a Tensor, not {type(target).__name__}")
        check_devices(
            self.name, input=x, linear_weight=W, linear_bias=bias, target=target,
            weight=options["weight"],
        )  # fmt: skip
        if W.dim() != 2 or x.dim() == 0 or x.shape[-1] != W.shape[1]:
            raise ValueError(
                f"{self.name}: input of shape {tuple(x.shape)} and weights of shape "
                f"{tuple(W.shape)} do not fit: they must be (..., d) and (classes, d)"
            )
        if W.shape[0] == 0:
            raise ValueError(f"{self.name}: weights of shape {tuple(W.shape)} have no classes")
        if bias is not None and bias.shape != W.shape[:1]:
            raise ValueError(
                f"{self.name}: bias of shape {tuple(bias.shape)} does not fit {W.shape[0]} classes"
            )
        kind = x.device.type
        autocast = torch.is_autocast_enabled(kind)
        if autocast:
            form = torch.get_autocast_dtype(kind)
            x, W = (t.to(form) if t.dtype == torch.float32 else t for t in (x, W))
        options = {**options, "ignore_index": ignored(options["ignore_index"], target)}
        loss = self.loss(x, W, target, bias, create_graph, options)
        # Under autocast it stays in float32, as torch's losses do.
        return loss if autocast else loss.to(torch.promote_types(x.dtype, W.dtype))

    def loss(
        self, x: Tensor, W: Tensor, target: Tensor, bias: Any, create_graph: bool, options: Options
    ) -> Tensor:
        """The loss in float32 at least, whichever way it takes."""
        kind = x.device.type
        tensors = [t for t in (x, W, bias, target, options["weight"]) if isinstance(t, Tensor)]
        way = route_of(*tensors)
        if way in (TRANSFORMS, FORMULA) or (
            torch.is_grad_enabled() and (target.requires_grad or create_graph)
        ):
            found = self.by_formula(x, W, target, bias, options)
            if create_graph and way not in (TRANSFORMS, FORMULA) and kind == "cpu":
                with torch.no_grad():
                    value = self.run(x, W, bias, target, options, (False,) * 3)[0]
                found = ValueOf.apply(value, found)
            return found
        if way == KERNELS:
            return self.apply(x, W, bias, target, options)  # type: ignore[no-any-return]
        on = torch.is_grad_enabled()
        wanted = [bool(on and t is not None and t.requires_grad) for t in (x, W, bias)]
        whole = kind == "cuda" and (options["reduction"] == "none" or not any(wanted))
        if whole or kind not in ("cpu", "cuda", "meta"):
            if kind != "cuda":
                warn_of_fallback(self.name, x.device.type)
            return self.head.call(
                torch.nn.functional.linear(x, W, bias), target, -1, False,
                **{name: options[name] for name in self.head.options},
            )  # fmt: skip
        if options["reduction"] == "none" and any(wanted):
            return self.by_formula(x, W, target, bias, options)
        values = [options[name] for name in (*self.head.options, "chunk_rows")]
        return self.operator(x, W, bias, target, *values, wanted)[0]  # type: ignore[no-any-return]

    def define_operators(self) -> None:
        of = self
        names = (*self.head.options, "chunk_rows")
        schema = (
            "(Tensor x, Tensor W, Tensor? bias, Tensor target, Tensor? weight, int? ignore_index, "
            "float label_smoothing, float z_loss, float? softcap, float temperature, "
            "str reduction, int? chunk_rows, bool[] wanted) -> (Tensor, Tensor, Tensor, Tensor)"
        )

        def cpu(x: Tensor, W: Tensor, bias: Any, target: Tensor, *rest: Any) -> tuple[Tensor, ...]:
            *values, wanted = rest
            found = of.run(x, W, bias, target, dict(zip(names, values, strict=True)), wanted)
            return tuple(x.new_empty(0) if t is None else t for t in found)

        def fake(x: Tensor, W: Tensor, bias: Any, target: Tensor, *rest: Any) -> tuple[Tensor, ...]:
            *values, wanted = rest
            none = dict(zip(names, values, strict=True))["reduction"] == "none"
            loss = x.new_empty(x.shape[:-1] if none else [], dtype=work_format(x, W))
            return loss, *(
                t.new_empty(t.shape) if want and t is not None else x.new_empty(0)
                for t, want in zip((x, W, bias), wanted, strict=True)
            )

        def cuda(x: Tensor, W: Tensor, bias: Any, target: Tensor, *rest: Any) -> tuple[Tensor, ...]:
            *values, wanted = rest
            given = dict(zip(names, values, strict=True))
            of.check(x, W, target, given)
            found = on_cuda(
                lambda kernels: of.by_triton(kernels, x, W, bias, target, given),
                lambda: of.by_torch(x, W, bias, target, given, wanted),
            )
            return tuple(
                x.new_empty(0) if t is None or (k and not wanted[k - 1]) else t.contiguous()
                for k, t in enumerate(found)
            )

        def save(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.wanted, ctx.count = inputs[-1], len(inputs)
            ctx.mark_non_differentiable(*output[1:])
            ctx.save_for_backward(*output[1:])

        def backward(ctx: Any, dy: Tensor, *_: Any) -> Any:
            found = [
                (g * dy).to(g.dtype) if want else None
                for g, want in zip(ctx.saved_tensors, ctx.wanted, strict=True)
            ]
            return *found, *(None,) * (ctx.count - 3)

        self.operator = define(
            self.name, schema, cpu, fake, cuda=cuda, backward=backward, setup_context=save
        )

    def check(self, x: Tensor, W: Tensor, target: Tensor, options: Options) -> None:
        """The head's checks, for a device whose numbers are not waited for."""
        logits = torch.empty((*x.shape[:-1], len(W)), dtype=x.dtype, device="meta")
        given = {name: options[name] for name in self.head.options}
        self.head.check(logits, target, x.dim() - 1, given)
        nothing = np.empty((len(W), 0), np.int8)
        linear_head._checked_chunk(options["chunk_rows"], nothing, np.dtype(np.float32))

    def by_triton(
        self, kernels: Any, x: Tensor, W: Tensor, bias: Any, target: Tensor, options: Options
    ) -> tuple[Any, ...]:
        """The loss and all gradients from a GPU's kernel."""
        rest = {name: options[name] for name in (*self.head.options, "chunk_rows")}
        how = rest.pop("reduction")
        if how == "none":
            raise NotImplementedError
        form, classes = torch.promote_types(x.dtype, W.dtype), len(W)
        rows = x.reshape(-1, x.shape[-1]).to(form)
        total: Any = max(len(rows), 1)
        if target.dim() == x.dim():
            goal = target.reshape(-1, classes).to(form)
        else:
            goal = target.reshape(-1).long()
            kept = counted(goal, options["ignore_index"])
            total = total_weight(goal, kept, options["weight"], classes).double()
        factor = 1 / total if how == "mean" else 1.0
        losses, dx, dW, db = kernels.linear_cross_entropy(
            rows, W.to(form), goal, None if bias is None else bias.to(form), factor=factor, **rest
        )
        loss = losses.sum() * factor
        return (
            loss.to(work_format(x, W)), dx.reshape(x.shape).to(x.dtype), dW.to(W.dtype),
            None if bias is None else db.to(bias.dtype),
        )  # fmt: skip

    def by_torch(
        self, x: Tensor, W: Tensor, bias: Any, target: Tensor, options: Options, wanted: Any
    ) -> tuple[Any, ...]:
        """The same by the formula."""
        warn_of_fallback(self.name, x.device.type)
        loss, given = self.leading_to(x, W, bias, target, options, wanted)
        asked = [t for t in given if t is not None]
        found = iter(torch.autograd.grad(loss, asked) if asked else ())
        return loss.detach(), *(None if t is None else next(found) for t in given)

    def leading_to(
        self, x: Tensor, W: Tensor, bias: Any, target: Tensor, options: Options, wanted: Any
    ) -> tuple[Tensor, list[Tensor | None]]:
        """The formula's loss, and the tensors wanted, from which it comes by torch's operations."""
        form = torch.promote_types(x.dtype, W.dtype)
        tensors = [t if t is None else t.detach() for t in (x, W, bias)]
        given = [
            t.requires_grad_() if want and t is not None else None
            for t, want in zip(tensors, wanted, strict=True)
        ]
        with torch.enable_grad():
            rows, matrix, shift = [t if t is None else t.to(form) for t in tensors]
            assert rows is not None
            assert matrix is not None
            return self.by_formula(rows, matrix, target, shift, options), given


def work_format(x: Tensor, W: Tensor) -> torch.dtype:
    """What sums are made in, and the loss, before it is given back in the format of the logits."""
    return torch.promote_types(torch.promote_types(x.dtype, W.dtype), torch.float32)


def checked(
    target: Tensor, shape: tuple[int, ...], options: Options, work: torch.dtype
) -> tuple[str, Tensor, Any, Any]:
    """NumPy's checks: the kernel's mode, labels or probabilities of rows, weights, reduction."""
    how = _heads.checked_reduction(options["reduction"])
    weight = options["weight"]
    weights = rows_head.checked_class_weights(
        as_array(weight) if isinstance(weight, Tensor) else weight, shape[-1], shape
    )
    mode, operand = rows_head.checked_target(
        as_array(target), shape, len(shape) - 1, options["ignore_index"]
    )
    if mode == "probabilities":
        form = np.dtype(np.float64 if work == torch.float64 else np.float32)
        operand = _heads.checked_probabilities(operand, form, np.inf).reshape(-1, shape[-1])
    else:
        operand = operand.reshape(-1)
    return mode, torch.from_numpy(np.ascontiguousarray(operand)), weights, how


def linear_function(of: Linear) -> type[Function]:
    class LinearFunction(Function):
        @staticmethod
        def forward(
            ctx: Any, x: Tensor, W: Tensor, bias: Any, target: Tensor, options: Options
        ) -> Tensor:
            wanted = ctx.needs_input_grad[:3]
            ctx.rows = options["reduction"] == "none"
            if ctx.rows:  # how much each row counts is known in backward
                ctx.options = options
                ctx.save_for_backward(x, W, bias, target)
                return of.run(x, W, bias, target, options, (False,) * 3)[0]
            loss, *gradients = of.run(x, W, bias, target, options, wanted)
            ctx.save_for_backward(*gradients)
            return loss

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Any:
            if torch.is_grad_enabled():
                raise RuntimeError(
                    f"{of.name} keeps its gradients and not the logits: for a second derivative "
                    "call it with create_graph=True"
                )
            if ctx.rows:
                x, W, bias, target = ctx.saved_tensors
                if is_batched(dy):
                    loss, given = of.leading_to(
                        x, W, bias, target, ctx.options, ctx.needs_input_grad[:3]
                    )
                    asked = [t for t in given if t is not None]
                    each = iter(torch.autograd.grad(loss, asked, dy))
                    return *(None if t is None else next(each) for t in given), None, None
                upstream = dy.detach().reshape(-1).to(torch.float64)
                _, *found = of.run(
                    x, W, bias, target, ctx.options, ctx.needs_input_grad[:3], upstream
                )
                return *found, None, None
            # The gradients of the loss itself are the kept ones, if nobody can ask for them again.
            itself = not (is_batched(dy) or asked_again()) and dy.item() == 1
            return (
                *(g if g is None or itself else (g * dy).to(g.dtype) for g in ctx.saved_tensors),
                None,
                None,
            )

    return LinearFunction


def public(of: Linear) -> Any:
    def linear_cross_entropy(
        input: Any,
        linear_weight: Any,
        target: Any,
        *,
        linear_bias: Tensor | None = None,
        weight: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = IGNORED,
        label_smoothing: float = 0.0,
        z_loss: float = 0.0,
        softcap: float | None = None,
        temperature: float = 1.0,
        chunk_rows: int | None = None,
        create_graph: bool = False,
    ) -> Tensor:
        options = {
            "weight": weight, "ignore_index": ignore_index, "label_smoothing": label_smoothing,
            "z_loss": z_loss, "softcap": softcap, "temperature": temperature,
            "reduction": reduction, "chunk_rows": chunk_rows,
        }  # fmt: skip
        return of.call(input, linear_weight, target, linear_bias, create_graph, options)

    return linear_cross_entropy
