"""Find out which slips the tests would notice: run the tests that concern each mutant.

    python tools/mutate.py [--sample 400] [--seed 1] [--only torch,kernels] [--changed [REVISION]]
                           [--jobs 2] [--limit 60] [--again] [--record]

A mutant is the source with one slip at a random position (mutants.py). A first run of the suite
under coverage (results/mutants/) records which tests execute a line, and how long they take; later
only changed test files run again. A slip in a kernel concerns the tests that name a function
compiled with it. As many of these test files are run as fit into `--limit` seconds. A mutant is
killed if a test fails with it and passes without it. Verdicts are lines of
results/mutants/verdicts.jsonl, so a stopped run can continue; mutants of a changed file are tried
again.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import hashlib
import json
import os
import queue
import random
import re
import shutil
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as xml
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from copies import Copy, Units, name_of
from mutants import COMPILED, KERNELS, ROOT, SOURCE, Mutant, drawn, folder_of, in_turn, sources

KEPT = ROOT / "results" / "mutants"
COVERAGE, RECORDED, VERDICTS = KEPT / "coverage", KEPT / "recorded.json", KEPT / "verdicts.jsonl"
COPIES = ROOT / "results" / "copies"
FOLDERS = {folder_of(file) for file in sources()} | {"heads", "ogive", "rows", "unary", "gated"}
"""Words that occur in the names of many tests."""
QUICK = 2
"""A test that takes fewer seconds is unlikely to fail for another reason than the slip."""
MOST_UNSOUND = 10
"""After this many tests that also fail without it, a mutant counts as survived."""


# Recording.


def record(jobs: int, anew: bool) -> None:
    """Run the tests that have changed since the last time, under coverage, and time them."""
    KEPT.mkdir(parents=True, exist_ok=True)
    kept = json.loads(RECORDED.read_text()) if RECORDED.exists() else {"files": {}, "times": {}}
    files = digests()
    sources_now = [file for file in files if not file.startswith("tests/")]
    if anew or any(file not in kept["files"] for file in sources_now):
        kept = {"files": {}, "times": {}}
        COVERAGE.unlink(missing_ok=True)
    tests = [file for file in files if Path(file).match("tests/test_*.py")]
    changed = [file for file in tests if kept["files"].get(file) != files[file]]
    if not changed:
        return
    configuration, report = KEPT / "coveragerc", KEPT / "times.xml"
    configuration.write_text(
        f"[run]\nsource = {ROOT / SOURCE}\ndata_file = {COVERAGE}\ncore = ctrace\n"
    )
    report.unlink(missing_ok=True)
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-n", str(jobs), "-p", "no:cacheprovider",
            "--cov", "--cov-append", "--cov-context=test", "--cov-report=",
            f"--cov-config={configuration}", f"--junitxml={report}", *changed,
        ],
        cwd=ROOT, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    if done.returncode > 1 or not report.exists():
        raise RuntimeError(f"pytest ended with {done.returncode}: nothing is recorded")
    passed, failed = outcomes(report)
    times = {test: t for test, t in kept["times"].items() if file_of(test) not in changed}
    kept["files"] |= {file: files[file] for file in changed if file not in failed}
    if len(changed) == len(tests):
        kept["files"] |= {file: files[file] for file in sources_now}
    RECORDED.write_text(json.dumps({**kept, "times": times | passed}))


def digests() -> dict[str, str]:
    """Hashes of every source, and of every test with its imports from the tests' folder."""
    tests = {p.stem: p for p in (ROOT / "tests").glob("*.py")}

    @cache
    def reached(name: str) -> frozenset[str]:
        text = tests[name].read_text()
        used = set(re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE)) & tests.keys()
        return frozenset({name}.union(*(reached(other) for other in used - {name})))

    texts = {str(p.relative_to(ROOT)): [p] for p in sorted((ROOT / SOURCE).rglob("*.py"))}
    texts |= {f"tests/{name}.py": [tests[k] for k in sorted(reached(name))] for name in tests}
    return {
        file: hashlib.sha256(b"".join(p.read_bytes() for p in paths)).hexdigest()
        for file, paths in texts.items()
    }


def words_of(tests: Iterable[str]) -> dict[str, set[str]]:
    """The words in each test's name, some of which are names of functions."""
    return {test: set(re.split(r"[^a-z0-9_]+", test)) for test in tests}


def file_of(test: str) -> str:
    return test.partition("::")[0]


