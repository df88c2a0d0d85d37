"""Which slips would the tests notice? Each mutant of a line meets the tests that go through it.

    python tools/mutate.py [--sample 400] [--seed 1] [--only torch,study] [--changed [REVISION]]
                           [--jobs 2] [--limit 60] [--record]

cosmic-ray's operators and those of slips.py make the mutants: a draw of places, each folder having
its share, and of each place one slip. A first run of the suite under coverage (results/mutants/)
says which tests go through a line, and how long they take; of these a mutant meets those of as many
files as fit into `--limit` seconds. Verdicts are lines of results/mutants/verdicts.jsonl, so that a
stopped run goes on; mutants of a file that has changed are tried anew. Mutants live in copies of
the tree.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import hashlib
import json
import os
import queue
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as xml
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCE = Path("src/ogive")
KEPT = ROOT / "results" / "mutants"
COVERAGE, TIMES, VERDICTS = KEPT / "coverage", KEPT / "times.xml", KEPT / "verdicts.jsonl"
COPIED = (
    "src", "tests", "tools", "benchmarks", "examples", "docs", "pyproject.toml", "README.md",
    "Makefile", "CHANGELOG.md", "CONTRIBUTING.md",
)  # fmt: skip
HEAVY = ("numpy", "scipy.stats", "pandas", "sympy", "sklearn.linear_model", "torch._dynamo")
"""What tests import that takes seconds: imported once, before the process forks for a mutant."""
LOSSES = ("_heads.py", "_linear.py", "_parallel.py", "objectives.py")


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


def folder_of(file: str) -> str:
    """The part of the project whose tests should notice: a folder, or the modules beside them."""
    folder, *rest = Path(file).relative_to(SOURCE).parts
    if not rest:
        alone = "study" if folder in ("cli.py", "__main__.py") else "numpy"
        return "losses" if folder in LOSSES else alone
    if (folder, rest[0]) == ("catalog", "heads") or (folder == "torch" and rest[0] in LOSSES):
        return "losses"
    return folder


# Recording.


def record(jobs: int) -> None:
    """Runs the suite once; what it went through and how long each test took."""
    shutil.rmtree(KEPT, ignore_errors=True)
    KEPT.mkdir(parents=True)
    configuration = KEPT / "coveragerc"
    configuration.write_text(
        f"[run]\nsource = {ROOT / SOURCE}\ndata_file = {COVERAGE}\ncore = ctrace\n"
    )
    subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-n", str(jobs), "-p", "no:cacheprovider",
            "--cov", "--cov-context=test", "--cov-report=", f"--cov-config={configuration}",
            f"--junitxml={TIMES}",
        ],
        cwd=ROOT, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def passed_tests() -> dict[str, float]:
    """The tests that passed, with their seconds."""
    found = {}
    for case in xml.parse(TIMES).getroot().iter("testcase"):
        if not any(child.tag in ("failure", "error", "skipped") for child in case):
            path = case.get("classname", "").replace(".", "/") + ".py"
            found[f"{path}::{case.get('name')}"] = float(case.get("time", 0))
    return found


class Lines:
    """Which tests go through a line."""

    def __init__(self) -> None:
        from coverage import CoverageData

        self.data = CoverageData(str(COVERAGE))
        self.data.read()
        self.times = passed_tests()
        self.of_file: dict[str, dict[int, list[str]]] = {}

    def tests(self, mutant: Mutant) -> list[str]:
        """Those of the mutant's lines; of a line that runs at import, those of its file."""
        if mutant.file not in self.of_file:
            self.of_file[mutant.file] = self.data.contexts_by_lineno(str(ROOT / mutant.file))
        lines = self.of_file[mutant.file]
        here = [c for n in range(mutant.line, mutant.last_line + 1) for c in lines.get(n, ())]
        found = {c.partition("|")[0] for c in here}
        if "" in found:
            found |= {c.partition("|")[0] for contexts in lines.values() for c in contexts}
        found &= set(self.times)
        if not found:  # what runs in processes of its own: the tests that its name leads to
            stem = Path(mutant.file).stem.strip("_")
            found = {test for test in self.times if stem in test.partition("::")[0]}
        return sorted(found)

    def chosen(self, mutant: Mutant, seconds: float, draw: random.Random) -> list[str]:
        """Tests of as many files as possible, the quick ones first, for so many seconds."""
        by_file = defaultdict(list)
        for test in self.tests(mutant):
            by_file[test.partition("::")[0]].append(test)
        for tests in by_file.values():
            draw.shuffle(tests)
            tests.sort(key=lambda test: self.times[test] > 0.5)
        turns = [test for turn in in_turn(by_file.values()) for test in turn]
        taken, spent = [], 0.0
        for test in turns:
            if spent + self.times[test] <= seconds or not taken:
                taken.append(test)
                spent += self.times[test] + 0.002
        return sorted(taken)


