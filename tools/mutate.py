"""Which slips would the tests notice? Each mutant meets the tests that concern it.

    python tools/mutate.py [--sample 400] [--seed 1] [--only torch,kernels] [--changed [REVISION]]
                           [--jobs 2] [--limit 60] [--again] [--record]

A draw of places in the sources has a slip each (mutants.py). A first run of the suite under
coverage (results/mutants/) says which tests go through a line, and how long they take; later only
test files that have changed are run again. A slip in a
kernel concerns the tests that name a function compiled with it. Of these a mutant meets those of as
many files as fit into `--limit` seconds. Killed it is where a test fails that passes without it.
Verdicts are lines of results/mutants/verdicts.jsonl, so that a stopped run goes on; mutants of a
file that has changed are tried anew.
"""

from __future__ import annotations

import argparse
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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from copies import BUILD, Copy, Units, name_of
from mutants import KERNELS, ROOT, SOURCE, Mutant, drawn, in_turn

KEPT = ROOT / "results" / "mutants"
COVERAGE, RECORDED, VERDICTS = KEPT / "coverage", KEPT / "recorded.json", KEPT / "verdicts.jsonl"
MOST_UNSOUND = 10
"""Tests that fail without a mutant too, after which a mutant counts as one that survived."""


# Recording.


def record(jobs: int, anew: bool) -> None:
    """Runs the tests that have changed since the last time, under coverage and with a clock."""
    if anew or not RECORDED.exists():
        shutil.rmtree(KEPT, ignore_errors=True)
        KEPT.mkdir(parents=True)
        RECORDED.write_text(json.dumps({"files": {}, "times": {}}))
    kept = json.loads(RECORDED.read_text())
    files, times = digests(), kept["times"]
    tests = [file for file in files if Path(file).match("tests/test_*.py")]
    changed = [file for file in tests if kept["files"].get(file) != files[file]]
    if not changed:
        return
    configuration, report = KEPT / "coveragerc", KEPT / "times.xml"
    configuration.write_text(
        f"[run]\nsource = {ROOT / SOURCE}\ndata_file = {COVERAGE}\ncore = ctrace\n"
    )
    subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-n", str(jobs), "-p", "no:cacheprovider",
            "--cov", "--cov-append", "--cov-context=test", "--cov-report=",
            f"--cov-config={configuration}", f"--junitxml={report}", *changed,
        ],
        cwd=ROOT, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    times = {test: t for test, t in times.items() if test.partition("::")[0] not in changed}
    kept["files"] |= {file: files[file] for file in changed}
    if len(changed) == len(tests):
        kept["files"] = files
    RECORDED.write_text(json.dumps({**kept, "times": times | passed_tests(report)}))