def outcomes(report: Path) -> tuple[dict[str, float], set[str]]:
    """The tests that passed, with their times; the files of those that failed."""
    passed, failed = {}, set()
    for case in xml.parse(report).getroot().iter("testcase"):
        file = case.get("classname", "").replace(".", "/") + ".py"
        ends = {child.tag for child in case}
        if ends & {"failure", "error"}:
            failed.add(file)
        elif "skipped" not in ends:
            passed[f"{file}::{case.get('name')}"] = float(case.get("time", 0))
    return passed, failed


class Lines:
    """Which tests execute a line."""

    def __init__(self) -> None:
        from coverage import CoverageData

        self.data = CoverageData(str(COVERAGE))
        self.data.read()
        recorded = json.loads(RECORDED.read_text())
        self.times: dict[str, float] = recorded["times"]
        self.digests = digests()
        self.moved = {f for f, of in self.digests.items() if recorded["files"].get(f) != of}
        self.words = words_of(self.times)
        self.of_file: dict[str, dict[int, list[str]]] = {}

    def through(self, file: str) -> dict[int, list[str]]:
        if file not in self.of_file:
            self.of_file[file] = self.data.contexts_by_lineno(str(ROOT / file))
        return self.of_file[file]

    def concerning(self, mutant: Mutant, seconds: float) -> list[str]:
        """Tests of the mutant's lines and, if time is left, those of its file.

        A line that runs at import, or only once since its result is cached, concerns more tests
        than executed it. If a fixture executed it, it concerns all tests of that file.
        """
        lines = self.through(mutant.file)
        here = [c for n in range(mutant.line, mutant.last_line + 1) for c in lines.get(n, ())]
        own = {c.partition("|")[0] for c in here}
        sharing = {file_of(c) for c in here if c.endswith("|setup")}
        own |= {test for test in self.times if file_of(test) in sharing}
        # Code in other processes or in Triton's interpreter is not covered: find tests by its name.
        stem = Path(mutant.file).stem.strip("_")
        rest = {test for test, words in self.words.items() if stem in words}
        for name in (stem, Path(mutant.file).parent.name.strip("_")):
            if name not in FOLDERS:
                rest |= {test for test in self.times if name in file_of(test)}
        rest |= {c.partition("|")[0] for contexts in lines.values() for c in contexts}
        if mutant.file in self.moved:  # its line numbers have changed
            own = set()
        rest = rest or set(self.times)  # what runs at import alone concerns all
        first = self.chosen(sorted(own & self.times.keys()), seconds)
        left = seconds - sum(map(self.times.__getitem__, first))
        more = sorted(rest & self.times.keys() - own)
        return sorted(first + (self.chosen(more, left) if left > 0 else []))

    @cache  # noqa: B019
    def files_through(self, folder: str) -> frozenset[str]:
        """The test files that execute code in a folder of sources."""
        return frozenset(
            file_of(context)
            for path in (ROOT / SOURCE / folder).rglob("*.py")
            for contexts in self.through(str(path.relative_to(ROOT))).values()
            for context in contexts
        )

    def of_kernels(self, functions: set[str]) -> list[str]:
        """The tests that name one of the functions, and those of numbers that name none."""
        names = {path.stem for path in (ROOT / SOURCE / "catalog").rglob("*.hpp")}
        # NumPy's tests check numbers; torch's call path and the pool serve all functions.
        folders = ("study", "report", "predict", *(["torch"] if functions & names else []))
        functions = functions & names or names
        elsewhere = set().union(*map(self.files_through, folders))
        return [
            test for test, words in self.words.items()
            if file_of(test) not in elsewhere and (words & functions or not words & names)
        ]  # fmt: skip

    def chosen(self, tests: list[str], seconds: float) -> list[str]:
        """Tests of as many files as fit into the seconds, the quick ones first."""
        draw = random.Random(0)
        by_file = defaultdict(list)
        for test in tests:
            by_file[file_of(test)].append(test)
        for some in by_file.values():
            draw.shuffle(some)
            some.sort(key=lambda test: self.times[test] > 0.5)
        turns = [test for turn in in_turn(by_file.values()) for test in turn]
        taken, spent = [], 0.0
        for test in turns:
            if spent + self.times[test] <= seconds or not taken:
                taken.append(test)
                spent += self.times[test] + 0.002
        return sorted(taken)


def changed_lines(revision: str) -> dict[str, set[int]]:
    """The lines of sources that differ from a revision; all lines of new files."""

    def git(*arguments: str) -> list[str]:
        return subprocess.run(
            ["git", *arguments, "--", str(SOURCE)],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout.splitlines()  # fmt: skip

    found: dict[str, set[int]] = defaultdict(set)
    for file in git("ls-files", "--others", "--exclude-standard"):
        if Path(file).suffix in (".py", *COMPILED):
            found[file] |= set(range(1, (ROOT / file).read_text().count("\n") + 2))
    prefixes = ("--no-ext-diff", "--src-prefix=a/", "--dst-prefix=b/")
    file = ""
    for line in git("diff", "-U0", *prefixes, revision):
        if line.startswith("+++ b/"):
            file = line[6:]
        elif hunk := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line):
            first, count = int(hunk[1]), int(hunk[2] or 1)
            found[file] |= set(range(first, first + count))
    return found


