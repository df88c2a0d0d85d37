"""A card's formula as a tape of operations.

The formula runs once on a `Tape`, which records each operation. The tape can be differentiated
(forwards for a function of x, backwards for a loss) and run in any arithmetic.

While recording, some identities that hold exactly over the reals are applied, so that interval
arithmetic meets no overflow or cancellation that the function itself does not have:
``n/(1 + e^a) = n logistic(-a)``, ``log1p(e^a) = softplus(a)``, ``a - tanh(a) = tanh_gap(a)`` and
``a + sqrt(a^2 + c) = root_sum(a, c)``. The functions on the right, and their derivatives, stay
finite and accurate in both tails and at 0. ``logistic'(a)`` is written as ``sech2(a/2)/4``, whose
derivative is one product that is accurate at its zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

from ogive.catalog import find

FUNCTIONS = (
    "exp", "expm1", "log", "log1p", "erf", "erfc", "tanh", "sqrt",  # what formulas may use
    # added by rewritings and derivatives
    "logistic", "softplus", "sech2", "gauss", "tanh_gap", "root_sum", "root_share",
)  # fmt: skip


class Node:
    """The result of one operation, in the arithmetic in which the tape is run."""

    __slots__ = ("args", "constant", "op", "tape")

    def __init__(self, tape: Tape, op: str, args: tuple[Node, ...], constant: Fraction | None):
        self.tape, self.op, self.args, self.constant = tape, op, args, constant

    def __add__(self, other: Any) -> Node:
        return self.tape.add(self, self.tape.node(other))

    def __radd__(self, other: Any) -> Node:
        return self.tape.add(self.tape.node(other), self)

    def __sub__(self, other: Any) -> Node:
        return self.tape.subtract(self, self.tape.node(other))

    def __rsub__(self, other: Any) -> Node:
        return self.tape.subtract(self.tape.node(other), self)

    def __mul__(self, other: Any) -> Node:
        return self.tape.multiply(self, self.tape.node(other))

    def __rmul__(self, other: Any) -> Node:
        return self.tape.multiply(self.tape.node(other), self)

    def __truediv__(self, other: Any) -> Node:
        return self.tape.divide(self, self.tape.node(other))

    def __rtruediv__(self, other: Any) -> Node:
        return self.tape.divide(self.tape.node(other), self)

    def __neg__(self) -> Node:
        return self.tape.negate(self)

    def __repr__(self) -> str:
        if self.op == "const":
            return str(self.constant)
        return f"{self.op}({', '.join(map(repr, self.args))})"


class Tape:
    """A math context that records operations; equal operations are recorded once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Node] = {}
        self._parameters: set[Node] = set()

    def input(self, name: str) -> Node:
        return self._write(name)

    def parameter(self, name: str) -> Node:
        """An additional input, by which nothing is differentiated."""
        node = self._write(name)
        self._parameters.add(node)
        return node

    @property
    def pi(self) -> Node:
        return self._write("pi")

    def node(self, value: Any) -> Node:
        """A number as a node; a Python float is the exact rational that it represents."""
        if isinstance(value, Node):
            return value
        constant = Fraction(value)
        key = ("const", constant)
        if key not in self._known:
            self._known[key] = Node(self, "const", (), constant)
        return self._known[key]

    def _write(self, op: str, *args: Node) -> Node:
        key = (op, *map(id, args))
        if key not in self._known:
            self._known[key] = Node(self, op, args, None)
        return self._known[key]

    def add(self, a: Node, b: Node) -> Node:
        if a.constant is not None and b.constant is not None:
            return self.node(a.constant + b.constant)
        if a.constant == 0:
            return b
        if b.constant == 0:
            return a
        for whole, part in ((a, b), (b, a)):
            if whole.op == "sub" and whole.args[1] is part:  # (c - part) + part
                return whole.args[0]
            if whole.op == "neg" and whole.args[0] is part:
                return self.node(0)
            if whole.op == "sqrt" and whole.args[0].op == "add":
                square, c = whole.args[0].args
                fixed = c.constant is not None or c in self._parameters
                if square.op == "mul" and square.args == (part, part) and fixed:
                    return self._write("root_sum", part, c)
        return self._write("add", a, b)

    def subtract(self, a: Node, b: Node) -> Node:
        if a.constant is not None and b.constant is not None:
            return self.node(a.constant - b.constant)
        if b.constant == 0:
            return a
        if a is b:
            return self.node(0)
        if a.op == "add" and b in a.args:  # (c + b) - b
            return a.args[1 - a.args.index(b)]
        if b.op == "neg":
            return self.add(a, b.args[0])
        if a.constant == 0:
            return self.negate(b)
        if b.op == "tanh" and b.args[0] is a:
            return self._write("tanh_gap", a)
        return self._write("sub", a, b)

    def multiply(self, a: Node, b: Node) -> Node:
        if a.constant is not None and b.constant is not None:
            return self.node(a.constant * b.constant)
        for c, other in ((a, b), (b, a)):
            if c.constant == 0:
                return self.node(0)
            if c.constant == 1:
                return other
            if c.constant == -1:
                return self.negate(other)
        if a.op == "neg":
            return self.negate(self.multiply(a.args[0], b))
        if b.op == "neg":
            return self.negate(self.multiply(a, b.args[0]))
        return self._write("mul", a, b)

    def divide(self, a: Node, b: Node) -> Node:
        if b.constant is not None:
            if b.constant == 0:
                raise ZeroDivisionError("the formula divides by 0")
            if a.constant is not None:
                return self.node(a.constant / b.constant)
            if b.constant == 1:
                return a
        if a.constant == 0:
            return a
        if b.op == "add" and b.args[0].constant == 1 and b.args[1].op == "exp":
            return self.multiply(a, self.logistic(self.negate(b.args[1].args[0])))
        if a.op == "neg":
            return self.negate(self.divide(a.args[0], b))
        return self._write("div", a, b)

    def negate(self, a: Node) -> Node:
        if a.constant is not None:
            return self.node(-a.constant)
        return a.args[0] if a.op == "neg" else self._write("neg", a)

    def sum(self, values: Iterable[Any]) -> Node:
        terms = [n for n in map(self.node, values) if n.constant != 0]
        if len(terms) < 2:
            return terms[0] if terms else self.node(0)
        return self._write("sum", *terms)

    def split(self, x: Any, c: Any, *, below: Any, above: Any) -> Node:
        """``below`` where x <= c, else ``above``."""
        below, above = self.node(below), self.node(above)
        return below if below is above else self._write("split", x, self.node(c), below, above)

    def threshold(self, values: Sequence[Any], power: int) -> Node:
        """The tau for which the ((v - tau)_+)^power of all values sum to 1."""
        return self._write(f"threshold{power}", *map(self.node, values))

    def log1p(self, a: Any) -> Node:
        a = self.node(a)
        return self.softplus(a.args[0]) if a.op == "exp" else self._write("log1p", a)

    def __getattr__(self, name: str) -> Callable[[Any], Node]:
        if name not in FUNCTIONS:
            raise AttributeError(f"formulas cannot use {name}")
        return lambda a: self._write(name, self.node(a))

    def partials(self, node: Node) -> tuple[Node, ...]:
        """The derivative of a node by each of its arguments."""
        one = self.node(1)
        match node.op, node.args:
            case ("add", _) | ("sum", _):
                return (one,) * len(node.args)
            case "sub", _:
                return one, -one
            case "neg", _:
                return (-one,)
            case "mul", (a, b):
                return b, a
            case "div", (a, b):
                return one / b, -a / (b * b)
            case "split", (x, c, _, _):
                zero = self.node(0)
                return (
                    zero,
                    zero,
                    self.split(x, c, below=1, above=0),
                    self.split(x, c, below=0, above=1),
                )
            case (("root_sum" | "root_share"), (a, c)):
                return self._slope(node, a), self.node(0)
            case (("threshold1" | "threshold2"), values):
                above = [one if node.op == "threshold1" else v - node for v in values]
                weights = [
                    self.split(v - node, 0, below=0, above=w)
                    for v, w in zip(values, above, strict=True)
                ]
                total = self.sum(weights)
                return tuple(w / total for w in weights)
            case _, (a,):
                return (self._slope(node, a),)
        raise NotImplementedError(node.op)

    def _slope(self, node: Node, a: Node) -> Node:
        slopes: dict[str, Callable[[], Node]] = {
            "exp": lambda: node,
            "expm1": lambda: self.exp(a),
            "log": lambda: 1 / a,
            "log1p": lambda: 1 / (1 + a),
            "erf": lambda: self.gauss(a),
            "erfc": lambda: -self.gauss(a),
            "gauss": lambda: -2 * a * node,
            "tanh": lambda: self.sech2(a),
            "sech2": lambda: -2 * self.tanh(a) * node,
            "sqrt": lambda: 1 / (2 * node),
            "logistic": lambda: self.sech2(a / 2) / 4,
            "softplus": lambda: self.logistic(a),
            "tanh_gap": lambda: self.tanh(a) * self.tanh(a),
            "root_sum": lambda: self._write("root_share", *node.args),
            # (a/r + 1)' = c/r^3, r = sqrt(a^2 + c)
            "root_share": lambda: node.args[1] / self._cube(self.sqrt(a * a + node.args[1])),
        }
        return slopes[node.op]()

    @staticmethod
    def _cube(a: Node) -> Node:
        return a * a * a

    def derivative(self, result: Node, x: Node) -> Node:
        """d result / dx, forwards."""
        slope: dict[Node, Node] = {}
        zero = self.node(0)
        for node in ordered([result]):
            if node is x:
                slope[node] = self.node(1)
            elif all(slope[a].constant == 0 for a in node.args):
                slope[node] = zero
            elif node.op == "split":
                _, c, below, above = node.args
                slope[node] = self.split(node.args[0], c, below=slope[below], above=slope[above])
            elif node.op == "div":
                a, b = node.args
                da, db = slope[a], slope[b]
                # One quotient: over b if b is constant, else over b^2.
                slope[node] = da / b if db.constant == 0 else (da * b - a * db) / (b * b)
            else:
                terms = zip(self.partials(node), node.args, strict=True)
                total = zero
                for partial, arg in terms:
                    total = total + slope[arg] * partial
                slope[node] = total
        return slope[result]

    def slope_from_output(self, result: Node, x: Node, y: Node) -> Node:
        """d result / dx as a function of the result, ``y``, derived operation by operation.

        The branch is chosen by y, so the result must be monotonic.

        Raises
        ------
        NotImplementedError
            It cannot be derived, for example because x enters the last operation twice.
        """

        def fixed(node: Node) -> bool:
            return self.derivative(node, x).constant == 0

        def inner(a: Node) -> Node:
            """The derivative of a function's argument, which must be constant."""
            slope = self.derivative(a, x)
            if x in ordered([slope]):
                raise NotImplementedError(f"the slope of {a} is no constant")
            return slope

        def back(node: Node, y: Node) -> Node:
            if node is x:
                return self.node(1)
            if fixed(node):
                return self.node(0)
            match node.op, node.args:
                case "neg", (a,):
                    return -back(a, -y)
                case "add", (a, b) if fixed(b):
                    return back(a, y - b)
                case "add", (a, b) if fixed(a):
                    return back(b, y - a)
                case "sub", (a, b) if fixed(b):
                    return back(a, y + b)
                case "sub", (a, b) if fixed(a):
                    return -back(b, a - y)
                case "mul", (a, b) if a is b:
                    return 2 * self.sqrt(y) * inner(a)
                case "mul", (a, b) if fixed(a):
                    return a * back(b, y / a)
                case "mul", (a, b) if fixed(b):
                    return back(a, y / b) * b
                case "div", (a, b) if fixed(b):
                    return back(a, y * b) / b
                case "split", (side, c, below, above):
                    sign = -1 if side.op == "neg" else 1
                    if below in self._parameters and below is not self.node(sign * c):
                        raise NotImplementedError("y may be that parameter on both sides")
                    there = self.with_input(below, x, sign * c)
                    return self.split(
                        sign * y, sign * there, below=back(below, y), above=back(above, y)
                    )
                case "exp", (a,):
                    return y * inner(a)
                case "expm1", (a,):
                    return (y + 1) * inner(a)
                case "logistic", (a,):
                    return y * (1 - y) * inner(a)
                case "tanh", (a,):
                    return (1 - y) * (1 + y) * inner(a)
                case "softplus", (a,):
                    return -self.expm1(-y) * inner(a)
                case "root_sum", (a, c):
                    return 2 / (1 + c / y / y) * inner(a)
            raise NotImplementedError(f"no slope of {node.op} from its result")

        return back(result, y)

    def with_input(self, result: Node, x: Node, value: Node) -> Node:
        """The result with another node in place of x."""
        program = Program([x], [result])
        outer = {node: node for node in program.nodes if not node.args}
        found: dict[Node, Node] = {**outer, x: value}
        for node in program.nodes:
            if node not in found:
                found[node] = self._again(node.op, [found[a] for a in node.args])
        return found[result]

    def _again(self, op: str, args: list[Node]) -> Node:
        match op:
            case "add":
                return self.add(*args)
            case "sub":
                return self.subtract(*args)
            case "mul":
                return self.multiply(*args)
            case "div":
                return self.divide(*args)
            case "neg":
                return self.negate(*args)
            case "split":
                x, c, below, above = args
                if x.constant is not None and c.constant is not None:
                    return below if x.constant <= c.constant else above
                if x is c:
                    return below
                return self.split(x, c, below=below, above=above)
        return self._write(op, *args)

    def gradient(self, result: Node, inputs: Sequence[Node]) -> list[Node]:
        """d result / d input for every input, backwards."""
        arriving: dict[Node, list[Node]] = {result: [self.node(1)]}
        total: dict[Node, Node] = {}
        for node in reversed(ordered([result])):
            total[node] = self.sum(arriving.get(node, ()))
            if node.args and total[node].constant != 0:
                for arg, partial in zip(node.args, self.partials(node), strict=True):
                    arriving.setdefault(arg, []).append(total[node] * partial)
        zero = self.node(0)
        return [total.get(x, zero) for x in inputs]


