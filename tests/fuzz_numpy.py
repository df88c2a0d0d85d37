"""Random calls of every function, judged by the bits of the plain call and by `oracle`'s formulas.

Here is what a case draws, and the calls of NumPy; `fuzz_torch` has torch's, `fuzz` runs them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import ogive
import oracle
from cases import BF16, DTYPES, HALVES, bits, public, public_modes
from ogive.catalog import Card

TOLERANCE = {np.dtype(np.float16): 4e-3, BF16: 3e-2, np.dtype(np.float32): 2e-5,
             np.dtype(np.float64): 2e-7}  # fmt: skip
"""Of the largest term: a slip shows; units in the last place are for other tests."""


class Draw:
    """The random choices of one case, and a record of them for whoever reads a failure."""

    def __init__(self, case: str):
        self.case = case
        self.random = np.random.default_rng(zlib.crc32(case.encode()))
        self.said: list[str] = []

    def say(self, what: str, value: Any) -> Any:
        self.said.append(f"{what}={value}")
        return value

    def pick(self, what: str, choices: Any) -> Any:
        choices = list(choices)
        return self.say(what, choices[int(self.random.integers(len(choices)))])

    def chance(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def shape(self, most: int, least: int = 0, axes: int = 4) -> tuple[int, ...]:
        count = int(self.random.integers(least, axes + 1))
        sizes: list[int] = []
        for _ in range(count):
            room = most // max(1, int(np.prod(sizes)))
            fits = [n for n in (0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33, 65, 257) if n <= room]
            # An empty axis now and then, not mostly.
            n = int(self.random.choice(fits[1:] or [1])) if not self.chance(0.03) else 0
            sizes.append(n)
        return tuple(sizes)

    def numbers(self, shape: tuple[int, ...], dtype: Any, scale: float | None = None) -> Any:
        scale = float(self.random.choice([0.3, 1.0, 4.0])) if scale is None else scale
        return np.asarray(self.random.normal(0, scale, shape)).astype(dtype)

    def with_specials(self, x: Any) -> Any:
        """Some of the numbers replaced by zeros, subnormals, the largest, infinities and NaN."""
        info = ml_dtypes.finfo(x.dtype)
        special = [0.0, -0.0, float(info.smallest_subnormal), float(info.max), np.inf, -np.inf,
                   np.nan, 30.0, -30.0]  # fmt: skip
        x = np.array(x)
        with np.errstate(all="ignore"):
            chosen = np.array(self.random.choice(special, x.shape)).astype(x.dtype)
        hit = self.random.random(x.shape) < 0.1
        return np.where(hit, chosen, x).astype(x.dtype)

    def laid_out(self, what: str, x: Any) -> Any:
        """The same numbers elsewhere in memory."""
        layouts = ["plain", "plain", "read-only", "fortran", "unaligned"]
        layouts += [] if x.dtype == BF16 else ["swapped"]
        layouts += ["strided", "reversed", "inner"] if x.ndim else []
        layout = self.pick(f"{what} layout", layouts)
        if layout == "fortran":
            return x.copy(order="F")
        if layout == "swapped":
            return x.astype(x.dtype.newbyteorder())
        if layout == "unaligned":
            memory = np.zeros(x.nbytes + 1, np.uint8)
            moved = memory[1:].view(x.dtype).reshape(x.shape)
            moved[...] = x
            return moved
        if layout == "strided":
            wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
            wide[..., ::2] = x
            return wide[..., ::2]
        if layout == "reversed":
            return np.ascontiguousarray(x[::-1])[::-1]
        if layout == "inner":
            wide = np.zeros([n + 2 for n in x.shape], x.dtype)
            inner = wide[tuple(slice(1, n + 1) for n in x.shape)]
            inner[...] = x
            return inner
        x = np.array(x)
        x.flags.writeable = layout != "read-only"
        return x

    def parameter(self, p: Any) -> float:
        """A number in the domain of a card's parameter."""
        low, high = p.domain
        if np.isfinite(low) and np.isfinite(high):
            value = self.random.uniform(low, high)
        elif np.isfinite(low):
            value = low + np.exp(self.random.normal(0, 0.7))
        else:
            value = p.default + self.random.normal(0, 0.08)  # an upper bound stays above a lower
        return float(
            self.say(p.name, round(64 * float(value)) / 64 or 1 / 64)
        )  # every format has it

    def __str__(self) -> str:
        return f"{self.case}: {', '.join(self.said)}"