# Testing mutants.


class Trial:
    """A copy of the source tree, in which one worker makes mutants and runs tests on them."""

    def __init__(self, at: Path, lines: Lines, limit: float):
        self.copy, self.lines, self.limit = Copy(at), lines, limit
        self.sound = at / "sound.so"
        shutil.copy2(self.copy.library, self.sound)
        if (verdict := self.control()) != "survived":  # not because of a slip
            raise RuntimeError(f"without a mutant: {verdict}; see {at / 'mutant.log'}")

    def control(self) -> str:
        """The outcome of some tests without a slip, except those that fail or no longer exist."""
        tests, verdict = self.lines.chosen(sorted(self.lines.times), 10), ""
        for _ in range(MOST_UNSOUND):
            verdict = self.copy.run(tests, 600)
            unsound = self.copy.failures() if verdict != "survived" else []
            if not unsound:
                break
            tests = [test for test in tests if test not in unsound]
        return verdict

    def tried(self, mutant: Mutant) -> dict[str, Any]:
        here = self.copy.at / mutant.file
        before = here.read_text()  # from the copy, since the original may have changed
        after = mutant.mutated(before)
        tests: list[str] = []
        if after is None:
            verdict = "equal"
        elif mutant.folder == KERNELS:
            verdict, tests = self.of_kernels(mutant, here, before, after)
        else:
            tests = self.lines.concerning(mutant, self.limit)
            verdict = self.met(
                tests, lambda: here.write_text(after), lambda: here.write_text(before)
            )
        texts = before.splitlines(), (before if after is None else after).splitlines()
        diff = "\n".join(difflib.unified_diff(*texts, lineterm="", n=1))
        return {
            "key": key_of(mutant, before), "folder": mutant.folder, **asdict(mutant),
            "verdict": verdict, "tests": len(tests), "diff": diff,
            "by": self.lines.digests.get(file_of(killer(verdict))),
        }  # fmt: skip

    def of_kernels(
        self, mutant: Mutant, here: Path, before: str, after: str
    ) -> tuple[str, list[str]]:
        """The same for a slip in a kernel, with a library of some units that it changes."""
        alone = self.alone
        here.write_text(after)
        try:
            changed = self.units.changed(mutant.file, self.copy.at)
        finally:
            here.write_text(before)
        if changed is None:
            return "equal: does not compile", []
        if not changed:
            return "equal", []
        slip = self.copy.at / "slip.so"
        self.units.link(dict([self.dispatch]) | changed, slip)
        concern = self.lines.of_kernels({name_of(unit) for unit in changed})
        tests = self.lines.chosen(concern, self.limit)
        verdict = self.met(tests, lambda: self.use(slip), lambda: self.use(alone))
        self.use(self.sound)
        return verdict, tests

    @cached_property
    def units(self) -> Units:
        import ogive

        return Units(ogive.isa())

    @cached_property
    def dispatch(self) -> tuple[str, Path]:
        """The unit that knows the available instruction sets, compiled for only one."""
        (unit,) = self.units.including["src/ogive/kernels/runtime/dispatch.cpp"]
        made = self.units.compiled(unit, self.copy.at)
        assert made is not None
        return unit, made.rename(self.copy.at / "dispatch.o")

    @cached_property
    def alone(self) -> Path:
        """The library without a slip, for the same instruction set as the one with a slip."""
        library = self.copy.at / "alone.so"
        self.units.link(dict([self.dispatch]), library)
        return library

    def use(self, library: Path) -> None:
        """Replace the library; overwriting it would change it for processes that have mapped it."""
        self.copy.library.unlink()
        shutil.copy2(library, self.copy.library)

    def met(
        self, tests: list[str], plant: Callable[[], object], remove: Callable[[], object]
    ) -> str:
        """The verdict on a slip: killed if tests that pass without it fail with it."""

        def run(tests: list[str]) -> str:
            return self.copy.run(tests, 30 + 5 * sum(self.lines.times[t] for t in tests))

        def run_planted(tests: list[str]) -> str:
            plant()
            try:
                return run(tests)
            finally:
                remove()

        left = list(tests)
        for _ in range(MOST_UNSOUND):
            if not left:
                break
            verdict, failed = run_planted(left), self.copy.failed()
            if verdict == "survived":
                return verdict
            single = verdict == "killed" and failed in left
            some = [str(failed)] if single else left
            if run(some) == "survived":
                if not single:
                    return verdict  # the tests did not start or did not end
                # Tests that start processes may fail by chance.
                quick = self.lines.times[some[0]] < QUICK
                if quick or run_planted(some).startswith("killed"):
                    return f"killed: {failed}"
            unsound = {*some} if single else {*self.copy.failures()}
            if not unsound:
                break
            left = [test for test in left if test not in unsound]
        return "survived" if tests else "no tests"