def ordered(results: Sequence[Node]) -> list[Node]:
    """Every node that the results need, arguments before their users."""
    done: dict[Node, None] = {}
    stack = [(node, False) for node in reversed(results)]
    while stack:
        node, ready = stack.pop()
        if node in done:
            continue
        if ready:
            done[node] = None
        else:
            stack.append((node, True))
            stack.extend((a, False) for a in reversed(node.args) if a not in done)
    return list(done)


class Program:
    """Results of a tape as a list of steps, which can be run repeatedly in any arithmetic.

    Parameters
    ----------
    inputs
        The nodes that `run` gets values for.
    results
        The nodes it returns.
    """

    def __init__(self, inputs: Sequence[Node], results: Sequence[Node]):
        self.nodes = ordered([*inputs, *results])
        self.place = {node: i for i, node in enumerate(self.nodes)}
        self.inputs = [self.place[node] for node in inputs]
        self.results = [self.place[node] for node in results]
        self._steps = [
            (i, node.op, [self.place[a] for a in node.args], node.constant)
            for i, node in enumerate(self.nodes)
            if node not in inputs
        ]

    def is_gap(self, k: int) -> bool:
        """Whether result k is x - tanh(x), where x is the first input.

        For large |x| it is closer to x -+ 1, which may be a rounding tie, than any precision shows.
        """
        node = self.nodes[self.results[k]]
        return node.op == "tanh_gap" and node.args == (self.nodes[self.inputs[0]],)

    @property
    def breaks(self) -> set[float]:
        """Where the program changes branch. A split at -x <= -c puts c into the right branch."""
        splits = [node.args for node in self.nodes if node.op == "split"]
        return {float(cut.constant or 0) * (-1 if x.op == "neg" else 1) for x, cut, *_ in splits}

    def run(self, m: Any, values: Sequence[Any]) -> list[Any]:
        """Results for the given inputs in the arithmetic ``m``.

        ``m`` has ``const`` (of a Fraction), ``pi``, ``split(x, c, below, above)``, ``threshold``
        and every function of `FUNCTIONS` that the program uses. Its values define + and *.
        """
        v: list[Any] = [None] * len(self.nodes)
        for i, value in zip(self.inputs, values, strict=True):
            v[i] = value
        for i, op, args, constant in self._steps:
            match op:
                case "const":
                    v[i] = m.const(constant)
                case "add":
                    v[i] = v[args[0]] + v[args[1]]
                case "sub":
                    v[i] = v[args[0]] - v[args[1]]
                case "mul":
                    v[i] = v[args[0]] * v[args[1]]
                case "div":
                    v[i] = v[args[0]] / v[args[1]]
                case "neg":
                    v[i] = -v[args[0]]
                case "sum":
                    v[i] = sum((v[a] for a in args[1:]), v[args[0]])
                case "pi":
                    v[i] = m.pi
                case "split":
                    v[i] = m.split(*(v[a] for a in args))
                case "threshold1" | "threshold2":
                    v[i] = m.threshold([v[a] for a in args], int(op[-1]))
                case _:
                    v[i] = getattr(m, op)(*(v[a] for a in args))
        return [v[i] for i in self.results]


