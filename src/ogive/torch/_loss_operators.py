"""Losses as operators, ``torch.ops.ogive``: what a compiler sees, and what a GPU runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..calls.formats import ANY_NAME
from ..calls.losses import Loss
from ..catalog import Parameter
from ._checks import checked_dim
from ._formats import NUMBER_OF
from ._launch import laid_out_as
from ._loss_derivatives import Derivatives, keep, kept_by
from ._loss_elements import Options
from ._loss_formula import counted, total_weight
from ._loss_kernels import Result
from ._operators import define, on_gpu
from ._route import KERNELS, by_operator, densely, route

SCHEMA = {"weights": "Tensor?", "label": "int?", "number": "float", "reduction": "str"}
"""Types of options in operators, by their role."""


def declared(p: Parameter) -> str:
    """An option in an operator's schema."""
    return f"{SCHEMA[p.role]}{'?' if p.as_operands is not None else ''} {p.name}"


class Operators:
    """The two operators of one loss: the loss with its gradient, and what pulls back to it."""

    def __init__(self, derivatives: Derivatives):
        self.derivatives, self.kernels = derivatives, derivatives.kernels
        self.formula, self.of = derivatives.formula, derivatives.formula.of
        self.define_operators()

    def define_operators(self) -> None:
        kernels, derivatives, of = self.kernels, self.derivatives, self.of
        given = "".join(f", {declared(p)}" for p in of.options.values())
        count = len(of.options)

        def options_of(values: Sequence[Any]) -> Options:
            return dict(zip(of.options, values, strict=True))

        def cpu(z: Tensor, target: Tensor, dim: int, *rest: Any) -> tuple[Tensor, Tensor]:
            *values, gradient = rest
            operands = self.checked_operands(z, target, dim)
            loss, dz = kernels.run(*operands, options_of(values), gradient)
            return loss, z.new_empty(0) if dz is None else dz

        def cpu_backward(dy: Tensor, z: Tensor, target: Tensor, dim: int, *rest: Any) -> Tensor:
            options = options_of(rest)
            z, target, dim = self.checked_operands(z, target, dim)
            wanted = derivatives.shape_of(z.shape, dim, options["reduction"])
            if list(dy.shape) != wanted:
                raise ValueError(
                    f"{of.name}: dy of shape {tuple(dy.shape)} does not fit a loss of shape "
                    f"{tuple(wanted)}"
                )
            dz = kernels.run(z, target, dim, options, True, dy)[1]
            assert dz is not None
            return dz

        def fake(z: Tensor, target: Tensor, dim: int, *rest: Any) -> tuple[Tensor, Tensor]:
            *values, gradient = rest
            loss = z.new_empty(derivatives.shape_of(z.shape, dim, options_of(values)["reduction"]))
            return loss, torch.empty_like(z) if gradient else z.new_empty(0)

        def cuda(z: Tensor, target: Tensor, dim: int, *rest: Any) -> tuple[Tensor, Tensor]:
            *values, gradient = rest
            loss, dz = self.run_on_gpu(z, target, dim, options_of(values), gradient)
            return loss, z.new_empty(0) if dz is None else dz

        def cuda_backward(dy: Tensor, z: Tensor, target: Tensor, dim: int, *rest: Any) -> Tensor:
            dz = self.run_on_gpu(z, target, dim, options_of(rest), True, dy)[1]
            assert dz is not None
            return dz

        def further(ctx: Any, g: Tensor) -> Any:
            needs = ctx.needs_input_grad[: count + 4]
            needs = (*needs[:3], False, *needs[3:])
            dy, z, target, _, *rest = derivatives.pull_back_further(g, kept_by(ctx), needs)
            return dy, z, target, *rest

        self.backward = define(
            f"{of.name}_backward",
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
                if torch.is_grad_enabled() and route(dz) == KERNELS:
                    raise RuntimeError(f"ogive::{of.name} with gradient=True has one derivative")
                return kernels.scaled(dz, dy, ctx.dim), *(None,) * (count + 3)
            needs = ctx.needs_input_grad[: count + 3]
            z, target, _, *rest = derivatives.pull_back(
                dy, kept_by(ctx), (*needs[:2], False, *needs[2:]),
                lambda dy, z, target, _, *rest: self.backward(dy, z, target, *rest),
            )  # fmt: skip
            return z, target, *rest, None

        self.loss_and_gradient = define(
            of.name,
            f"(Tensor z, Tensor target, int dim{given}, bool gradient) -> (Tensor, Tensor)",
            cpu, fake, cuda=cuda, backward=backward, setup_context=save,
        )  # fmt: skip

    def checked_operands(self, z: Tensor, target: Tensor, dim: int) -> tuple[Tensor, Tensor, int]:
        """What an operator that is called directly has been given."""
        if z.dtype not in NUMBER_OF:
            raise TypeError(f"{self.of.name} takes {ANY_NAME}, not {z.dtype}")
        return z, target, checked_dim(dim, z, self.of.name) if self.of.over_rows else 0

    def loss(self, z: Tensor, target: Tensor, dim: int, options: Options, alone: bool) -> Tensor:
        """The loss of whatever kind of tensors; ``alone`` as the operator's ``gradient``."""
        values = options.values()
        return by_operator(  # type: ignore[no-any-return]
            self.of.name,
            lambda z, target: self.loss_and_gradient(z, target, dim, *values, alone)[0],
            lambda z, target: self.formula.reduced(z, target, dim, options), z, target,
        )  # fmt: skip

    def pulled_back(
        self, dy: Tensor, z: Tensor, target: Tensor, dim: int, options: Options
    ) -> Tensor:
        """dz of whatever kind dy is; where operators do not take it, dy times that of ones."""
        rest = z, target, dim, *options.values()
        found: Tensor = by_operator(
            self.of.name, lambda dy: self.backward(dy, *rest),
            lambda dy: self.kernels.scaled(
                self.backward(torch.ones(dy.shape, dtype=z.dtype), *rest), dy, dim
            ),
            densely(dy),
        )  # fmt: skip
        return found

    def run_on_gpu(
        self, z: Tensor, target: Tensor, dim: int, options: Options, gradient: bool,
        upstream: Tensor | None = None,
    ) -> Result:  # fmt: skip
        self.kernels.checked_numbers(options)
        self.kernels.check(z.shape, target, dim, options)

        def by_triton(kernels: Any) -> Result:
            run = over_rows if self.of.over_rows else over_elements
            loss, dz = run(self.of, kernels, z, target, dim, options, gradient, upstream)
            if dz is not None and upstream is not None and upstream.dim():
                dz = self.kernels.scaled(dz, upstream, dim)
            return loss, dz if dz is None else laid_out_as(z, dz)

        def by_torch() -> Result:
            with torch.enable_grad():
                x = z.detach().requires_grad_()
                loss = self.formula.reduced(x, target, dim, options)
                if not gradient:
                    return loss.detach(), None
                dy = torch.ones_like(loss) if upstream is None else upstream
                (dz,) = torch.autograd.grad(loss, x, dy)
            return loss.detach(), laid_out_as(z, dz)

        found: Result = on_gpu(
            self.of.name, "value_and_grad" if gradient else "value", z, by_triton, by_torch,
            options=options,
        )  # fmt: skip
        return found


def over_rows(
    of: Loss,
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
    of: Loss,
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