def in_turn(lists: Iterable[list[Any]]) -> Iterator[list[Any]]:
    """The first of each list, then the second of each that has one, and so on."""
    lists = [list(one) for one in lists]
    for k in range(max(map(len, lists), default=0)):
        yield [one[k] for one in lists if k < len(one)]


# Mutants.


@cache
def operators() -> dict[str, Any]:
    """cosmic-ray's, and our own, by name."""
    from cosmic_ray import plugins

    from slips import SLIPS

    theirs = {
        name: plugins.get_operator(name)() for name in plugins.operator_names()
        if not plugins.get_operator(name).arguments() and "NoOp" not in name
    }  # fmt: skip
    return {**theirs, **{f"ogive/{slip.__name__}": slip() for slip in SLIPS}}


def kind_of(operator: str) -> str:
    """Operators of a kind, which share one chance to be drawn: 120 change a sign."""
    found = re.search("Replace(Binary|Comparison|Unary)Operator", operator)
    return found[0] if found else operator


def annotations(tree: ast.AST) -> set[tuple[int, int]]:
    """Places within annotations, which nothing computes."""
    within = set()
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            held = getattr(node, name, None)
            if isinstance(held, ast.AST):
                within |= {(n.lineno, n.col_offset) for n in ast.walk(held) if hasattr(n, "lineno")}
    return within


def statement_of(tree: ast.AST) -> Callable[[int], tuple[int, int]]:
    """The first and last line of the innermost statement at a line, of a compound one its head."""
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


def mutants_of(file: str, all_operators: dict[str, Any]) -> list[Mutant]:
    from cosmic_ray.ast import ast_nodes, get_ast

    text = (ROOT / file).read_text()
    tree, plain = get_ast(text), ast.parse(text)
    nodes, hidden, statement = list(ast_nodes(tree)), annotations(plain), statement_of(plain)
    hinted = {line for line, _ in hidden}
    found = []
    for name, operator in all_operators.items():
        places = [place for node in nodes for place in operator.mutation_positions(node)]
        for k, (start, _) in enumerate(places):
            typed = start in hidden or ("BitOr" in name and start[0] in hinted)
            if not typed:
                found.append(Mutant(file, *statement(start[0]), name, k))
    return found


