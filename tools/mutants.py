"""Mutants of the package's sources (each has one slip in one file), and random samples of them.

Slips in Python are cosmic-ray's operators and those of slips.py; in kernels, the patterns of
kernel_slips.py.
"""

from __future__ import annotations

import ast
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import kernel_slips

ROOT = Path(__file__).resolve().parent.parent
SOURCE = Path("src/ogive")
KERNELS = "kernels"
COMPILED = (".hpp", ".cpp")
LOSSES = (
    "_heads.py", "_linear.py", "_parallel.py", "heads.py", "linear.py", "losses.py",
    "objectives.py",
)  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One slip at one place."""

    file: str
    line: int
    last_line: int
    operator: str
    occurrence: int

    @property
    def folder(self) -> str:
        return folder_of(self.file)

    @property
    def kind(self) -> str:
        """The kind of its operator; each kind is equally likely, since 120 change a sign."""
        found = re.search("Replace(Binary|Comparison|Unary)Operator", self.operator)
        return found[0] if found else self.operator

    def mutated(self, before: str) -> str | None:
        """The file's text with the slip; None if it is the same program."""
        if self.folder == KERNELS:
            return kernel_slips.SLIPS[self.operator].mutated(before, self.occurrence)
        from cosmic_ray.mutating import mutate_code

        after = mutate_code(before, operators()[self.operator], self.occurrence)
        try:
            compile(after or "", self.file, "exec")
        except SyntaxError:
            return None
        return after if after and after != before else None


def folder_of(file: str) -> str:
    """The part of the project whose tests should notice: a folder, or the top-level modules."""
    if file.endswith(COMPILED):
        return KERNELS
    folder, *rest = Path(file).relative_to(SOURCE).parts
    if not rest:
        alone = "study" if folder in ("cli.py", "__main__.py") else "numpy"
        return "losses" if is_of_losses(folder) else alone
    if (folder, rest[0]) == ("catalog", "heads"):
        return "losses"
    if folder in ("_numpy", "calls", "torch") and is_of_losses(rest[0]):
        return "losses"
    return folder.removeprefix("_")


def is_of_losses(file: str) -> bool:
    return file in LOSSES or file.startswith("_loss_")


@cache
def operators() -> dict[str, Any]:
    """cosmic-ray's operators and our own, by name."""
    from cosmic_ray import plugins

    from slips import SLIPS

    theirs = {
        name: plugins.get_operator(name)() for name in plugins.operator_names()
        if not plugins.get_operator(name).arguments() and "NoOp" not in name
    }  # fmt: skip
    return {**theirs, **{f"ogive/{slip.__name__}": slip() for slip in SLIPS}}


def annotations(tree: ast.AST) -> set[tuple[int, int]]:
    """Positions within annotations, which are not executed."""
    within = set()
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            held = getattr(node, name, None)
            if isinstance(held, ast.AST):
                within |= {(n.lineno, n.col_offset) for n in ast.walk(held) if hasattr(n, "lineno")}
    return within


def statement_of(tree: ast.AST) -> Callable[[int], tuple[int, int]]:
    """First and last line of the innermost statement at a line (the head of a compound one)."""
    spans = []
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if isinstance(body, list) and body else node.end_lineno
            spans.append((node.lineno, max(last or node.lineno, node.lineno)))

    def find(line: int) -> tuple[int, int]:
        around = [s for s in spans if s[0] <= line <= s[1]]
        return min(around, key=lambda s: s[1] - s[0], default=(line, line))

    return find


def mutants_of(file: str) -> list[Mutant]:
    text = (ROOT / file).read_text()
    return kernel_mutants(file, text) if file.endswith(COMPILED) else python_mutants(file, text)


def kernel_mutants(file: str, text: str) -> list[Mutant]:
    found = []
    for slip in kernel_slips.SLIPS.values():
        for k, match in enumerate(slip.matches(text)):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Mutant(file, line, line + match[0].count("\n"), slip.name, k))
    return found


def python_mutants(file: str, text: str) -> list[Mutant]:
    from cosmic_ray.ast import ast_nodes, get_ast

    tree, plain = get_ast(text), ast.parse(text)
    nodes, hidden, statement = list(ast_nodes(tree)), annotations(plain), statement_of(plain)
    hinted = {line for line, _ in hidden}
    found = []
    for name, operator in operators().items():
        places = [place for node in nodes for place in operator.mutation_positions(node)]
        for k, (start, _) in enumerate(places):
            typed = start in hidden or ("BitOr" in name and start[0] in hinted)
            if not typed:
                found.append(Mutant(file, *statement(start[0]), name, k))
    return found


def sources() -> list[str]:
    """Every file that may have a mutant."""
    judge = ROOT / SOURCE / "reference"  # its native part is a separate program
    return sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / SOURCE).rglob("*")
        if path.suffix == ".py" or (path.suffix in COMPILED and judge not in path.parents)
    )


def in_turn(lists: Iterable[list[Any]]) -> Iterator[list[Any]]:
    """The first of each list, then the second of each that has one, and so on."""
    lists = [list(one) for one in lists]
    for k in range(max(map(len, lists), default=0)):
        yield [one[k] for one in lists if k < len(one)]


def drawn(
    sample: int, seed: int, only: set[str], changed: dict[str, set[int]] | None = None
) -> list[Mutant]:
    """A random sample of mutants, equally many per folder; kernels only on request or if changed.

    Positions within a folder are equally likely; in kernels, so are the kinds of slips.
    """
    unasked = set() if changed else {KERNELS}
    wanted = only or {folder_of(file) for file in sources()} - unasked
    by_folder: dict[str, dict[Any, list[Mutant]]] = defaultdict(lambda: defaultdict(list))
    for file in sources():
        if folder_of(file) not in wanted or (changed is not None and file not in changed):
            continue
        for mutant in mutants_of(file):
            lines = range(mutant.line, mutant.last_line + 1)
            if changed is None or changed[file] & set(lines):
                by_folder[mutant.folder][mutant.kind, file, mutant.line].append(mutant)
    draw = random.Random(seed)
    queues = {}
    for folder, places in sorted(by_folder.items()):
        keys = sorted(places)
        draw.shuffle(keys)
        if folder == KERNELS:
            kinds: dict[str, list[Any]] = defaultdict(list)
            for key in keys:
                kinds[key[0]].append(key)
            keys = [key for turn in in_turn(kinds.values()) for key in turn]
        queues[folder] = [draw.choice(places[key]) for key in keys]
    return [m for turn in in_turn(queues.values()) for m in turn][:sample]