def key_of(mutant: Mutant, text: str) -> str:
    slips = [(ROOT / "tools" / name).read_text() for name in ("kernel_slips.py", "slips.py")]
    of = repr((mutant.file, text, mutant.operator, mutant.occurrence, slips))
    return hashlib.sha256(of.encode()).hexdigest()[:16]


def killer(verdict: str) -> str:
    """The test that killed the mutant, if it was a single one."""
    return verdict.partition("killed: ")[2]


def known() -> dict[str, dict[str, Any]]:
    found = {}
    for line in VERDICTS.read_text().splitlines() if VERDICTS.exists() else ():
        with contextlib.suppress(json.JSONDecodeError):  # the last line of a stopped run
            found[json.loads(line)["key"]] = json.loads(line)
    return found


def holds(verdict: dict[str, Any], lines: Lines, again: bool) -> bool:
    """Whether a verdict is still valid, since the test that killed the mutant is unchanged."""
    if verdict["verdict"] in ("survived", "no tests"):
        return not again
    test = killer(verdict["verdict"])
    return "::" not in test or (
        test in lines.times and verdict["by"] == lines.digests.get(file_of(test))
    )


def try_all(mutants: list[Mutant], jobs: int, limit: float, again: bool) -> list[dict[str, Any]]:
    from rich.progress import Progress

    lines, before, found = Lines(), known(), []
    waiting: queue.Queue[Mutant] = queue.Queue()
    for mutant in mutants:
        earlier = before.get(key_of(mutant, (ROOT / mutant.file).read_text()))
        if earlier is not None and holds(earlier, lines, again):
            found.append(earlier)
        else:
            waiting.put(mutant)
    one_at_a_time = threading.Lock()
    with Progress() as progress:
        task = progress.add_task("mutants", total=len(mutants), completed=len(found))

        def work(number: int) -> None:
            trial = Trial(COPIES / str(number), lines, limit)
            while True:
                try:
                    mutant = waiting.get_nowait()
                except queue.Empty:
                    break
                began = time.monotonic()
                line = trial.tried(mutant)
                line["seconds"] = round(time.monotonic() - began, 1)
                with one_at_a_time:
                    found.append(line)
                    with VERDICTS.open("a") as file:
                        file.write("\n" + json.dumps(line))
                    progress.advance(task)
            trial.copy.close()

        with ThreadPoolExecutor(jobs) as workers:
            list(workers.map(work, range(min(jobs, waiting.qsize()))))  # raises the workers' errors
    return found


def table(found: list[dict[str, Any]]) -> str:
    folders: dict[str, list[str]] = defaultdict(list)
    for line in found:
        if not line["verdict"].startswith("equal"):
            folders[line["folder"]].append(line["verdict"])
    rows = ["| folder | mutants | killed | survived | no test there |", "|---|---|---|---|---|"]
    every = [verdict for verdicts in folders.values() for verdict in verdicts]
    for folder, verdicts in [*sorted(folders.items()), ("all", every)]:
        killed = sum(v.startswith("killed") for v in verdicts)
        survived, none = verdicts.count("survived"), verdicts.count("no tests")
        share = f"{100 * killed // len(verdicts)}%" if verdicts else ""  # 85% is reached, or not
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
    parser.add_argument("--record", action="store_true", help="run the whole suite under coverage")
    parser.add_argument("--again", action="store_true", help="try survivors once more")
    given = parser.parse_args()
    record(given.jobs, given.record)
    changed = changed_lines(given.changed) if given.changed else None
    mutants = drawn(given.sample, given.seed, set(filter(None, given.only.split(","))), changed)
    found = try_all(mutants, given.jobs, given.limit, given.again)
    for line in found:
        if line["verdict"] in ("survived", "no tests"):
            where = f"{line['file']}:{line['line']} {line['operator']}"
            print(f"\n{where}: {line['verdict']} ({line['tests']} tests)")
            print("\n".join(line["diff"].splitlines()[2:]))
    print("\n" + table(found))


if __name__ == "__main__":
    main()