def changed_lines(revision: str) -> dict[str, set[int]]:
    text = subprocess.run(
        ["git", "diff", "-U0", revision, "--", str(SOURCE)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    found: dict[str, set[int]] = defaultdict(set)
    file = ""
    for line in text.splitlines():
        if line.startswith("+++ b/"):
            file = line[6:]
        elif hunk := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line):
            first, count = int(hunk[1]), int(hunk[2] or 1)
            found[file] |= set(range(first, first + count))
    return found


Place = tuple[str, int, str]


def drawn(
    sample: int, seed: int, only: set[str], changed: dict[str, set[int]] | None
) -> list[Mutant]:
    """A draw of mutants: folders share the number, places within a folder are equally likely."""
    every = operators()
    files = sorted(str(p.relative_to(ROOT)) for p in (ROOT / SOURCE).rglob("*.py"))
    by_folder: dict[str, dict[Place, list[Mutant]]] = defaultdict(lambda: defaultdict(list))
    for file in files:
        if (only and folder_of(file) not in only) or (changed is not None and file not in changed):
            continue
        for mutant in mutants_of(file, every):
            lines = range(mutant.line, mutant.last_line + 1)
            if changed is None or changed[file] & set(lines):
                by_folder[mutant.folder][file, mutant.line, kind_of(mutant.operator)].append(mutant)
    draw = random.Random(seed)
    queues = {}
    for folder, places in sorted(by_folder.items()):
        keys = sorted(places)
        draw.shuffle(keys)
        queues[folder] = [draw.choice(places[key]) for key in keys]
    return [m for turn in in_turn(queues.values()) for m in turn][:sample]


# Trying them.

# The package is installed in place; in a copy, and in what its tests start, it is the copy's.
SITE = """import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "Scikit" not in type(finder).__name__]
sys.path.insert(0, {source!r})
"""

SERVER = """import importlib, json, os, sys
for name in {heavy!r}:
    importlib.import_module(name)
import pytest
os.chdir({copy!r})
assert "ogive" not in sys.modules
print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.setsid()
        log = os.open("mutant.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(log, stream)
        sys.stdin = open(os.devnull)
        without = ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov"]
        os._exit(int(pytest.main(["-x", "-q", *without, *json.loads(line)])))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Copy:
    """A copy of the tree, and a process that has imported what tests import and forks for each."""

    def __init__(self, at: Path):
        self.at = at
        shutil.rmtree(at, ignore_errors=True)
        at.mkdir(parents=True)
        skip = shutil.ignore_patterns("__pycache__", "*.o")
        for name in COPIED:
            here = ROOT / name
            if here.is_dir():
                shutil.copytree(here, at / name, ignore=skip)
            elif here.exists():
                shutil.copy2(here, at / name)
        for library in native_libraries():
            shutil.copy2(library, at / SOURCE)
        site = at / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(SITE.format(source=str(at / "src")))
        self.start()

    def start(self) -> None:
        environment = {
            **os.environ, "PYTHONPATH": str(self.at / "site"), "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1", "TRITON_INTERPRET": "1",
        }  # fmt: skip
        code = SERVER.format(heavy=HEAVY, copy=str(self.at))
        self.server = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment, cwd=self.at,
        )  # fmt: skip
        assert self.server.stdout is not None
        assert self.server.stdout.readline() == "ready\n"

    def run(self, tests: list[str], seconds: float) -> str:
        """ "killed", "survived", or how else it ended."""
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        self.server.stdin.write(json.dumps(tests) + "\n")
        self.server.stdin.flush()
        child = int(self.server.stdout.readline())
        late = threading.Event()

        def stop() -> None:
            late.set()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)

        timer = threading.Timer(seconds, stop)
        timer.start()
        code = int(self.server.stdout.readline())
        timer.cancel()
        if late.is_set():
            return "killed: did not end"
        if code < 0:
            return f"killed: {signal.Signals(-code).name}"
        known = {0: "survived", 1: "killed", 2: "killed: import", 5: "no tests"}
        return known.get(code, f"killed: {code}")

    def close(self) -> None:
        if self.server.stdin is not None:
            self.server.stdin.close()
        self.server.wait()


def native_libraries() -> list[Path]:
    import importlib.util

    spec = importlib.util.find_spec("ogive._native")
    assert spec is not None
    assert spec.origin is not None
    return list(Path(spec.origin).parent.glob("*.so"))


def tried(mutant: Mutant, copy: Copy, tests: list[str], times: dict[str, float]) -> dict[str, Any]:
    from cosmic_ray.mutating import mutate_code

    before = (ROOT / mutant.file).read_text()
    after = mutate_code(before, operators()[mutant.operator], mutant.occurrence)
    diff = "\n".join(
        difflib.unified_diff(before.splitlines(), (after or "").splitlines(), lineterm="", n=1)
    )
    expected = sum(times[test] for test in tests)
    if after is None or after == before:
        verdict = "equal"
    elif not tests:
        verdict = "no tests"
    else:
        (copy.at / mutant.file).write_text(after)
        try:
            compile(after, mutant.file, "exec")
            verdict = copy.run(tests, 30 + 5 * expected)
        except SyntaxError:
            verdict = "equal"
        finally:
            (copy.at / mutant.file).write_text(before)
    return {"verdict": verdict, "tests": len(tests), "diff": diff}


def key_of(mutant: Mutant) -> str:
    text = (ROOT / mutant.file).read_text()
    of = repr((text, mutant.operator, mutant.occurrence))
    return hashlib.sha256(of.encode()).hexdigest()[:16]


def known() -> dict[str, dict[str, Any]]:
    if not VERDICTS.exists():
        return {}
    lines = map(json.loads, VERDICTS.read_text().splitlines())
    return {line["key"]: line for line in lines}


def try_all(mutants: list[Mutant], jobs: int, limit: float, again: bool) -> list[dict[str, Any]]:
    from rich.progress import Progress

    lines, before, found = Lines(), known(), []
    waiting: queue.Queue[Mutant] = queue.Queue()
    for mutant in mutants:
        earlier = before.get(key_of(mutant))
        if earlier is None or (again and earlier["verdict"] == "survived"):
            waiting.put(mutant)
        else:
            found.append(earlier)
    writing = threading.Lock()
    with Progress() as progress:
        task = progress.add_task("mutants", total=len(mutants), completed=len(found))

        def work(number: int) -> None:
            copy = Copy(ROOT / "build" / "mutants" / str(number))
            with writing:
                control = lines.chosen(mutants[0], 10, random.Random(0))
            if (verdict := copy.run(control, 600)) != "survived":  # which no slip explains
                raise RuntimeError(f"without a mutant: {verdict}; see {copy.at / 'mutant.log'}")
            while True:
                try:
                    mutant = waiting.get_nowait()
                except queue.Empty:
                    break
                with writing:
                    tests = lines.chosen(mutant, limit, random.Random(0))
                began = time.monotonic()
                result = tried(mutant, copy, tests, lines.times)
                line = {
                    "key": key_of(mutant), "folder": mutant.folder, **asdict(mutant), **result,
                    "seconds": round(time.monotonic() - began, 1),
                }  # fmt: skip
                with writing:
                    found.append(line)
                    with VERDICTS.open("a") as file:
                        file.write(json.dumps(line) + "\n")
                    progress.advance(task)
            copy.close()

        workers = [threading.Thread(target=work, args=(k,)) for k in range(jobs)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    return found


def table(found: list[dict[str, Any]]) -> str:
    folders: dict[str, list[str]] = defaultdict(list)
    for line in found:
        if line["verdict"] != "equal":
            folders[line["folder"]].append(line["verdict"])
    rows = ["| folder | mutants | killed | survived | no test there |", "|---|---|---|---|---|"]
    every = [verdict for verdicts in folders.values() for verdict in verdicts]
    for folder, verdicts in [*sorted(folders.items()), ("all", every)]:
        killed = sum(v.startswith("killed") for v in verdicts)
        survived, none = verdicts.count("survived"), verdicts.count("no tests")
        share = f"{killed / len(verdicts):.0%}" if verdicts else ""
        rows.append(f"| {folder} | {len(verdicts)} | {killed} ({share}) | {survived} | {none} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sample", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="folders, with commas between")
    parser.add_argument("--changed", nargs="?", const="HEAD", help="what differs from a revision")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=float, default=60, help="seconds of tests for a mutant")
    parser.add_argument("--record", action="store_true", help="run the suite under coverage first")
    parser.add_argument("--again", action="store_true", help="try survivors once more")
    given = parser.parse_args()
    if given.record or not COVERAGE.exists():
        record(given.jobs)
    changed = changed_lines(given.changed) if given.changed else None
    mutants = drawn(given.sample, given.seed, set(filter(None, given.only.split(","))), changed)
    found = try_all(mutants, given.jobs, given.limit, given.again)
    for line in found:
        if line["verdict"] in ("survived", "no tests"):
            where = f"{line['file']}:{line['line']} {line['operator']}"
            print(f"\n{where}: {line['verdict']} ({line['tests']} tests)")
            print("\n".join(d for d in line["diff"].splitlines()[2:]))
    print("\n" + table(found))


if __name__ == "__main__":
    main()