def digests() -> dict[str, str]:
    """Of every source and test, what tells whether it has changed."""
    files = [p for folder in (SOURCE, Path("tests")) for p in (ROOT / folder).rglob("*.py")]
    return {
        str(p.relative_to(ROOT)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(files)
    }


def passed_tests(report: Path) -> dict[str, float]:
    """The tests that passed, with their seconds."""
    found = {}
    for case in xml.parse(report).getroot().iter("testcase"):
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
        recorded = json.loads(RECORDED.read_text())
        self.times: dict[str, float] = recorded["times"]
        now = digests()
        self.moved = {file for file, of in recorded["files"].items() if now.get(file) != of}
        self.words = {test: set(re.split(r"[^a-z0-9_]+", test)) for test in self.times}
        self.of_file: dict[str, dict[int, list[str]]] = {}

    def through(self, file: str) -> dict[int, list[str]]:
        if file not in self.of_file:
            self.of_file[file] = self.data.contexts_by_lineno(str(ROOT / file))
        return self.of_file[file]

    def tests(self, mutant: Mutant) -> list[str]:
        """Those of the mutant's lines; of a line that runs at import, those of its file.

        Those of its file, too, where it has changed since the tests went through it, and those
        that name its function. Where a fixture goes through it, all of the test's file.
        """
        lines = self.through(mutant.file)
        here = [c for n in range(mutant.line, mutant.last_line + 1) for c in lines.get(n, ())]
        found = {c.partition("|")[0] for c in here}
        # What a test sets up, the others of its file may share.
        sharing = {c.partition("::")[0] for c in here if c.endswith("|setup")}
        found |= {test for test in self.times if test.partition("::")[0] in sharing}
        stem = Path(mutant.file).stem.strip("_")
        if "" in found or mutant.file in self.moved:
            found |= {c.partition("|")[0] for contexts in lines.values() for c in contexts}
            found |= {test for test, words in self.words.items() if stem in words}
        found &= set(self.times)
        if not found:  # what runs in processes of its own: the tests that its name leads to
            found = {test for test in self.times if stem in test.partition("::")[0]}
        return sorted(found)

    def of_kernels(self, functions: set[str]) -> list[str]:
        """The tests that name a function, and those of files that name none but call many."""
        names = {path.stem for path in (ROOT / SOURCE / "catalog").rglob("*.hpp")}
        # NumPy's tests look at the numbers; what torch hands over itself, and the pool, serve all.
        folders = ("study", "report", "predict", *(["torch"] if functions & names else []))
        functions = functions & names or names
        naming = {test.partition("::")[0] for test in self.times if self.words[test] & names}
        elsewhere = {
            context.partition("::")[0]
            for folder in folders
            for path in (ROOT / SOURCE / folder).rglob("*.py")
            for contexts in self.through(str(path.relative_to(ROOT))).values()
            for context in contexts
        }
        files = {test.partition("::")[0] for test in self.times} - elsewhere
        many = files - naming | {f"tests/test_{name}.py" for name in functions}
        of_file = {test: test.partition("::")[0] for test in self.times}
        return [
            test for test, file in of_file.items()
            if file in files and (self.words[test] & functions or file in many)
        ]  # fmt: skip

    def chosen(self, tests: list[str], seconds: float) -> list[str]:
        """Tests of as many files as possible, the quick ones first, for so many seconds."""
        draw = random.Random(0)
        by_file = defaultdict(list)
        for test in tests:
            by_file[test.partition("::")[0]].append(test)
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


# Trying them.


class Trial:
    """A copy of the tree in which one worker plants mutants, and lets tests meet them."""

    def __init__(self, at: Path, lines: Lines, limit: float):
        self.copy, self.lines, self.limit = Copy(at), lines, limit
        self.sound = at / "sound.so"
        shutil.copy2(self.copy.library, self.sound)
        control = lines.chosen(sorted(lines.times), 10)
        if (verdict := self.copy.run(control, 600)) != "survived":  # which no slip explains
            raise RuntimeError(f"without a mutant: {verdict}; see {at / 'mutant.log'}")

    def tried(self, mutant: Mutant) -> dict[str, Any]:
        before, after = (ROOT / mutant.file).read_text(), mutant.mutated()
        tests: list[str] = []
        if after is None:
            verdict = "equal"
        elif mutant.folder == KERNELS:
            verdict, tests = self.of_kernels(mutant, after)
        else:
            tests = self.lines.chosen(self.lines.tests(mutant), self.limit)
            here = self.copy.at / mutant.file
            verdict = self.met(
                tests, lambda: here.write_text(after), lambda: here.write_text(before)
            )
        texts = before.splitlines(), (after or "").splitlines()
        diff = "\n".join(difflib.unified_diff(*texts, lineterm="", n=1))
        return {"verdict": verdict, "tests": len(tests), "diff": diff}

    def of_kernels(self, mutant: Mutant, after: str) -> tuple[str, list[str]]:
        """The same of a slip in a header: the units that include it are another library."""
        here, units, alone = self.copy.at / mutant.file, self.units.drawn(mutant.file), self.alone
        here.write_text(after)
        objects = {unit: self.units.compiled(unit, self.copy.at) for unit in units}
        shutil.copy2(ROOT / mutant.file, here)
        if None in objects.values():
            return "equal: does not compile", []
        changed = {unit: made for unit, made in objects.items()
                   if made and made.read_bytes() != (BUILD / unit).read_bytes()}  # fmt: skip
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
        """The unit that knows which instruction sets there are, told of one."""
        (unit,) = self.units.including["src/ogive/kernels/dispatch.cpp"]
        made = self.units.compiled(unit, self.copy.at)
        assert made is not None
        return unit, made.rename(self.copy.at / "dispatch.o")

    @cached_property
    def alone(self) -> Path:
        """The library without a slip, of the one instruction set that the library with one has."""
        library = self.copy.at / "alone.so"
        self.units.link(dict([self.dispatch]), library)
        return library

    def use(self, library: Path) -> None:
        """Put in the library's place, not written over what another process has mapped."""
        self.copy.library.unlink()
        shutil.copy2(library, self.copy.library)

    def met(
        self, tests: list[str], plant: Callable[[], object], remove: Callable[[], object]
    ) -> str:
        """What became of a slip: killed it is by a test that fails again, and passes without it."""

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
                return "no tests"
            verdict = run_planted(left)
            failed = self.copy.failed()
            if verdict != "killed" or failed is None or failed not in left:
                return verdict
            if run([failed]) == "survived" and run_planted([failed]).startswith("killed"):
                return f"killed: {failed}"
            left.remove(failed)
        return "survived"


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

    before, found = known(), []
    waiting: queue.Queue[Mutant] = queue.Queue()
    for mutant in mutants:
        earlier = before.get(key_of(mutant))
        if earlier is None or (again and earlier["verdict"] in ("survived", "no tests")):
            waiting.put(mutant)
        else:
            found.append(earlier)
    lines, one_at_a_time = Lines(), threading.Lock()
    with Progress() as progress:
        task = progress.add_task("mutants", total=len(mutants), completed=len(found))

        def work(number: int) -> None:
            trial = Trial(ROOT / "build" / "mutants" / str(number), lines, limit)
            while True:
                try:
                    mutant = waiting.get_nowait()
                except queue.Empty:
                    break
                began = time.monotonic()
                result = trial.tried(mutant)
                line = {
                    "key": key_of(mutant), "folder": mutant.folder, **asdict(mutant), **result,
                    "seconds": round(time.monotonic() - began, 1),
                }  # fmt: skip
                with one_at_a_time:
                    found.append(line)
                    with VERDICTS.open("a") as file:
                        file.write(json.dumps(line) + "\n")
                    progress.advance(task)
            trial.copy.close()

        with ThreadPoolExecutor(jobs) as workers:
            list(workers.map(work, range(min(jobs, waiting.qsize()))))  # errors come up here
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