@cache
def unary(name: str, parameters: tuple[float, ...], orders: tuple[int, ...]) -> Program:
    """A unary function's derivatives of the given orders (0: the value) as one program of x."""
    tape = Tape()
    x = tape.input("x")
    nodes = [tape.node(find(name).formula(tape, x, *map(tape.node, parameters)))]
    while len(nodes) <= max(orders):
        nodes.append(tape.derivative(nodes[-1], x))
    return Program([x], [nodes[k] for k in orders])


@cache
def with_parameters(name: str, orders: tuple[int, ...]) -> Program:
    """The same as a program of x and of the parameters in the formula."""
    tape = Tape()
    x, parameters = tape.input("x"), _parameters(tape, name)
    nodes = [tape.node(find(name).formula(tape, x, *parameters))]
    while len(nodes) <= max(orders):
        nodes.append(tape.derivative(nodes[-1], x))
    return Program([x, *parameters], [nodes[k] for k in orders])


@cache
def from_output(name: str) -> Program | None:
    """f'(x) as a program of y = f(x) and of the parameters; None if it cannot be derived."""
    tape = Tape()
    x, y, parameters = tape.input("x"), tape.input("y"), _parameters(tape, name)
    f = tape.node(find(name).formula(tape, x, *parameters))
    try:
        return Program([y, *parameters], [tape.slope_from_output(f, x, y)])
    except NotImplementedError:
        return None


def _parameters(tape: Tape, name: str) -> list[Node]:
    return [tape.parameter(p.name) for p in find(name).parameters if p.operand]


@cache
def gated(name: str) -> Program:
    """A gated function's value and its slopes by a and b as one program of a and b."""
    tape = Tape()
    inputs = [tape.input("a"), tape.input("b")]
    y = tape.node(find(name).formula(tape, *inputs))
    return Program(inputs, [y, *tape.gradient(y, inputs)])


def defaults(name: str) -> tuple[float, ...]:
    """The default parameters that a unary function's formula takes."""
    return tuple(p.default for p in find(name).parameters if p.operand)