def same(found: Any, expected: Any, what: str) -> None:
    """Both the same bits, any NaN as good as another."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, f"{what}: {found.shape} instead of {expected.shape}"
    found = found.astype(found.dtype.newbyteorder("="))
    assert found.dtype == expected.dtype, f"{what}: {found.dtype} instead of {expected.dtype}"
    different = bits(found) != bits(expected)
    if different.any():
        at = tuple(int(i) for i in np.argwhere(different)[0])
        raise AssertionError(
            f"{what}: {found[at]!r} instead of {expected[at]!r} at {at}, {different.sum()} in all"
        )


def near(found: Any, expected: Any, dtype: Any, what: str, trusted: Any = True) -> None:
    """Both the same up to the tolerance of a format, of their largest number and one."""
    found, expected = oracle.exact(found), np.asarray(expected, oracle.LD)
    assert found.shape == expected.shape, f"{what}: {found.shape} instead of {expected.shape}"
    if not found.size:
        return
    limit = float(ml_dtypes.finfo(dtype).max)
    finite = np.isfinite(expected) & (np.abs(expected) < limit / 2) & trusted
    if not finite.any():
        return
    scale = 1 + np.abs(expected)
    with np.errstate(invalid="ignore"):
        wrong = finite & ~(np.abs(found - expected) <= TOLERANCE[np.dtype(dtype)] * scale)
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise AssertionError(
            f"{what}: {found[at]} instead of {expected[at]} at {at}, {wrong.sum()} in all"
        )


def placed(draw: Draw, result: Any, *, native: bool = False) -> Any:
    """Somewhere for a result to go: an array of its shape and dtype in some layout."""
    out = draw.laid_out("out", np.zeros_like(result))
    fits = out.flags.writeable and (not native or (out.flags.aligned and out.dtype.isnative))
    return out if fits else np.zeros_like(result)


# Elementwise functions.


def elementwise_problem(draw: Draw, card: Card, dtype: Any, most: int) -> tuple[Any, ...]:
    """Shape, arrays of x (or a and b), dy, and parameters."""
    shape = draw.say("shape", draw.shape(most))
    arrays = [draw.numbers(shape, dtype) for _ in range(2 if card.gate else 1)]
    dy = draw.numbers(shape, dtype, 1.0)
    given = [draw.parameter(p) if draw.chance(0.7) else p.default
             for p in card.parameters if p.operand]  # fmt: skip
    return shape, arrays, dy, given


def numpy_elementwise(draw: Draw) -> None:
    card = draw.pick("function", [c for k in ("unary", "gated") for c in ogive.catalog(k)])
    draw.said[-1] = f"function={card.name}"
    modes = [m for m in public_modes(card.name) if "lean" not in m]
    mode = draw.pick("mode", modes)
    dtype = draw.pick("dtype", DTYPES)
    large = draw.chance(0.05)
    shape, arrays, dy, given = elementwise_problem(draw, card, dtype, 200_000 if large else 400)
    specials = draw.chance(0.5)
    if specials:
        arrays = [draw.with_specials(x) for x in arrays]
    function = public(card.name, mode)
    parameters: list[Any] = list(given)
    for k, p in enumerate(parameters):
        form = draw.pick("parameter form", ["float", "float", "0-d", "numpy", "array"])
        if form == "array" and shape and 0 not in shape:
            one = [n if axis == draw.random.integers(len(shape)) else 1
                   for axis, n in enumerate(shape)]  # fmt: skip
            parameters[k] = np.full(one, p)
        elif form != "float":
            parameters[k] = np.array(p) if form == "0-d" else np.float64(p)
    from_output = mode == "backward_from_output"
    last = [public(card.name, "value")(arrays[0], *given)] if from_output else arrays
    taken = [dy, *last] if mode.startswith("backward") else last
    plain = function(*taken, *given)
    found = function(*(draw.laid_out("operand", a) for a in taken), *parameters)
    results, others = (r if isinstance(r, tuple) else (r,) for r in (plain, found))
    for k, (one, other) in enumerate(zip(results, others, strict=True)):
        if k and card.kind == "unary":  # a parameter's gradient has the parameter's shape
            continue
        same(other, one, "layout")
    many = isinstance(plain, tuple)
    if draw.chance(0.5) and shape:
        out = placed(draw, results[0])
        second = (out, *map(np.zeros_like, results[1:])) if many and card.gate else out
        back = function(*taken, *given, out=second)
        assert (back[0] if many else back) is out
        same(out, results[0], "out=")
    if draw.chance(0.3) and shape and not (many and not card.gate):
        over = [a.copy() for a in taken]
        place = draw.pick("written over", range(len(over)))
        target = (over[place], *map(np.zeros_like, results[1:])) if many else over[place]
        function(*over, *given, out=target)
        same(over[place], results[0], "in place")
    if large or specials or from_output:
        return
    exact = [oracle.exact(a) for a in arrays]
    judge_elementwise(card, mode, exact, oracle.exact(dy), given, results, dtype)


def judge_elementwise(
    card: Card, mode: str, exact: list[Any], dy: Any, given: list[float], results: Any, dtype: Any
) -> None:
    def f(k: int) -> Callable[[Any], Any]:
        return lambda x: oracle.elementwise(
            card, [x if i == k else e for i, e in enumerate(exact)], given
        )

    if mode == "value":
        near(results[0], f(0)(exact[0]), dtype, "formula")
    elif mode == "derivative":
        near(results[0], *of_slopes(oracle.slopes(f(0), exact[0]), dtype))
    elif mode == "second_derivative":
        first = lambda x: oracle.slopes(f(0), x)[0]  # noqa: E731
        slope, smooth = oracle.slopes(first, exact[0])
        if dtype.itemsize < 8:  # differences of differences
            near(results[0], slope, dtype, "formula", smooth & (np.abs(exact[0]) > 0.01))
    elif mode == "backward":
        for k in range(len(exact)):
            slope, smooth = oracle.slopes(f(k), exact[k])
            near(results[k], dy * slope, dtype, "formula", smooth)
        if card.kind == "unary" and len(results) > 1:
            step = oracle.STEP
            up, down = (oracle.elementwise(card, exact, [given[0] + s]) for s in (step, -step))
            whole = oracle.summed_to(dy * (up - down) / (2 * step), np.shape(given[0]))
            near(results[1], whole, dtype, "formula of weight")


def of_slopes(found: tuple[Any, Any], dtype: Any) -> tuple[Any, Any, str, Any]:
    slope, smooth = found
    return slope, dtype, "formula", smooth


# Rows.


def rows_problem(draw: Draw, dtype: Any, most: int) -> tuple[Any, int, Any, Any]:
    shape = draw.say("shape", draw.shape(most, least=1, axes=3))
    axis = int(draw.pick("axis", range(-len(shape), len(shape))))
    x = draw.numbers(shape, dtype)
    where = None
    if draw.chance(0.4):
        wide = tuple(n if draw.chance(0.7) else 1 for n in shape)
        where = draw.random.random(wide) < 0.6
        draw.say("where", wide)
    temperature: Any = 1.0
    if draw.chance(0.5):
        temperature = float(np.exp(draw.random.normal(0, 0.5)))
        lead = [n for k, n in enumerate(shape) if k != axis % len(shape)]
        if draw.chance(0.4):
            temperature = np.exp(draw.random.normal(0, 0.5, lead))
        draw.say("temperature", np.shape(temperature) or temperature)
    return x, axis, where, temperature


def numpy_rows(draw: Draw) -> None:
    cards = [c for c in ogive.catalog("rows") if not c.draws]
    card = draw.pick("function", cards)
    draw.said[-1] = f"function={card.name}"
    mode = draw.pick("mode", public_modes(card.name))
    dtype = draw.pick("dtype", DTYPES)
    large = draw.chance(0.05)
    x, axis, where, temperature = rows_problem(draw, dtype, 100_000 if large else 60)
    specials = draw.chance(0.3)
    if specials:
        x = draw.with_specials(x)
    options = {"axis": axis, "temperature": temperature}
    if mode != "backward_from_output":
        options["where"] = where
    else:
        where = None
    function = public(card.name, mode)
    y = public(card.name, "value")(x, axis, temperature, where)
    dy = draw.numbers(np.shape(y), dtype, 1.0)
    if where is not None and draw.chance(0.5) and np.shape(y) == x.shape:
        dy = np.where(where, dy, np.nan).astype(dtype)
        draw.say("masked dy", "nan")
    taken = {"value": [x], "jacobian": [x], "backward": [dy, x]}.get(mode, [dy, y])
    plain = function(*taken, **options)
    laid = dict(options)
    if where is not None:
        laid["where"] = draw.laid_out("where", where)
    if np.ndim(temperature):
        laid["temperature"] = draw.laid_out("temperature", temperature)
    same(function(*(draw.laid_out("operand", a) for a in taken), **laid), plain, "layout")
    # A row alone, moved last, gives what it gives among others.
    if mode in ("value", "backward") and x.size and not np.ndim(temperature) and where is None:
        rows = np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
        k = int(draw.random.integers(len(rows)))
        moved = [np.moveaxis(a, axis, -1).reshape(-1, x.shape[axis])[k] if a.shape == x.shape
                 else a.reshape(-1)[k] for a in taken]  # fmt: skip
        alone = function(*moved, temperature=temperature)
        among = np.moveaxis(plain, axis, -1) if plain.shape == x.shape else plain
        same(alone, among.reshape(len(rows), *np.shape(alone))[k], "a row alone")
    if mode in ("value", "backward") and draw.chance(0.5) and np.ndim(plain):
        out = placed(draw, plain)
        function(*taken, **options, out=out)
        same(out, plain, "out=")
        if plain.shape == x.shape:
            over = [a.copy() for a in taken]
            fits = [k for k, a in enumerate(over) if a.shape == plain.shape]
            place = draw.pick("written over", fits)
            function(*over, **options, out=over[place])
            same(over[place], plain, "in place")
    if specials or large or not x.size:
        return
    exact = oracle.exact(x)

    def f(z: Any) -> Any:
        return oracle.rows(card, z, axis, temperature, where)

    if mode == "value":
        near(plain, f(exact), dtype, "formula")
    elif mode.startswith("backward"):
        g = np.where(where, oracle.exact(dy), 0) if where is not None and dy.shape == x.shape \
            else oracle.exact(dy)  # fmt: skip
        found, smooth = oracle.pulled_back(lambda z: finite(f(z)), exact, g)
        scale = 8 if mode == "backward_from_output" and dtype in HALVES else 1
        near(oracle.exact(plain) / scale, found / scale, dtype, "formula", smooth)
    elif mode == "jacobian" and x.ndim == 1:
        step = oracle.STEP
        columns = []
        for k in range(x.size):
            up, down = exact.copy(), exact.copy()
            up[k] += step
            down[k] -= step
            columns.append((finite(f(up)) - finite(f(down))) / (2 * step))
        jacobian = np.stack(columns, axis=-1)
        rough = np.abs(jacobian) > 1e4
        near(plain, np.where(rough, 0, jacobian), dtype, "formula", ~rough)


def finite(y: Any) -> Any:
    """Masked results, log 0 among them, change with nothing."""
    return np.where(np.isfinite(y), y, 0)


# Losses.

LABELS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def heads_problem(draw: Draw, card: Card, dtype: Any, most: int = 40) -> tuple[Any, ...]:
    """Logits, target, axis (None where each element has a loss) and options."""
    parameters = {p.name: p for p in card.parameters}
    over_rows = card.over_rows
    shape = draw.say("shape", draw.shape(most, least=1 if over_rows else 0, axes=3))
    axis = None
    if over_rows:
        axis = int(draw.pick("axis", range(-len(shape), len(shape))))
        shape = tuple(max(n, 1) if k == axis % len(shape) else n for k, n in enumerate(shape))
    z = draw.numbers(shape, dtype)
    options: dict[str, Any] = {}
    if over_rows and draw.chance(0.7):
        lead = tuple(n for k, n in enumerate(shape) if k != axis % len(shape))
        n = shape[axis]
        form = draw.pick("labels", LABELS)
        target = draw.random.integers(0, n, lead).astype(form)
        if card.has("label") and draw.chance(0.6):
            fits = [k for k in (-100, -1, 255, n - 1, n) if np.iinfo(form).min <= k]
            fits = [k for k in fits if k <= np.iinfo(form).max]
            ignored = int(draw.pick("ignore_index", fits))
            options["ignore_index"] = ignored
            target = np.where(draw.random.random(lead) < 0.3, ignored, target).astype(form)
    else:
        draw.say("target", "probabilities")
        target = draw.random.random(shape)
        if over_rows:
            target = target / target.sum(axis=axis, keepdims=True)
        target = target.astype(dtype)
    for name, p in parameters.items():
        if p.role not in ("weights", "number") or not draw.chance(0.5):
            continue
        if p.role == "weights":
            size = (shape[axis],) if over_rows else draw.pick(f"{name} of", [shape, shape[-1:]])
            options[name] = draw.say(name, draw.random.uniform(0.1, 2, size).round(3))
        else:
            options[name] = draw.parameter(p)
            if name == "gamma" and draw.chance(0.5):
                options[name] = float(draw.pick("whole gamma", [0, 1, 2, 3]))
    options["reduction"] = draw.pick("reduction", ["mean", "sum", "none"])
    return z, target, axis, options


def plain_heads() -> list[Card]:
    return [card for card in ogive.catalog("heads") if not card.layer]


def numpy_heads(draw: Draw) -> None:
    card = draw.pick("function", plain_heads())
    draw.said[-1] = f"function={card.name}"
    mode = draw.pick("mode", public_modes(card.name))
    dtype = draw.pick("dtype", DTYPES)
    z, target, axis, options = heads_problem(draw, card, dtype)
    given = options if axis is None else {**options, "axis": axis}
    function = public(card.name, mode)
    if mode == "value_grad_hess":
        given = {**given, "hessian": draw.pick("hessian", ["exact", "abs", "upper"])}
    plain = function(z, target, **given)
    found = function(draw.laid_out("z", z), draw.laid_out("target", target), **given)
    results, others = (r if isinstance(r, tuple) else (r,) for r in (plain, found))
    for one, other in zip(results, others, strict=True):
        same(other, one, "layout")
    if mode == "value_and_grad" and z.ndim:
        out = placed(draw, results[1], native=True)  # losses say what they take
        loss, dz = function(z, target, **given, out=out)
        assert dz is out
        same(loss, results[0], "loss with out=")
        same(out, results[1], "out=")
        over = z.copy()
        function(over, target, **given, out=over)
        same(over, results[1], "in place")
    judge_head(card, z, target, axis, options, results[0], results[1:2], dtype)


def judge_head(
    card: Card, z: Any, target: Any, axis: int | None, options: dict[str, Any], loss: Any,
    gradient: Any, dtype: Any,
) -> None:  # fmt: skip
    """The loss and, if given, the gradient of its sum against formulas."""
    exact = oracle.exact(z)

    def f(x: Any) -> Any:
        return oracle.head(card, x, target, axis, **options)

    near(loss, f(exact), dtype, "formula")
    if len(gradient) and z.size:
        dz, smooth = oracle.pulled_back(f, exact, oracle.LD(1))
        near(gradient[0], dz, dtype, "formula of the gradient", smooth)


def numpy_linear(draw: Draw) -> None:
    """Cross-entropy of a linear layer: the loss of its logits, and gradients of three arrays."""
    card = ogive.card("linear_cross_entropy")
    dtype = draw.pick("dtype", DTYPES[2:])
    z, target, axis, options = heads_problem(draw, ogive.card("cross_entropy"), dtype, 24)
    z, n = np.moveaxis(z, axis, -1), z.shape[axis]
    target = np.moveaxis(target, axis, -1) if target.ndim == z.ndim else target
    d = int(draw.pick("d", [1, 2, 3]))
    x, W = draw.numbers((*z.shape[:-1], d), dtype), draw.numbers((n, d), dtype)
    bias = draw.numbers((n,), dtype) if draw.chance(0.5) else None
    chunk = draw.pick("chunk_rows", [None, 1, 2, 3])
    ignored = options.get("ignore_index")
    if ignored is not None and target.ndim < z.ndim and draw.chance(0.5):
        x = np.where((target == ignored)[..., None], np.nan, x).astype(dtype)
        draw.say("ignored x", "nan")
    function = public(card.name, "value_and_grad")
    given = {**options, "bias": bias, "chunk_rows": chunk}
    loss, (dx, dW, db) = function(
        draw.laid_out("x", x), draw.laid_out("W", W), draw.laid_out("target", target), **given
    )
    alone = public(card.name, "value")(x, W, target, **given)  # its products are BLAS's
    near(alone, oracle.exact(loss), dtype, "value alone")
    arrays = [np.where(np.isnan(x), 0, x), W, *([] if bias is None else [bias])]
    exact = [oracle.exact(a) for a in arrays]

    def f(k: int, moved: Any) -> Any:
        own = [moved if i == k else e for i, e in enumerate(exact)]
        logits = own[0] @ own[1].T + (own[2] if bias is not None else 0)
        return oracle.head(ogive.card("cross_entropy"), logits, target, -1, **options)

    near(loss, f(0, exact[0]), dtype, "formula")
    for k, found in enumerate((dx, dW, db)[: len(exact)]):
        if found.size:
            expected, smooth = oracle.pulled_back(lambda a, k=k: f(k, a), exact[k], oracle.LD(1))
            near(found, expected, dtype, f"formula of gradient {k}", smooth)


def spoiled(draw: Draw, card: Card, z: Any, target: Any, axis: int | None, options: Any) -> Any:
    """A target or options of which one is wrong, and what that is called; None if none can be."""
    parameters = {p.name for p in card.parameters}
    options = dict(options)
    labels = axis is not None and target.ndim < z.ndim
    ways = ["option"] if parameters & BAD_OPTIONS.keys() else []
    ways += ["target"] if target.size else []
    way = draw.pick("wrong", ways)
    if way == "option":
        name = draw.pick("option", sorted(parameters & BAD_OPTIONS.keys()))
        options[name] = draw.pick(name, BAD_OPTIONS[name])
        return target, options
    target = target.copy()
    at = tuple(int(draw.random.integers(n)) for n in target.shape)
    if labels:
        form, n = np.iinfo(target.dtype), z.shape[axis]
        wrong = [k for k in (-1, -7, -100, n, n + 1, 300, 2**40) if form.min <= k <= form.max]
        target[at] = draw.pick("label", [k for k in wrong if k != options.get("ignore_index")])
    else:
        target[at] = draw.pick("probability", [-0.5, np.nan, np.inf, -np.inf])
    return target, options


BAD_OPTIONS: dict[str, list[Any]] = {
    "temperature": [0.0, -1.0, np.nan, np.inf, "1", 10**400],
    "label_smoothing": [-0.1, 1.5, np.nan, "0", 10**400],
    "z_loss": [-1.0, np.nan, 10**400],
    "softcap": [0.0, -2.0, np.nan, 10**400],
    "gamma": [-1.0, np.nan, 10**400],
    "alpha": [-0.1, 1.5, np.nan, 10**400],
    "reduction": ["average", None],
}
REFUSALS = (ValueError, TypeError, IndexError, RuntimeError)


def refuses(call: Callable[[], Any]) -> None:
    with pytest.raises(REFUSALS, match=r".") as caught:  # an error that says something
        call()
    assert "BaseException" not in str(caught.value)  # what Python says of `raise "a text"`


def numpy_bad(draw: Draw) -> None:
    """One thing is wrong: an error, and nothing written."""
    card = draw.pick("function", plain_heads())
    draw.said[-1] = f"function={card.name}"
    dtype = draw.pick("dtype", DTYPES)
    z, target, axis, options = heads_problem(draw, card, dtype)
    target, options = spoiled(draw, card, z, target, axis, options)
    given = options if axis is None else {**options, "axis": axis}
    before = z.copy()
    if draw.chance(0.5) and "value_and_grad" in public_modes(card.name):
        refuses(lambda: public(card.name, "value_and_grad")(z, target, **given, out=z))
    else:
        refuses(lambda: public(card.name, "value")(z, target, **given))
    same(z, before, "what was there")


KINDS: dict[str, Callable[[Draw], None]] = {
    "numpy-bad": numpy_bad,
    "numpy-elementwise": numpy_elementwise,
    "numpy-rows": numpy_rows,
    "numpy-heads": numpy_heads,
    "numpy-linear": numpy_linear,
}
